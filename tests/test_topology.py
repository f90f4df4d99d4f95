"""Servers, sites and the costs between them."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.site_links import SiteLink, cheapest_paths
from exfront.topology import Database, Server, ServerVersion, Service, Subnet, Topology

_BOSTON = Server("BOSTON", "boston.x", site="East", version=ServerVersion(14, 1, 218), listed=False)
_DALLAS = Server("DALLAS", "dallas.x", listed=False)


def _link(cost: int, *sites: str) -> SiteLink:
    return SiteLink("-".join(sites), frozenset(sites), cost)


class FindTests(SynchronousTestCase):
    def test_name_host_and_port(self) -> None:
        first = Server("one", "mail.x", imap4=Service(10143), pop3=Service(10110))
        second = Server("two", "mail.x", imap4=Service(20143))
        topology = Topology((first, second))
        for name, server in (("ONE", first), ("two", second), ("Mail.X.", first), ("mail.x:10110", first),
                             ("mail.x:20143", second), ("mail.x:143", None), ("", None), ("three", None)):  # fmt: skip
            self.assertIs(topology.find(name), server, name)

    def test_a_name_wins_over_another_servers_host(self) -> None:
        named = Server("mail.x", "other.x")
        self.assertIs(Topology((Server("one", "mail.x"), named)).find("mail.x"), named)

    def test_owner_of_a_database(self) -> None:
        topology = Topology(databases=(Database("cn=db", "db", "BOSTON"),))
        self.assertEqual((topology.owner("cn=db"), topology.owner("cn=no")), ("BOSTON", ""))


class MergeTests(SynchronousTestCase):
    def test_configured_server_wins_and_keeps_what_only_the_directory_knows(self) -> None:
        listed = Server("boston", "127.0.0.1", imap4=Service(10143))
        merged = Topology((_BOSTON, _DALLAS)).merge([listed])
        boston, dallas = merged.servers
        self.assertEqual(
            (boston.name, boston.host, boston.imap4, boston.listed), ("boston", "127.0.0.1", Service(10143), True)
        )
        self.assertEqual((boston.site, boston.version), ("East", ServerVersion(14, 1, 218)))
        self.assertIs(dallas, _DALLAS)
        self.assertIs(merged.find("BOSTON"), boston)
        self.assertIsNone(merged.find("boston.x"))  # the directory's host is not used any more

    def test_without_configuration_nothing_changes(self) -> None:
        topology = Topology((_BOSTON,), organisation="Org")
        self.assertEqual(topology.merge(()), topology)


class SiteTests(SynchronousTestCase):
    def test_longest_prefix_wins(self) -> None:
        subnets = tuple(Subnet(ipaddress.ip_network(network), site) for network, site in (
            ("10.0.0.0/8", "all"), ("10.1.0.0/16", "east"), ("2001:db8::/32", "six")))  # fmt: skip
        topology = Topology(subnets=subnets)
        for address, site in (("10.1.2.3", "east"), ("10.2.0.1", "all"), ("2001:db8::1", "six"), ("192.0.2.1", "")):
            self.assertEqual(topology.site_of(address), site, address)

    def test_cheapest_path_goes_over_more_links(self) -> None:
        links = (_link(100, "a", "b"), _link(30, "a", "c"), _link(20, "c", "b", "d"), _link(5, "x", "y"))
        self.assertEqual(cheapest_paths(links, "a"), {"a": 0, "c": 30, "b": 50, "d": 50})
        self.assertEqual(Topology(site_links=links).distances("x"), {"x": 0, "y": 5})
        self.assertEqual(cheapest_paths((), "a"), {"a": 0})

    @given(st.lists(st.tuples(st.integers(0, 50), st.sets(st.sampled_from("abcdef"), max_size=4)), max_size=10))
    @settings(deadline=None)
    def test_no_path_is_cheaper(self, drawn: list[tuple[int, set[str]]]) -> None:
        """Against Floyd and Warshall's method, which tries all."""
        links = [_link(cost, *sites) for cost, sites in drawn]
        costs = {(one, one): 0 for one in "abcdef"}
        for link in links:
            for one in link.sites:
                for other in link.sites:
                    costs[one, other] = min(costs.get((one, other), link.cost), link.cost) if one != other else 0
        for middle in "abcdef":
            for one in "abcdef":
                for other in "abcdef":
                    if (one, middle) in costs and (middle, other) in costs:
                        through = costs[one, middle] + costs[middle, other]
                        costs[one, other] = min(costs.get((one, other), through), through)
        for start in "abcdef":
            expected = {other: cost for (one, other), cost in costs.items() if one == start}
            self.assertEqual(cheapest_paths(links, start), expected)


class VersionTests(SynchronousTestCase):
    def test_names_and_order(self) -> None:
        for version, name in (
            (ServerVersion(6, 0, 6249), "2000"), (ServerVersion(6, 5, 7638), "2003"), (ServerVersion(8, 2), "2007"),
            (ServerVersion(14, 3), "2010"), (ServerVersion(15, 0), "2013"), (ServerVersion(15, 2), "2019"),
            (ServerVersion(99), ""),
        ):  # fmt: skip
            self.assertEqual(version.name, name, version)
        self.assertLess(ServerVersion(8, 3, 500), ServerVersion(14, 0, 1))
        self.assertEqual(str(ServerVersion(14, 1, 218)), "14.1.218")
