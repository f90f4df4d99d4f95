"""Where exfront itself stands."""

from __future__ import annotations

import ipaddress

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.directory import DirectorySection
from exfront.core import core
from exfront.directory.own_site import own_site, site_of_addresses
from exfront.topology import Subnet, Topology
from tests.support.configuration import SMALLEST, read

_TOPOLOGY = Topology(
    subnets=(
        Subnet(ipaddress.ip_network("10.0.0.0/8"), "Chicago"),
        Subnet(ipaddress.ip_network("10.2.0.0/16"), "Dallas"),
        Subnet(ipaddress.ip_network("127.0.0.0/8"), "Boston"),
        Subnet(ipaddress.ip_network("0.0.0.0/0"), "Anywhere"),
        Subnet(ipaddress.ip_network("fd00::/8"), "Houston"),
    )
)


class OwnSiteTests(SynchronousTestCase):
    def test_the_first_address_in_a_subnet_tells(self) -> None:
        cases = (
            (["10.1.1.1"], "Chicago"),
            (["10.2.1.1", "10.1.1.1"], "Dallas"),
            (["fd00::1"], "Houston"),
            (["fe80::1", "10.1.1.1"], "Chicago"),
            (["fe80::1"], ""),
            ([], ""),
        )
        for addresses, site in cases:
            self.assertEqual(site_of_addresses(addresses, _TOPOLOGY), site, addresses)

    def test_all_addresses_are_in_no_subnet(self) -> None:
        self.assertEqual(site_of_addresses(["0.0.0.0", "::"], _TOPOLOGY), "")
        self.assertEqual(site_of_addresses(["0.0.0.0", "10.2.1.1"], _TOPOLOGY), "Dallas")

    def test_settings_come_before_subnets_and_these_before_servers(self) -> None:
        self.assertEqual(own_site("A", "B", ["C"]), "A")
        self.assertEqual(own_site("", "B", ["C"]), "B")
        self.assertEqual(own_site("", "", ["", "C", "D"]), "C")
        self.assertEqual(own_site("", "", []), "")

    def test_a_new_topology_tells_the_servers_the_site_of_the_listener(self) -> None:
        settings, findings = read(SMALLEST)
        self.assertEqual(findings.errors, [])
        parts = core(settings, Clock())
        self.assertEqual((settings.directory.site, parts.servers.site), (DirectorySection().site, ""))
        parts.topology.changed(_TOPOLOGY)
        self.assertEqual(parts.servers.site, "Boston")
