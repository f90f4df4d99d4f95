"""Log-on and look-up against a real slapd: the portal over the real directory and the real password check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from exfront import limits
from exfront.auth.ldap_bind import LdapBindChecker
from exfront.auth.portal import Portal
from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.config.limits import LimitsSection
from exfront.decision import SessionRecord
from exfront.directory.lookup import Directory
from exfront.facts import Identity
from exfront.reasons import (
    AMBIGUOUS_LOGIN,
    DIRECTORY_DOWN,
    DIRECTORY_TIMEOUT,
    DISABLED_ACCOUNT,
    EMPTY_PASSWORD,
    MALFORMED_CREDENTIALS,
    SERVICE_ACCOUNT,
    SERVICE_BIND_REFUSED,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.secret import Secret
from tests.support.population import (
    BASE,
    CHILD_BASE,
    CHILD_DOMAIN,
    DISABLED,
    DOMAIN,
    MAIL_HOST,
    NO_MAILBOX,
    PLAIN,
    SAME_CHILD,
    SAME_PARENT,
    SERVICE_DN,
    SERVICE_PASSWORD,
    TWINS,
    population,
)
from tests.support.slapd import Site, new_site, shared_site

_PEOPLE = population(40)
_DOMAINS = {DOMAIN: BASE, CHILD_DOMAIN: CHILD_BASE}


class SlapdTests(TestCase):
    """One slapd for all tests; each test connects anew."""

    timeout = 60

    def setUp(self) -> None:
        self.site = self.find_site()
        self.slapd = self.site.slapd
        self.limits = LimitsSection()
        self.connect(self.slapd.url)

    def find_site(self) -> Site:
        """Overridden where a test stops it."""
        return shared_site()

    def connect(self, url: str, **more: Any) -> None:
        """A portal over this server; the last one made is used and stopped."""
        values = {
            "servers": (LdapUrl.read(url),),
            "base": BASE,
            "bind_dn": SERVICE_DN,
            "bind_password_file": self.slapd.password_file(),
            "ca_file": self.site.authority.ca_file,
            "domains": _DOMAINS,
            **more,
        }
        settings = DirectorySection(**values)
        self.directory = Directory(settings, self.limits, reactor, DOMAIN)
        self.passwords = LdapBindChecker(settings, self.limits, reactor)
        self.portal = Portal(self.directory, self.passwords, [SERVICE_DN])
        self.addCleanup(self.directory.stop)
        self.addCleanup(self.passwords.stop)

    async def log_on(self, name: str | bytes, password: bytes) -> Identity:
        octets = name.encode() if isinstance(name, str) else name
        return await self.portal.authenticate(octets, Secret(password), SessionRecord("1", "imap4", "-"))

    async def refused(self, name: str | bytes, password: bytes, reason: Reason) -> str:
        running = Deferred.fromCoroutine(self.log_on(name, password))
        refused: Refused = await self.assertFailure(running, Refused)
        self.assertIs(refused.reason, reason, f"{name!r}: {refused}")
        return refused.detail

    async def without_bind(self, name: str | bytes, password: bytes, reason: Reason) -> None:
        """Refused, and slapd saw no bind of a user."""
        before = len(self.slapd.user_binds())
        await self.refused(name, password, reason)
        self.assertEqual(len(self.slapd.user_binds()), before)


class LogOnTests(SlapdTests):
    async def test_everybody_reaches_the_home_server(self) -> None:
        """Each account by its UPN: ordinary names, 8-bit names, DNs with commas and quotes, odd passwords.

        Bad input: password with quotes, backslashes, spaces and 8-bit octets
        Bad input: 8-bit user name
        """
        for person in _PEOPLE.people():
            if person in (DISABLED, *TWINS):
                continue
            identity = await self.log_on(person.upn, person.password)
            assert identity.account is not None
            self.assertEqual(identity.account.home_server, person.server, person.name)
            self.assertEqual(identity.account.account_id, person.guid.hex(), person.name)
            self.assertEqual(self.slapd.user_binds()[-1].count("="), identity.account.dn.count("="))

    async def test_all_forms_of_a_name_lead_to_one_account(self) -> None:
        """S-AUTH-4: alias, DOMAIN\\user, DOMAIN/user, UPN and each address are one account."""
        forms = (
            "user1", "USER1", r"FOURTHCOFFEE\user1", "FourthCoffee/user1", "user1@fourthcoffee.com",
            "user1.old@fourthcoffee.com", r"fourthcoffee.com\user1", "FOURTHCOFFEE/user1/user2",
        )  # fmt: skip
        found = {(await self.log_on(form, b"password-1")).account for form in forms}
        self.assertEqual(len(found), 1)

    async def test_wrong_password(self) -> None:
        """S-AUTH-2: one bind, refused.

        Bad input: wrong password
        """
        before = len(self.slapd.user_binds())
        await self.refused("user1", b"password-2", WRONG_PASSWORD)
        self.assertEqual(len(self.slapd.user_binds()), before + 1)

    async def test_unknown_user(self) -> None:
        """S-AUTH-5: nobody of that name, or of that domain: no bind.

        Bad input: unknown user
        """
        for name in ("nobody", r"CONTOSO\user1", "nobody@fourthcoffee.com", "user1@contoso.com"):
            await self.without_bind(name, b"password-1", UNKNOWN_USER)

    async def test_empty_password(self) -> None:
        """S-AUTH-1: an empty password, or name, reaches no bind.

        Bad input: empty password
        """
        await self.without_bind("user1", b"", EMPTY_PASSWORD)
        await self.without_bind("", b"password-1", EMPTY_PASSWORD)

    async def test_filter_characters_in_a_name(self) -> None:
        """S-AUTH-3: they match literally, and slapd's log shows them escaped.

        Bad input: user name with asterisk, parentheses, backslash and NUL
        """
        for name in ("*", "user*", "a)(uid=*", "user1)(objectClass=*", "(user1)"):
            await self.without_bind(name, b"password-1", UNKNOWN_USER)
        self.assertIn(
            r"(&(objectClass=user)(sAMAccountName=a\29\28uid=\2A))", [one.filter for one in self.slapd.searches()]
        )
        for name in ("user1\0", "\0", r"\user1", r"a\b\c\d"):
            await self.without_bind(name, b"password-1", MALFORMED_CREDENTIALS)
        self.assertIsNotNone((await self.log_on("s*t(a)r", b"star-password")).account)

    async def test_eight_bit_name_in_latin_1(self) -> None:
        """S-AUTH-12: UTF-8 if it is UTF-8, else Latin-1; the password goes over as it came, in one bind.

        Bad input: 8-bit user name
        """
        before = len(self.slapd.user_binds())
        identity = await self.log_on("jürgen".encode("latin-1"), "pässwörd €".encode())
        assert identity.account is not None
        self.assertEqual(identity.account.account_name, "jürgen")
        self.assertEqual(len(self.slapd.user_binds()), before + 1)

    async def test_two_owners_of_an_address(self) -> None:
        """S-AUTH-5: no bind, and both DNs in the log."""
        await self.without_bind("twins@fourthcoffee.com", b"twin-password", AMBIGUOUS_LOGIN)
        detail = await self.refused("twins@fourthcoffee.com", b"twin-password", AMBIGUOUS_LOGIN)
        self.assertIn("cn=twin1", detail)
        self.assertIn("cn=twin2", detail)

    async def test_disabled_account(self) -> None:
        await self.without_bind("disabled", b"disabled-password", DISABLED_ACCOUNT)

    async def test_service_account_is_no_user(self) -> None:
        """S-AUTH-14: the service account never logs on."""
        await self.without_bind("exfront", SERVICE_PASSWORD.encode(), SERVICE_ACCOUNT)

    async def test_account_without_mailbox(self) -> None:
        identity = await self.log_on(NO_MAILBOX.name, NO_MAILBOX.password)
        assert identity.account is not None
        self.assertEqual(identity.account.home_server, "")

    async def test_same_name_in_two_domains(self) -> None:
        for login, person in ((r"FOURTHCOFFEE\same", SAME_PARENT), (r"WEST\same", SAME_CHILD), ("same", SAME_PARENT)):
            identity = await self.log_on(login, person.password)
            assert identity.account is not None
            self.assertEqual(identity.account.account_id, person.guid.hex())

    async def test_mail_host_alone(self) -> None:
        identity = await self.log_on(MAIL_HOST.name, MAIL_HOST.password)
        assert identity.account is not None
        self.assertEqual(identity.account.home_server, "dallas")

    async def test_plain_ldap(self) -> None:
        self.connect(self.slapd.url, schema="plain_ldap")
        paula, pit = PLAIN
        for name in ("paula", "PAULA", "paula@plain.fourthcoffee.com"):
            identity = await self.log_on(name, paula.password)
            assert identity.account is not None
            self.assertEqual(identity.account.home_server, "chicago")
            self.assertEqual(len(identity.account.account_id), 32)
        identity = await self.log_on("pit", pit.password)
        assert identity.account is not None
        self.assertEqual(identity.account.home_server, "")
        await self.refused("user1", b"password-1", UNKNOWN_USER)

    async def test_searches_are_one_or_two_and_share_a_connection(self) -> None:
        """S-DIR-8: one search for a home server in the DN, two for a database that must be read."""
        await self.log_on("user3", b"password-3")
        connections = self.slapd.connections()
        for name, password, searches in (("user1", b"password-1", 1), ("user2", b"password-2", 2)):
            before = len(self.slapd.searches())
            await self.log_on(name, password)
            self.assertEqual(len(self.slapd.searches()) - before, searches, name)
        self.assertEqual(self.slapd.connections(), connections)

    async def test_hundred_log_ons_of_one_user_at_once(self) -> None:
        """S-DIR-6: equal look-ups share one search; binds are never shared."""
        await self.directory.find((), None)
        before, binds = len(self.slapd.searches()), len(self.slapd.user_binds())
        running = [Deferred.fromCoroutine(self.log_on("user1", b"password-1")) for _ in range(100)]
        for one in running:
            await one
        self.assertEqual((len(self.slapd.searches()) - before, len(self.slapd.user_binds()) - binds), (1, 100))


class TransportTests(SlapdTests):
    async def test_ldaps_and_starttls(self) -> None:
        """S-DIR-10: both ways to TLS, against a real server."""
        for url in (self.slapd.tls_url, self.slapd.url):
            self.connect(url)
            self.assertIsNotNone((await self.log_on("user1", b"password-1")).account)
        self.assertIn("TLS established", self.slapd.daemon.log_text())

    async def test_host_name_that_the_certificate_does_not_bear(self) -> None:
        """S-DIR-10: no bind to a server whose certificate has another name."""
        before = len(self.slapd.binds())
        for url in (f"ldaps://localhost:{self.slapd.ldaps}", f"ldap://localhost:{self.slapd.ldap}"):
            self.connect(url)
            detail = await self.refused_for_certificate()
            self.assertIn("reason=name", detail)
        self.assertEqual(len(self.slapd.binds()), before)

    async def refused_for_certificate(self) -> str:
        running = Deferred.fromCoroutine(self.log_on("user1", b"password-1"))
        refused: Refused = await self.assertFailure(running, Refused)
        self.assertEqual(refused.reason.code, "XF-LDAP-CERT", refused.detail)
        return refused.detail

    async def test_clear_text_by_the_switch(self) -> None:
        self.connect(self.slapd.url, starttls=False, allow_clear=True)
        self.assertIsNotNone((await self.log_on("user1", b"password-1")).account)

    async def test_wrong_service_password(self) -> None:
        """S-DIR-3: one bind of the service account, however many log on, and never "wrong password"."""
        file = Path(self.mktemp())
        file.write_text("wrong")
        self.connect(self.slapd.url, bind_password_file=file)
        before = len(self.slapd.binds())
        for _ in range(20):
            await self.refused("user1", b"password-1", SERVICE_BIND_REFUSED)
        self.assertEqual(len(self.slapd.binds()), before + 1)

    async def test_base_that_does_not_exist(self) -> None:
        self.connect(self.slapd.url, base="dc=contoso,dc=com", domains={DOMAIN: "dc=contoso,dc=com"})
        await self.refused("user1", b"password-1", DIRECTORY_DOWN)


class RestartTests(SlapdTests):
    def find_site(self) -> Site:
        site = new_site()
        self.addCleanup(site.close)
        return site

    async def test_killed_and_started_again(self) -> None:
        """S-DIR-13: temporary failures while it is away, and then all is well, without a restart of ours.

        Bad input: directory killed and started again
        """
        self.directory.start()
        await self.log_on("user1", b"password-1")
        self.slapd.kill()
        await deferLater(reactor, 0.05)
        for _ in range(5):
            await self.refused("user1", b"password-1", DIRECTORY_DOWN)
        self.slapd.start()
        await deferLater(reactor, limits.LDAP_RECONNECT_FIRST)
        identity = await self.log_on("user1", b"password-1")
        assert identity.account is not None
        self.assertEqual(identity.account.home_server, "dallas")

    async def test_restart_between_two_log_ons_is_not_noticed(self) -> None:
        """S-DIR-13: the next login succeeds, with one bind."""
        await self.log_on("user1", b"password-1")
        self.slapd.stop()
        self.slapd.start()
        await deferLater(reactor, limits.LDAP_RECONNECT_FIRST)
        before = len(self.slapd.user_binds())
        await self.log_on("user2", b"password-2")
        self.assertEqual(len(self.slapd.user_binds()), before + 1)

    async def test_frozen(self) -> None:
        """S-DIR-1: a server that stopped answering is a temporary failure, in bounded time."""
        self.limits = LimitsSection(ldap_search_time=0.5, ldap_bind_time=0.5, ldap_tls_time=0.5)
        self.connect(self.slapd.url)
        await self.log_on("user1", b"password-1")
        self.slapd.freeze()
        self.addCleanup(self.slapd.thaw)
        await self.refused("user1", b"password-1", DIRECTORY_TIMEOUT)

    async def test_frozen_on_a_bind(self) -> None:
        """S-DIR-13: the bind is not repeated; slapd sees one when it goes on."""
        self.limits = LimitsSection(ldap_bind_time=0.5)
        self.connect(self.slapd.url)
        account = (await self.log_on("user1", b"password-1")).account
        assert account is not None
        before = len(self.slapd.user_binds())
        self.slapd.freeze()
        refused = await self.assertFailure(self.passwords.check(account, Secret(b"password-1")), Refused)
        self.slapd.thaw()
        self.assertIs(refused.reason, DIRECTORY_TIMEOUT)
        await deferLater(reactor, 0.2)
        self.assertEqual(len(self.slapd.user_binds()), before + 1)

    async def test_second_server_takes_over(self) -> None:
        """S-DIR-1: with the first server gone the second one serves look-ups and binds."""
        second = shared_site().slapd
        both = Path(self.mktemp())
        both.write_bytes(self.site.authority.ca_file.read_bytes() + shared_site().authority.ca_file.read_bytes())
        servers = (LdapUrl.read(self.slapd.url), LdapUrl.read(second.tls_url))
        self.connect(self.slapd.url, servers=servers, ca_file=both)
        before = len(second.binds())
        await self.log_on("user1", b"password-1")
        self.assertEqual(len(second.binds()), before)
        self.slapd.kill()
        await deferLater(reactor, 0.05)
        for number in range(1, 9):
            await self.log_on(f"user{number}", f"password-{number}".encode())
        self.assertEqual(len(second.binds()), before + 1 + 8)
