"""Deadlines: a little late, never early, and one call of the reactor's for all."""

from __future__ import annotations

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.net.deadlines import Deadlines


class DeadlinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.1)
        self.deadlines = Deadlines(self.clock)
        self.called: list[object] = []

    def wait(self, seconds: float) -> None:
        """Pass, in steps: a clock that jumps would hide what comes late."""
        self.clock.pump([0.01] * round(seconds * 100))

    def test_no_call_is_early_and_none_is_later_than_a_tick(self) -> None:
        for seconds in (0.0, 0.1, 1.0, 1.25, 31.0, 60.0, 200.0):
            deadlines, called = Deadlines(self.clock), []  # type: ignore[var-annotated]
            began = self.clock.seconds()
            deadlines.callLater(seconds, lambda: called.append(self.clock.seconds() - began))  # noqa: B023
            late = max(limits.DEADLINE_TICK, seconds / 64)
            self.wait(seconds + 2 * late)
            (took,) = called
            self.assertGreaterEqual(took, seconds)
            self.assertLessEqual(took, seconds + late + 0.02)

    def test_few_slots_are_kept_of_deadlines_that_were_cancelled(self) -> None:
        """An hour's answer time, begun and ended ten times a second: nothing grows for an hour."""
        for _ in range(3000):
            self.deadlines.callLater(3600.0, self.called.append, "never").cancel()
            self.clock.advance(0.1)
        self.assertLess(len(self.deadlines._slots), 20)

    def test_stopped_it_leaves_the_reactor_nothing(self) -> None:
        self.deadlines.callLater(1.0, self.called.append, "x")
        self.deadlines.stop()
        self.deadlines.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(list(self.deadlines.getDelayedCalls()), [])
        self.deadlines.callLater(1.0, self.called.append, "y")
        self.wait(1.5)
        self.assertEqual(self.called, ["y"])

    def test_arguments_are_passed_on(self) -> None:
        self.deadlines.callLater(1.0, self.called.append, "x")
        self.deadlines.callLater(1.0, lambda **words: self.called.append(words), word=1)
        self.wait(1.5)
        self.assertEqual(self.called, ["x", {"word": 1}])

    def test_a_thousand_are_one_call_of_the_reactors(self) -> None:
        waiting = [self.deadlines.callLater(60.0, self.called.append, number) for number in range(1000)]
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        for each in waiting[1:]:
            each.cancel()
        self.assertEqual(self.deadlines.getDelayedCalls(), waiting[:1])
        self.wait(61.0)
        self.assertEqual((self.called, self.clock.getDelayedCalls()), ([0], []))

    def test_a_shorter_one_that_comes_later_is_in_time(self) -> None:
        self.deadlines.callLater(60.0, self.called.append, "long")
        self.deadlines.callLater(1.0, self.called.append, "short")
        self.wait(1.5)
        self.assertEqual(self.called, ["short"])
        self.wait(60.5)
        self.assertEqual(self.called, ["short", "long"])

    def test_one_that_was_cancelled_or_called_is_no_more(self) -> None:
        first, second = (self.deadlines.callLater(1.0, self.called.append, number) for number in (1, 2))
        self.assertTrue(first.active())
        first.cancel()
        self.wait(1.5)
        self.assertEqual(self.called, [2])
        self.assertFalse(first.active() or second.active())
        self.assertRaises(AlreadyCancelled, first.cancel)
        self.assertRaises(AlreadyCalled, second.cancel)
        self.assertRaises(AlreadyCalled, second.reset, 1.0)

    def test_moved_both_ways(self) -> None:
        sooner, later = (self.deadlines.callLater(10.0, self.called.append, name) for name in ("sooner", "later"))
        sooner.reset(1.0)
        later.delay(5.0)
        self.wait(1.5)
        self.assertEqual(self.called, ["sooner"])
        self.wait(13.0)
        self.assertEqual(self.called, ["sooner"])
        self.wait(1.0)
        self.assertEqual(self.called, ["sooner", "later"])

    def test_one_cancels_another_of_the_same_moment(self) -> None:
        waiting = []
        waiting.append(self.deadlines.callLater(1.0, lambda: waiting[1].cancel()))
        waiting.append(self.deadlines.callLater(1.0, self.called.append, "cancelled"))
        self.wait(2.0)
        self.assertEqual(self.called, [])

    def test_one_that_begins_anew_each_time(self) -> None:
        def again() -> None:
            self.called.append(self.clock.seconds())
            self.deadlines.callLater(0.0, again)

        again()
        self.wait(1.0)
        self.assertIn(len(self.called), (4, 5, 6))

    def test_a_fault_is_logged_and_costs_nobody_else_his(self) -> None:
        """S-OPS-8."""
        self.deadlines.callLater(1.0, lambda: 1 / 0)
        self.deadlines.callLater(1.0, self.called.append, "served")
        self.wait(1.5)
        self.assertEqual(self.called, ["served"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
