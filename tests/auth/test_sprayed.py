"""One password tried on many accounts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.sprayed import Sprayed

NET, OTHER = "192.0.2.1", "192.0.2.2"


class SprayedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sprayed = Sprayed()

    def spray(self, accounts: int, network: str = NET, step: float = 1.0) -> list[int]:
        """One password on so many accounts; after which of them it was noticed."""
        told = (self.sprayed.note(b"winter", f"user-{n}", network, n * step) for n in range(1, accounts + 1))
        return [number for number, noticed in enumerate(told, 1) if noticed]

    def test_more_than_ten_accounts_are_a_spray_noticed_once(self) -> None:
        """S-AUTH-10: the eleventh account; the networks that did it are refused that password, no other network."""
        self.assertEqual(self.spray(30), [11])
        self.assertTrue(self.sprayed.refuses(b"winter", NET, 31.0))
        self.assertFalse(self.sprayed.refuses(b"winter", OTHER, 31.0))
        self.assertFalse(self.sprayed.refuses(b"summer", NET, 31.0))

    def test_it_is_over_after_ten_minutes(self) -> None:
        self.spray(11)
        self.assertTrue(self.sprayed.refuses(b"winter", NET, 610.9))
        self.assertFalse(self.sprayed.refuses(b"winter", NET, 611.0))

    def test_ten_accounts_are_none(self) -> None:
        self.assertEqual(self.spray(10), [])
        self.assertFalse(self.sprayed.refuses(b"winter", NET, 10.0))

    def test_slow_enough_is_none(self) -> None:
        """Ten minutes, over which accounts count."""
        self.assertEqual(self.spray(100, step=61.0), [])

    def test_one_account_again_and_again_is_none(self) -> None:
        for now in range(100):
            self.assertFalse(self.sprayed.note(b"winter", "alice", NET, float(now)))
