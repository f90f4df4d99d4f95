"""Listening sockets as services; who is let in is asked of a callable, before TLS."""

from __future__ import annotations

import socket
from collections.abc import Callable

from attrs import define
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IOpenSSLContextFactory, IProtocol
from twisted.internet.protocol import ServerFactory

from exfront import limits
from exfront.net.transports import Transports

_BACKLOG = 1024  # bursts after a back end's restart wait in the kernel


class AdmittingFactory(ServerFactory):
    """Builds a protocol for each connection that `accept` lets in; the others are closed without an octet (S-OPS-4)."""

    noisy = False

    def __init__(self, accept: Callable[[IAddress], IProtocol | None]) -> None:
        self._accept = accept

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        """None closes the connection."""
        return None if addr is None else self._accept(addr)


@define(eq=False)
class ListenerService(Service):
    """One listening socket, bound while the process may still bind low ports; with `tls` that is spoken at once."""

    transports: Transports
    host: str
    port: int
    factory: ServerFactory
    tls: IOpenSSLContextFactory | None = None
    _listening: IListeningPort | None = None

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
        port, self._listening = self._listening, None
        stopped = None if port is None else port.stopListening()
        return succeed(None) if stopped is None else stopped

    def bound_port(self) -> int:
        """The port number in use: the configured one, or what the system chose for 0."""
        return self.port if self._listening is None else int(self._listening.getHost().port)  # type: ignore[attr-defined]

    def _listen(self) -> None:
        if self._listening is not None:
            return
        with _bound(self.host, self.port) as listening:
            self._listening = self.transports.listen(listening, self.factory, self.tls)


def _bound(host: str, port: int) -> socket.socket:
    """A listening socket whose options accepted sockets inherit on Linux: no Nagle delay, keepalive (S-MAIL-12)."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listening.family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limits.TCP_KEEPALIVE)
        listening.setblocking(False)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise CannotListenError(host, port, error) from None
    return listening
