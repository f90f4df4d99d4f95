"""Equal work runs once."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from exfront.directory.single_flight import SingleFlight
from exfront.reasons import DIRECTORY_DOWN, Refused


class SingleFlightTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.flights: SingleFlight[str, int] = SingleFlight()
        self.runs: list[Deferred[int]] = []

    async def run_once(self) -> int:
        self.runs.append(Deferred())
        return await self.runs[-1]

    def join(self, key: str = "a") -> Deferred[int]:
        return self.flights.join(key, self.run_once)

    def test_equal_keys_share_one_run(self) -> None:
        """S-DIR-6: a hundred equal look-ups at once are one search."""
        waiters = [self.join() for _ in range(100)]
        self.assertEqual(len(self.runs), 1)
        self.runs[0].callback(5)
        self.assertEqual([self.successResultOf(waiter) for waiter in waiters], [5] * 100)

    def test_other_keys_run_apart(self) -> None:
        self.join("a")
        self.join("b")
        self.assertEqual(len(self.runs), 2)

    def test_cancelled_waiter_leaves_the_others(self) -> None:
        """S-DIR-6: one waiter's cancel leaves the others."""
        first, second = self.join(), self.join()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.runs[0].callback(5)
        self.assertEqual(self.successResultOf(second), 5)

    def test_failure_goes_to_all_and_is_not_kept(self) -> None:
        """S-DIR-6: an error goes to all and is not cached."""
        first, second = self.join(), self.join()
        self.runs[0].errback(Refused(DIRECTORY_DOWN))
        self.failureResultOf(first, Refused)
        self.failureResultOf(second, Refused)
        third = self.join()
        self.runs[1].callback(6)
        self.assertEqual(self.successResultOf(third), 6)

    def test_fault_that_nobody_waits_for_is_logged(self) -> None:
        self.failureResultOf_cancelled(self.join())
        self.runs[0].errback(KeyError("x"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_cancel_ends_all_runs(self) -> None:
        waiter = self.join()
        self.flights.cancel()
        self.failureResultOf(waiter, CancelledError)

    def failureResultOf_cancelled(self, waiter: Deferred[int]) -> None:
        waiter.cancel()
        self.failureResultOf(waiter, CancelledError)
