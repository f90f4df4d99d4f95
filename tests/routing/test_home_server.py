"""The plain flow: a row per case."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.decision import Refuse, Relay
from exfront.facts import ANONYMOUS, Facts, Health, Identity, Policy, World
from exfront.reasons import (
    APPLICATION_OFF,
    NO_MAILBOX,
    PROTOCOL_NOT_SERVED,
    PROTOCOL_OFF,
    SERVER_UNKNOWN,
    WRONG_PASSWORD,
    Reason,
)
from exfront.routing import decide
from exfront.topology import Protocol, Server, Service, Topology
from tests.support.directory import mailbox

_CHICAGO = Server(
    "CHICAGO", "chicago.fourthcoffee.com", imap4=Service(993, "implicit"), http=Service(80), login_as="upn"
)
_DALLAS = Server("dallas", "mail2.fourthcoffee.com", imap4=Service(143), pop3=Service(110))
_WORLD = World(Topology((_CHICAGO, _DALLAS)), Policy(("fourthcoffee.com", "west.fourthcoffee.com")))
_PROTOCOLS: tuple[Protocol, ...] = ("imap4", "pop3", "http")


def _facts(home_server: str, protocol: Protocol = "imap4") -> Facts:
    account = mailbox("bob", home_server)
    return Facts(protocol, Identity(account), account)


class RelayTests(SynchronousTestCase):
    def test_the_health_of_the_chosen_server_is_told_and_decides_nothing(self) -> None:
        """S-ROUTE-12: where nobody else has the mailbox, a server that is out is still the one."""
        asked = []

        def health(server: str, protocol: Protocol, application: str) -> Health:
            asked.append((server, protocol, application))
            return Health("out", "XF-BE-REFUSED")

        sick = evolve(_WORLD, health=health)
        found, well = self.relayed(_facts("chicago"), sick), self.relayed(_facts("chicago"))
        self.assertEqual(asked, [("CHICAGO", "imap4", "")])
        self.assertEqual(str(found.because[-1]), "health: out, XF-BE-REFUSED")
        self.assertEqual(evolve(found, because=well.because), well)

    def relayed(self, facts: Facts, world: World = _WORLD) -> Relay:
        decision = decide(facts, world)
        assert isinstance(decision, Relay), decision
        return decision

    def test_home_server_by_name_or_host_name_in_any_case(self) -> None:
        for name, server in (
            ("CHICAGO", _CHICAGO),
            ("chicago", _CHICAGO),
            ("Chicago.FourthCoffee.com", _CHICAGO),
            ("chicago.fourthcoffee.com.", _CHICAGO),
            ("dallas", _DALLAS),
            ("mail2.fourthcoffee.com", _DALLAS),
        ):
            self.assertIs(self.relayed(_facts(name)).server, server, name)

    def test_service_of_the_protocol(self) -> None:
        self.assertEqual(self.relayed(_facts("chicago", "imap4")).service, Service(993, "implicit"))
        self.assertEqual(self.relayed(_facts("chicago", "http")).service, Service(80))
        self.assertEqual(self.relayed(_facts("dallas", "pop3")).service, Service(110))

    def test_name_used_at_the_back_end_is_the_servers(self) -> None:
        self.assertEqual(self.relayed(_facts("chicago")).login_as, "upn")

    def test_server_named_by_a_virtual_directory(self) -> None:
        facts = Facts("http", ANONYMOUS, None, named_server="chicago")
        self.assertIs(self.relayed(facts).server, _CHICAGO)

    def test_a_stale_location_is_told(self) -> None:
        """S-DIR-5: marked in what led to the decision."""
        facts = _facts("chicago")
        self.assertNotIn("stale location", [why.rule for why in self.relayed(facts).because])
        stale = evolve(facts, mailbox=mailbox("bob", "chicago", stale=True))
        self.assertEqual(self.relayed(stale).because[0].rule, "stale location")

    def test_mailbox_wins_over_the_virtual_directory(self) -> None:
        self.assertIs(self.relayed(evolve(_facts("dallas"), named_server="chicago")).server, _DALLAS)

    def test_server_that_only_the_directory_names(self) -> None:
        """S-DIR-4: a host below an allowed suffix, with the standard ports, marked as not listed."""
        for name, host in (
            ("boston", "boston.fourthcoffee.com"),
            ("BOSTON.fourthcoffee.com", "boston.fourthcoffee.com"),
            ("a.b.west.fourthcoffee.com", "a.b.west.fourthcoffee.com"),
        ):
            server = self.relayed(_facts(name)).server
            self.assertEqual((server.host, server.imap4, server.listed), (host, Service(143), False))

    def test_decision_says_why(self) -> None:
        self.assertEqual([step.rule for step in self.relayed(_facts("chicago")).because], ["home server", "relay"])


class RefuseTests(SynchronousTestCase):
    def refused(self, facts: Facts, reason: Reason, world: World = _WORLD) -> None:
        decision = decide(facts, world)
        assert isinstance(decision, Refuse), decision
        self.assertIs(decision.reason, reason)
        self.assertTrue(decision.because)

    def test_no_mailbox(self) -> None:
        self.refused(_facts(""), NO_MAILBOX)
        self.refused(Facts("http", ANONYMOUS, None), NO_MAILBOX)

    def test_server_outside_the_allowed_suffixes(self) -> None:
        """S-DIR-4: a poisoned entry leads nowhere."""
        for name in (
            "evil.example", "169.254.169.254", "127.0.0.1", "fourthcoffee.com", "notfourthcoffee.com",
            "evilfourthcoffee.com", "be1@evil.fourthcoffee.com", "evil.example/x.fourthcoffee.com", "be1:25",
            "be1:25.fourthcoffee.com", r"be1\x.fourthcoffee.com", "be1 .fourthcoffee.com", ".", "[::1]",
        ):  # fmt: skip
            for protocol in _PROTOCOLS:
                self.refused(_facts(name, protocol), SERVER_UNKNOWN)

    def test_nothing_but_listed_servers_without_suffixes(self) -> None:
        """S-DIR-4: without a suffix only the configuration's servers are used."""
        world = World(Topology((_CHICAGO,)))
        for name in ("boston", "boston.fourthcoffee.com"):
            self.refused(_facts(name), SERVER_UNKNOWN, world)

    def test_protocol_that_the_server_does_not_have(self) -> None:
        self.refused(_facts("chicago", "pop3"), PROTOCOL_NOT_SERVED)
        self.refused(_facts("dallas", "http"), PROTOCOL_NOT_SERVED)


class TopologyTests(SynchronousTestCase):
    """Servers that the directory's topology names and the configuration does not."""

    def decision(self, host: str) -> Relay | Refuse:
        server = Server("BOSTON", host, imap4=Service(143), listed=False, site="East")
        return decide(_facts("boston"), World(Topology((server,)), _WORLD.policy))

    def test_allowed_by_a_suffix(self) -> None:
        for host, wanted in (
            ("boston.fourthcoffee.com", "boston.fourthcoffee.com"),
            ("boston", "boston.fourthcoffee.com"),
        ):
            relay = self.decision(host)
            assert isinstance(relay, Relay), host
            self.assertEqual((relay.server.host, relay.server.site), (wanted, "East"))

    def test_not_allowed(self) -> None:
        """S-DIR-4: that the directory's topology has a server does not allow it."""
        for host in ("boston.evil.example", "169.254.169.254", "evilfourthcoffee.com", "be1@fourthcoffee.com"):
            refuse = self.decision(host)
            assert isinstance(refuse, Refuse), host
            self.assertIs(refuse.reason, SERVER_UNKNOWN)


class DirectoryServiceTests(SynchronousTestCase):
    def test_port_and_tls_of_the_virtual_directory(self) -> None:
        """S-ROUTE-1: of the configuration; the server stays the directory's, and must speak the protocol."""
        for more, service in (
            ({}, Service(80)),
            ({"port": 8080}, Service(8080)),
            ({"tls": "implicit"}, Service(80, "implicit")),
            ({"port": 444, "tls": "implicit"}, Service(444, "implicit")),
        ):
            relay = decide(evolve(_facts("chicago", "http"), **more), _WORLD)  # type: ignore[arg-type]
            assert isinstance(relay, Relay), more
            self.assertEqual((relay.server.name, relay.service), ("CHICAGO", service))
        refuse = decide(evolve(_facts("dallas", "http"), port=8080), _WORLD)
        assert isinstance(refuse, Refuse)
        self.assertIs(refuse.reason, PROTOCOL_NOT_SERVED)


class SwitchTests(SynchronousTestCase):
    def reason(self, off: str, protocol: Protocol, application: str = "") -> Reason | None:
        account = evolve(mailbox("bob", "chicago"), switched_off=frozenset((off,)))
        decision = decide(Facts(protocol, Identity(account), account, application), _WORLD)
        return decision.reason if isinstance(decision, Refuse) else None

    def test_protocol_switched_off_for_the_user(self) -> None:
        for off, protocol, application, reason in (
            ("imap4", "imap4", "", PROTOCOL_OFF),
            ("pop3", "imap4", "", None),
            ("http", "http", "exchange", APPLICATION_OFF),
            ("owa", "http", "owa", APPLICATION_OFF),
            ("owa", "http", "public", None),
            ("imap4", "http", "owa", None),
            ("activesync", "http", "activesync", APPLICATION_OFF),
            ("owa", "http", "ecp", APPLICATION_OFF),
            ("oma", "http", "oma", APPLICATION_OFF),
            ("mapi", "http", "rpc", APPLICATION_OFF),
            ("mapi", "http", "mapi", APPLICATION_OFF),
            ("owa", "http", "ews", None),
        ):
            self.assertIs(self.reason(off, protocol, application), reason, (off, protocol, application))

    def test_mail_clients_are_told_what_a_wrong_password_is_told(self) -> None:
        """S-AUTH-6: who may not use a protocol cannot tell that from a wrong password."""
        self.assertEqual(PROTOCOL_OFF.imap_text(), WRONG_PASSWORD.imap_text())
        self.assertEqual(PROTOCOL_OFF.pop3_text(), WRONG_PASSWORD.pop3_text())
        self.assertNotEqual(PROTOCOL_OFF.code, WRONG_PASSWORD.code)
