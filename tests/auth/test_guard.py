"""The guard: how many binds may fail, when it locks, whom it lets through, and what it forgets."""

from __future__ import annotations

from unittest import mock

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.auth.guard import Guard, LockoutPolicy
from exfront.config.authentication import AuthenticationSection
from exfront.reasons import SOFT_LOCK, WRONG_PASSWORD
from exfront.secret import Secret
from tests.auth.guarding import EVIL, HOME, OFFICE, Guarded, settings


def _logged(events: list[dict[str, object]], word: str) -> int:
    return sum(str(event.get("log_format")).startswith(word) for event in events)


class LimitTests(SynchronousTestCase):
    def test_limit_of_each_threshold(self) -> None:
        """S-AUTH-7: two below the domain's threshold, never more than the setting, never none."""
        cases = (
            (0, None, 3), (0, 0, 5), (0, 3, 1), (0, 5, 3), (0, 10, 5), (0, 50, 5), (0, 1, 1),
            (5, None, 3), (5, 50, 3), (4, 0, 2), (10, 3, 5), (2, None, 1),
        )  # fmt: skip
        for configured, read, limit in cases:
            guard = Guard(AuthenticationSection(lockout_threshold=configured), lambda: 0.0)
            guard.policy = LockoutPolicy(read)
            self.assertEqual(guard.limit, limit, (configured, read))

    def test_the_longer_window_counts(self) -> None:
        for configured, read, window in ((1800.0, 0.0, 1800.0), (1800.0, 3600.0, 3600.0), (60.0, 30.0, 60.0)):
            guard = Guard(AuthenticationSection(lockout_window=configured), lambda: 0.0, LockoutPolicy(5, read))
            self.assertEqual(guard.window, window)


class LockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Guarded()
        self.guard, self.clock = self.world.guard, self.world.clock

    def test_a_spray_of_passwords_stops_below_the_threshold(self) -> None:
        """S-AUTH-7: threshold 5: of 100 wrong passwords 3 reach the directory, the rest look wrong without it."""
        self.assertEqual(self.world.attempts(100), 3)
        self.assertEqual(self.world.attempt("right"), "XF-SOFT-LOCK")
        self.assertEqual(SOFT_LOCK.imap_text(), WRONG_PASSWORD.imap_text())

    def test_all_client_networks_count_together(self) -> None:
        """S-AUTH-7: one account, one count."""
        self.assertEqual(sum(self.world.attempts(1, f"198.51.100.{n}", begin=n) for n in range(50)), 3)

    def test_other_accounts_are_unaffected(self) -> None:
        self.world.attempts(9, OFFICE)
        self.assertEqual(self.world.attempt("right", OFFICE, "bob"), "bound")

    def test_the_window_passes(self) -> None:
        """S-AUTH-7: then the right password works again, from anywhere."""
        self.world.attempts(5)
        self.clock.advance(999.9)
        self.assertEqual(self.world.attempt("right"), "XF-SOFT-LOCK")
        self.clock.advance(0.1)
        self.assertEqual(self.world.attempt("right"), "bound")

    def test_the_count_lives_until_the_window_has_passed_without_a_failure(self) -> None:
        """S-AUTH-7: as the directory's own does: a failure every 900 s is locked after the third."""
        tried = []
        for number in range(6):
            tried.append(self.world.attempt(f"wrong-{number}", HOME))
            self.clock.advance(900)
        self.assertEqual(tried, ["failed"] * 3 + ["XF-SOFT-LOCK", "failed", "failed"])

    def test_tries_during_a_lock_do_not_prolong_it(self) -> None:
        """S-AUTH-7: a try a second, and yet the lock ends when it should."""
        self.world.attempts(3)
        for number in range(999):
            self.clock.advance(1)
            self.assertEqual(self.world.attempt(f"more-{number}", f"198.51.{number % 200}.7"), "XF-SOFT-LOCK")
        self.clock.advance(1)
        self.assertEqual(self.world.attempt("right"), "bound")

    def test_a_lock_is_logged_once(self) -> None:
        """S-AUTH-7: not with each refused try; the next lock again."""
        with capturedLogs() as events:
            self.world.attempts(20)
            self.assertEqual(_logged(list(events), "soft_lock"), 1)
            self.clock.advance(1000)
            self.world.attempts(20, begin=20)
        self.assertEqual(_logged(list(events), "soft_lock"), 2)

    def test_a_success_clears(self) -> None:
        self.world.attempts(2)
        self.assertEqual(self.world.attempt("right"), "bound")
        self.assertEqual(self.guard.lockouts(), [])
        self.assertEqual(self.world.attempts(9, HOME, begin=10), 2, "one is kept for the network that logged on")

    def test_tries_at_the_same_moment_are_counted_before_they_end(self) -> None:
        """S-AUTH-7: 100 wrong passwords at once are 3 binds."""
        begun = [self.guard.begin("alice", EVIL) for _ in range(100)]
        self.assertEqual(begun.count(True), 3)
        self.guard.ended("alice")
        self.assertTrue(self.guard.begin("alice", EVIL), "one that told nothing gives its try back")

    def test_a_known_network_keeps_one_try(self) -> None:
        """S-AUTH-7: the owner's right password works during an attack from elsewhere, and stays counted if wrong."""
        self.assertEqual(self.world.attempt("right", HOME), "bound")
        self.assertEqual(self.world.attempts(50, EVIL), 2)
        self.assertEqual(self.world.attempt("right", OFFICE), "XF-SOFT-LOCK")
        self.assertEqual(self.world.attempt("right", HOME), "bound")
        self.world.attempts(50, EVIL, begin=50)
        self.assertEqual(self.world.attempt("typo", HOME), "failed")
        self.assertEqual(self.world.attempt("right", HOME), "XF-SOFT-LOCK")

    def test_a_network_is_known_for_thirty_days(self) -> None:
        self.world.attempt("right", HOME)
        self.clock.advance(30 * 86400 - 1)
        self.assertEqual(self.world.attempts(9), 2)
        self.clock.advance(2)
        self.assertEqual(self.world.attempts(9, begin=9), 1, "the whole sum is everybody's again")

    def test_the_only_try_is_everybodys(self) -> None:
        """S-AUTH-7: with a limit of one nothing can be kept: a new network must be able to log on."""
        self.guard.settings = settings(lockout_threshold=3)
        self.world.attempt("right", HOME)
        self.assertEqual(self.world.attempt("right", OFFICE), "bound")

    def test_what_the_directory_counted_counts_here(self) -> None:
        """S-AUTH-7: badPwdCount, while it is news: it stays in the entry long after its window."""
        self.assertEqual(self.world.attempt("right", bad_password_count=3), "XF-SOFT-LOCK")
        self.clock.advance(1000)
        self.assertEqual(self.world.attempt("right", bad_password_count=3), "bound")
        self.assertEqual(self.world.attempt("wrong", bad_password_count=3), "failed")
        self.assertEqual(self.world.attempt("right", bad_password_count=4), "XF-SOFT-LOCK")
        self.assertEqual(self.world.attempt("right", account="bob", bad_password_count=0), "bound")

    @hypothesis_settings(deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["try", "try", "try", "try", "end", "end", "end", "wait", "lose"]),
                st.sampled_from([HOME, OFFICE, EVIL]),
                st.integers(0, 12),
            ),
            min_size=20,
            max_size=60,
        )
    )
    def test_never_more_than_the_limit_whatever_the_order(self, moves: list[tuple[str, str, int]]) -> None:
        """S-AUTH-7: in no window do more binds fail than the limit allows, begun at once or one after the other."""
        world = Guarded()
        for network in (HOME, OFFICE):
            world.attempt("right", network)
        failures: list[float] = []
        under_way: list[tuple[str, Secret]] = []
        for move, client, number in moves:
            secret = Secret(b"%d" % number)
            if move == "wait":
                world.clock.advance(number * 60)
            elif move == "try" and world.attempt_begins(secret, client):
                under_way.append((client, secret))
            elif move == "end" and under_way:
                world.guard.failed("alice", under_way[0][1], under_way.pop(0)[0])
                failures.append(world.clock.seconds())
            elif move == "lose" and under_way:
                under_way.pop(0)
                world.guard.ended("alice")
            for first in failures:
                within = [one for one in failures if first <= one < first + world.guard.window]
                self.assertLessEqual(len(within), world.guard.limit)


class WrongPasswordTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Guarded()

    def test_the_same_wrong_password_is_one_bind(self) -> None:
        """S-AUTH-8: 50 times an old password, by any network: one bind, one failure."""
        tried = [self.world.attempt("old", client) for client in (HOME, OFFICE) * 25]
        self.assertEqual(tried, ["failed"] + ["XF-AUTH-FAIL"] * 49)
        self.assertEqual([one.failures for one in self.world.guard.lockouts()], [1])

    def test_after_ten_minutes_it_is_tried_again(self) -> None:
        """S-AUTH-8: repeats do not prolong that."""
        self.world.attempt("old")
        for _ in range(5):
            self.world.clock.advance(100)
            self.assertEqual(self.world.attempt("old"), "XF-AUTH-FAIL")
        self.world.clock.advance(100)
        self.assertEqual(self.world.attempt("old"), "failed")

    def test_a_new_password_equal_to_an_earlier_wrong_one(self) -> None:
        """S-AUTH-8: pwdLastSet has changed: it is tried."""
        self.world.attempt("old", password_set=1)
        self.assertEqual(self.world.attempt("old", password_set=1), "XF-AUTH-FAIL")
        self.assertEqual(self.world.attempt("old", right="old", password_set=2), "bound")

    def test_another_accounts_password_is_another(self) -> None:
        self.world.attempt("old")
        self.assertEqual(self.world.attempt("old", account="bob", right="old"), "bound")

    def test_it_can_be_off(self) -> None:
        self.world.guard.settings = settings(failure_memory_time=0.0)
        self.assertEqual([self.world.attempt("old") for _ in range(2)], ["failed", "failed"])

    def test_no_password_is_kept(self) -> None:
        """S-AUTH-11: neither in a repr nor anywhere in the objects."""
        self.world.attempt("old-password")
        self.world.guard.refused("alice", Secret(b"old-password"), EVIL)
        self.assertNotIn("old-password", repr(self.world.guard))


class OperatorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Guarded()
        self.guard = self.world.guard

    def test_lockouts(self) -> None:
        self.world.attempts(1, account="bob")
        self.world.clock.advance(100)
        self.world.attempts(9, account="alice")
        self.world.attempt("right", account="carol")
        found = [(one.account_id, one.failures, one.limit, one.seconds, one.locked) for one in self.guard.lockouts()]
        self.assertEqual(found, [("alice", 3, 3, 1000.0, True), ("bob", 1, 3, 900.0, False)])

    def test_unlock_by_id_and_by_name(self) -> None:
        for account in ("alice", "ALICE"):
            self.world.attempts(9)
            self.assertTrue(self.guard.unlock(account))
            self.assertEqual(self.world.attempt("right", OFFICE), "bound")
            self.world = Guarded()
            self.guard = self.world.guard
        self.assertFalse(self.guard.unlock("alice"))
        self.assertFalse(self.guard.unlock("nobody"))

    def test_unlock_forgets_what_was_wrong(self) -> None:
        self.world.attempt("new")
        self.guard.unlock("alice")
        self.assertEqual(self.world.attempt("new", right="new"), "bound")

    def test_new_settings_are_one_assignment(self) -> None:
        """S-OPS-11: counts stay."""
        self.world.attempts(9)
        self.guard.settings = settings(lockout_threshold=8, failure_delay=7.0)
        self.assertEqual((self.guard.limit, self.guard.lockouts()[0].failures), (5, 3))
        self.guard.refused("alice", Secret(b"x"), EVIL)
        self.assertEqual(self.guard.delay(EVIL), 7.0)


class BoundTests(SynchronousTestCase):
    def test_accounts_are_bounded_and_failures_stay_longest(self) -> None:
        """The table of accounts does not grow without end."""
        with mock.patch.object(limits, "GUARDED_ACCOUNTS", 50):
            world = Guarded()
            world.attempts(2, account="failed")
            for number in range(500):
                world.attempt("right", HOME, f"user-{number}")
            self.assertEqual([one.account_id for one in world.guard.lockouts()], ["failed"])
            self.assertEqual(len(list(world.guard.snapshot(0.0))), 50)

    def test_accounts_with_failures_alone_are_bounded_too(self) -> None:
        """At twice the number, whatever they hold."""
        with mock.patch.object(limits, "GUARDED_ACCOUNTS", 20):
            world = Guarded()
            for number in range(100):
                world.attempts(1, f"198.51.100.{number}", f"user-{number}")
            self.assertLessEqual(len(world.guard.lockouts()), 40)

    def test_wrong_passwords_and_networks_are_bounded(self) -> None:
        """So are the tables that clients fill."""
        with mock.patch.multiple(limits, WRONG_PASSWORDS=10, GUARDED_NETWORKS=10, SPRAY_PASSWORDS=10):
            world = Guarded()
            for number in range(100):
                world.attempt(f"wrong-{number}", f"198.51.100.{number}", f"user-{number}")
                world.guard.refused(f"user-{number}", Secret(b"%d" % number), f"198.51.100.{number}")
            tables = (world.guard._wrong, world.guard._clients, world.guard._sprayed)
            self.assertEqual([len(table) for table in tables], [10, 10, 10])  # type: ignore[arg-type]
