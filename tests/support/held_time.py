"""The real reactor with a clock that stands still until a test moves it: real sockets, time-outs on demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock


class HeldTime:
    """Give it to the code under test as its reactor; `clock.advance` lets time pass."""

    connectTCP: Callable[..., Any]  # assign one to keep TCP from happening

    def __init__(self) -> None:
        self.clock = Clock()
        self.connectTCP = reactor.connectTCP  # type: ignore[attr-defined]  # the reactor is a module to the checker

    def seconds(self) -> float:
        return self.clock.seconds()

    def callLater(self, delay: float, callable: Callable[..., Any], *args: Any, **kwargs: Any) -> IDelayedCall:
        return self.clock.callLater(delay, callable, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Sockets and all else are the reactor's."""
        return getattr(reactor, name)
