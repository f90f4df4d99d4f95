"""The loop of the lean transports: one epoll of its own, which the reactor watches as a single reader.

A descriptor is registered once; no message costs a change there. Nobody keeps the loop longer than `LOOP_TURN`: what is
left over waits until the reactor has had its turn.
"""

from __future__ import annotations

import select
from collections import deque
from time import monotonic
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.net.lean.splice import Pipe

READ_ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET

_EVENTS = 64  # taken from the kernel at once
_ROUNDS = 4  # looks at the kernel in one turn: spares the reactor's own turn under load

Flags = int


class Watched(Protocol):
    """Whoever has a descriptor in the loop. Exceptions out of these calls reach `broke`."""

    def event(self, flags: Flags) -> None:
        """Something may have happened: flags are hints, the descriptor's number may have been another's before."""
        ...

    def again(self) -> None:
        """What was asked for by `LeanLoop.soon`."""
        ...

    def broke(self, failure: Failure) -> None:
        """An exception came out of one of the others."""
        ...


@implementer(IReadDescriptor)
class LeanLoop:
    """All lean descriptors of a process; the epoll is made with the first of them, so never before a fork."""

    def __init__(self, reactor: Any, clock: IReactorTime | None = None) -> None:
        self.reactor = reactor
        self.clock: IReactorTime = clock or reactor  # for deadlines
        self._epoll: select.epoll | None = None
        self._watched: dict[int, Watched] = {}
        self._events: deque[tuple[int, Flags]] = deque()  # taken from the kernel, not yet passed on
        self._soon: deque[Watched] = deque()
        self._running = False
        self._wake: IDelayedCall | None = None
        self.pipe = Pipe()

    # --- for those in it

    def add(self, descriptor: int, watched: Watched, flags: Flags = EDGES) -> None:
        """Pass on the events of `descriptor`, from now on to `watched`; what it has to say already is an event too.

        Unless another has it, who hands it over and passes on what he was told himself; `flags` are his then.
        """
        if self._epoll is None:
            self._epoll = select.epoll()
            self.reactor.addReader(self)
        if descriptor not in self._watched:
            self._epoll.register(descriptor, flags)
        self._watched[descriptor] = watched

    def once_more(self, descriptor: int, flags: Flags) -> None:
        """Pass an event on to whoever has the descriptor now; to be called within an event."""
        self._events.appendleft((descriptor, flags))

    def change(self, descriptor: int, flags: Flags) -> None:
        """Other flags; what is so already is an event."""
        assert self._epoll is not None
        self._epoll.modify(descriptor, flags)

    def remove(self, descriptor: int, shared: bool = False) -> None:
        """No more events; to be called before the descriptor is closed, which the kernel understands by itself.

        Unless it is `shared`: open under another number, or in another process.
        """
        assert self._epoll is not None
        del self._watched[descriptor]
        if shared:
            self._epoll.unregister(descriptor)
        if not self._watched:
            self.reactor.removeReader(self)
            self._epoll.close()
            self._epoll = None
            self._events.clear()
            self.pipe.close()

    def soon(self, watched: Watched) -> None:
        """Call `again` once this turn's events are through, never within this call."""
        self._soon.append(watched)
        if not self._running:
            self._wake_up()

    # --- for the reactor

    def fileno(self) -> int:
        """Of the epoll."""
        return -1 if self._epoll is None else self._epoll.fileno()

    def logPrefix(self) -> str:
        """See `twisted.internet.interfaces.ILoggingContext`."""
        return "lean"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends and takes its readers out."""

    def doRead(self) -> None:
        """One turn: ends when nothing is to do, when it took `LOOP_TURN`, or after `_ROUNDS` looks at the kernel."""
        if self._running:
            return
        self._running = True
        until = monotonic() + limits.LOOP_TURN
        try:
            for _ in range(_ROUNDS):
                self._look()
                if not self._pass_on(until):
                    break
        finally:
            self._running = False
            if self._soon or self._events:
                self._wake_up()

    def _look(self) -> None:
        """Take events from the kernel, unless those that were taken last time still wait."""
        if self._epoll is not None and not self._events:
            self._events.extend(self._epoll.poll(0, _EVENTS))

    def _pass_on(self, until: float) -> bool:
        """Pass on what waits; ends when nothing waits any more, or when there is no time for more.

        False where it makes no sense to look at the kernel once more: nothing had waited, or the time is up.

        First a call for each that asked for one before (who asks again meanwhile has its turn after the events), then
        the events. An event taken from the kernel comes no second time, so those that are left are kept.
        """
        events, soon, watched = self._events, self._soon, self._watched
        asked = len(soon)
        if not asked and not events:
            return False
        while asked and soon:
            asked -= 1
            each = soon.popleft()
            try:
                each.again()
            except Exception:  # noqa: BLE001 - it ends one connection, not the loop
                _broke(each)
            if monotonic() > until:
                return False
        while events:
            descriptor, flags = events.popleft()
            found = watched.get(descriptor)
            if found is None:
                continue  # closed earlier in this batch
            try:
                found.event(flags)
            except Exception:  # noqa: BLE001 - as above
                _broke(found)
            if monotonic() > until:
                return False
        return True

    def _wake_up(self) -> None:
        if self._wake is None:  # one at a time, else the calls pile up under load
            self._wake = self.reactor.callLater(0, self._woken)

    def _woken(self) -> None:
        self._wake = None
        self.doRead()


def _broke(watched: Watched) -> None:
    """Tell one whose call failed; when that fails too, only the log hears of it."""
    failure = Failure()
    try:
        watched.broke(failure)
    except Exception:  # noqa: BLE001 - nobody else would catch it
        _log.failure("while a connection was ended")


_log = Logger()
