"""Listening sockets as services; who is let in is asked of a callable, before TLS."""

from __future__ import annotations

import socket
from collections.abc import Callable

from attrs import define
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocol, IReactorTCP, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory

from exfront import limits

_BACKLOG = 1024  # bursts after a back end's restart wait in the kernel


class AdmittingFactory(Factory):
    """Builds a protocol for each connection that `accept` lets in; the others are closed without an octet (S-OPS-4)."""

    noisy = False

    def __init__(self, accept: Callable[[IAddress], IProtocol | None], tls: CertificateOptions | None) -> None:
        self._accept = accept
        self._tls = None if tls is None else TLSMemoryBIOFactory(tls, False, Factory())

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        """None closes the connection."""
        protocol = None if addr is None else self._accept(addr)
        if protocol is None or self._tls is None:
            return protocol
        wrapped: IProtocol = self._tls.protocol(self._tls, protocol)
        return wrapped


@define(eq=False)
class ListenerService(Service):
    """One listening socket, bound while the process may still bind low ports."""

    reactor: IReactorTCP
    host: str
    port: int
    factory: Factory
    _port: IListeningPort | None = None

    def privilegedStartService(self) -> None:
        """Bind. Raises `twisted.internet.error.CannotListenError`."""
        self._listen()

    def startService(self) -> None:
        """Bind, unless `privilegedStartService` did."""
        Service.startService(self)
        self._listen()

    def stopService(self) -> Deferred[None]:
        """Take no more connections; those that are open live on."""
        Service.stopService(self)
        port, self._port = self._port, None
        stopped = None if port is None else port.stopListening()
        return succeed(None) if stopped is None else stopped

    def bound_port(self) -> int:
        """The port number in use: the configured one, or what the system chose for 0."""
        return self.port if self._port is None else int(self._port.getHost().port)  # type: ignore[attr-defined]

    def _listen(self) -> None:
        if self._port is not None:
            return
        endpoint_class = TCP6ServerEndpoint if ":" in self.host else TCP4ServerEndpoint
        endpoint: IStreamServerEndpoint = endpoint_class(self.reactor, self.port, backlog=_BACKLOG, interface=self.host)
        bound: list[IListeningPort] = []
        endpoint.listen(self.factory).addCallback(bound.append).addErrback(lambda failure: failure.raiseException())
        self._port = bound[0]
        _tune(self._port.getHandle())  # type: ignore[attr-defined]


def _tune(listening: socket.socket) -> None:
    """Options that accepted sockets inherit on Linux: no Nagle delay, keepalive (S-MAIL-12)."""
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limits.TCP_KEEPALIVE)
