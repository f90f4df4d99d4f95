"""Failures by client network: delays, and too many in a minute."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.client_failures import ClientFailures
from exfront.config.authentication import AuthenticationSection

NET, OTHER = "192.0.2.1", "192.0.2.2"


class DelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.failures = ClientFailures(AuthenticationSection())

    def delays(self, count: int) -> list[float]:
        found = []
        for number in range(count):
            self.failures.note(NET, b"%d" % number, float(number))
            found.append(self.failures.delay(NET, float(number)))
        return found

    def test_each_failure_doubles_it(self) -> None:
        """S-MAIL-11: 2, 4, 8 and then 15 seconds; other clients are unaffected."""
        self.assertEqual(self.delays(7), [2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0])
        self.assertEqual(self.failures.delay(OTHER, 7.0), 0.0)

    def test_the_same_credentials_again_do_not_grow_it(self) -> None:
        """S-MAIL-11: a phone with an old password waits 2 s each time."""
        for now in range(50):
            self.failures.note(NET, b"old", float(now))
            self.assertEqual(self.failures.delay(NET, float(now)), 2.0)

    def test_it_begins_anew_after_ten_minutes_and_after_a_success(self) -> None:
        self.delays(5)
        self.assertEqual(self.failures.delay(NET, 4.0 + 600.0), 0.0)
        self.delays(5)
        self.failures.succeeded(NET)
        self.assertEqual(self.failures.delay(NET, 5.0), 0.0)
        self.failures.note(NET, b"new", 6.0)
        self.assertEqual(self.failures.delay(NET, 6.0), 2.0)

    def test_it_can_be_off(self) -> None:
        self.failures.settings = AuthenticationSection(failure_delay=0.0)
        self.assertEqual(self.delays(3), [0.0, 0.0, 0.0])

    def test_credentials_kept_of_a_network_are_bounded(self) -> None:
        """A network's failed credentials are forgotten, the oldest first."""
        for number in range(1000):
            self.failures.note(NET, b"%d" % number, 0.0)
        self.assertLessEqual(len(self.failures._networks[NET].digests), 64)
        self.assertLessEqual(len(self.failures._networks[NET].recent), 20)


class StormTests(SynchronousTestCase):
    def test_twenty_in_a_minute_are_too_many(self) -> None:
        """S-AUTH-10: until one of them is older than a minute."""
        failures = ClientFailures(AuthenticationSection())
        for number in range(20):
            self.assertFalse(failures.too_many(NET, float(number)))
            failures.note(NET, b"%d" % number, float(number))
        self.assertTrue(failures.too_many(NET, 59.9))
        self.assertFalse(failures.too_many(NET, 60.0))
        self.assertFalse(failures.too_many(OTHER, 19.0))

    def test_the_same_credentials_again_are_one(self) -> None:
        failures = ClientFailures(AuthenticationSection())
        for _ in range(100):
            failures.note(NET, b"old", 1.0)
        self.assertFalse(failures.too_many(NET, 1.0))
