"""A user's groups: read once, kept for a while, bounded."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront.directory.entry import Entry
from exfront.directory.token_groups import TokenGroups
from exfront.reasons import DIRECTORY_DOWN, INCONSISTENT_MAILBOX, MAILBOX_NOT_FOUND, Refused
from exfront.wire.sid import sid_octets
from tests.support.directory import mailbox

_SIDS = ("S-1-5-21-1-2-3-513", "S-1-5-21-1-2-3-1105", "S-1-5-32-545")


class TokenGroupsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.values = [sid_octets(sid) for sid in _SIDS]
        self.waits: Deferred[None] | None = None
        self.fault: Refused | None = None
        self.groups = TokenGroups(self.read, self.clock.seconds, life=600.0, most=2)
        self.alice = mailbox("alice")

    async def read(self, name: str, attributes: tuple[str, ...]) -> Entry | None:
        self.asked.append((name, attributes))
        if self.waits is not None:
            await self.waits
        if self.fault is not None:
            raise self.fault
        return Entry(name, {"tokengroups": tuple(self.values)} if self.values else {}) if "gone" not in name else None

    def test_they_are_read_once_and_again_after_their_life(self) -> None:
        for _ in range(2):
            self.assertEqual(sorted(self.successResultOf(self.groups.of(self.alice)).texts()), sorted(_SIDS))
        self.assertEqual(self.asked, [(self.alice.dn, ("tokenGroups",))])
        self.clock.advance(600)
        self.values.pop()
        self.assertEqual(len(self.successResultOf(self.groups.of(self.alice))), 2)
        self.assertEqual(len(self.asked), 2)

    def test_equal_questions_share_one_search(self) -> None:
        self.waits = Deferred()
        both = [self.groups.of(self.alice) for _ in range(2)]
        self.waits.callback(None)
        self.assertEqual([len(self.successResultOf(each)) for each in both], [3, 3])
        self.assertEqual(len(self.asked), 1)

    def test_a_life_begins_with_the_question(self) -> None:
        self.waits = Deferred()
        asked = self.groups.of(self.alice)
        self.clock.advance(599)
        self.waits.callback(None)
        self.successResultOf(asked)
        self.clock.advance(2)
        self.waits = None
        self.successResultOf(self.groups.of(self.alice))
        self.assertEqual(len(self.asked), 2)

    def test_the_least_recently_used_goes_first(self) -> None:
        for name in ("alice", "bob", "alice", "carol", "alice"):
            self.successResultOf(self.groups.of(mailbox(name)))
        self.assertEqual(len(self.groups), 2)
        self.assertEqual([name.partition(",")[0] for name, _ in self.asked], ["cn=alice", "cn=bob", "cn=carol"])

    def test_nobody_and_nonsense(self) -> None:
        self.assertIs(self.failureResultOf(self.groups.of(mailbox("gone")), Refused).value.reason, MAILBOX_NOT_FOUND)
        self.values = [b"no sid"]
        self.assertIs(self.failureResultOf(self.groups.of(self.alice), Refused).value.reason, INCONSISTENT_MAILBOX)
        self.values = []
        self.assertEqual(len(self.successResultOf(self.groups.of(self.alice))), 0)

    def test_a_fault_is_not_kept(self) -> None:
        self.fault = Refused(DIRECTORY_DOWN)
        self.assertIs(self.failureResultOf(self.groups.of(self.alice), Refused).value.reason, DIRECTORY_DOWN)
        self.fault = None
        self.assertEqual(len(self.successResultOf(self.groups.of(self.alice))), 3)
