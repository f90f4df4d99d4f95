"""Memory and the loop, on figures of the test's own."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.limits import LimitsSection
from exfront.operate.pressure import LoopWatch, MemoryWatch, resident


class MemoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.used, self.looks = Clock(), 10, 0

    def measure(self) -> int:
        self.looks += 1
        return self.used

    def test_over_and_under(self) -> None:
        """S-OPS-6: looked at once a second at most; a line when it begins and when it is over."""
        watch = MemoryWatch(LimitsSection(memory=100), self.clock.seconds, self.measure)
        with capturedLogs() as events:
            self.assertFalse(watch.over())
            self.used = 101
            self.assertFalse(watch.over())
            self.clock.advance(1)
            self.assertEqual([watch.over() for _ in range(3)], [True] * 3)
            self.used = 100
            self.clock.advance(1)
            self.assertFalse(watch.over())
        self.assertEqual(self.looks, 3)
        self.assertEqual([event["log_format"].split()[0] for event in events], ["mem_shed", "mem_shed"])

    def test_without_a_limit_nobody_looks(self) -> None:
        self.assertFalse(MemoryWatch(LimitsSection(), self.clock.seconds, self.measure).over())
        self.assertEqual(self.looks, 0)

    def test_of_this_process(self) -> None:
        before = resident()
        held = bytearray(64 * 1024 * 1024)
        self.assertGreater(resident() - before, len(held) // 2)


class LoopTests(SynchronousTestCase):
    def test_a_turn_that_took_too_long(self) -> None:
        """S-OPS-13: over 200 ms it is told; less is not."""
        clock = Clock()
        watch = LoopWatch(clock)
        with capturedLogs() as events:
            watch.start()
            for pause in (0.5, 0.6, 0.69):
                clock.advance(pause)
            self.assertEqual(events, [])
            clock.advance(1.0)
        self.assertEqual(len(events), 1)
        self.assertAlmostEqual(events[0]["late"], 0.5)
        watch.stop()
        self.assertEqual(clock.getDelayedCalls(), [])
