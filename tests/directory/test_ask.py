"""What a step's question notes in the record."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from exfront.because import Trace
from exfront.decision import SessionRecord
from exfront.directory.ask import look_up
from exfront.names import parse_login
from exfront.topology import Mailbox
from tests.support.directory import MemoryDirectory, mailbox


class AskTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = MemoryDirectory([mailbox("alice"), mailbox("old", stale=True)], remembers=True)

    def ask(self, name: str, trace: Trace | None = None) -> tuple[Mailbox | None, str]:
        record = SessionRecord("1", "imap4", "-")
        answer = Deferred.fromCoroutine(look_up(self.directory, parse_login(name).keys, record, trace))
        return self.successResultOf(answer), record.location

    def test_the_record_tells_whence_the_location_is(self) -> None:
        """S-DIR-5: a stale one is marked."""
        self.assertEqual([self.ask("alice")[1] for _ in range(2)], ["directory", "cache"])
        self.assertEqual([self.ask("old")[1] for _ in range(2)], ["stale", "stale"])
        self.assertEqual(self.ask("nobody"), (None, "-"))

    def test_a_traced_look_up_asks_although_the_answer_is_known(self) -> None:
        self.ask("alice")
        self.assertEqual(self.ask("alice", Trace())[1], "directory")
        self.assertEqual(len(self.directory.asked), 2)
