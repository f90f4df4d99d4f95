"""*Exchange 2000/2003 Front End Server Logon Process*: a row per documented case of its steps 5 and 6, and comments.

Steps 1 to 4 (listener, virtual site, virtual directory) are those of tests.web.test_site_choice and
tests.web.test_virtual_sites; 7 and 8 happen at the back end and in the relay.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.decision import Decision, Refuse, Relay
from exfront.facts import Facts, Health, Identity, Policy, SmtpDomainMatch, World
from exfront.reasons import (
    CONTRADICTORY_TOPOLOGY,
    MAILBOX_NOT_FOUND,
    MAILBOX_ON_2003,
    SERVER_UNKNOWN,
    SMTP_DOMAIN_MISMATCH,
    Reason,
)
from exfront.routing import decide
from exfront.topology import (
    Database,
    Mailbox,
    Protocol,
    PublicStore,
    Server,
    ServerVersion,
    Service,
    Topology,
    VirtualDirectory,
)
from tests.support.directory import mailbox
from tests.support.steps import server

_V2000, _V2003, _V2007 = ServerVersion(6, 0, 6249), ServerVersion(6, 5, 7638), ServerVersion(8, 2, 176)
_DATABASE = "cn=mailbox store (backend)"


def old(name: str, version: ServerVersion = _V2003, **more: object) -> Server:
    """A server of 2000 or 2003, as the directory tells of it."""
    return server(name, **{"version": version, "roles": frozenset({"mailbox"}), "listed": False, **more})


_BACKEND = old("backend", site="East")
_CAS = server(
    "dallas", version=_V2007, roles=frozenset({"client_access"}), site="East", http=Service(443, "implicit"),
    listed=False,
)  # fmt: skip
_SERVERS = (
    _BACKEND, old("older", _V2000), old("gate", roles=frozenset({"front_end"})), old("public1"), old("public2"),
    old("public3"), old("elsewhere", host="backend.msxfaq.de"), _CAS,
)  # fmt: skip
_WORLD = World(
    Topology(_SERVERS, virtual_directories=(VirtualDirectory("dallas", "OWA", "owa", external_url="https://x.y"),)),
    Policy(("fourthcoffee.com",), ("fourthcoffee.com",)),
    site="West",
)


def facts(home: str = "backend", application: str = "exchange", **more: object) -> Facts:
    """A request for the own mailbox of a user on `home`."""
    account = mailbox("anna", home, database=_DATABASE, sid="S-1-5-21-1-2-3-1104")
    return evolve(Facts("http", Identity(account), account, application), **more)  # type: ignore[arg-type]


def told(decision: Decision) -> list[str]:
    """Its reasoning, in words."""
    return [str(each) for each in decision.because]


class HomeServerTests(SynchronousTestCase):
    def relayed(self, asked: Facts, world: World = _WORLD) -> Relay:
        decision = decide(asked, world)
        assert isinstance(decision, Relay), decision
        return decision

    def test_step_5_and_6_the_home_server_at_port_80_without_tls(self) -> None:
        """Step 6, comment 7, S-ROUTE-9: always HTTP on port 80."""
        relay = self.relayed(facts())
        self.assertEqual((relay.server, relay.service), (_BACKEND, Service(80)))
        self.assertEqual(told(relay), [
            "home server: 2000/2003 step 5, backend, 2003",
            "SMTP domain: 2000/2003 step 6, need not match since 2003 SP1",
            "the back end takes: 2000/2003 comment 7, negotiate, ntlm, basic",
            "relay: backend, 80, none",
        ])  # fmt: skip

    def test_the_virtual_directorys_port_wins(self) -> None:
        self.assertEqual(self.relayed(facts(port=8080)).service, Service(8080))

    def test_how_2000_and_2003_learn_who_asks(self) -> None:
        """Step 5 and comment 7: only 2003 takes Kerberos and NTLM."""
        self.assertEqual(self.relayed(facts()).schemes, ("negotiate", "ntlm", "basic"))
        self.assertEqual(self.relayed(facts("older")).schemes, ("basic",))

    def test_pop3_and_imap4_the_same_way(self) -> None:
        for protocol, port in (("pop3", 110), ("imap4", 143)):
            relay = self.relayed(facts(application="", protocol=protocol))
            self.assertEqual((relay.server.name, relay.service), ("backend", Service(port)))
            self.assertEqual(told(relay)[0], "home server: 2000/2003 step 5, backend, 2003")

    def test_straight_to_2003_although_a_client_access_server_is_in_its_site(self) -> None:
        """2007 OWA step 1: "even if there is an Exchange 2007 Client Access server"; own site or not."""
        for site in ("East", "West", ""):
            for application in ("exchange", "exchweb", "activesync", "oma"):
                relay = self.relayed(facts(application=application), evolve(_WORLD, site=site))
                self.assertEqual((relay.server.name, relay.service.port), ("backend", 80), (site, application))

    def test_a_server_that_is_out_is_still_the_one(self) -> None:
        """S-ROUTE-12"""
        relay = self.relayed(facts(), evolve(_WORLD, health=lambda *asked: Health("out", "XF-BE-REFUSED")))
        self.assertEqual((relay.server.name, relay.replaceable), ("backend", False))
        self.assertEqual(told(relay)[-1], "health: out, XF-BE-REFUSED")

    def test_the_configurations_address_of_the_server_wins(self) -> None:
        listed = server("backend", http=Service(8081), address="127.0.0.9")
        relay = self.relayed(facts(), evolve(_WORLD, topology=_WORLD.topology.merge([listed])))
        self.assertEqual((relay.server.address, relay.service.port), ("127.0.0.9", 8081))
        self.assertEqual(relay.schemes, ("negotiate", "ntlm", "basic"))

    def test_the_configurations_schemes_of_the_server_win(self) -> None:
        """S-ROUTE-9: a server to which no password is ever sent."""
        listed = server("backend", next_hop=("ntlm",))
        relay = self.relayed(facts(), evolve(_WORLD, topology=_WORLD.topology.merge([listed])))
        self.assertEqual(relay.schemes, ("ntlm",))
        self.assertEqual(told(relay)[-2:], ["next_hop of the server: ntlm", "relay: backend, 80, none"])


class RefusedTests(SynchronousTestCase):
    def refused(self, asked: Facts, reason: Reason) -> Refuse:
        decision = decide(asked, _WORLD)
        assert isinstance(decision, Refuse), decision
        self.assertIs(decision.reason, reason)
        return decision

    def test_a_front_end_holds_no_mailboxes(self) -> None:
        """Contradictory topology: msExchServerRole says front end, a mailbox says home server."""
        self.assertIn("msExchServerRole=1", self.refused(facts("gate"), CONTRADICTORY_TOPOLOGY).detail)

    def test_a_host_outside_of_the_allowed_suffixes(self) -> None:
        """S-DIR-4"""
        self.refused(facts("elsewhere"), SERVER_UNKNOWN)

    def test_a_2003_mailbox_through_the_paths_of_2007(self) -> None:
        for application in ("owa", "ecp"):
            refused = self.refused(facts(application=application), MAILBOX_ON_2003)
            self.assertEqual(
                told(refused)[-1], f"only /exchange, /public and /exchweb open it: 2007 OWA step 1, {application}"
            )


class SmtpDomainTests(SynchronousTestCase):
    """Step 6: "make sure that the user has an smtp address that matches"; from 2003 SP1 on "you no longer need to"."""

    def test_each_case(self) -> None:
        match: SmtpDomainMatch
        for match, domain, explicit, reason in (
            ("strict", "fourthcoffee.com", False, None),
            ("strict", "FourthCoffee.COM", True, None),
            ("strict", "contoso.com", False, SMTP_DOMAIN_MISMATCH),
            ("strict", "coffee.com", False, SMTP_DOMAIN_MISMATCH),
            ("strict", "contoso.com", True, MAILBOX_NOT_FOUND),  # KB293386: explicit logon gets 404
            ("sp1", "contoso.com", False, None),
            ("sp1", "contoso.com", True, None),
            ("sp1", "", False, None),
        ):  # fmt: skip
            asked = facts(smtp_domain=domain, smtp_domain_match=match, explicit_logon=explicit)
            decision = decide(asked, _WORLD)
            found = decision.reason if isinstance(decision, Refuse) else None
            self.assertIs(found, reason, (match, domain, explicit))
            self.assertIn("2000/2003 step 6", " ".join(told(decision)))

    def test_the_error_is_401_5(self) -> None:
        """KB293386: "Error: Access is denied.", sub-status 5."""
        self.assertEqual((SMTP_DOMAIN_MISMATCH.http_status, SMTP_DOMAIN_MISMATCH.substatus), (401, 5))

    def test_it_is_the_opened_mailbox_that_counts(self) -> None:
        """Explicit logon: the address was built of the URL's name and the directory's domain."""
        opened = mailbox("bob", "older", addresses=("bob@contoso.com",))
        asked = facts(mailbox=opened, smtp_domain="contoso.com", smtp_domain_match="strict", explicit_logon=True)
        decision = decide(asked, _WORLD)
        assert isinstance(decision, Relay)
        self.assertEqual(decision.server.name, "older")


class PublicFolderTests(SynchronousTestCase):
    """*Finding Public Folders*: always the same server for a user, one with a public store."""

    def setUp(self) -> None:
        stores = tuple(PublicStore(f"cn={name}", name, name) for name in ("public1", "public2", "public3"))
        self.stores = evolve(_WORLD.topology, public_stores=stores)

    def chosen(self, topology: Topology, out: tuple[str, ...] = (), number: int = 1104) -> str:
        def health(name: str, protocol: Protocol, application: str) -> Health | None:
            return Health("out") if name in out else None

        account = mailbox("anna", "backend", database=_DATABASE, sid=f"S-1-5-21-1-2-3-{number}")
        asked = Facts("http", Identity(account), account, "public")
        decision = decide(asked, evolve(_WORLD, topology=topology, health=health))
        assert isinstance(decision, Relay), decision
        self.why = told(decision)
        return decision.server.name

    def named(self, store: str) -> Topology:
        return evolve(self.stores, databases=(Database(_DATABASE, "store", "backend", store),))

    def test_the_public_store_of_the_users_database(self) -> None:
        for name in ("public1", "public2", "public3"):
            self.assertEqual(self.chosen(self.named(f"cn={name}")), name)
        self.assertIn("public store of the mailbox database: 2000/2003 step 5, public3", self.why)

    def test_without_one_a_hash_of_the_user(self) -> None:
        found = {number: self.chosen(self.stores, number=number) for number in range(30)}
        self.assertEqual(set(found.values()), {"public1", "public2", "public3"})
        self.assertEqual(found, {number: self.chosen(self.stores, number=number) for number in range(30)})

    def test_one_that_is_dead_is_left_out(self) -> None:
        topology = self.named("cn=public2")
        others = {self.chosen(topology, ("public2",), number) for number in range(30)}
        self.assertEqual(others, {"public1", "public3"})
        self.assertIn("left out: public2, out", self.why)

    def test_nobody_else_moves_when_one_dies(self) -> None:
        before = [self.chosen(self.stores, number=number) for number in range(30)]
        after = [self.chosen(self.stores, ("public3",), number) for number in range(30)]
        self.assertTrue(all(new == old for old, new in zip(before, after, strict=True) if old != "public3"))

    def test_one_outside_of_the_allowed_suffixes_is_left_out(self) -> None:
        """S-DIR-4"""
        topology = evolve(self.named("cn=elsewhere"), public_stores=(PublicStore("cn=elsewhere", "", "elsewhere"),))
        self.assertEqual(self.chosen(topology), "backend")
        self.assertIn("left out: elsewhere, not below an allowed suffix", self.why)

    def test_a_database_that_names_an_unknown_store(self) -> None:
        """Missing objects: as if it named none."""
        self.assertEqual(self.chosen(self.named("cn=deleted")), self.chosen(self.stores))

    def test_no_store_at_all_leaves_the_home_server(self) -> None:
        self.assertEqual(self.chosen(_WORLD.topology), "backend")
        self.assertEqual(self.chosen(self.stores, ("public1", "public2", "public3")), "backend")

    def test_another_users_mailbox_does_not_change_the_server(self) -> None:
        """Who asks is hashed, not what is opened."""
        own = mailbox("anna", "backend", sid="S-1-5-21-1-2-3-1104")
        opened: Mailbox = mailbox("bob", "older", sid="S-1-5-21-1-2-3-7")
        world = evolve(_WORLD, topology=self.stores)
        decisions = [decide(Facts("http", Identity(own), each, "public"), world) for each in (own, opened)]
        self.assertEqual(len({each.server.name for each in decisions if isinstance(each, Relay)}), 1)
