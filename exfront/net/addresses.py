"""Addresses of sockets, as Twisted has them."""

from __future__ import annotations

import ipaddress
from typing import Any

from attrs import frozen
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from zope.interface import implementer

from exfront.wire.proxy_protocol import Endpoint

Address = IPv4Address | IPv6Address

LOCAL = IPv4Address("TCP", "127.0.0.1", 0)  # stands for either end of a Unix socket: both are on this machine


@implementer(IAddress)
@frozen
class ToldAddress:
    """A client that a load balancer tells of, and where it had connected to there, if that was told."""

    host: str
    port: int
    connected: Endpoint | None = None


def address_of(name: Any) -> Address:
    """What the socket module calls an address; one of IPv4 within IPv6 (a socket for both) is that of IPv4."""
    if isinstance(name, str | bytes):
        return LOCAL
    if len(name) == 2:
        return IPv4Address("TCP", *name)
    if name[0].startswith("::ffff:"):
        mapped = ipaddress.IPv6Address(name[0]).ipv4_mapped
        if mapped is not None:
            return IPv4Address("TCP", str(mapped), name[1])
    return IPv6Address("TCP", *name)
