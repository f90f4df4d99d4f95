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
from exfront.reasons import Refused
from exfront.secret import Secret
from tests.support.samba import shared_site
from tests.support.samba_data import BASE, DOMAIN, HOME_2007, HOME_2010, LOCKOUT_THRESHOLD, SERVICE_DN, Account

reactor: Any = the_reactor
PHONE, HOME = "192.0.2.7:5000", "203.0.113.5:5000"


class SambaGuardTests(TestCase):
    """The threshold is read from the domain; `ahead` moves the guard's clock, and Samba's not."""

    timeout = 120

    async def setUp(self) -> None:  # type: ignore[override]
        site = shared_site()
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
        checker = LdapBindChecker(settings, limits, reactor)
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
