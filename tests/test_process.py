"""The fixture that runs real servers: nothing is skipped, nothing is left running."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support.process import (
    Daemon,
    DidNotStartError,
    MissingProgramError,
    free_port,
    listens,
    program,
    temporary_folder,
    wait_until,
)

_LISTEN = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print('up', flush=True)"
_SERVE = f"{_LISTEN}; time.sleep(60)"
_STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {_SERVE}"
_PARENT = (
    f"import subprocess; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', 'child']); {_SERVE}"
)


class DaemonTests(SynchronousTestCase):
    """Small Python programs stand for servers."""

    def setUp(self) -> None:
        self.folder = temporary_folder("process")
        self.port = free_port()

    def daemon(self, code: str) -> Daemon:
        """Not started."""
        argv = [sys.executable, "-c", f"import sys; {code}", str(self.port)]
        daemon = Daemon(argv, self.folder / "log", [("127.0.0.1", self.port)])
        self.addCleanup(daemon.kill)
        return daemon

    def test_a_missing_program_fails_and_names_its_package(self) -> None:
        """A suite without its servers must not pass."""
        error = self.assertRaises(MissingProgramError, program, "no-such-program", "some-package")
        self.assertIn("apt-get install some-package", str(error))
        self.assertNotIsInstance(error, SkipTest)

    def test_start_returns_when_the_port_is_open(self) -> None:
        """And stop, when all is closed; twice, with one log."""
        daemon = self.daemon(_SERVE)
        for round_ in (1, 2):
            daemon.start()
            self.assertTrue(daemon.running)
            self.assertTrue(listens(("127.0.0.1", self.port)))
            self.assertEqual(daemon.stop(), -15)
            self.assertFalse(listens(("127.0.0.1", self.port)))
            self.assertEqual(daemon.log_text().count("up"), round_)

    def test_a_program_that_ends_fails_with_its_log(self) -> None:
        """At once, not after the whole time."""
        error = self.assertRaises(DidNotStartError, self.daemon("print('no configuration'); sys.exit(3)").start)
        self.assertIn("no configuration", str(error))

    def test_a_program_that_stays_silent_fails_in_time(self) -> None:
        """And does not run on."""
        daemon = self.daemon("import time; time.sleep(60)")
        self.assertRaises(DidNotStartError, daemon.start, 0.3)
        self.assertFalse(daemon.running)

    def test_a_stubborn_program_is_killed(self) -> None:
        """After the time that it was given."""
        daemon = self.daemon(_STUBBORN)
        daemon.start()
        self.assertEqual(daemon.stop(0.3), -9)

    def test_children_end_too(self) -> None:
        """A server's own children are in its group."""
        daemon = self.daemon(_PARENT)
        daemon.start()
        group = daemon.pid
        self.assertEqual(len(_group(group)), 2)
        daemon.stop()
        wait_until(lambda: not _group(group), "the whole group has ended")

    def test_a_condition_that_never_comes_fails(self) -> None:
        """With the words of who waited."""
        began = time.monotonic()
        error = self.assertRaises(AssertionError, wait_until, lambda: False, "a miracle", 0.1)
        self.assertIn("a miracle", str(error))
        self.assertGreaterEqual(time.monotonic() - began, 0.1)


def _group(group: int) -> list[int]:
    """The running processes of a process group, by /proc: zombies do not count."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields and int(fields[2]) == group and fields[0] != "Z":
            found.append(int(entry.name))
    return found
