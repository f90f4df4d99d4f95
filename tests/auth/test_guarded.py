"""The guarded password check: what reaches the directory, and what its answers do."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.credential_cache import CredentialCache
from exfront.auth.guarded import GuardedPasswords
from exfront.reasons import (
    ACCOUNT_EXPIRED,
    DIRECTORY_DOWN,
    DISABLED_ACCOUNT,
    HIDDEN_EXPIRED,
    HIDDEN_MUST_CHANGE,
    LOCKED_ACCOUNT,
    PASSWORD_EXPIRED,
    PASSWORD_MUST_CHANGE,
    SOFT_LOCK,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.secret import Secret
from exfront.topology import Mailbox
from tests.auth.guarding import EVIL, HOME, Guarded, settings
from tests.support.directory import MemoryPasswords, mailbox

ALICE = mailbox("alice")


class GuardedTests(SynchronousTestCase):
    def setUp(self) -> None:
        world = Guarded()
        self.clock, self.guard = world.clock, world.guard
        self.checker = MemoryPasswords({"alice": b"right"})
        cache = CredentialCache(world.settings, self.clock.seconds)
        self.guarded = GuardedPasswords(self.checker, self.guard, cache, lambda: 1_000_000.0 + self.clock.seconds())

    def check(
        self, password: str, client: str = EVIL, protocol: str = "imap4", account: Mailbox = ALICE
    ) -> Deferred[str]:
        return Deferred.fromCoroutine(self.guarded.check(account, Secret(password.encode()), client, protocol))

    def passes(self, password: str = "right", client: str = EVIL, protocol: str = "imap4") -> str:
        return self.successResultOf(self.check(password, client, protocol))

    def refused(self, password: str, reason: Reason, client: str = EVIL, protocol: str = "imap4") -> None:
        found = self.failureResultOf(self.check(password, client, protocol), Refused).value.reason
        self.assertIs(found, reason)

    @property
    def binds(self) -> int:
        return len(self.checker.checked)

    def test_fifty_equal_wrong_passwords_are_one_bind(self) -> None:
        """S-AUTH-8: over all protocols and client networks."""
        for number in range(50):
            self.refused("old", WRONG_PASSWORD, f"198.51.100.{number}", ("imap4", "pop3", "http")[number % 3])
        self.assertEqual(self.binds, 1)

    def test_a_locked_account_costs_no_bind_and_looks_wrong(self) -> None:
        """S-AUTH-7: the right password too; after the window it works."""
        for number in range(3):
            self.refused(f"wrong-{number}", WRONG_PASSWORD)
        self.refused("right", SOFT_LOCK)
        self.assertEqual(self.binds, 3)
        self.clock.advance(1000)
        self.passes()

    def test_a_hundred_equal_passwords_at_once_are_one_bind(self) -> None:
        """S-DIR-6: binds are shared for equal passwords of one account, the good answer and the bad."""
        self.checker.hold = True
        waiting = [self.check("right", HOME) for _ in range(100)]
        self.assertEqual(self.binds, 1)
        self.checker.held[0].callback("ldap_bind")
        self.assertEqual([self.successResultOf(one) for one in waiting], ["ldap_bind"] * 100)

    def test_different_passwords_at_once_wait_for_a_try(self) -> None:
        """S-AUTH-7: the limit holds while binds are under way; the right password waits, and is not called wrong."""
        self.checker.hold = True
        waiting = [self.check(f"wrong-{number}") for number in range(9)]
        self.assertEqual(self.binds, 3)
        for number in range(3):
            self.checker.held[number].errback(Refused(WRONG_PASSWORD))
        reasons = [self.failureResultOf(one, Refused).value.reason for one in waiting]
        self.assertEqual((self.binds, reasons), (3, [WRONG_PASSWORD] * 3 + [SOFT_LOCK] * 6))

    def test_who_waits_gets_a_turn(self) -> None:
        self.checker.hold = True
        waiting = [self.check(f"wrong-{number}") for number in range(3)]
        last = self.check("right")
        self.checker.held[0].errback(Refused(DIRECTORY_DOWN))
        self.assertEqual(self.binds, 4)
        self.checker.held[3].callback("ldap_bind")
        self.assertEqual(self.successResultOf(last), "ldap_bind")
        for one, held in zip(waiting[1:], self.checker.held[1:3], strict=True):
            held.errback(Refused(WRONG_PASSWORD))
            self.failureResultOf(one, Refused)
        self.failureResultOf(waiting[0], Refused)

    def test_a_client_that_leaves_does_not_take_its_failure_along(self) -> None:
        """S-AUTH-7: a bind that nobody waits for any more still counts here as it does in the directory."""
        self.checker.hold = True
        for number in range(3):
            running = self.check(f"wrong-{number}")
            running.cancel()
            self.failureResultOf(running)
            self.checker.held[number].errback(Refused(WRONG_PASSWORD))
        self.refused("right", SOFT_LOCK)

    def test_only_a_wrong_password_counts(self) -> None:
        """S-AUTH-16: a directory that is down, a disabled, a locked and an expired account are no failures."""
        for reason in (DIRECTORY_DOWN, DISABLED_ACCOUNT, LOCKED_ACCOUNT, PASSWORD_EXPIRED):
            self.checker.fault = reason
            for _ in range(5):
                self.refused("right", reason)
        self.assertEqual((self.guard.lockouts(), self.binds), ([], 20))

    def test_expired_is_told_only_where_it_is_wanted(self) -> None:
        """S-AUTH-6: with show_expired = false it looks like a wrong password, and the log knows better."""
        self.guarded.settings = settings(show_expired=False)
        for told, hidden in ((PASSWORD_EXPIRED, HIDDEN_EXPIRED), (PASSWORD_MUST_CHANGE, HIDDEN_MUST_CHANGE)):
            self.checker.fault = told
            self.refused("right", hidden)
            self.assertEqual(hidden.imap_text(), WRONG_PASSWORD.imap_text())
            self.assertEqual((hidden.code, hidden.http_status), ("XF-EXPIRED", 401))

    def test_a_hundred_http_requests_are_one_bind(self) -> None:
        """S-AUTH-9: a proven password is not proven again over HTTP for a minute; over IMAP4 it is."""
        self.passes(protocol="http")
        self.assertEqual({self.passes(protocol="http") for _ in range(99)}, {"credential_cache"})
        self.assertEqual(self.binds, 1)
        self.passes(protocol="imap4")
        self.assertEqual(self.binds, 2)

    def test_the_cache_is_no_way_to_guess(self) -> None:
        """S-AUTH-9: a locked account is locked for proven passwords too; a wrong one is bound, and drops them."""
        self.passes(client=HOME, protocol="http")
        self.refused("wrong", WRONG_PASSWORD, protocol="http")
        self.passes(client=HOME, protocol="http")
        self.assertEqual(self.binds, 3)
        for number in range(5):
            self.checker.fault = WRONG_PASSWORD
            self.failureResultOf(self.check(f"wrong-{number}", EVIL), Refused)
        self.refused("right", SOFT_LOCK, protocol="http")

    def test_an_account_that_has_changed_is_bound_again(self) -> None:
        """S-AUTH-9: locked, unlocked, or with a new password since the proof, by its entry: the directory decides."""
        for changed in (evolve(ALICE, locked_since=900_000.0), evolve(ALICE, password_set=7), ALICE):
            for proof in ("memory", "credential_cache"):
                self.assertEqual(self.successResultOf(self.check("right", HOME, "http", changed)), proof)

    def test_an_account_that_has_expired_is_bound_each_time(self) -> None:
        """S-AUTH-9: from the second on that stands in its entry; an expiry to come changes nothing."""
        account = evolve(ALICE, expires=1_000_030.0)
        for seconds, proof in ((0.0, "memory"), (29.0, "credential_cache"), (1.0, "memory"), (0.0, "memory")):
            self.clock.advance(seconds)
            self.assertEqual(self.successResultOf(self.check("right", HOME, "http", account)), proof)
        self.checker.fault = ACCOUNT_EXPIRED
        running = self.check("right", HOME, "http", account)
        self.assertIs(self.failureResultOf(running, Refused).value.reason, ACCOUNT_EXPIRED)

    def test_an_outage_drops_nothing(self) -> None:
        """S-AUTH-9: nobody loses what was proven because another password met a directory that does not answer."""
        self.passes(client=HOME, protocol="http")
        self.checker.fault = DIRECTORY_DOWN
        self.refused("another", DIRECTORY_DOWN, protocol="http")
        self.assertEqual(self.passes(client=HOME, protocol="http"), "credential_cache")

    def test_a_back_ends_refusal_drops_it(self) -> None:
        """S-AUTH-9: the directory is asked again."""
        self.passes(protocol="http")
        self.guarded.forget(ALICE.account_id)
        self.passes(protocol="http")
        self.assertEqual(self.binds, 2)

    def test_what_the_directory_tells_of_the_account_reaches_the_guard(self) -> None:
        """S-AUTH-7: badPwdCount of the entry."""
        known = evolve(ALICE, bad_password_count=3)
        running = Deferred.fromCoroutine(self.guarded.check(known, Secret(b"right"), EVIL, "imap4"))
        self.assertIs(self.failureResultOf(running, Refused).value.reason, SOFT_LOCK)
        self.assertEqual(self.binds, 0)
