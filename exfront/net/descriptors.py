"""Stops taking connections before the process has no descriptor left, and takes them again (S-OPS-5)."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from typing import Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from exfront import limits


class Pausable(Protocol):
    """A listener."""

    def pause(self) -> None:
        """Let who calls wait in the backlog."""

    def resume(self) -> None:
        """Take connections again."""


def open_now() -> int:
    """How many descriptors the process has; the kernel counts them since Linux 6.2, before that they are listed."""
    return os.stat("/proc/self/fd").st_size or len(os.listdir("/proc/self/fd"))


def most() -> int:
    """How many it may have (RLIMIT_NOFILE)."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def raised(wanted: int) -> int:
    """Raise the limit to `wanted`, as far as the process may; what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


@define(eq=False)
class DescriptorWatch:
    """Counts seldom while there are few: so many connections later as could use up half of what is left."""

    log = Logger()

    clock: IReactorTime
    count: Callable[[], int] = open_now
    limit: Callable[[], int] = most
    listeners: list[Pausable] = field(factory=list)
    _until_count: int = 0  # connections
    _paused_since: float | None = None
    _next: IDelayedCall | None = None

    @property
    def paused(self) -> bool:
        """Whether nobody is taken now."""
        return self._paused_since is not None

    def taken(self) -> None:
        """One more connection was taken."""
        self._until_count -= 1
        if self._until_count > 0 or self.paused:
            return
        used, high = self.count(), int(self.limit() * limits.DESCRIPTORS_HIGH)
        if used >= high:
            self._pause(used)
        else:
            self._until_count = (high - used) // limits.DESCRIPTORS_PER_CLIENT

    def stop(self) -> None:
        """Count no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _pause(self, used: int) -> None:
        self._paused_since = self.clock.seconds()
        self.log.warn("accept_paused descriptors={used} limit={limit}", used=used, limit=self.limit())
        for listener in self.listeners:
            listener.pause()
        self._next = self.clock.callLater(limits.DESCRIPTORS_LOOK_TIME, self._look)

    def _look(self) -> None:
        used = self.count()
        if used > self.limit() * limits.DESCRIPTORS_LOW:
            self._next = self.clock.callLater(limits.DESCRIPTORS_LOOK_TIME, self._look)
            return
        self._next, since, self._paused_since = None, self._paused_since or 0.0, None
        seconds = self.clock.seconds() - since
        self.log.info("accept_resumed descriptors={used} after={seconds:.1f}s", used=used, seconds=seconds)
        self._until_count = 0
        for listener in self.listeners:
            listener.resume()
