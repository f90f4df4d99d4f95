"""Twisted's `Protocol` without a dictionary: tens of thousands of connections wait at the same time."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IProtocol)
class SlimProtocol:
    """To be subclassed with ``__slots__``."""

    __slots__ = ("transport",)

    def __init__(self) -> None:
        self.transport: Any = None

    def makeConnection(self, transport: Any) -> None:
        """See `twisted.internet.interfaces.IProtocol`."""
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """There is a transport now."""

    def dataReceived(self, data: bytes) -> None:
        """Octets of the peer."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is over."""

    def logPrefix(self) -> str:
        """See `twisted.internet.interfaces.ILoggingContext`."""
        return type(self).__name__
