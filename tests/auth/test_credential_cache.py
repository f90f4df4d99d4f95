"""Passwords proven a moment ago."""

from __future__ import annotations

from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.auth.credential_cache import CredentialCache
from exfront.config.authentication import AuthenticationSection
from exfront.secret import Secret
from tests.support.configuration import errors, read

RIGHT, WRONG = Secret(b"right-password"), Secret(b"wrong")


class CredentialCacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.cache = CredentialCache(AuthenticationSection(), self.clock.seconds)

    def proves(self, protocol: str = "http", secret: Secret = RIGHT, account: str = "alice") -> bool:
        return self.cache.proves(account, secret, protocol)

    def test_a_minute_over_http(self) -> None:
        """S-AUTH-9: the same password of the same account, for 60 s from its bind."""
        self.assertFalse(self.proves())
        self.cache.remember("alice", RIGHT)
        self.clock.advance(59.9)
        self.assertTrue(self.proves())
        self.assertFalse(self.proves(secret=WRONG))
        self.assertFalse(self.proves(account="bob"))
        self.assertTrue(self.proves(), "a wrong one changes nothing")
        self.clock.advance(0.1)
        self.assertFalse(self.proves())

    def test_mail_is_off_unless_switched_on(self) -> None:
        """S-AUTH-9: IMAP4 and POP3 have a time of their own, 0 at first."""
        self.cache.remember("alice", RIGHT)
        self.assertEqual([self.proves("imap4"), self.proves("pop3")], [False, False])
        self.cache.settings = AuthenticationSection(credential_cache_time=0.0, mail_credential_cache_time=10.0)
        self.cache.remember("alice", RIGHT)
        self.assertEqual([self.proves("imap4"), self.proves("pop3"), self.proves("http")], [True, True, False])

    def test_off(self) -> None:
        self.cache.settings = AuthenticationSection(credential_cache_time=0.0)
        self.cache.remember("alice", RIGHT)
        self.assertEqual((self.proves(), len(self.cache)), (False, 0))

    def test_dropped(self) -> None:
        """S-AUTH-9: after a failure, and for all accounts with new settings."""
        for account in ("alice", "bob"):
            self.cache.remember(account, RIGHT)
        self.cache.drop("alice")
        self.assertEqual([self.proves(), self.proves(account="bob")], [False, True])
        self.cache.settings = AuthenticationSection(realm="Other")
        self.assertFalse(self.proves(account="bob"))

    def test_it_holds_no_password(self) -> None:
        """S-AUTH-9, S-AUTH-11: a code under a key of this process; two processes have two codes."""
        other = CredentialCache(AuthenticationSection(), self.clock.seconds)
        for cache in (self.cache, other):
            cache.remember("alice", RIGHT)
            self.assertNotIn("right-password", repr(cache))
        kept = [cache._proven["alice"] for cache in (self.cache, other)]
        self.assertNotIn(RIGHT.reveal(), kept[0].code + kept[0].salt)
        self.assertNotEqual(kept[0].code, kept[1].code)

    def test_it_is_bounded(self) -> None:
        """S-AUTH-9: the account proven longest ago goes first."""
        with mock.patch.object(limits, "CREDENTIALS", 3):
            for account in ("a", "b", "c", "a", "d"):
                self.cache.remember(account, RIGHT)
        self.assertEqual([self.proves(account=account) for account in "abcd"], [True, False, True, True])

    def test_ten_minutes_are_the_most(self) -> None:
        """S-AUTH-9: a disabled account works no longer than that."""
        for seconds, wrong in ((600.0, 0), (600.1, 1), (-1.0, 1)):
            _, findings = read(f"[authentication]\ncredential_cache_time = {seconds}\n")
            self.assertEqual(len([one for one in errors(findings) if "credential_cache" in one]), wrong, seconds)
