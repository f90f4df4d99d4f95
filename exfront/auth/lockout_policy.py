"""Reads of the domains when they lock accounts out (S-AUTH-7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from attrs import define
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from exfront import limits
from exfront.auth.guard import Guard, LockoutPolicy
from exfront.directory.entry import Entry
from exfront.reasons import Refused

_ATTRIBUTES = ("lockoutThreshold", "lockOutObservationWindow")
_TICKS = 10_000_000  # in a second; intervals are negative numbers of them

Read = Callable[[str, tuple[str, ...]], Awaitable[Entry | None]]


def lockout_policy(entries: Iterable[Entry]) -> LockoutPolicy:
    """The strictest of some domains' objects. Raises `Refused` for a value that is no number."""
    thresholds, window = [], 0.0
    for entry in entries:
        if entry.text("lockoutThreshold"):
            thresholds.append(entry.number("lockoutThreshold"))
            window = max(window, -entry.number("lockOutObservationWindow") / _TICKS)
    if not thresholds:
        return LockoutPolicy()
    return LockoutPolicy(min((one for one in thresholds if one > 0), default=0), window)


@define(eq=False)
class LockoutPolicyReader:
    """Asks `read` (one entry by its DN) for each of `domains`, at `start` and then every `LOCKOUT_POLICY_TIME`.

    A question that fails is repeated after `LOCKOUT_POLICY_RETRY`. What cannot be read leaves the guard with what it
    knew.
    """

    log = Logger()

    guard: Guard
    read: Read
    domains: tuple[str, ...]
    reactor: Any
    _timer: IDelayedCall | None = None
    _running: Deferred[None] | None = None

    def start(self) -> None:
        """Ask now, in the background."""
        self._timer = self.reactor.callLater(limits.LOCKOUT_POLICY_TIME, self.start)
        self._running = Deferred.fromCoroutine(self._ask()).addErrback(self._failed)

    async def stop(self) -> None:
        """Ask no more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._running is not None:
            self._running.cancel()

    async def _ask(self) -> None:
        found = [entry for domain in self.domains if (entry := await self.read(domain, _ATTRIBUTES)) is not None]
        policy = lockout_policy(found)
        if policy != self.guard.policy and policy.threshold is not None:
            self.guard.policy = policy
            self.log.info(
                "lockout_policy threshold={threshold} window={window:.0f} limit={limit}",
                threshold=policy.threshold, window=policy.window, limit=self.guard.limit,
            )  # fmt: skip

    def _failed(self, failure: Failure) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.reset(limits.LOCKOUT_POLICY_RETRY)
        if isinstance(failure.value, Refused):
            self.log.warn("lockout_policy not read: {reason}", reason=failure.value.reason.cause)
        elif not failure.check(CancelledError):
            self.log.failure("lockout_policy not read", failure)
