"""Keys and ended log-ons of forms: bounded, and kept over a restart."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits, reasons
from exfront.auth.form_state import FormState, KeptForms
from exfront.auth.forms import FormLogOns
from exfront.auth.revocations import Revocations
from exfront.config.forms import FormsSection
from exfront.facts import Identity
from exfront.reasons import Refused
from exfront.secret import Secret
from exfront.wire.logon_cookie import LogonCookie
from tests.support.directory import mailbox

_EPOCH = 1_700_000_000.0
_PLACE = b"site"


class RevocationsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = _EPOCH
        self.revoked = Revocations(lambda: self.now, most=3)

    def test_each_until_its_end(self) -> None:
        """S-HTTP-37: then it is forgotten, since it is no log-on any more."""
        for number in range(1, 4):
            self.revoked.add(b"%d" % number, _EPOCH + number)
        self.now += 2.5
        self.revoked.add(b"4", _EPOCH + 99)
        self.assertEqual([b"%d" % number in self.revoked for number in range(1, 5)], [False, False, True, True])

    def test_too_many_free_nobody(self) -> None:
        """S-HTTP-37: what falls out of the list stays ended, and so does what ends no later."""
        for number in range(10):
            self.revoked.add(b"%d" % number, _EPOCH + 100 + number)
        self.assertEqual(len(self.revoked), 3)
        for number in range(10):
            self.assertTrue(self.revoked.refuses(b"%d" % number, _EPOCH + 100 + number), number)
        self.assertTrue(self.revoked.refuses(b"never heard of", _EPOCH + 101))
        self.assertFalse(self.revoked.refuses(b"never heard of", _EPOCH + 110))

    def test_twice_is_once(self) -> None:
        for _ in range(5):
            self.revoked.add(b"1", _EPOCH + 10)
        self.assertEqual(len(self.revoked), 1)


class StateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.clock, self.wall = Clock(), _EPOCH
        self.start()

    def start(self) -> None:
        self.forms = FormLogOns(FormsSection(), lambda: self.wall)
        self.state = FormState(KeptForms(self.forms), self.folder, self.clock, lambda: self.wall, maybeDeferred)
        self.state.start()

    def restart(self, away: float = 0.0) -> None:
        self.stop()
        self.wall += away
        self.start()

    def stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.state.stop()))

    def log_on(self, **more: bool) -> LogonCookie:
        identity = Identity(mailbox("alice"), b"alice", secret=Secret(b"secret-alice"))
        return self.forms.begin(identity, private=True, old_form=False, holds_password=True, **more)

    def opens(self, value: bytes) -> reasons.Reason | None:
        """None, or why not."""
        try:
            self.forms.open(value, _PLACE)
        except Refused as refused:
            return refused.reason
        return None

    def test_log_ons_outlive_a_restart(self) -> None:
        """S-HTTP-35: with the same keys; each is good as long as ever, and no longer."""
        value = self.forms.seal(self.log_on(), _PLACE)
        self.restart(away=7 * 3600)
        self.assertIsNone(self.opens(value))
        self.restart(away=3600)
        self.assertIs(self.opens(value), reasons.FORM_TIMED_OUT)
        self.restart(away=3 * 86400)
        self.assertIs(self.opens(value), reasons.FORM_COOKIE, "its key is gone")

    def test_ended_ones_stay_ended(self) -> None:
        """S-HTTP-37: over a restart, and within a second of it without one in order."""
        logon = self.log_on()
        value = self.forms.seal(logon, _PLACE)
        self.forms.revoke(logon)
        self.clock.advance(limits.GUARD_WRITE_TIME)
        self.start()
        self.assertIs(self.opens(value), reasons.FORM_REVOKED)
        self.restart()
        self.assertIs(self.opens(value), reasons.FORM_REVOKED)

    def test_what_fell_out_of_a_full_list_stays_ended(self) -> None:
        """S-HTTP-37."""
        self.forms.revoked.most = 2
        values = []
        for _ in range(4):
            logon = self.log_on()
            values.append(self.forms.seal(logon, _PLACE))
            self.forms.revoke(logon)
            self.wall += 1
        self.restart()
        self.assertEqual({self.opens(value) for value in values}, {reasons.FORM_REVOKED})
        self.assertIsNone(self.opens(self.forms.seal(self.log_on(), _PLACE)))

    def test_the_file_is_its_owners_alone(self) -> None:
        """S-HTTP-35, S-OPS-2: it opens every cookie; no log says what is in it."""
        with capturedLogs() as events:
            self.forms.seal(self.log_on(), _PLACE)
            self.stop()
            self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.state.file).st_mode), 0o600)
        (key,) = self.forms.keys.all()
        self.assertIn(key.octets.hex(), self.state.file.read_text())
        self.assertNotIn(key.octets.hex(), repr(events) + repr(self.forms) + repr(key) + repr(self.state))
        self.assertEqual([each.name for each in self.folder.iterdir()], ["logons.json"])

    def test_a_file_that_is_none_is_a_warning(self) -> None:
        """S-HTTP-35: everybody logs on again, and the next one is whole."""
        self.forms.seal(self.log_on(), _PLACE)
        self.stop()
        good = json.loads(self.state.file.read_bytes())
        for bad in (
            b"", b"{", b"[]", b'{"version": 2}', json.dumps({**good, "keys": [["00", "00", 1]]}).encode(),
            json.dumps({**good, "keys": [[1, 2, 3]]}).encode(), json.dumps({**good, "revoked": {"zz": 1}}).encode(),
            json.dumps({**good, "revoked": {"00" * 16: "x"}}).encode(), b"[" * 100_000,
            b" " * (limits.LOGON_STATE_OCTETS + 1),
        ):  # fmt: skip
            self.state.file.write_bytes(bad)
            with capturedLogs() as events:
                self.start()
            self.assertEqual([each["log_level"] for each in events], [LogLevel.warn], bad[:40])
            self.assertEqual(len(self.forms.keys), 0)
        self.forms.seal(self.log_on(), _PLACE)
        self.stop()
        self.start()
        self.assertEqual(len(self.forms.keys), 1)

    def test_a_full_list_fits_into_the_file(self) -> None:
        """S-HTTP-37: 20,000 log-ons that were ended, 800 keys."""
        for number in range(limits.LOGONS_REVOKED):
            self.forms.revoked.add(number.to_bytes(16, "big"), _EPOCH + 86400.123456)
        for _ in range(limits.LOGON_KEYS):
            self.forms.keys.current()
            self.wall += 1
            self.forms.keys._newest = None
        self.stop()
        self.assertLess(self.state.file.stat().st_size, limits.LOGON_STATE_OCTETS)
        self.start()
        self.assertEqual(len(self.forms.revoked), limits.LOGONS_REVOKED)


class KeysTests(SynchronousTestCase):
    def test_they_are_bounded_whatever_the_clock_does(self) -> None:
        """S-HTTP-35: a clock that jumps makes a new key each time."""
        now = [_EPOCH]
        forms = FormLogOns(FormsSection(private_time=30 * 86400.0), lambda: now[0])
        for number in range(3000):
            now[0] = _EPOCH - number
            forms.keys.current()
        self.assertLessEqual(len(forms.keys), limits.LOGON_KEYS)

    def test_an_account_that_has_expired(self) -> None:
        """S-HTTP-37: by its entry and our clock."""
        forms = FormLogOns(FormsSection(), lambda: _EPOCH)
        identity = Identity(mailbox("alice"), b"alice")
        logon = forms.begin(identity, private=False, old_form=False, holds_password=False)
        forms.check_account(logon, mailbox("alice"))
        for entry in ({"expires": _EPOCH}, {"account_id": "another"}):
            self.assertRaises(Refused, forms.check_account, logon, evolve(mailbox("alice"), **entry))
