"""Which listeners a virtual site is bound to, and which sites a connection can mean; pure.

Source: *Exchange 2000/2003 Front End Server Logon Process*, step 3: IIS knows a site by port, address and host header.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from exfront.config.kinds import HostPort
from exfront.config.listener import ListenerSection
from exfront.config.virtual_site import VirtualSiteSection

How = Literal["address", "listener", "any"]


@frozen
class Binding:
    """A listener, or with `address` one of the addresses that it takes connections on."""

    listener: ListenerSection
    address: str = ""


def binding(text: str, listeners: Sequence[ListenerSection]) -> Binding | None:
    """What `text` names among `listeners`, by name or as ``address:port``; None where that is no HTTP listener."""
    candidates = [each for each in listeners if each.protocol == "http"]
    for each in candidates:
        if each.name and each.name.lower() == text.lower():
            return Binding(each)
    try:
        wanted = HostPort.read(text)
    except ValueError:
        return None
    for each in candidates:
        if each.address == wanted:
            return Binding(each)
    return next((Binding(each, wanted.host) for each in candidates if _holds(each.address, wanted)), None)


def _holds(wildcard: HostPort, wanted: HostPort) -> bool:
    every, one = ipaddress.ip_address(wildcard.host), ipaddress.ip_address(wanted.host)
    return every.is_unspecified and every.version == one.version and wildcard.port == wanted.port


def bindings(site: VirtualSiteSection, listeners: Sequence[ListenerSection]) -> tuple[Binding, ...]:
    """Those of a site; none for a site of all listeners."""
    found = (binding(text, listeners) for text in site.listeners)
    return tuple(each for each in found if each is not None)


def how_bound(
    site: VirtualSiteSection, listener: ListenerSection, address: str, listeners: Sequence[ListenerSection]
) -> How | None:
    """How closely a site belongs to connections that `listener` takes on its own `address`; None: not at all."""
    if not site.listeners:
        return "any"
    here = [each for each in bindings(site, listeners) if each.listener == listener]
    if any(each.address == address for each in here if each.address):
        return "address"
    return "listener" if any(not each.address for each in here) else None


def sites_at(
    sites: Sequence[VirtualSiteSection],
    listener: ListenerSection,
    address: str,
    listeners: Sequence[ListenerSection],
) -> tuple[VirtualSiteSection, ...]:
    """The sites that a connection can mean: what is bound more closely first, else in the order of the file.

    The first one with the request's host name is meant; the very first is the default.
    """
    closeness: tuple[How, ...] = ("address", "listener", "any")
    return tuple(site for how in closeness for site in sites if how_bound(site, listener, address, listeners) == how)


def own_addresses(
    sites: Sequence[VirtualSiteSection], listener: ListenerSection, listeners: Sequence[ListenerSection]
) -> frozenset[str]:
    """The addresses of `listener` that some site is bound to."""
    found = (each for site in sites for each in bindings(site, listeners))
    return frozenset(each.address for each in found if each.address and each.listener == listener)
