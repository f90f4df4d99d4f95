"""Renewed certificates are taken into use while exfront runs."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.limits import LimitsSection
from exfront.operate.certificate_watch import CertificateWatch


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.files = [Path(self.mktemp()), Path(self.mktemp())]
        for file in self.files:
            file.write_bytes(b"one")
        self.loaded = 0
        self.faults: list[str] = []
        self.fault: Exception | None = None
        self.watch = CertificateWatch(self.files, lambda: self.faults, self.load, self.clock, LimitsSection())
        self.watch.start()

    def load(self) -> None:
        if self.fault is not None:
            raise self.fault
        self.loaded += 1

    def test_what_has_not_changed_is_not_read(self) -> None:
        self.clock.pump([30] * 5)
        self.assertEqual(self.loaded, 0)

    def test_a_change_of_any_file_loads_all_once(self) -> None:
        """S-TLS-5: also one that only moves another file into its place."""
        self.files[1].write_bytes(b"another")
        self.clock.pump([30] * 3)
        self.assertEqual(self.loaded, 1)
        other = Path(self.mktemp())
        other.write_bytes(b"one")
        os.replace(other, self.files[0])
        self.clock.pump([30] * 3)
        self.assertEqual(self.loaded, 2)

    def test_twice_a_day_in_any_case(self) -> None:
        """S-TLS-7: for new keys of session tickets."""
        self.clock.advance(12 * 3600 - 30)
        self.assertEqual(self.loaded, 0)
        self.clock.advance(30)
        self.assertEqual(self.loaded, 1)
        self.clock.pump([30] * 10)
        self.assertEqual(self.loaded, 1)

    def test_a_bad_set_is_told_and_not_loaded(self) -> None:
        """S-TLS-5: the old ones stay; the next change is looked at again."""
        self.faults.append("tls.certificate: key values mismatch")
        self.files[0].write_bytes(b"bad set")
        self.clock.advance(30)
        self.assertEqual(self.loaded, 0)
        self.faults.clear()
        self.files[0].write_bytes(b"good set again")
        self.clock.advance(30)
        self.assertEqual(self.loaded, 1)

    def test_one_that_vanished_meanwhile_is_no_end(self) -> None:
        """S-TLS-5: whatever loading says; and it comes back."""
        self.fault = FileNotFoundError("gone")
        self.files[0].unlink()
        self.clock.advance(30)
        self.fault = None
        self.files[0].write_bytes(b"one")
        self.clock.advance(30)
        self.assertEqual(self.loaded, 1)

    def test_a_stop_ends_it(self) -> None:
        self.watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
