"""The lean make of transports: raw sockets in one loop, for platforms with epoll."""

from __future__ import annotations

import select
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
)
from twisted.internet.protocol import ServerFactory
from twisted.internet.ssl import CertificateOptions

from exfront.net.lean.call import LeanCall
from exfront.net.lean.loop import LeanLoop
from exfront.net.lean.port import LeanPort
from exfront.net.lean.stream import Address, LeanTransport

_AT_ONCE = 16  # connections taken before others have their turn

POSSIBLE = hasattr(select, "epoll")


class LeanTransports:
    """One loop with all that is made here; nothing is opened before the first connection or listener."""

    def __init__(self, reactor: Any) -> None:
        self._loop = LeanLoop(reactor)

    def listen(
        self, listening: socket.socket, factory: ServerFactory, tls: CertificateOptions | None = None
    ) -> IListeningPort:
        """See `exfront.net.transports.Transports`."""
        assert tls is None
        port = LeanPort(self._loop, listening.dup(), factory, self._start, _AT_ONCE)
        port.startListening()
        return port

    def connect(
        self,
        address: str,
        port: int,
        seconds: float,
        factory: IProtocolFactory,
        tls: IOpenSSLClientConnectionCreator | None = None,
    ) -> Deferred[IProtocol]:
        """See `exfront.net.transports.Transports`."""
        assert tls is None
        return LeanCall(self._loop, address, port, factory, self._start).begin(seconds)

    def _start(self, connected: socket.SocketType, peer: Address, protocol: Any) -> None:
        LeanTransport(self._loop, connected, peer).start(protocol)
