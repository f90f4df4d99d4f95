"""The guard in front of a real slapd, its binds counted in slapd's own log; and slapd's password policy."""

from __future__ import annotations

import subprocess
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from exfront.auth.credential_cache import CredentialCache
from exfront.auth.guard import Guard
from exfront.auth.guard_state import GuardState
from exfront.auth.guarded import GuardedPasswords
from exfront.auth.ldap_bind import LdapBindChecker
from exfront.auth.portal import Portal
from exfront.config.authentication import AuthenticationSection
from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.config.limits import LimitsSection
from exfront.decision import SessionRecord
from exfront.directory.lookup import Directory
from exfront.reasons import (
    LOCKED_ACCOUNT,
    PASSWORD_EXPIRED,
    PASSWORD_MUST_CHANGE,
    SOFT_LOCK,
    TOO_MANY_LOGON_FAILURES,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.secret import Secret
from tests.auth.guarding import EVIL, HOME, OFFICE, settings
from tests.support.directory import mailbox
from tests.support.population import BASE, DOMAIN, SERVICE_DN
from tests.support.process import program
from tests.support.slapd import Site, new_site, shared_site


class GuardedSlapdTests(TestCase):
    """A portal as production builds it, but that the guard's clock is a fake one."""

    timeout = 60

    def setUp(self) -> None:
        self.site = self.find_site()
        self.slapd = self.site.slapd
        self.clock = Clock()
        self.start(settings())

    def find_site(self) -> Site:
        return shared_site()

    def start(self, authentication: AuthenticationSection) -> None:
        """A process, its guard knowing nothing."""
        section = DirectorySection(
            servers=(LdapUrl.read(self.slapd.url),), base=BASE, bind_dn=SERVICE_DN,
            bind_password_file=self.slapd.password_file(), ca_file=self.site.authority.ca_file, domains={DOMAIN: BASE},
        )  # fmt: skip
        directory = Directory(section, LimitsSection(), reactor, DOMAIN)
        checker = LdapBindChecker(section, LimitsSection(), reactor)
        self.addCleanup(directory.stop)
        self.addCleanup(checker.stop)
        self.guard = Guard(authentication, self.clock.seconds)
        cache = CredentialCache(authentication, self.clock.seconds)
        self.portal = Portal(directory, checker, [SERVICE_DN], GuardedPasswords(checker, self.guard, cache))

    async def log_on(self, password: str, name: str = "user1", client: str = EVIL, protocol: str = "imap4") -> str:
        """The proof, or the code of the refusal's Reason and its cause."""
        record = SessionRecord("1", protocol, f"{client}:5000")
        running = Deferred.fromCoroutine(self.portal.authenticate(name.encode(), Secret(password.encode()), record))
        try:
            return (await running).proof
        except Refused as refused:
            return refused.reason.cause

    def binds(self) -> int:
        return len(self.slapd.user_binds())


class GuardedTests(GuardedSlapdTests):
    async def test_fifty_equal_wrong_passwords_are_one_bind(self) -> None:
        """S-AUTH-4, S-AUTH-8: a phone with an old password, in all spellings of the name and all protocols."""
        before = self.binds()
        names = ("user1", "USER1", r"FOURTHCOFFEE\user1", "user1@fourthcoffee.com", "user1.old@fourthcoffee.com")
        for number in range(50):
            cause = await self.log_on("old", names[number % 5], HOME, ("imap4", "pop3", "http")[number % 3])
            self.assertEqual(cause, WRONG_PASSWORD.cause)
        self.assertEqual(self.binds() - before, 1)
        self.assertEqual(self.guard.delay(HOME), 2.0)

    async def test_different_passwords_stop_below_the_threshold(self) -> None:
        """S-AUTH-7: 30 wrong passwords, five spellings: 3 binds; after the window the right one works from anywhere."""
        before = self.binds()
        causes = [await self.log_on(f"wrong-{number}", client=f"198.51.100.{number}") for number in range(30)]
        self.assertEqual((self.binds() - before, causes[3:]), (3, [SOFT_LOCK.cause] * 27))
        self.assertEqual(await self.log_on("password-1"), SOFT_LOCK.cause)
        self.clock.advance(1000)
        self.assertEqual(await self.log_on("password-1", client=OFFICE), "ldap_bind")

    async def test_thirty_different_passwords_at_once(self) -> None:
        """S-AUTH-7: all before the first answer."""
        before = self.binds()
        running = [Deferred.fromCoroutine(self.log_on(f"wrong-{n}", client=f"198.51.100.{n}")) for n in range(30)]
        for one in running:
            await one
        self.assertEqual(self.binds() - before, 3)

    async def test_a_restart_keeps_the_counters(self) -> None:
        """S-AUTH-7: a new process over the same folder; another one over none begins anew."""
        folder = Path(self.mktemp())
        folder.mkdir()
        before = self.binds()
        for process in range(4):
            state = GuardState(self.guard, folder, reactor)
            state.start()
            await self.log_on(f"wrong-{2 * process}")
            await self.log_on(f"wrong-{2 * process + 1}")
            await state.stop()
            self.start(settings())
        self.assertEqual(self.binds() - before, 3)

    async def test_one_password_on_thirty_accounts(self) -> None:
        """S-AUTH-10: after ten accounts that network is refused; a network that did not take part is not."""
        self.start(settings(failures_per_network=1000))
        before = self.binds()
        causes = [await self.log_on("winter", f"user{number}") for number in range(1, 31)]
        self.assertEqual(self.binds() - before, 11)
        self.assertEqual(causes[11:], [TOO_MANY_LOGON_FAILURES.cause] * 19)
        self.assertEqual(await self.log_on("winter", "nobody"), TOO_MANY_LOGON_FAILURES.cause)
        self.assertEqual(await self.log_on("winter", "user31", HOME), WRONG_PASSWORD.cause)
        self.assertEqual(await self.log_on("password-32", "user32"), "ldap_bind", "another password is let through")

    async def test_twenty_failures_in_a_minute(self) -> None:
        """S-AUTH-10: known or not, names from that network are refused; but for who logged on from there before."""
        self.assertEqual(await self.log_on("password-2", "user2"), "ldap_bind")
        for number in range(20):
            await self.log_on(f"wrong-{number}", f"user{3 + number}")
        for name in ("user30", "nobody", "user1"):
            self.assertEqual(await self.log_on("password-1", name), TOO_MANY_LOGON_FAILURES.cause)
        self.assertEqual(await self.log_on("password-2", "user2"), "ldap_bind")
        self.assertEqual(await self.log_on("password-1", client=OFFICE), "ldap_bind")
        self.clock.advance(60)
        self.assertEqual(await self.log_on("password-1"), "ldap_bind")

    async def test_a_hundred_http_requests(self) -> None:
        """S-AUTH-9: one bind."""
        before = self.binds()
        proofs = [await self.log_on("password-1", protocol="http") for _ in range(100)]
        self.assertEqual((self.binds() - before, set(proofs)), (1, {"ldap_bind", "credential_cache"}))


_PEOPLE = {
    "locked": (),
    "expired": ("pwdChangedTime: 20200101000000Z",),
    "late": ("pwdChangedTime: 20200101000000Z", f"pwdPolicySubentry: cn=grace,{BASE}"),
    "reset": ("pwdReset: TRUE",),
}


def _policies_and_people() -> str:
    """Two policies, and a person for each thing that they can say."""
    common = "objectClass: person\nobjectClass: pwdPolicy\nsn: x\npwdAttribute: userPassword"
    rules = "pwdLockout: TRUE\npwdMaxFailure: 3\npwdMaxAge: 86400\npwdMustChange: TRUE"
    records = [
        f"dn: cn={name},{BASE}\ncn: {name}\n{common}\n{rules}\npwdGraceAuthNLimit: {grace}"
        for name, grace in (("default", 0), ("grace", 5))
    ]
    for name, lines in _PEOPLE.items():
        person = f"dn: cn={name},{BASE}\ncn: {name}\nobjectClass: person\nsn: x\nuserPassword: right"
        records.append("\n".join((person, *lines)))
    return "\n\n".join(records) + "\n"


class PasswordPolicyTests(TestCase):
    """slapd with its ppolicy overlay: locks after 3 failures, and knows expired and reset passwords."""

    timeout = 60

    def setUp(self) -> None:
        self.slapd = (site := new_site(4)).slapd
        self.addCleanup(site.close)
        self.slapd.stop()
        self.configure()
        self.slapd.start()
        section = DirectorySection(
            servers=(LdapUrl.read(self.slapd.url),), base=BASE, ca_file=site.authority.ca_file, domains={DOMAIN: BASE}
        )
        self.checker = LdapBindChecker(section, LimitsSection(), reactor)
        self.addCleanup(self.checker.stop)

    def configure(self) -> None:
        """Switch the overlay on, and add what it needs, while slapd is down."""
        file, access = self.slapd.configuration, "access to attrs=userPassword"
        overlay = f'overlay ppolicy\nppolicy_default "cn=default,{BASE}"\nppolicy_use_lockout\n'
        text = file.read_text().replace("moduleload back_mdb", "moduleload back_mdb\nmoduleload ppolicy", 1)
        file.write_text(text.replace(access, overlay + access, 1))
        data = self.slapd.folder / "policies.ldif"
        data.write_text(_policies_and_people())
        argv = [program("slapadd", "slapd"), "-f", str(file), "-l", str(data)]
        done = subprocess.run(argv, capture_output=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    async def check(self, name: str, password: str = "right") -> Reason | None:
        """Why not, or None where the password is proven."""
        checking = self.checker.check(mailbox(name, dn=f"cn={name},{BASE}"), Secret(password.encode()))
        try:
            await checking
        except Refused as refused:
            return refused.reason
        return None

    async def test_what_slapd_says_of_a_password(self) -> None:
        """S-AUTH-6, S-AUTH-16: locked, expired and reset are told apart; for a wrong password they are not."""
        for name in ("expired", "late", "reset"):
            self.assertIs(await self.check(name, "wrong"), WRONG_PASSWORD, name)
        self.assertIs(await self.check("expired"), PASSWORD_EXPIRED)
        self.assertIs(await self.check("reset"), PASSWORD_MUST_CHANGE)
        self.assertIsNone(await self.check("late"))

    async def test_an_account_that_slapd_has_locked(self) -> None:
        """S-AUTH-16: the right password of a locked account looks wrong to the client, and the log knows why."""
        self.assertIsNone(await self.check("locked"))
        for _ in range(3):
            self.assertIs(await self.check("locked", "wrong"), WRONG_PASSWORD)
        self.assertIs(await self.check("locked"), LOCKED_ACCOUNT)
