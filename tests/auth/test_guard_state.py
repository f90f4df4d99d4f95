"""The guard's file: what comes back after a restart, and what does not stop a start."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from unittest import mock

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.guard import Remembered
from exfront.auth.guard_state import GuardState, read_state, write_state
from exfront.auth.kept_state import BadState, state_folder
from tests.auth.guarding import EVIL, HOME, OFFICE, Guarded

_EPOCH = 1_700_000_000.0


class StateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.written = 0
        self.wall = _EPOCH
        self.world, self.state = self.process()

    def process(self) -> tuple[Guarded, GuardState]:
        """A guard as a process has it, its clock at another place than the last one's."""
        world = Guarded()
        world.clock.advance(self.wall / 1000)
        state = GuardState(
            world.guard, self.folder, world.clock, lambda: self.wall, self.at_once, lambda: self.world.clock.seconds()
        )
        state.start()
        return world, state

    def at_once(self, call: object) -> Deferred[None]:
        self.written += 1
        return maybeDeferred(call)  # type: ignore[call-overload, no-any-return]

    def restart(self, away: float = 0.0) -> None:
        self.stop()
        self.wall += away
        self.world, self.state = self.process()

    def stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.state.stop()))

    def pass_time(self, seconds: float) -> None:
        self.wall += seconds
        self.world.clock.advance(seconds)

    def test_counts_and_known_networks_outlive_a_restart(self) -> None:
        """S-AUTH-7: an attack goes on where it was, and so does who logged on before."""
        self.world.attempt("right", HOME)
        self.world.attempts(9)
        self.restart(away=100)
        self.assertEqual([one.failures for one in self.world.guard.lockouts()], [2])
        self.assertEqual(self.world.attempt("right", OFFICE), "XF-SOFT-LOCK")
        self.assertEqual(self.world.attempt("right", HOME), "bound")

    def test_a_window_goes_on_while_the_process_is_away(self) -> None:
        """S-AUTH-7: ages are kept, by the wall clock only across the restart."""
        self.world.attempts(9)
        self.pass_time(600)
        self.restart(away=300)
        self.assertEqual([round(one.seconds) for one in self.world.guard.lockouts()], [100])
        self.assertEqual(self.world.attempt("right"), "XF-SOFT-LOCK")
        self.pass_time(100.1)
        self.assertEqual(self.world.attempt("right"), "bound")

    def test_a_clock_that_was_set_back_frees_nobody(self) -> None:
        """S-AUTH-7: what seems to lie in the future has happened now."""
        self.world.attempts(9)
        self.restart(away=-86_400)
        self.assertEqual([round(one.seconds) for one in self.world.guard.lockouts()], [1000])

    def test_it_is_written_once_a_second_at_most(self) -> None:
        """S-AUTH-7: however much happens."""
        for number in range(80):
            self.world.attempt("wrong", account=f"user-{number}")
            self.pass_time(0.0625)  # no rounding
        self.assertEqual(self.written, 5)
        self.stop()
        self.assertEqual(len(read_state(self.state.file)), 80)

    def test_many_accounts_are_gathered_in_slices(self) -> None:
        """S-AUTH-7: no log-on waits for all of them, and what happens meanwhile is written too."""
        for number in range(1200):
            self.world.attempt("wrong", HOME, f"user-{number}")
        self.world.clock.callLater(1, self.world.attempt, "wrong", HOME, "late")
        self.pass_time(1)
        self.assertEqual((self.written, len(read_state(self.state.file))), (1, 1200))
        self.pass_time(1)
        self.assertEqual(len(read_state(self.state.file)), 1201)

    def test_the_next_write_waits_for_the_one_under_way(self) -> None:
        held: list[Deferred[None]] = []

        def slow(_: object) -> Deferred[None]:
            held.append(Deferred())
            return held[-1]

        self.state.run = slow
        self.world.attempts(1)
        self.pass_time(1)
        self.world.attempts(1, account="bob")
        self.pass_time(60)
        self.assertEqual(len(held), 1)
        held[0].callback(None)
        self.pass_time(1)
        self.assertEqual(len(held), 2)

    def test_a_slow_disk_is_written_less_often(self) -> None:
        """S-AUTH-7: at most a twentieth of the time."""
        with mock.patch.object(self.state, "stopwatch", side_effect=[0.0, 0.5]):
            self.world.attempts(1)
            self.pass_time(1)
        self.world.attempts(1, account="bob")
        self.pass_time(9.9)
        self.assertEqual(self.written, 1)
        self.pass_time(0.2)
        self.assertEqual(self.written, 2)

    def test_a_log_on_that_tells_nothing_new_is_not_written(self) -> None:
        self.world.attempt("right", HOME)
        self.pass_time(2)
        for _ in range(5):
            self.world.attempt("right", HOME)
            self.pass_time(10)
        self.assertEqual(self.written, 1)

    def test_only_its_owner_reads_it(self) -> None:
        """S-OPS-2: mode 0600, and no password nor digest of one in it."""
        self.world.attempts(3)
        self.stop()
        self.assertEqual(stat.S_IMODE(os.stat(self.state.file).st_mode), 0o600)
        self.assertEqual([file.name for file in self.folder.iterdir()], ["guard.json"])
        (row,) = json.loads(self.state.file.read_bytes())["accounts"]
        self.assertEqual(row, ["alice", "alice", 3, _EPOCH, {}])

    def test_a_broken_file_is_a_warning_and_a_fresh_start(self) -> None:
        """S-AUTH-7: cut short, no JSON, another version's, or nothing at all."""
        self.world.attempts(3)
        self.stop()
        whole = self.state.file.read_bytes()
        for octets in (b"", b"{", whole[:-3], b"[" * 100_000, b"\xff\0", b"{}", whole.replace(b": 1,", b": 9,", 1)):
            self.state.file.write_bytes(octets)
            with capturedLogs() as events:
                world, state = self.process()
            self.assertEqual([event["log_level"] for event in events], [LogLevel.warn], octets[:20])
            self.assertEqual(world.guard.lockouts(), [])
            self.assertEqual(world.attempt("wrong"), "failed")
            self.successResultOf(Deferred.fromCoroutine(state.stop()))
            self.assertEqual(len(read_state(state.file)), 1, "and it is whole again")

    def test_a_folder_that_cannot_be_written_stops_nobody(self) -> None:
        """S-OPS-9: one warning, and log-ons go on."""
        self.state.folder = self.folder / "missing"
        with capturedLogs() as events:
            for number in range(3):
                self.world.attempts(1, begin=number)
                self.pass_time(2)
        self.assertEqual([event["log_level"] for event in events if "guard_state" in str(event)], [LogLevel.warn])
        self.stop()

    def test_the_first_start_is_silent(self) -> None:
        with capturedLogs() as events:
            self.process()
        self.assertEqual(list(events), [])


class FileTests(SynchronousTestCase):
    def test_rows_that_nobody_wrote(self) -> None:
        file = Path(self.mktemp())
        good = ["a", "alice", 1, 5.0, {"192.0.2.1": 5.0}]
        for place, value in (
            (0, ""),
            (0, 1),
            (1, None),
            (2, -1),
            (2, "1"),
            (3, "x"),
            (3, -1.0),
            (4, []),
            (4, {"a": "b"}),
        ):
            row: list[object] = list(good)
            row[place] = value
            file.write_text(json.dumps({"version": 1, "accounts": [good, row]}))
            self.assertIn("account 1", str(self.assertRaises(BadState, read_state, file)))
        file.write_text(json.dumps({"version": 1, "accounts": [good]}))
        self.assertEqual(read_state(file), (Remembered("a", "alice", 1, 5.0, (("192.0.2.1", 5.0),)),))

    @hypothesis_settings(deadline=None)
    @given(
        st.binary(max_size=200)
        | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode)
    )
    def test_nothing_but_bad_state_is_raised(self, octets: bytes) -> None:
        file = Path(self.mktemp())
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(octets)
        self.assertRaises(BadState, read_state, file)

    def test_round_trip(self) -> None:
        kept = (
            Remembered("id-1", "jürgen", 3, 5.5, (("2001:db8::/64", 4.5), (EVIL, 3.0))),
            Remembered("2", "", 1, 0.0),
        )
        file = Path(self.mktemp())
        write_state(file, kept)
        self.assertEqual(read_state(file), kept)

    def test_a_write_that_fails_leaves_the_old_file(self) -> None:
        file = Path(self.mktemp())
        write_state(file, ())
        with mock.patch("os.replace", side_effect=OSError(28, "No space left on device")):
            self.assertRaises(OSError, write_state, file, (Remembered("1", "a", 1, 0.0),))
        self.assertEqual(read_state(file), ())
        self.assertEqual([name for name in os.listdir(file.parent) if name.startswith(".guard-")], [])

    def test_the_folder_is_the_configured_or_systemds(self) -> None:
        with mock.patch.dict(os.environ, {"STATE_DIRECTORY": "/var/lib/exfront:/var/lib/more"}):
            self.assertEqual(state_folder(None), Path("/var/lib/exfront"))
            self.assertEqual(state_folder(Path("/srv")), Path("/srv"))
        with mock.patch.dict(os.environ):
            os.environ.pop("STATE_DIRECTORY", None)
            self.assertIsNone(state_folder(None))
