"""Which site of Active Directory exfront itself stands in: its servers are asked before all others."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from exfront.topology import Topology


def site_of_addresses(addresses: Iterable[str], topology: Topology) -> str:
    """The site whose subnet holds the first of our own addresses that any holds; empty where none does.

    An unspecified address (``0.0.0.0``) is every address of the machine, and lies nowhere.
    """
    real = (address for address in addresses if not ipaddress.ip_address(address).is_unspecified)
    return next((site for address in real if (site := topology.site_of(address))), "")


def own_site(configured: str, of_addresses: str, of_servers: Iterable[str]) -> str:
    """What the settings say, else our subnets, else the site of the server that we like best; empty if unknown."""
    return next(filter(None, (configured, of_addresses, *of_servers)), "")
