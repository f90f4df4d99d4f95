"""A client or server connection in memory that can half-close, abort and start TLS."""

from __future__ import annotations

from typing import cast

from OpenSSL.crypto import X509
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IProtocol,
    ITCPTransport,
    ITLSTransport,
)
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(ITCPTransport, ITLSTransport)
class MemoryTransport(StringTransport):
    """What was written is `value()`; `loseConnection` and `abortConnection` end the protocol at once.

    `tls_started` counts startTLS calls; the test ends the handshake with `shake_hands`. `closed_writing` says that the
    write side was closed.
    """

    def __init__(self, protocol: IProtocol) -> None:
        super().__init__(
            hostAddress=IPv4Address("TCP", "127.0.0.1", 143), peerAddress=IPv4Address("TCP", "192.0.2.7", 5000)
        )
        self.protocol = protocol
        self.tls_started = 0
        self.peer: X509 | None = None
        self.closed_writing = False
        self.no_delay = False
        self.keep_alive = False

    def take(self) -> bytes:
        """What was written since the last call."""
        written = self.value()
        self.clear()
        return cast(bytes, written)

    def loseConnection(self, connDone: object = None) -> None:
        super().loseConnection()
        if self.connected and self.producer is None:
            self._lose(Failure(ConnectionDone()))

    def unregisterProducer(self) -> None:
        super().unregisterProducer()
        if self.connected and self.disconnecting:
            self._lose(Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        self.disconnected = True
        if self.connected:
            self._lose(Failure(ConnectionAborted()))

    def loseWriteConnection(self) -> None:
        self.closed_writing = True

    def peer_closes(self, error: Exception | None = None) -> None:
        """The other side ends the connection (ConnectionDone unless `error` says otherwise)."""
        if self.connected:
            self._lose(Failure(error or ConnectionDone()))

    def peer_ends_writing(self) -> None:
        """The other side sends its FIN and still reads."""
        cast(IHalfCloseableProtocol, self.protocol).readConnectionLost()

    def receive(self, data: bytes) -> None:
        """The other side sends `data`; what comes after a close is lost."""
        if self.connected:
            self.protocol.dataReceived(data)

    def shake_hands(self) -> None:
        """The TLS handshake ends well."""
        cast(IHandshakeListener, self.protocol).handshakeCompleted()

    def startTLS(self, contextFactory: object, normal: bool = True) -> None:
        self.tls_started += 1

    def getPeerCertificate(self) -> X509 | None:
        return self.peer

    @property
    def negotiatedProtocol(self) -> None:
        return None

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def getTcpNoDelay(self) -> bool:
        return self.no_delay

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.keep_alive = enabled

    def getTcpKeepAlive(self) -> bool:
        return self.keep_alive

    def _lose(self, why: Failure) -> None:
        self.connected = False
        self.disconnecting = True
        self.protocol.connectionLost(why)
