"""The configuration partition, read whole: values, swaps, and what a broken object costs."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.config.directory import DirectorySection
from exfront.directory.client import SearchAnswer
from exfront.directory.discovery import Purpose
from exfront.directory.entry import Entry
from exfront.directory.exchange_objects import read_site_link, version_of
from exfront.directory.filters import Search
from exfront.directory.topology_reader import TopologyReader, differences
from exfront.reasons import DIRECTORY_DOWN, DIRECTORY_TIMEOUT, INTERNAL_ERROR, Refused
from exfront.site_links import SiteLink
from exfront.topology import (
    Database,
    MailSettings,
    Server,
    ServerVersion,
    Service,
    Subnet,
    Topology,
    VirtualDirectory,
)
from tests.support.searches import MemorySearches, entry

_BASE = "CN=Configuration,DC=x"
_ORGANISATION = f"CN=Org,CN=Microsoft Exchange,CN=Services,{_BASE}"
_SERVERS = f"CN=Servers,CN=Group,CN=Administrative Groups,{_ORGANISATION}"
_SITES = f"CN=Sites,{_BASE}"
_EAST, _WEST = f"CN=East,{_SITES}", f"CN=West,{_SITES}"

Values = Sequence[str | bytes]


class PagedSearches(MemorySearches):
    """Pages of `size` entries; `fail_after` pages it refuses."""

    size = 2
    fail_after: int | None = None
    reason = DIRECTORY_DOWN
    never = False  # nothing is answered
    given = 0

    async def search(self, search: Search, purpose: Purpose = "users") -> SearchAnswer:
        root = Entry("", {"configurationnamingcontext": (_BASE.encode(),)})
        return SearchAnswer((root,), True, 0, "memory") if not search.base else await super().search(search)

    async def pages(self, search: Search, page_size: int = 500) -> AsyncIterator[tuple[Entry, ...]]:
        self.asked.append(search)
        if self.never:
            await Deferred()
        found = tuple(self.matching(search))
        for begin in range(0, max(len(found), 1), self.size):
            if self.given == self.fail_after:
                raise Refused(self.reason, "gone")
            self.given += 1
            yield found[begin : begin + self.size]


def _server(name: str, **more: Values) -> Entry:
    values: dict[str, Values] = {
        "objectClass": ["top", "server", "msExchExchangeServer"],
        "networkAddress": [f"netbios:{name}", f"ncacn_ip_tcp:{name}.x.example", f"ncacn_np:{name}"],
        **more,
    }
    return entry(f"CN={name},{_SERVERS}", {key: value for key, value in values.items() if value})


def _database(name: str, owner: str, **more: Values) -> Entry:
    values: dict[str, Values] = {"objectClass": ["msExchPrivateMDB"], **more}
    if owner:
        values["msExchOwningServer"] = [owner]
    return entry(f"CN={name},CN=Databases,{_ORGANISATION}", values)


def _copy(server: str, database: str, preference: str) -> Entry:
    values: dict[str, Values] = {
        "objectClass": ["msExchMDBCopy"], "msExchHostServerLink": [f"CN={server},{_SERVERS}"],
        "msExchActivationPreference": [preference],
    }  # fmt: skip
    return entry(f"CN={server},{database}", values)


def _virtual_directory(name: str, kind: str, **more: Values) -> Entry:
    classes = ["top", "msExchVirtualDirectory", f"msExch{kind}VirtualDirectory"]
    return entry(f"CN={name},CN=HTTP,CN=Protocols,CN=BOSTON,{_SERVERS}", {"objectClass": classes, **more})


def _link(name: str, sites: Sequence[str], **costs: Values) -> Entry:
    values: dict[str, Values] = {"objectClass": ["siteLink"], "siteList": list(sites), **costs}
    return entry(f"CN={name},CN=IP,CN=Inter-Site Transports,{_SITES}", values)


class CountingClock(Clock):
    """`turns` is how often somebody let others have their turn."""

    turns = 0

    def callLater(self, when: float, what: Callable[..., object], *a: object, **kw: object) -> Any:
        self.turns += when == 0
        return super().callLater(when, what, *a, **kw)


class ReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = CountingClock()
        self.searches = PagedSearches()
        self.events: list[Any] = []
        self.changes: list[Topology] = []
        settings = DirectorySection((), "dc=x", topology=True, topology_time=300.0)
        self.reader = TopologyReader(settings, self.searches, self.clock, changed=self.changes.append)
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def read(self, *entries: Entry) -> Topology:
        self.searches.entries = list(entries)
        return self.successResultOf(self.run_to_the_end(Deferred.fromCoroutine(self.reader.read())))

    def run_to_the_end(self, reading: Deferred[Topology]) -> Deferred[Topology]:
        for _ in range(1000):
            if reading.called:
                break
            self.clock.advance(0)
        return reading

    def warnings(self) -> list[str]:
        return [str(event.get("dn", "")) for event in self.events if event["log_level"].name == "warn"]


class ValueTests(ReaderTests):
    def test_servers_of_all_versions(self) -> None:
        """Versions: the table of *Parsing ServerVersion: When an Int Is Really 5 Ints*."""
        topology = self.read(
            _server("CHICAGO", versionNumber=["7638"], serialNumber=["Version 6.5 (Build 7638.2: Service Pack 2)"]),
            _server("GATE", serialNumber=["Version 6.5 (Build 7638.2)"], msExchServerRole=["1"]),
            _server("BOSTON", versionNumber=["1937866970"], msExchCurrentServerRoles=["54"], msExchServerSite=[_EAST]),
            _server("HOUSTON", serialNumber=["Version 15.0 (Build 30516.32)"], msExchCurrentServerRoles=["16439"]),
        )
        boston, chicago, gate, houston = topology.servers
        self.assertEqual(
            [(one.name, one.host, one.version and one.version.name) for one in topology.servers],
            [("BOSTON", "boston.x.example", "2010"), ("CHICAGO", "chicago.x.example", "2003"),
             ("GATE", "gate.x.example", "2003"), ("HOUSTON", "houston.x.example", "2013")],
        )  # fmt: skip
        self.assertEqual(boston.site, "East")
        self.assertEqual(boston.roles, {"mailbox", "client_access", "unified_messaging", "hub_transport"})
        self.assertEqual((chicago.roles, gate.roles), ({"mailbox"}, {"front_end"}))
        self.assertIn("front_end", houston.roles)
        self.assertEqual(boston.imap4, Service(143))
        self.assertFalse(boston.listed)

    def test_http_of_each_version(self) -> None:
        """S-ROUTE-9: 80 in clear of 2000 and 2003, https of 2007 and 2010, 444 of 2013 and later."""
        for serial, service in (
            ("Version 6.0 (Build 6249.4)", Service(80)),
            ("Version 6.5 (Build 7638.2)", Service(80)),
            ("", Service(80)),
            ("Version 8.2 (Build 30176.2)", Service(443, "implicit")),
            ("Version 14.1 (Build 30218.15)", Service(443, "implicit")),
            ("Version 15.0 (Build 30516.32)", Service(444, "implicit")),
        ):
            self.assertEqual(self.read(_server("BOSTON", serialNumber=[serial])).servers[0].http, service, serial)

    def test_mail_of_2013_is_behind_its_front_ends(self) -> None:
        """S-ROUTE-9: ProxyTargetPort of Set-PopSettings and Set-ImapSettings, 1995 and 1993 with TLS."""
        for serial, imap4, pop3 in (
            ("Version 14.1 (Build 30218.15)", Service(143), Service(110)),
            ("Version 15.0 (Build 30516.32)", Service(1993, "implicit"), Service(1995, "implicit")),
            ("Version 15.2 (Build 30221.1)", Service(1993, "implicit"), Service(1995, "implicit")),
        ):
            (boston,) = self.read(_server("BOSTON", serialNumber=[serial])).servers
            self.assertEqual((boston.imap4, boston.pop3), (imap4, pop3), serial)

    def test_public_stores_and_who_uses_them(self) -> None:
        """*Finding Public Folders*: msExchHomePublicMDB is the mailbox database's."""
        group = f"CN=First,CN=InformationStore,CN=BOSTON,{_SERVERS}"
        home = {"msExchOwningServer": [f"CN=CHICAGO,{_SERVERS}"], "msExchHomePublicMDB": [f"CN=Public,{group}"]}
        topology = self.read(
            _server("BOSTON"),
            entry(f"CN=Public,{group}", {"objectClass": ["msExchPublicMDB"]}),
            entry(f"CN=Mail,{_ORGANISATION}", {"objectClass": ["msExchPrivateMDB"], **home}),
            _database("Other", f"CN=BOSTON,{_SERVERS}"),
        )
        self.assertEqual([store.server for store in topology.public_stores], ["BOSTON"])  # of its name: no owner
        self.assertEqual([server.name for server in topology.with_public_stores], ["BOSTON"])
        found = {database.name: topology.public_server(database.dn) for database in topology.databases}
        self.assertEqual(found, {"Mail": "BOSTON", "Other": ""})

    def test_version_numbers(self) -> None:
        for number, serial, expected in (
            (1912766640, "", ServerVersion(8, 2, 176)),
            (1912636077, "", ServerVersion(8, 0, 685)),
            (1937866970, "", ServerVersion(14, 1, 218)),
            (1941996036, "", ServerVersion(15, 0, 516)),
            (0, "Version 15.1 (Build 31531.3)", ServerVersion(15, 1, 1531)),
            (7638, "Version 6.5 (Build 7638.2: Service Pack 2)", ServerVersion(6, 5, 7638)),
            (6249, "Version 6.0 (Build 6249.4: Service Pack 3)", ServerVersion(6, 0, 6249)),
            (7226, "", None),
            (0, "nonsense", None),
        ):
            self.assertEqual(version_of(number, serial), expected, (number, serial))

    def test_server_without_version_number_is_a_server(self) -> None:
        """Bad input: versionNumber missing"""
        self.assertIsNone(self.read(_server("BOSTON")).servers[0].version)

    def test_server_without_network_address_keeps_its_short_name(self) -> None:
        self.assertEqual(self.read(_server("BOSTON", networkAddress=["netbios:BOSTON"])).servers[0].host, "boston")

    def test_databases_and_their_owners(self) -> None:
        topology = self.read(_database(r"Sales\, East", f"CN=BOSTON,{_SERVERS}"))
        name = rf"cn=sales\, east,cn=databases,{_ORGANISATION.lower()}"
        self.assertEqual(topology.databases, (Database(name, "Sales, East", "BOSTON"),))
        self.assertEqual(topology.owner(name), "BOSTON")
        self.assertEqual(topology.owner("cn=other"), "")

    def test_copies_of_a_database_in_activation_order(self) -> None:
        """2010 on: objects below the database; its owner may be missing where it has a group."""
        group = f"CN=DAG1,CN=Database Availability Groups,CN=Group,{_ORGANISATION}"
        one, two = (f"CN={name},CN=Databases,{_ORGANISATION}" for name in ("One", "Two"))
        topology = self.read(
            _database("One", f"CN=BOSTON,{_SERVERS}", msExchMasterServerOrAvailabilityGroup=[group]),
            _database("Two", "", msExchMasterServerOrAvailabilityGroup=[group]),
            _database("Three", f"CN=BOSTON,{_SERVERS}",
                      msExchMasterServerOrAvailabilityGroup=[f"CN=BOSTON,{_SERVERS}"]),
            _copy("AUSTIN", one, "3"), _copy("BOSTON", one, "1"), _copy("waco", one, "2"),
            _copy("DALLAS", one.upper(), "0"), _copy("TULSA", two, "1"),
            _copy("LOST", f"CN=Nobody's,CN=Databases,{_ORGANISATION}", "1"),
            entry(f"CN=UNLINKED,{two}", {"objectClass": ["msExchMDBCopy"]}),
        )  # fmt: skip
        found = {each.name: each for each in topology.databases}
        self.assertEqual((found["One"].server, found["One"].group), ("BOSTON", "DAG1"))
        self.assertEqual(found["One"].copies, ("BOSTON", "waco", "AUSTIN", "DALLAS"))
        self.assertEqual((found["Two"].server, found["Two"].copies), ("", ("TULSA", "UNLINKED")))
        self.assertEqual((found["Three"].group, found["Three"].copies), ("", ()))
        self.assertEqual([topology.owner(found[name].dn) for name in ("One", "Two")], ["BOSTON", "TULSA"])

    def test_virtual_directories(self) -> None:
        topology = self.read(
            _virtual_directory(
                "owa (Default Web Site)", "OWA", msExchInternalHostName=["https://boston.x.example/owa"],
                msExchExternalHostName=["https://mail.x.example/owa"], msExchInternalAuthenticationMethods=["18"],
                msExch2003Url=["https://old.x.example/exchange"],
                msExchExternalAuthenticationMethods=["5"],
            ),
            _virtual_directory("owa (Exchange Back End)", "OWA"),
            entry(
                f"CN=Exchange,CN=1,CN=HTTP,CN=Protocols,CN=CHICAGO,{_SERVERS}",
                {"objectClass": ["msExchProtocolCfgHTTPVirtualDirectory"], "msExchAuthenticationFlags": ["6"],
                 "msExchDefaultDomain": ["X"]},
            ),
        )  # fmt: skip
        old, owa, inner = topology.virtual_directories
        expected = VirtualDirectory(
            "BOSTON", "OWA", "owa (Default Web Site)", "https://boston.x.example/owa", "https://mail.x.example/owa",
            frozenset(("ntlm", "integrated")), frozenset(("basic", "forms")),
            legacy_url="https://old.x.example/exchange",
        )  # fmt: skip
        self.assertEqual(owa, expected)
        self.assertTrue(inner.back_end)
        self.assertEqual((old.server, old.kind, old.default_domain), ("CHICAGO", "2003", "X"))
        self.assertEqual(old.internal_authentication, {"basic", "integrated"})

    def test_mail_settings(self) -> None:
        values = {"msExchServerBindings": ["0.0.0.0:110"], "msExchSecureBindings": ["0.0.0.0:995"]}
        topology = self.read(
            entry(
                f"CN=1,CN=POP3,CN=Protocols,CN=BOSTON,{_SERVERS}", {"objectClass": ["protocolCfgPOPServer"], **values}
            )
        )
        self.assertEqual(topology.mail_settings, (MailSettings("BOSTON", "pop3", ("0.0.0.0:110",), ("0.0.0.0:995",)),))

    def test_ports_of_a_server_are_those_of_its_protocols(self) -> None:
        """S-DIR-4: standard ones; others only where the configuration allows them, and a warning says so."""

        def protocol(number: int, **values: Values) -> Entry:
            classes = ["protocolCfgIMAPServer" if number == 1 else "protocolCfgPOPServer"]
            return entry(f"CN={number},CN=X,CN=Protocols,CN=BOSTON,{_SERVERS}", {"objectClass": classes, **values})

        entries = (
            _server("BOSTON"),
            protocol(1, msExchSecureBindings=["0.0.0.0:993"]),
            protocol(2, msExchServerBindings=["0.0.0.0:2110"]),
        )
        (boston,) = self.read(*entries).servers
        self.assertEqual((boston.imap4, boston.pop3), (Service(993, "implicit"), Service(110)))
        told = [event["strange"] for event in self.events if "strange" in event]
        self.assertEqual(told, ["pop3 of BOSTON at port 2110"])
        self.reader.ports |= {2110}
        (boston,) = self.read(*entries).servers
        self.assertEqual(boston.pop3, Service(2110))

    def test_sites_subnets_and_links(self) -> None:
        topology = self.read(
            entry(_EAST, {"objectClass": ["site"]}),
            entry(_WEST, {"objectClass": ["site"]}),
            entry(f"CN=10.1.0.0/16,CN=Subnets,{_SITES}", {"objectClass": ["subnet"], "siteObject": [_EAST]}),
            _link("one", [_EAST, _WEST], cost=["70"], msExchCost=["7"]),
            _link("two", [_EAST, _WEST]),
        )
        self.assertEqual([site.name for site in topology.sites], ["East", "West"])
        self.assertEqual(topology.subnets, (Subnet(ipaddress.ip_network("10.1.0.0/16"), "East"),))
        both = frozenset(("East", "West"))
        self.assertEqual(topology.site_links, (SiteLink("one", both, 7), SiteLink("two", both, 100)))

    def test_domains_of_the_partitions_container(self) -> None:
        partitions = f"CN=Partitions,{_BASE}"
        topology = self.read(
            entry(f"CN=FC,{partitions}", {"objectClass": ["crossRef"], "nETBIOSName": ["FC"], "nCName": ["DC=x"],
                                          "dnsRoot": ["x.example"], "systemFlags": ["3"]}),
            entry(f"CN=Schema,{partitions}", {"objectClass": ["crossRef"], "nCName": ["CN=Schema,DC=x"],
                                              "systemFlags": ["1"]}),
        )  # fmt: skip
        self.assertEqual(topology.domains, {"fc": "DC=x", "x.example": "DC=x"})

    def test_organisation_and_accepted_domains(self) -> None:
        topology = self.read(
            entry(_ORGANISATION, {"objectClass": ["msExchOrganizationContainer"]}),
            entry(f"CN=Main,CN=Accepted Domains,{_ORGANISATION}",
                  {"objectClass": ["msExchAcceptedDomain"], "msExchAcceptedDomainName": ["x.example"]}),
        )  # fmt: skip
        self.assertEqual((topology.organisation, topology.accepted_domains), ("Org", {"x.example"}))

    def test_directory_without_exchange_is_empty(self) -> None:
        topology = self.read()
        self.assertEqual((topology.servers, topology.organisation), ((), ""))
        self.assertEqual(self.changes, [])


class BrokenTests(ReaderTests):
    def test_a_broken_object_costs_only_itself_and_is_named(self) -> None:
        """S-DIR-12: what cannot be read is left out and logged, never guessed; others are read."""
        broken = (
            _server("TWO", msExchServerSite=[_EAST, _WEST]),
            _server("BAD", versionNumber=["seven"]),
            _server("EVIL", networkAddress=["ncacn_ip_tcp:be1@evil/"]),
            _database("ownerless", ""),
            _database("lost", "no dn"),
            entry(f"CN=10.1.0.1/16,CN=Subnets,{_SITES}", {"objectClass": ["subnet"], "siteObject": [_EAST]}),
            _link("negative", [_EAST], cost=["-1"]),
            _virtual_directory("latin", "OWA", msExchInternalHostName=[b"\xff"]),
            entry(f"CN=stray,{_BASE}", {"objectClass": ["msExchVirtualDirectory"]}),
        )
        topology = self.read(*broken, _server("BOSTON"), _database("good", f"CN=BOSTON,{_SERVERS}"))
        self.assertEqual([server.name for server in topology.servers], ["BOSTON"])
        self.assertEqual([database.name for database in topology.databases], ["good"])
        self.assertEqual((topology.subnets, topology.site_links, topology.virtual_directories), ((), (), ()))
        self.assertEqual(sorted(self.warnings()), sorted(one.dn for one in broken))
        self.assertEqual(self.reader.broken, len(broken))

    def test_reading_that_breaks_off_changes_nothing(self) -> None:
        self.read(_server("BOSTON"))
        self.searches.fail_after, self.searches.given = 2, 0
        self.searches.entries = [_server("DALLAS")]
        reading = self.run_to_the_end(Deferred.fromCoroutine(self.reader.read()))
        self.failureResultOf(reading, Refused)
        self.assertEqual([server.name for server in self.reader.current.servers], ["BOSTON"])


class SwapTests(ReaderTests):
    def test_others_have_their_turn_between_slices(self) -> None:
        """A page of 120 objects takes three turns of the event loop at the least."""
        self.searches.size = 500
        topology = self.read(*(_server(f"S{number:03}") for number in range(120)))
        self.assertEqual(len(topology.servers), 120)
        empty_pages = len(self.searches.asked) - 1
        self.assertGreaterEqual(self.clock.turns, -(-120 // limits.TOPOLOGY_SLICE))
        self.assertLessEqual(self.clock.turns, -(-120 // limits.TOPOLOGY_SLICE) + empty_pages)

    def test_a_change_is_told_and_logged_once(self) -> None:
        self.read(_server("BOSTON"))
        self.read(_server("BOSTON"))
        self.assertEqual(len(self.changes), 1)
        self.read(_server("BOSTON", msExchServerSite=[_EAST]), _server("DALLAS"))
        told = [event["change"] for event in self.events if "change" in event]
        self.assertEqual(told, ["servers added: DALLAS", "servers changed: BOSTON"])
        self.assertEqual(len(self.changes), 2)

    def test_many_changes_are_cut(self) -> None:
        new = Topology(tuple(Server(f"S{number:03}", "h") for number in range(30)))
        (change,) = differences(Topology(), new)
        self.assertTrue(change.endswith("S019 and 10 more"), change)

    def test_configured_servers_win(self) -> None:
        listed = Server("boston", "127.0.0.1", imap4=Service(10143))
        reader = TopologyReader(self.reader.settings, self.searches, self.clock, (listed,))
        self.assertEqual(reader.merged.servers, (listed,))
        self.searches.entries = [_server("BOSTON", msExchServerSite=[_EAST]), _server("DALLAS")]
        self.run_to_the_end(Deferred.fromCoroutine(reader.read()))
        first, second = reader.merged.servers
        self.assertEqual(
            (first.host, first.imap4, first.site, first.listed), ("127.0.0.1", Service(10143), "East", True)
        )
        self.assertEqual((second.name, second.listed), ("DALLAS", False))


class RunTests(ReaderTests):
    def setUp(self) -> None:
        super().setUp()
        self.searches.entries = [_server("BOSTON")]

    def pump(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)
        for _ in range(50):
            self.clock.advance(0)

    def asked(self) -> int:
        return len(self.searches.asked)

    def test_it_is_read_at_start_and_again_after_its_time(self) -> None:
        self.reader.start()
        self.pump()
        once = self.asked()
        self.assertEqual(len(self.reader.current.servers), 1)
        self.pump(299)
        self.assertEqual(self.asked(), once)
        self.pump(2)
        self.assertEqual(self.asked(), 2 * once)

    def test_a_failed_reading_is_tried_again_sooner(self) -> None:
        self.searches.fail_after = 0
        self.reader.start()
        self.pump()
        self.assertEqual(self.reader.current.servers, ())
        self.searches.fail_after = None
        self.pump(limits.TOPOLOGY_RETRY_TIME)
        self.assertEqual(len(self.reader.current.servers), 1)

    def known(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.reader.known())

    def test_who_comes_before_the_first_reading_waits_for_it(self) -> None:
        self.reader.start()
        waiter, gone = self.known(), self.known()
        self.assertNoResult(waiter)
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.pump()
        self.assertIsNone(self.successResultOf(waiter))
        self.assertIsNone(self.successResultOf(self.known()))
        self.assertEqual(len(self.reader.current.servers), 1)

    def test_while_no_server_answers_nothing_is_known_and_it_is_tried_again_at_once(self) -> None:
        """S-DIR-12: which rules a mailbox server goes by is not guessed.

        Bad input: no directory server at the start.
        """
        self.searches.fail_after = 0
        self.reader.start()
        waiter = self.known()
        self.pump(limits.LDAP_RECONNECT_FIRST)
        self.assertEqual(self.failureResultOf(waiter, Refused).value.reason, DIRECTORY_DOWN)
        waiter = self.known()
        self.searches.fail_after = None
        self.pump(limits.LDAP_RECONNECT_FIRST)
        self.successResultOf(waiter)
        self.assertEqual(len(self.reader.current.servers), 1)

    def test_nobody_waits_longer_than_a_look_up_may_take(self) -> None:
        self.searches.never = True
        self.reader.start()
        waiter = self.known()
        self.clock.advance(limits.LDAP_LOOKUP_TIME)
        self.assertEqual(self.failureResultOf(waiter, Refused).value.reason, DIRECTORY_TIMEOUT)
        self.successResultOf(Deferred.fromCoroutine(self.reader.stop()))

    def test_once_stopped_nobody_waits(self) -> None:
        self.searches.never = True
        self.reader.start()
        waiter = self.known()
        self.successResultOf(Deferred.fromCoroutine(self.reader.stop()))
        self.failureResultOf(waiter, Refused)
        self.successResultOf(self.known())

    def test_a_directory_without_a_configuration_partition_has_none_to_wait_for(self) -> None:
        self.searches.fail_after, self.searches.reason = 0, INTERNAL_ERROR
        self.reader.start()
        waiter = self.known()
        self.pump()
        self.assertIsNone(self.successResultOf(waiter))

    def test_stopped_it_asks_no_more(self) -> None:
        self.reader.start()
        self.pump()
        once = self.asked()
        self.successResultOf(Deferred.fromCoroutine(self.reader.stop()))
        self.pump(1000)
        self.assertEqual(self.asked(), once)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_switched_off_it_asks_nothing(self) -> None:
        self.reader.settings = DirectorySection((), "dc=x", topology=False)
        self.reader.start()
        self.pump(1000)
        self.assertEqual(self.asked(), 0)


class SiteLinkTests(SynchronousTestCase):
    def test_name_with_a_comma(self) -> None:
        link = entry(rf"CN=a\, b,{_SITES}", {"siteList": [rf"CN=Saint\2C Paul,{_SITES}"], "cost": ["5"]})
        self.assertEqual(read_site_link(link), SiteLink("a, b", frozenset(("Saint, Paul",)), 5))
