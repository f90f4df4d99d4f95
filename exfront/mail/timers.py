"""The named deadlines of one connection."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define
from twisted.internet.interfaces import IDelayedCall, IReactorTime


@define
class Timers:
    """At most one call waits under each name. `guard` makes the calls: an exception is its connection's affair."""

    clock: IReactorTime
    guard: Callable[[Callable[[], object]], None]
    _waiting: dict[str, IDelayedCall] | None = None  # mostly: an idle session waits for nothing of its own

    def later(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        """Call in `seconds`, in place of what waited under `name`."""

        self.cancel(name)
        if self._waiting is None:
            self._waiting = {}
        self._waiting[name] = self.clock.callLater(seconds, self._run, name, call)

    def cancel(self, name: str) -> None:
        """Forget the call under `name`, if one waits."""
        timer = self._pop(name)
        if timer is not None:
            timer.cancel()

    def cancel_all(self) -> None:
        """Forget them all."""
        for name in tuple(self._waiting or ()):
            self.cancel(name)

    def _run(self, name: str, call: Callable[[], object]) -> None:
        self._pop(name)
        self.guard(call)

    def _pop(self, name: str) -> IDelayedCall | None:
        timer = self._waiting.pop(name, None) if self._waiting is not None else None
        if not self._waiting:
            self._waiting = None
        return timer
