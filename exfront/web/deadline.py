"""One deadline of a connection, moved with every request and cheap to move."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define
from twisted.internet.interfaces import IDelayedCall, IReactorTime


@define(eq=False)
class Deadline:
    """Calls once when its time has come. Moving it later, or dropping it, costs no timer: the old one looks again."""

    clock: IReactorTime
    _at: float | None = None
    _call: Callable[[], object] | None = None
    _timer: IDelayedCall | None = None
    _due: float = 0.0  # when the timer calls

    def set(self, seconds: float, call: Callable[[], object]) -> None:
        """Call `call` in `seconds`, in place of what waited."""
        at = self.clock.seconds() + seconds
        self._at, self._call = at, call
        if self._timer is None:
            self._due = at
            self._timer = self.clock.callLater(seconds, self._look)
        elif self._due > at:
            self._due = at
            self._timer.reset(seconds)

    def clear(self) -> None:
        """Nothing waits any more."""
        self._at = self._call = None

    def stop(self) -> None:
        """Clear, and leave no timer behind."""
        self.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        at, call = self._at, self._call
        if at is None or call is None:
            return
        left = at - self.clock.seconds()
        if left > 0:
            self._due = at
            self._timer = self.clock.callLater(left, self._look)
            return
        self.clear()
        call()
