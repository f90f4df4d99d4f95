"""When the domains lock accounts out."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.guard import LockoutPolicy
from exfront.auth.lockout_policy import LockoutPolicyReader, lockout_policy
from exfront.directory.entry import Entry
from exfront.reasons import DIRECTORY_DOWN, Refused
from tests.auth.guarding import Guarded, settings

_BASE, _WEST = "dc=fourthcoffee,dc=com", "dc=west,dc=fourthcoffee,dc=com"


def domain(threshold: int | None, minutes: int = 30) -> Entry:
    attributes = {} if threshold is None else {"lockoutthreshold": (b"%d" % threshold,)}
    return Entry(_BASE, {**attributes, "lockoutobservationwindow": (b"%d" % (-minutes * 600_000_000),)})


class LockoutPolicyTests(SynchronousTestCase):
    def test_the_strictest_domain_counts(self) -> None:
        """S-AUTH-7: the lowest threshold that is one, and the longest window."""
        cases = (
            ([], LockoutPolicy()),
            ([domain(None)], LockoutPolicy()),
            ([domain(0)], LockoutPolicy(0, 1800.0)),
            ([domain(10), domain(5, 60)], LockoutPolicy(5, 3600.0)),
            ([domain(0, 60), domain(7)], LockoutPolicy(7, 3600.0)),
        )
        for entries, policy in cases:
            self.assertEqual(lockout_policy(entries), policy)


class ReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Guarded(settings=settings(lockout_threshold=0, lockout_window=60.0))
        self.asked: list[str] = []
        self.answer: Deferred[Entry | None] | None = None
        self.threshold = 10
        self.reader = LockoutPolicyReader(self.world.guard, self.read, (_BASE, _WEST), self.world.clock)
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(self.reader.stop())))

    def read(self, name: str, attributes: tuple[str, ...]) -> Deferred[Entry | None]:
        self.asked.append(name)
        return self.answer or succeed(domain(self.threshold))

    def test_the_guard_keeps_below_it(self) -> None:
        """S-AUTH-7: read at the start and every hour."""
        self.assertEqual(self.world.guard.limit, 3)
        self.reader.start()
        self.assertEqual((self.world.guard.limit, self.world.guard.window), (5, 1800.0))
        self.threshold = 4
        self.world.clock.advance(3600)
        self.assertEqual(self.world.guard.limit, 2)
        self.assertEqual(self.asked, [_BASE, _WEST] * 2)

    def test_what_cannot_be_read_changes_nothing(self) -> None:
        self.reader.start()
        self.answer = fail(Refused(DIRECTORY_DOWN))
        with capturedLogs() as events:
            self.world.clock.advance(3600)
        self.assertEqual([event["log_level"] for event in events], [LogLevel.warn])
        self.answer = succeed(None)
        self.world.clock.advance(60)
        self.assertEqual((self.world.guard.limit, len(self.asked)), (5, 5))

    def test_stop_ends_a_question_under_way(self) -> None:
        self.answer = Deferred()
        self.reader.start()
        with capturedLogs() as events:
            self.successResultOf(Deferred.fromCoroutine(self.reader.stop()))
        self.assertEqual((list(events), self.world.clock.getDelayedCalls()), ([], []))
