"""Where connections come from: the makes of transports, which protocols cannot tell apart.

A protocol sees Twisted's interfaces alone: `ITCPTransport`, `ITLSTransport`, `IPushProducer`, `IConsumer`.
"""

from __future__ import annotations

import socket
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLClientConnectionCreator,
    IOpenSSLContextFactory,
    IProtocol,
    IProtocolFactory,
)
from twisted.internet.protocol import ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import Interface

from exfront.net.addresses import Address
from exfront.net.reactor_port import ReactorPort


class Counter(Protocol):
    """Hears of octets that a transport moved by itself."""

    def passed(self, octets: int) -> None:
        """So many went to the sink, and not through `dataReceived`."""
        ...


class IPassesOn(Interface):
    """A transport that may move octets to another one by itself, when there are many."""

    def pass_on(sink: object, counter: Counter) -> None:
        """From now on the protocol's `dataReceived` does nothing but write to `sink`, at once.

        `counter` hears of what did not go through it. Where `sink` is of another make, nothing changes.
        """


class Transports(Protocol):
    """One make of transports."""

    def listen(
        self, listening: socket.socket, factory: ServerFactory, tls: IOpenSSLContextFactory | None = None
    ) -> IListeningPort:
        """Take connections at `listening`, which may be closed afterwards; with `tls` it is spoken at once.

        Accepted connections have the options of `listening`, as on Linux they inherit them.
        The port has ``stopReading`` and ``startReading``: who calls between them waits in the backlog.

        `factory` builds the protocol of each connection; where it builds none, the connection is closed without an
        octet, also of TLS (S-OPS-4).
        """
        ...

    def adopt(
        self,
        connected: socket.socket,
        client: IAddress,
        factory: ServerFactory,
        tls: IOpenSSLContextFactory | None = None,
    ) -> None:
        """Serve a connection that somebody else has taken, and that is closed by us from then on.

        `client` is what the factory is told, whoever the peer is; the rest is as in `listen`.
        """
        ...

    def connect(
        self,
        address: str,
        port: int,
        seconds: float,
        factory: IProtocolFactory,
        tls: IOpenSSLClientConnectionCreator | None = None,
    ) -> Deferred[IProtocol]:
        """Connect to an IP address within `seconds`; the protocol fires when there is a connection.

        It has no Nagle delay, and is kept alive.
        That is before a TLS handshake: `IHandshakeListener` tells its end, `connectionLost` its failure. Fails with
        `twisted.internet.error.ConnectError` or `TimeoutError`.
        """
        ...


@frozen
class TwistedTransports:
    """Twisted's own, of any reactor on any platform."""

    reactor: Any

    def listen(
        self, listening: socket.socket, factory: ServerFactory, tls: IOpenSSLContextFactory | None = None
    ) -> IListeningPort:
        """See `Transports`."""

        def take(connected: socket.socket, peer: Address) -> None:
            self.adopt(connected, peer, factory, tls)

        port = ReactorPort(self.reactor, listening.dup(), take)
        port.startListening()
        return port

    def adopt(
        self,
        connected: socket.socket,
        client: IAddress,
        factory: ServerFactory,
        tls: IOpenSSLContextFactory | None = None,
    ) -> None:
        """See `Transports`."""
        served = factory if tls is None else _SecureFactory(factory, tls)
        with connected:
            try:
                connected.getpeername()
            except OSError:
                return  # reset before it was taken: for Twisted's own transports there is no connection
            self.reactor.adoptStreamConnection(connected.fileno(), connected.family, _Of(served, client))

    def connect(
        self,
        address: str,
        port: int,
        seconds: float,
        factory: IProtocolFactory,
        tls: IOpenSSLClientConnectionCreator | None = None,
    ) -> Deferred[IProtocol]:
        """See `Transports`."""
        endpoint = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        calling = endpoint(self.reactor, address, port, timeout=seconds)
        if tls is None:
            return calling.connect(factory).addCallback(_quick).addCallback(_half_closeable)
        return calling.connect(TLSMemoryBIOFactory(tls, True, factory)).addCallback(_quick)


def _quick(protocol: IProtocol) -> IProtocol:
    line: Any = protocol.transport  # type: ignore[attr-defined]
    if line is not None:
        line.setTcpNoDelay(True)
        line.setTcpKeepAlive(True)
    return protocol


def _half_closeable(protocol: IProtocol) -> IProtocol:
    """The endpoint's own wrapper knows a half close only of protocols that are no `IHandshakeListener`: without it."""
    line: Any = protocol.transport  # type: ignore[attr-defined]
    if line is not None:
        line.protocol = protocol
    return protocol


class _Of(ServerFactory):
    """Builds what `inner` builds for `client`."""

    noisy = False

    def __init__(self, inner: ServerFactory, client: IAddress) -> None:
        self._inner = inner
        self._client = client

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        return self._inner.buildProtocol(self._client)


class _SecureFactory(ServerFactory):
    """TLS around what `inner` builds; Twisted's own wrapper would wrap also the None of a refusal."""

    noisy = False

    def __init__(self, inner: ServerFactory, tls: IOpenSSLContextFactory) -> None:
        self._inner = inner
        self._tls = TLSMemoryBIOFactory(tls, False, ServerFactory())

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        protocol = self._inner.buildProtocol(addr)
        if protocol is None:
            return None
        wrapped: IProtocol = self._tls.protocol(self._tls, protocol)
        return wrapped
