"""Connections of load balancers: the PROXY header is read off before TLS, limits and log see anything (S-MAIL-15)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.interfaces import IAddress, IDelayedCall, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.config.kinds import Network, within
from exfront.net.addresses import Address, ToldAddress
from exfront.wire.proxy_protocol import Header, HeaderReader, Malformed

Admit = Callable[[socket.socket, IAddress], object]  # a connection and whose it is; the connection is the callee's
Refuse = Callable[[Address, str], None]  # who called, and what was wrong


class HeaderGate:
    """Takes connections of `senders` only; each must say a header in time.

    On a Unix socket everybody may who can open it. `taken` is called for each.
    """

    def __init__(
        self,
        reactor: Any,
        senders: Sequence[Network],
        admit: Admit,
        refuse: Refuse,
        taken: Callable[[], object] = lambda: None,
    ) -> None:
        self._reactor = reactor
        self._senders = senders
        self._admit = admit
        self._refuse = refuse
        self._taken = taken
        self._waiting: set[_Awaited] = set()

    def take(self, connected: socket.socket, peer: Address) -> None:
        """One more connection."""
        self._taken()
        if connected.family != socket.AF_UNIX and not within(peer.host, self._senders):
            self.end(connected, peer, "not a listed sender")
        elif len(self._waiting) >= limits.PROXY_HEADERS:
            self.end(connected, peer, "too many without a header")
        else:
            awaited = _Awaited(self, self._reactor, connected, peer)
            self._waiting.add(awaited)

    def stop(self) -> None:
        """End those whose header has not come yet."""
        for awaited in tuple(self._waiting):
            awaited.give_up("the service is stopping")

    def told(self, awaited: _Awaited, header: Header, peer: Address) -> None:
        """A header is read; nothing behind it is."""
        self._waiting.discard(awaited)
        self._admit(awaited.connected, _client(header, peer))

    def failed(self, awaited: _Awaited, peer: Address, why: str) -> None:
        """There is none."""
        self._waiting.discard(awaited)
        self.end(awaited.connected, peer, why)

    def end(self, connected: socket.socket, peer: Address, why: str) -> None:
        """Close without an octet, and say so."""
        connected.close()
        self._refuse(peer, why)


def _client(header: Header, peer: Address) -> IAddress:
    """A header that names nobody is of the sender's own connection (a health check)."""
    if header.source is None:
        return peer
    return ToldAddress(header.source.address, header.source.port, header.destination)


@implementer(IReadDescriptor)
class _Awaited:
    """One connection until its header is read: looked at first and then taken, so that not an octet more is."""

    def __init__(self, gate: HeaderGate, reactor: Any, connected: socket.socket, peer: Address) -> None:
        self.connected = connected
        self._gate = gate
        self._reactor = reactor
        self._peer = peer
        self._reader = HeaderReader()
        self._deadline: IDelayedCall = reactor.callLater(limits.PROXY_HEADER_TIME, self.give_up, "no header in time")
        reactor.addReader(self)

    def give_up(self, why: str) -> None:
        """It comes no more."""
        self._stop()
        self._gate.failed(self, self._peer, why)

    def fileno(self) -> int:
        """Of the connection."""
        return self.connected.fileno()

    def logPrefix(self) -> str:
        """See `twisted.internet.interfaces.ILoggingContext`."""
        return "listener"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends."""
        self._stop()
        self.connected.close()

    def doRead(self) -> None:
        """What is there of it."""
        try:
            seen = self.connected.recv(limits.PROXY_V2_OCTETS, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError as error:
            self.give_up(error.strerror or "lost")
            return
        if not seen:
            self.give_up("closed before a header")
            return
        self._reader.feed(seen)
        event = self._reader.next_event()
        behind = len(self._reader.take_rest()) if isinstance(event, Header) else 0
        if isinstance(event, Malformed):
            self.give_up(event.why)
            return
        self.connected.recv(len(seen) - behind)
        if event is not None:
            self._stop()
            self._gate.told(self, event, self._peer)

    def _stop(self) -> None:
        self._reactor.removeReader(self)
        if self._deadline.active():
            self._deadline.cancel()
