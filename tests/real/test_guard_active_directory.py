"""The guard against Samba's own counters: a phone with an old password, and a guesser."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from exfront.auth.credential_cache import CredentialCache
from exfront.auth.guard import Guard
from exfront.auth.guarded import GuardedPasswords
from exfront.auth.ldap_bind import LdapBindChecker
from exfront.auth.lockout_policy import LockoutPolicyReader
from exfront.auth.portal import Portal
from exfront.config.authentication import AuthenticationSection
from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.config.limits import LimitsSection
from exfront.decision import SessionRecord
from exfront.directory.lookup import Directory
from exfront.names import parse_login
from exfront.reasons import ACCOUNT_EXPIRED, SOFT_LOCK, Refused
from exfront.secret import Secret
from tests.support.samba import shared_site
from tests.support.samba_data import (
    BASE,
    CHANGING,
    DOMAIN,
    EXPIRING,
    HOME_2007,
    HOME_2010,
    LOCKING,
    LOCKOUT_THRESHOLD,
    SERVICE_DN,
    Account,
)

reactor: Any = the_reactor
PHONE, HOME = "192.0.2.7:5000", "203.0.113.5:5000"


class SambaGuardTests(TestCase):
    """The threshold is read from the domain; `ahead` moves the guard's clock, and Samba's not."""

    timeout = 120

    async def setUp(self) -> None:  # type: ignore[override]
        self.site = site = shared_site()
        settings = DirectorySection(
            servers=(LdapUrl.read(site.samba.tls_url),),
            base=BASE,
            bind_dn=SERVICE_DN,
            bind_password_file=site.samba.password_file(),
            ca_file=site.authority.ca_file,
        )
        limits, authentication = LimitsSection(), AuthenticationSection(failure_delay=0.0)
        self.ahead = 0.0
        self.directory = Directory(settings, limits, reactor, DOMAIN)
        self.addCleanup(self.directory.stop)
        self.checker = checker = LdapBindChecker(settings, limits, reactor)
        self.addCleanup(checker.stop)
        self.guard = Guard(authentication, self._seconds)
        guarded = GuardedPasswords(checker, self.guard, CredentialCache(authentication, self._seconds))
        self.portal = Portal(self.directory, checker, [SERVICE_DN], guarded)
        policy = LockoutPolicyReader(self.guard, self.directory.read, (BASE,), reactor)
        policy.start()
        self.addCleanup(policy.stop)
        while self.guard.policy.threshold != LOCKOUT_THRESHOLD or not self.guard.policy.window:
            await deferLater(reactor, 0.02)

    def _seconds(self) -> float:
        return float(reactor.seconds()) + self.ahead

    async def log_on(self, person: Account, password: bytes, client: str) -> bool:
        """Whether it was let in; a refusal must look like a wrong password."""
        try:
            await self.portal.authenticate(person.name.encode(), Secret(password), SessionRecord("1", "imap4", client))
        except Refused as refused:
            self.assertEqual(refused.reason.public_code, "XF-AUTH-FAIL", refused)
            return False
        return True

    async def counted(self, person: Account, attribute: str = "badPwdCount") -> int:
        """What the domain controller itself holds."""
        entry = await self.directory.read(person.dn, (attribute,))
        assert entry is not None
        return int((entry.attributes.get(attribute.lower()) or (b"0",))[0])

    async def test_an_old_password_counts_once(self) -> None:
        """S-AUTH-8: 50 tries of a phone with one old password raise badPwdCount by 1."""
        self.assertTrue(await self.log_on(HOME_2007, HOME_2007.secret, HOME))
        before = await self.counted(HOME_2007)
        for _ in range(50):
            self.assertFalse(await self.log_on(HOME_2007, b"the old one", PHONE))
        self.assertEqual(await self.counted(HOME_2007) - before, 1)
        self.assertTrue(await self.log_on(HOME_2007, HOME_2007.secret, HOME))

    async def test_a_spray_never_locks_the_account(self) -> None:
        """S-AUTH-7: 30 passwords from 30 networks stay below lockoutThreshold; after the window the right one works."""
        for number in range(30):
            self.assertFalse(await self.log_on(HOME_2010, b"guess-%d" % number, f"198.51.100.{number}:5000"))
        self.assertEqual(await self.counted(HOME_2010), LOCKOUT_THRESHOLD - 2)
        self.assertEqual(await self.counted(HOME_2010, "lockoutTime"), 0)
        self.assertFalse(await self.log_on(HOME_2010, HOME_2010.secret, HOME))
        self.ahead += self.guard.window + 1
        self.assertTrue(await self.log_on(HOME_2010, HOME_2010.secret, HOME))

    async def test_a_known_network_is_let_in_during_an_attack(self) -> None:
        """S-AUTH-7: who logged on from there before keeps one try, whatever others guess."""
        self.ahead += self.guard.window + 1
        self.assertTrue(await self.log_on(HOME_2010, HOME_2010.secret, HOME))
        for number in range(30):
            self.assertFalse(await self.log_on(HOME_2010, b"other-%d" % number, f"198.51.100.{number}:5000"))
        self.assertLess(await self.counted(HOME_2010), LOCKOUT_THRESHOLD)
        self.assertTrue(await self.log_on(HOME_2010, HOME_2010.secret, HOME))

    async def over_http(self, person: Account, password: bytes = b"") -> str:
        """How one more request proves who it is, after a fresh look at the entry; else the cause of the refusal."""
        self.directory.flush(None)
        record = SessionRecord("1", "http", HOME)
        try:
            name, secret = person.name.encode(), Secret(password or person.secret)
            return (await self.portal.authenticate(name, secret, record)).proof
        except Refused as refused:
            return refused.reason.cause

    async def test_an_account_that_expires_ends_what_was_proven(self) -> None:
        """S-AUTH-9: accountExpires of the entry; not when the minute of the proven password is over."""
        self.assertEqual(await self.over_http(EXPIRING), "ldap_bind")
        self.assertEqual(await self.over_http(EXPIRING), "credential_cache")
        self.site.change(EXPIRING.dn, "accountExpires", b"131000000000000000")
        self.assertEqual(await self.over_http(EXPIRING), ACCOUNT_EXPIRED.cause)
        self.site.change(EXPIRING.dn, "accountExpires", b"0")
        self.assertEqual(await self.over_http(EXPIRING), "ldap_bind")

    async def test_a_password_that_was_reset_ends_what_was_proven(self) -> None:
        """S-AUTH-9: pwdLastSet of the entry."""
        self.assertEqual(await self.over_http(CHANGING), "ldap_bind")
        self.assertEqual(await self.over_http(CHANGING), "credential_cache")
        self.site.change(CHANGING.dn, "unicodePwd", '"Another-pass.2"'.encode("utf-16-le"))
        self.assertEqual(await self.over_http(CHANGING), "ldap_bind")  # Samba takes the old one for an hour
        self.assertEqual(await self.over_http(CHANGING, b"Another-pass.2"), "ldap_bind")

    async def test_an_account_that_is_locked_ends_what_was_proven(self) -> None:
        """S-AUTH-7, S-AUTH-9: others guessed at the domain controller itself; an administrator unlocks."""
        self.assertEqual(await self.over_http(LOCKING), "ldap_bind")
        self.assertEqual(await self.over_http(LOCKING), "credential_cache")
        account = await self.directory.find(parse_login(LOCKING.name).keys, None)
        assert account is not None
        for number in range(LOCKOUT_THRESHOLD):
            await self.assertFailure(self.checker.check(account, Secret(b"guess-%d" % number)), Refused)
        self.assertEqual(await self.over_http(LOCKING), SOFT_LOCK.cause)  # badPwdCount of the entry: no bind either
        self.site.change(LOCKING.dn, "lockoutTime", b"0")
        self.ahead += self.guard.window + 1
        self.assertEqual(await self.over_http(LOCKING), "ldap_bind")
