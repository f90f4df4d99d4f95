"""The named deadlines of one connection."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime


@define
class Timers:
    """At most one call waits under each name. `guard` makes the calls: an exception is its connection's affair."""

    clock: IReactorTime
    guard: Callable[[Callable[[], object]], None]
    _waiting: dict[str, IDelayedCall] = field(factory=dict)

    def later(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        """Call in `seconds`, in place of what waited under `name`."""

        def run() -> None:
            del self._waiting[name]
            self.guard(call)

        self.cancel(name)
        self._waiting[name] = self.clock.callLater(seconds, run)

    def cancel(self, name: str) -> None:
        """Forget the call under `name`, if one waits."""
        timer = self._waiting.pop(name, None)
        if timer is not None:
            timer.cancel()

    def cancel_all(self) -> None:
        """Forget them all."""
        for name in tuple(self._waiting):
            self.cancel(name)
