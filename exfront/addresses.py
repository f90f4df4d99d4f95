"""IP addresses as values: read once, for the same few come again and again."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_REMEMBERED = 8192  # some 0.2 kB each


@lru_cache(_REMEMBERED)
def parsed(text: str) -> IPAddress:
    """The address, without its zone (``%eth0``). Raises ValueError."""
    return ipaddress.ip_address(text.partition("%")[0])


@lru_cache(_REMEMBERED)
def network_of(text: str) -> str:
    """What one subscriber has: an IPv4 address itself, an IPv6 address's /64 (S-OPS-4, S-MAIL-11).

    Raises ValueError.
    """
    address = parsed(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)
