"""The lean make of transports: raw sockets in one loop, for platforms with epoll."""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLClientConnectionCreator,
    IOpenSSLContextFactory,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import ServerFactory

from exfront.net.lean.call import LeanCall
from exfront.net.lean.handle import Name
from exfront.net.lean.loop import LeanLoop
from exfront.net.lean.port import LeanPort, Starts
from exfront.net.lean.secure import PlainTransport, SecureTransport, accepting, calling


class LeanTransports:
    """One loop with all that is made here; nothing is opened before the first connection or listener.

    `clock` is for the deadlines of connections, the reactor itself if not given.
    """

    def __init__(self, reactor: Any, clock: IReactorTime | None = None) -> None:
        self._loop = LeanLoop(reactor, clock)

    def listen(
        self, listening: socket.socket, factory: ServerFactory, tls: IOpenSSLContextFactory | None = None
    ) -> IListeningPort:
        """See `exfront.net.transports.Transports`."""
        start = self._start(tls)
        port = LeanPort(self._loop, listening.dup(), factory, start)
        port.startListening()
        return port

    def adopt(
        self,
        connected: socket.socket,
        client: IAddress,
        factory: ServerFactory,
        tls: IOpenSSLContextFactory | None = None,
    ) -> None:
        """See `exfront.net.transports.Transports`."""
        try:
            peer = connected.getpeername()
        except OSError:  # reset in the meantime: nobody needs to hear of it
            connected.close()
            return
        protocol = factory.buildProtocol(client)
        if protocol is None:
            connected.close()
            return
        raw = socket.SocketType(connected.family, socket.SOCK_STREAM, 0, connected.detach())
        try:
            self._start(tls)(raw, peer, protocol)
        except BaseException:
            raw.close()
            raise

    def connect(
        self,
        address: str,
        port: int,
        seconds: float,
        factory: IProtocolFactory,
        tls: IOpenSSLClientConnectionCreator | None = None,
    ) -> Deferred[IProtocol]:
        """See `exfront.net.transports.Transports`."""
        start = self._called if tls is None else partial(self._called_secure, tls)
        return LeanCall(self._loop, address, port, factory, start).begin(seconds)

    def _start(self, tls: IOpenSSLContextFactory | None) -> Starts:
        return self._taken if tls is None else partial(self._taken_secure, tls)

    def _taken(self, connected: socket.SocketType, peer: Name, protocol: Any) -> None:
        PlainTransport(self._loop, connected, peer).start(protocol)

    def _called(self, connected: socket.SocketType, peer: Name, protocol: Any) -> None:
        PlainTransport(self._loop, connected, peer, calls=True).start(protocol)

    def _taken_secure(
        self, tls: IOpenSSLContextFactory, connected: socket.SocketType, peer: Name, protocol: Any
    ) -> None:
        transport = SecureTransport(self._loop, connected, peer)
        transport.start_secure(protocol, accepting(tls, connected))

    def _called_secure(
        self, tls: IOpenSSLClientConnectionCreator, connected: socket.SocketType, peer: Name, protocol: Any
    ) -> None:
        transport = SecureTransport(self._loop, connected, peer, calls=True)
        transport.start_secure(protocol, calling(tls, transport, connected))
