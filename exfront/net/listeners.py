"""Listening sockets as services; who is let in is asked of a callable, before TLS."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IOpenSSLContextFactory, IProtocol
from twisted.internet.protocol import ServerFactory

from exfront import limits
from exfront.config.kinds import HostPort
from exfront.net.proxy_header import HeaderGate
from exfront.net.reactor_port import ReactorPort
from exfront.net.transports import Transports
from exfront.net.unix_sockets import is_served

_BACKLOG = 1024  # bursts after a back end's restart wait in the kernel
_SOCKET_MODE = 0o666  # of a Unix socket: who may enter its folder may connect

MakeGate = Callable[[Callable[[socket.socket, IAddress], object]], HeaderGate]


class AdmittingFactory(ServerFactory):
    """Builds a protocol for each connection that `accept` lets in; the others are closed without an octet (S-OPS-4).

    `taken` is called for each.
    """

    noisy = False

    def __init__(
        self, accept: Callable[[IAddress], IProtocol | None], taken: Callable[[], object] = lambda: None
    ) -> None:
        self._accept = accept
        self._taken = taken

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        """None closes the connection."""
        self._taken()
        return None if addr is None else self._accept(addr)


@define(eq=False)
class ListenerService(Service):
    """What listens at one place, bound while the process may still bind low ports; with `tls` that is spoken at once.

    `inherited` are sockets that listen already, in place of one of our own. `make_gate` makes what reads PROXY headers,
    where they are wanted.
    """

    transports: Transports
    place: HostPort
    factory: ServerFactory
    tls: IOpenSSLContextFactory | None = None
    inherited: Sequence[socket.socket] = ()
    make_gate: MakeGate | None = None
    reactor: object = None  # where there is a gate
    _gate: HeaderGate | None = field(default=None, init=False)
    _listening: list[IListeningPort] = field(factory=list, init=False)

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
        ports, self._listening = self._listening, []
        if ports and self.place.path and not self.inherited:
            Path(self.place.path).unlink(missing_ok=True)
        if self._gate is not None:
            self._gate.stop()
        stopped = [port.stopListening() or succeed(None) for port in ports]
        return gatherResults(stopped).addCallback(lambda _: None)

    def pause(self) -> None:
        """Let who calls wait in the backlog."""
        for port in self._listening:
            port.stopReading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        """Take connections again."""
        for port in self._listening:
            port.startReading()  # type: ignore[attr-defined]

    def bound_port(self) -> int:
        """The port number in use: the configured one, or what the system chose for 0."""
        return int(self._listening[0].getHost().port) if self._listening else self.place.port  # type: ignore[attr-defined]

    def _listen(self) -> None:
        if self._listening:
            return
        for listening in self.inherited or (bound(self.place),):
            with listening:
                self._listening.append(self._port(prepared(listening)))

    def _port(self, listening: socket.socket) -> IListeningPort:
        if self.make_gate is None:
            return self.transports.listen(listening, self.factory, self.tls)
        self._gate = self._gate or self.make_gate(self._admit)
        port = ReactorPort(self.reactor, listening.dup(), self._gate.take)
        port.startListening()
        return port

    def _admit(self, connected: socket.socket, client: IAddress) -> None:
        self.transports.adopt(connected, client, self.factory, self.tls)


def bound(place: HostPort) -> socket.socket:
    """A socket that listens there. Raises `CannotListenError`."""
    family = socket.AF_UNIX if place.path else socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if place.path:
            _make_room(Path(place.path))
            listening.bind(place.path)
            os.chmod(place.path, _SOCKET_MODE)
        else:
            _for_both(listening)
            listening.bind((place.host, place.port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise CannotListenError(place.path or place.host, place.port, error) from None
    return listening


def prepared(listening: socket.socket) -> socket.socket:
    """With options that accepted sockets inherit on Linux: no Nagle delay, keepalive (S-MAIL-12)."""
    listening.setblocking(False)
    if listening.family != socket.AF_UNIX:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limits.TCP_KEEPALIVE)
    return listening


def _for_both(listening: socket.socket) -> None:
    """Beside one of the other family on the same port, and again soon after a restart."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listening.family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


def _make_room(path: Path) -> None:
    """Delete a socket that a process left behind; one that is served stays, and so does what is no socket."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISSOCK(mode) and not is_served(path):
        path.unlink()
