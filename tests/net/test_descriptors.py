"""The watermarks of descriptors, on figures of the test's own and on the process's."""

from __future__ import annotations

import os

from attrs import define
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront.net.descriptors import DescriptorWatch, most, open_now


@define
class _Listener:
    paused: bool = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.used, self.counts = Clock(), 10, 0
        self.listeners = [_Listener(), _Listener()]
        self.watch = DescriptorWatch(self.clock, self.count, lambda: 100, list(self.listeners))

    def count(self) -> int:
        self.counts += 1
        return self.used

    def paused(self) -> list[bool]:
        return [each.paused for each in self.listeners]

    def test_all_listeners_pause_at_90_and_go_on_at_80(self) -> None:
        """S-OPS-5: the watermarks, and a look twice a second in between."""
        for self.used in range(10, 90):
            self.watch.taken()
        self.assertEqual(self.paused(), [False, False])
        self.used = 90
        self.watch.taken()
        self.assertEqual(self.paused(), [True, True])
        self.used = 81
        self.clock.advance(5)
        self.assertEqual(self.paused(), [True, True])
        self.used = 80
        self.clock.advance(0.5)
        self.assertEqual((self.paused(), self.clock.getDelayedCalls()), ([False, False], []))
        self.used = 90
        self.watch.taken()
        self.assertEqual(self.paused(), [True, True])
        self.watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_few_are_counted_seldom(self) -> None:
        """S-OPS-5: never over the mark unseen, whatever four descriptors a connection takes."""
        for number in range(25):
            self.used = 10 + 4 * number
            self.watch.taken()
            if self.used >= 90:
                break
        self.assertEqual(self.paused(), [True, True])
        self.assertLess(self.counts, 12)
        self.watch.stop()

    def test_of_this_process(self) -> None:
        before = open_now()
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        self.assertEqual(open_now(), before + 2)
        self.assertGreater(most(), before)
