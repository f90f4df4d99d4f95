"""Against Samba as an Active Directory domain controller: log-on, look-up and topology."""

from __future__ import annotations

import subprocess
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from exfront.auth.ldap_bind import LdapBindChecker
from exfront.auth.portal import Portal
from exfront.because import Trace
from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.config.limits import LimitsSection
from exfront.decision import LinkPage, ProxyToCas, Refuse, Relay, SessionRecord
from exfront.directory.lookup import Directory
from exfront.directory.topology_reader import TopologyReader
from exfront.facts import Facts, Identity, Policy, World
from exfront.names import KeyKind, LookupKey, parse_login
from exfront.reasons import (
    AMBIGUOUS_LOGIN,
    CAS_CONFIGURATION,
    CAS_DOWN,
    DISABLED_ACCOUNT,
    EMPTY_PASSWORD,
    INCONSISTENT_MAILBOX,
    LOCKED_ACCOUNT,
    PROTOCOL_OFF,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.routing import decide
from exfront.secret import Secret
from exfront.topology import Mailbox, Service, Topology
from tests.support.cas_sites import BACK_END_2003_HOST, CAS_SITES, LINKED, OWN
from tests.support.process import program
from tests.support.samba import shared_site
from tests.support.samba_data import (
    BASE,
    CONFIGURATION,
    DISABLED,
    DNS_DOMAIN,
    DOMAIN,
    EMPTY_SITE,
    EXPIRED,
    GONE,
    HOME_2003,
    HOME_2007,
    HOME_2010,
    HOME_2013,
    LINKED_SITE,
    LOCKABLE,
    LOCKOUT_THRESHOLD,
    MANY_ADDRESSES,
    MUST_CHANGE,
    NO_MAILBOX,
    NOT_INTEGRATED_SITE,
    ODD,
    ON_BACK_END,
    OWN_SITE,
    PARTNER,
    PROXIED_SITE,
    SERVICE_DN,
    TWINS,
    WITHOUT_POP3,
    Account,
)


class SambaTests(TestCase):
    """One domain for all tests; each test connects anew, over verified TLS."""

    timeout = 120

    def setUp(self) -> None:
        self.site = shared_site()
        self.samba = self.site.samba
        self.connect(self.samba.tls_url)

    def connect(self, url: str, **more: Any) -> None:
        """A portal over this server; the last one made is used, all are stopped."""
        values: dict[str, Any] = {
            "servers": (LdapUrl.read(url),),
            "base": BASE,
            "bind_dn": SERVICE_DN,
            "bind_password_file": self.samba.password_file(),
            "ca_file": self.site.authority.ca_file,
            "topology": True,
            **more,
        }
        self.settings = DirectorySection(**values)
        limits = LimitsSection()
        self.directory = Directory(self.settings, limits, reactor, DOMAIN)
        self.passwords = LdapBindChecker(self.settings, limits, reactor)
        self.portal = Portal(self.directory, self.passwords, [SERVICE_DN])
        self.addCleanup(self.directory.stop)
        self.addCleanup(self.passwords.stop)

    async def log_on(self, name: str, password: bytes) -> Identity:
        return await self.portal.authenticate(name.encode(), Secret(password), SessionRecord("1", "imap4", "-"))

    async def refused(self, name: str, password: bytes, reason: Reason) -> str:
        running = Deferred.fromCoroutine(self.log_on(name, password))
        refused: Refused = await self.assertFailure(running, Refused)
        self.assertIs(refused.reason, reason, f"{name!r}: {refused}")
        return refused.detail

    async def refused_bind(self, person: Account, password: bytes) -> str:
        """The bind alone, as the portal would send it: what Samba says of this account's state."""
        account = Mailbox(person.dn, "id", person.name)
        running = Deferred.fromCoroutine(_awaited(self.passwords.check(account, Secret(password))))
        refused: Refused = await self.assertFailure(running, Refused)
        self.assertEqual(refused.reason.http_status, 401, refused)
        return refused.detail

    async def found(self, name: str, trace: Trace | None = None) -> Mailbox:
        mailbox = await self.directory.find(parse_login(name).keys, trace)
        assert mailbox is not None, name
        return mailbox

    async def topology(self) -> Topology:
        """Read once; the directory learns it as in the service."""
        reader = TopologyReader(self.settings, self.directory.searches, reactor, changed=self.directory.learn)
        topology = await reader.read()
        self.assertEqual(reader.broken, 0)
        return topology


async def _awaited(deferred: Deferred[str]) -> str:
    return await deferred


class NameTests(SambaTests):
    async def test_four_forms_of_a_name_lead_to_one_account(self) -> None:
        r"""S-AUTH-4: the bare name, ``DOMAIN\user``, the UPN and an SMTP address are one account."""
        forms = ("anna", rf"{DOMAIN}\anna", f"ANNA@{DNS_DOMAIN}", f"anna.old@{DNS_DOMAIN}")
        identities = [await self.log_on(form, HOME_2003.secret) for form in forms]
        accounts = {identity.account.account_id for identity in identities if identity.account is not None}
        self.assertEqual((len(accounts), len(accounts.pop())), (1, 32))
        self.assertEqual({identity.proof for identity in identities}, {"ldap_bind"})

    async def test_more_forms(self) -> None:
        for form in (f"{DOMAIN}/carl", f"{DNS_DOMAIN}\\carl", f"carl@{DOMAIN}"):
            identity = await self.log_on(form, HOME_2010.secret)
            assert identity.account is not None
            self.assertEqual(identity.account.account_name, "carl")

    async def test_upn_with_a_foreign_suffix(self) -> None:
        """The UPN is no SMTP address of this account, and its implicit UPN works too."""
        for form in (PARTNER.principal, f"partner@{DNS_DOMAIN}"):
            identity = await self.log_on(form, PARTNER.secret)
            assert identity.account is not None
            self.assertEqual(identity.account.account_name, "partner")

    async def test_dn_with_commas_quotes_and_eight_bit_letters(self) -> None:
        """Bad input: DN with escaped commas and UTF-8"""
        identity = await self.log_on("odd", ODD.secret)
        assert identity.account is not None
        self.assertIn("\\,", identity.account.dn)
        self.assertEqual(identity.account.home_server, "HOUSTON")

    async def test_names_that_nobody_has(self) -> None:
        """S-AUTH-3, S-AUTH-5: filter characters, look-alikes and unknown domains find nobody.

        Bad input: user name with filter characters, NUL, 10 kB, right-to-left or look-alike characters
        """
        for name in ("*", ")(uid=*", "ann*", "аnna", "ａnna2", r"CONTOSO\anna", "anna@contoso.com"):
            await self.refused(name, HOME_2003.secret, UNKNOWN_USER)

    async def test_address_of_two_accounts_is_refused(self) -> None:
        """S-AUTH-5: two entries for one name are refused, and the log gets both.

        Bad input: a proxy address owned by two users
        """
        detail = await self.refused(f"twins@{DNS_DOMAIN}", TWINS[0].secret, AMBIGUOUS_LOGIN)
        for twin in TWINS:
            self.assertIn(twin.dn, detail)


class StateTests(SambaTests):
    async def test_states_by_sub_code(self) -> None:
        """S-AUTH-16: with the right password Samba tells the account's state in the bind's answer."""
        for person, code in ((DISABLED, "533"), (EXPIRED, "701"), (MUST_CHANGE, "773")):
            self.assertIn(f"data={code}", await self.refused_bind(person, person.secret), person.name)
            self.assertIn("data=52e", await self.refused_bind(person, b"wrong"), person.name)

    async def test_disabled_account_is_refused_before_a_bind(self) -> None:
        detail = await self.refused("disabled", DISABLED.secret, DISABLED_ACCOUNT)
        self.assertNotIn("data=", detail)

    async def test_wrong_password(self) -> None:
        self.assertIn("data=52e", await self.refused("bob", b"wrong", WRONG_PASSWORD))

    async def test_empty_password_is_no_bind(self) -> None:
        """S-AUTH-1: a bind without a password would prove nothing."""
        await self.refused("bob", b"", EMPTY_PASSWORD)

    async def test_locked_account(self) -> None:
        """Five wrong passwords lock the account: then even the right one is refused, with 775."""
        for _ in range(LOCKOUT_THRESHOLD):
            self.assertIn("data=52e", await self.refused_bind(LOCKABLE, b"wrong"))
        self.assertIn("data=775", await self.refused_bind(LOCKABLE, LOCKABLE.secret))
        self.assertIn("data=775", await self.refused("lockable", LOCKABLE.secret, LOCKED_ACCOUNT))
        self.assertGreater((await self.found("lockable")).locked_since, 1_600_000_000)

    async def test_expiry_is_read(self) -> None:
        self.assertEqual(round((await self.found("expired")).expires), 1_455_526_400)
        self.assertEqual((await self.found("anna")).expires, 0.0)


class HomeTests(SambaTests):
    async def test_home_servers_of_all_versions(self) -> None:
        """homeMDB of 2003 and 2007 has the server in it, of 2010 and 2013 it names a database."""
        for person, server in ((HOME_2003, "CHICAGO"), (HOME_2007, "DALLAS"), (HOME_2010, "BOSTON"),
                               (HOME_2013, "HOUSTON"), (NO_MAILBOX, "")):  # fmt: skip
            self.assertEqual((await self.found(person.name)).home_server, server, person.name)

    async def test_topology_saves_the_search_for_the_database(self) -> None:
        trace = Trace()
        await self.found("carl", trace)
        searches = sum(step.rule == "search" for step in trace)
        await self.topology()
        trace = Trace()
        self.assertEqual((await self.found("carl", trace)).home_server, "BOSTON")
        self.assertEqual((searches, sum(step.rule == "search" for step in trace)), (2, 1))

    async def test_home_database_that_was_deleted(self) -> None:
        """S-DIR-12: a home server that no rule can name is refused.

        Bad input: homeMDB to a deleted object
        """
        self.assertIn("DEL:", await self.refused(GONE.name, GONE.secret, INCONSISTENT_MAILBOX))

    async def test_five_thousand_addresses(self) -> None:
        """Bad input: 5,000 proxyAddresses"""
        mailbox = await self.found(f"many4999@{DNS_DOMAIN}")
        self.assertEqual((mailbox.account_name, len(mailbox.addresses)), (MANY_ADDRESSES.name, 5002))
        self.assertEqual(mailbox.addresses[0], f"many@{DNS_DOMAIN}")

    async def test_protocol_switched_off(self) -> None:
        """protocolSettings POP3 off, IMAP4 on: the client hears what it hears for a wrong password."""
        mailbox = await self.found(WITHOUT_POP3.name)
        self.assertEqual(mailbox.switched_off, {"pop3"})
        world = World(await self.topology(), Policy((DNS_DOMAIN,)))
        pop3 = decide(Facts("pop3", Identity(mailbox), mailbox), world)
        assert isinstance(pop3, Refuse)
        self.assertIs(pop3.reason, PROTOCOL_OFF)
        self.assertEqual(pop3.reason.pop3_text(), WRONG_PASSWORD.pop3_text())
        imap4 = decide(Facts("imap4", Identity(mailbox), mailbox), world)
        assert isinstance(imap4, Relay)
        self.assertEqual(imap4.server.host, f"boston.{DNS_DOMAIN}")

    async def test_sid(self) -> None:
        self.assertRegex((await self.found("anna")).sid, r"\AS-1-5-21-\d+-\d+-\d+-\d+\Z")


class CatalogTests(SambaTests):
    async def test_account_of_the_global_catalog(self) -> None:
        self.connect(self.samba.catalog_url)
        mailbox = await self.found(f"bob.old@{DNS_DOMAIN}")
        self.assertEqual((mailbox.account_name, mailbox.home_server), ("bob", "DALLAS"))

    async def test_whole_forest_by_an_empty_base(self) -> None:
        self.connect(self.samba.catalog_url, base="", domains={DOMAIN: BASE})
        mailbox = await self.directory.find([LookupKey(KeyKind.ADDRESS, f"carl@{DNS_DOMAIN}")], None)
        assert mailbox is not None
        self.assertEqual(mailbox.home_server, "BOSTON")


class TopologyTests(SambaTests):
    async def test_counts(self) -> None:
        """As many objects of each class as Samba's own tools count."""
        topology = await self.topology()
        for found, count in (
            (topology.servers, self.count("(objectClass=msExchExchangeServer)")),
            (topology.databases, self.count("(objectClass=msExchPrivateMDB)")),
            (topology.public_stores, self.count("(objectClass=msExchPublicMDB)")),
            (topology.virtual_directories,
             self.count("(|(objectClass=msExchVirtualDirectory)(objectClass=msExchProtocolCfgHTTPVirtualDirectory))")),
            (topology.sites, self.count("(objectClass=site)")),
            (topology.subnets, self.count("(objectClass=subnet)")),
            (topology.site_links, self.count("(objectClass=siteLink)")),
            (topology.mail_settings,
             self.count("(|(objectClass=protocolCfgPOPServer)(objectClass=protocolCfgIMAPServer))")),
        ):  # fmt: skip
            self.assertGreater(count, 0)
            self.assertEqual(len(found), count, found[:1])
        self.assertEqual(topology.organisation, "Fourth Coffee")

    async def test_servers(self) -> None:
        topology = await self.topology()
        new = {site.mailbox_server for site in CAS_SITES} | {name for site in CAS_SITES for name in site.client_access}
        self.assertEqual(
            {
                one.name: (one.host, one.version.name if one.version else "", one.site)
                for one in topology.servers
                if one.name not in new
            },
            {
                "BACKEND": ("backend.msxfaq.de", "2003", ""),
                "CHICAGO": (f"chicago.{DNS_DOMAIN}", "2003", ""),
                "GATE": (f"gate.{DNS_DOMAIN}", "2003", ""),
                "DALLAS": (f"dallas.{DNS_DOMAIN}", "2007", "East"),
                "BOSTON": (f"boston.{DNS_DOMAIN}", "2010", "East"),
                "HOUSTON": (f"houston.{DNS_DOMAIN}", "2013", "West"),
            },
        )
        gate = topology.find("gate")
        assert gate is not None
        self.assertEqual(gate.roles, {"front_end"})
        boston = topology.find("boston")
        assert boston is not None
        self.assertEqual((boston.imap4, boston.pop3), (Service(993, "implicit"), Service(995, "implicit")))

    async def test_what_routing_needs_of_the_seven_branches(self) -> None:
        """Versions, roles, sites, URLs, authentication bits and public stores, as Samba holds them, decide the flow."""
        policy = Policy((DNS_DOMAIN, "msxfaq.de"), (DNS_DOMAIN,))
        world = World(await self.topology(), policy, site="Illinois")
        found = {}
        for person in (OWN_SITE, LINKED_SITE, PROXIED_SITE, NOT_INTEGRATED_SITE, EMPTY_SITE, ON_BACK_END, HOME_2007):
            mailbox = await self.found(person.name)
            decision = decide(Facts("http", Identity(mailbox), mailbox, "exchange"), world)
            found[person.name] = decision.reason if isinstance(decision, Refuse) else decision
        relay, link, proxy = (found[each.name] for each in (OWN_SITE, LINKED_SITE, PROXIED_SITE))
        assert isinstance(relay, Relay) and isinstance(link, LinkPage) and isinstance(proxy, ProxyToCas), found
        self.assertIn(relay.server.name, OWN.client_access)
        self.assertEqual(relay.service, Service(443, "implicit"))
        self.assertEqual((link.url, proxy.url), (LINKED.external_url, f"https://dubuque.{DNS_DOMAIN}/owa"))
        self.assertIs(found[NOT_INTEGRATED_SITE.name], CAS_CONFIGURATION)
        self.assertIs(found[EMPTY_SITE.name], CAS_DOWN)
        backend, dallas = found[ON_BACK_END.name], found[HOME_2007.name]
        assert isinstance(backend, Relay) and isinstance(dallas, ProxyToCas), found
        self.assertEqual((backend.server.host, backend.service), (BACK_END_2003_HOST, Service(80)))
        self.assertEqual(dallas.url, f"https://dallas.{DNS_DOMAIN}/owa")

    async def test_the_public_store_of_a_database(self) -> None:
        topology = await self.topology()
        mailbox = await self.found(ON_BACK_END.name)
        self.assertEqual(topology.public_server(mailbox.database), "BACKEND")
        self.assertEqual(topology.public_server((await self.found("anna")).database), "")

    async def test_sites(self) -> None:
        topology = await self.topology()
        self.assertEqual(topology.site_of("10.2.3.4"), "West")
        self.assertEqual(topology.distances("Default-First-Site-Name")["West"], 70)

    async def test_domain_names_are_learned(self) -> None:
        """NetBIOS and DNS names come from the partitions container; the configuration need not know them."""
        topology = await self.topology()
        self.assertEqual(topology.domains, {DOMAIN.lower(): BASE, DNS_DOMAIN: BASE})
        self.connect(self.samba.tls_url, domains={"OTHER": f"DC=other,{BASE}"})
        self.assertIsNone(await self.directory.find([LookupKey(KeyKind.ACCOUNT, "anna", DOMAIN)], None))
        await self.topology()
        self.assertIsNotNone(await self.directory.find([LookupKey(KeyKind.ACCOUNT, "anna", DOMAIN)], None))

    def count(self, text: str) -> int:
        """What ldapsearch finds in the configuration partition."""
        argv = [
            program("ldapsearch", "ldap-utils"), "-x", "-LLL", "-E", "pr=100/noprompt", "-o", "ldif-wrap=no",
            "-H", self.samba.url, "-D", SERVICE_DN, "-y", str(self._bare_password()), "-b", CONFIGURATION, text, "1.1",
        ]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, timeout=30, check=True)
        return sum(line.startswith(b"dn:") for line in done.stdout.splitlines())

    def _bare_password(self) -> Any:
        """ldapsearch takes the whole file for the password, with its line's end."""
        file = self.samba.folder / "bare.password"
        file.touch(mode=0o600)
        file.write_text(self.samba.bind_password)
        return file
