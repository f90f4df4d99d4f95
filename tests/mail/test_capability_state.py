"""What back ends can do, over a restart."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront.backends.capabilities import Capabilities, Learned
from exfront.mail.capability_state import CapabilityState, KeptCapabilities

_MODE = 0o600
_GOOD = '{"version": 1, "servers": [["imap4", "chicago", null, ["IDLE"], ["PLAIN"]]]}'


class StateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.start()

    def start(self) -> None:
        self.table = Capabilities()
        self.state = CapabilityState(KeptCapabilities(self.table), self.folder, Clock(), lambda: 0.0, maybeDeferred)
        self.state.start()

    def restart(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.state.stop()))
        self.start()

    def test_what_was_learned_outlives_a_restart(self) -> None:
        """S-MAIL-4: clients are promised the same at once."""
        self.table.learn("chicago", "imap4", before=(b"IMAP4rev1",), after=(b"IMAP4rev1", b"IDLE"))
        self.table.learn("Dallas", "pop3", after=(b"EXPIRE 60",), mechanisms=frozenset((b"PLAIN", b"XOAUTH2")))
        known = dict(self.table.all())
        self.restart()
        self.assertEqual(dict(self.table.all()), known)
        self.assertEqual(self.state.file.stat().st_mode & 0o777, _MODE)

    def test_a_good_file(self) -> None:
        self.state.file.write_text(_GOOD)
        self.restart()
        learned = Learned(after=(b"IDLE",), mechanisms=frozenset((b"PLAIN",)))
        self.assertEqual(dict(self.table.all()), {("imap4", "chicago"): learned})

    def test_a_file_that_is_none_is_a_warning(self) -> None:
        """S-MAIL-4: nothing of it is believed, least of all what could end a line."""
        for text in (
            "", "{", "[]", _GOOD.replace("1", "2"), _GOOD.replace("imap4", "http"), _GOOD.replace('["IDLE"]', '"IDLE"'),
            _GOOD.replace("IDLE", "ID\\r\\nLE"), _GOOD.replace("IDLE", "caf\u00e9"), _GOOD.replace('"IDLE"', "7"),
            _GOOD.replace('"chicago", null', "null"), "[" * 100_000,
        ):  # fmt: skip
            self.state.file.write_text(text)
            self.restart()
            self.assertEqual(dict(self.table.all()), {}, text[:80])
