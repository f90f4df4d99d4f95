"""What a transport says of its socket, and sets there."""

from __future__ import annotations

import socket
from typing import Any

from exfront.net.addresses import Address, address_of

Name = Any  # an address as the socket module has it: a tuple


class Handle:
    """The part of `twisted.internet.interfaces.ITCPTransport` that moves no octets."""

    __slots__ = ("_peer", "_socket")

    def __init__(self, connected: socket.SocketType, peer: Name) -> None:
        self._socket: socket.SocketType | None = connected  # None at the end
        self._peer = peer

    def getPeer(self) -> Address:
        """The other end."""
        return address_of(self._peer)

    def getHost(self) -> Address:
        """This end."""
        return address_of(self.getHandle().getsockname())

    def getHandle(self) -> Any:
        """The socket. Raises `OSError` when there is no connection any more."""
        if self._socket is None:
            raise OSError("not connected")
        return self._socket

    def getTcpNoDelay(self) -> bool:
        """Whether small pieces go out at once."""
        return bool(self.getHandle().getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Send small pieces at once."""
        handle = self.getHandle()
        if handle.family != socket.AF_UNIX:  # which has no delay
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(enabled))

    def getTcpKeepAlive(self) -> bool:
        """Whether a silent peer is asked now and then."""
        return bool(self.getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Ask a silent peer now and then."""
        self.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(enabled))
