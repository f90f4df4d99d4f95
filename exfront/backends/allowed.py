"""The allow list: to which addresses exfront may connect (S-DIR-4, S-ROUTE-5)."""

from __future__ import annotations

import socket

from attrs import field, frozen

from exfront.addresses import IPAddress, parsed
from exfront.config.kinds import HostPort, Network
from exfront.reasons import BACK_END_NOT_ALLOWED, LOOP, Reason


@frozen
class AllowList:
    """`networks` are the networks that back ends live in; None means all but loopback, link-local and multicast.

    `listeners` are exfront's own addresses: a target there would be a loop.
    """

    networks: tuple[Network, ...] | None
    listeners: tuple[HostPort, ...] = ()
    _allowed: dict[str, bool] = field(init=False, factory=dict, eq=False, repr=False)  # as many as servers have

    def refusal(self, address: str, port: int) -> Reason | None:
        """Why a connection to this address and port must not be made; None where it may."""
        allowed = self._allowed.get(address)
        if allowed is None:
            allowed = self._allowed[address] = self._in_networks(parsed(address))
        if not allowed:
            return BACK_END_NOT_ALLOWED
        if any(listener.port == port and _same_host(listener.host, parsed(address)) for listener in self.listeners):
            return LOOP
        return None

    def _in_networks(self, address: IPAddress) -> bool:
        mapped = getattr(address, "ipv4_mapped", None) or address
        if mapped.is_multicast or mapped.is_unspecified:
            return False
        if self.networks is not None:
            return any(mapped in network for network in self.networks)
        return not (mapped.is_loopback or mapped.is_link_local)


def _same_host(listener: str, address: IPAddress) -> bool:
    ours = parsed(listener)
    return ours == address or (ours.is_unspecified and _is_local(address))


def _is_local(address: IPAddress) -> bool:
    """Does this machine hold the address? Binding a datagram socket to it tells, and sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
