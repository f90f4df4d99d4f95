"""The addresses of a host name, by the reactor's resolver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostnameResolver, IResolutionReceiver
from zope.interface import implementer


def resolve(reactor: Any, name: str) -> Deferred[list[str]]:
    """IPv4 and IPv6 addresses in the resolver's order, each once; none for an unknown name. However long it takes."""
    resolver: IHostnameResolver = reactor.nameResolver
    done: Deferred[list[str]] = Deferred()
    resolver.resolveHostName(_Receiver(done.callback), name)
    return done


@implementer(IResolutionReceiver)
class _Receiver:
    """Collects what the resolver finds."""

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
