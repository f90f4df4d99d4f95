"""The addresses of a host name, for a check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostnameResolver, IResolutionReceiver
from zope.interface import implementer


async def resolve(reactor: Any, name: str) -> list[str]:
    """What the reactor's resolver finds, in its order; empty for an unknown name."""
    resolver: IHostnameResolver = reactor.nameResolver
    done: Deferred[list[str]] = Deferred()
    resolver.resolveHostName(_Receiver(done.callback), name)
    return await done


@implementer(IResolutionReceiver)
class _Receiver:
    def __init__(self, done: Callable[[list[str]], object]) -> None:
        self._done = done
        self._found: list[str] = []

    def resolutionBegan(self, resolutionInProgress: object) -> None:
        """Nothing is needed of it."""

    def addressResolved(self, address: IAddress) -> None:
        """One more."""
        if isinstance(address, IPv4Address | IPv6Address) and address.host not in self._found:
            self._found.append(address.host)

    def resolutionComplete(self) -> None:
        """All are there."""
        self._done(self._found)
