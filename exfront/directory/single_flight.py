"""Equal work runs once at a time, and all who ask for it meanwhile get its result (S-DIR-6)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from exfront.reasons import Refused

_K = TypeVar("_K", bound=Hashable)
_T = TypeVar("_T")


@define(eq=False)
class _Flight(Generic[_T]):
    waiters: list[Deferred[_T]] = field(factory=list)
    running: Deferred[None] | None = None


@define(eq=False)
class SingleFlight(Generic[_K, _T]):
    """One run per key. A waiter that is cancelled leaves the others, and the run, alone."""

    log = Logger()
    _flights: dict[_K, _Flight[_T]] = field(factory=dict)

    def join(self, key: _K, start: Callable[[], Coroutine[Deferred[Any], Any, _T]]) -> Deferred[_T]:
        """The result of the run for `key`, begun with `start` if none is under way. A failure goes to all waiters."""
        flight = self._flights.get(key)
        waiter: Deferred[_T] = Deferred()
        if flight is not None:
            flight.waiters.append(waiter)
            return waiter
        flight = self._flights[key] = _Flight([waiter])
        flight.running = Deferred.fromCoroutine(start()).addBoth(self._land, key)
        return waiter

    def cancel(self) -> None:
        """End all runs; who waits gets a `CancelledError`."""
        for flight in list(self._flights.values()):
            if flight.running is not None:
                flight.running.cancel()

    def _land(self, result: _T | Failure, key: _K) -> None:
        waiters = [waiter for waiter in self._flights.pop(key).waiters if not waiter.called]
        if isinstance(result, Failure):
            if not waiters and not result.check(Refused, CancelledError):
                self.log.failure("a run that nobody waited for failed", result)
            for waiter in waiters:
                waiter.errback(result)
            return
        for waiter in waiters:
            waiter.callback(result)
