"""Deadlines of connections: calls that nearly always are cancelled, of thousands of connections at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from heapq import heappop, heappush
from typing import Any

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from exfront import limits

_log = Logger()

Slot = dict["Deadline", None]


@implementer(IDelayedCall)
class Deadline:
    """One call that waits; see `twisted.internet.interfaces.IDelayedCall`."""

    __slots__ = ("_call", "_cancelled", "_slot", "_wheel", "_when")

    def __init__(self, wheel: Deadlines, when: float, slot: Slot, call: Callable[[], object]) -> None:
        self._wheel = wheel
        self._when = when
        self._slot: Slot | None = slot
        self._call: Callable[[], object] | None = call
        self._cancelled = False

    def active(self) -> bool:
        """Whether it still waits."""
        return self._slot is not None

    def getTime(self) -> float:
        """When it is due."""
        return self._when

    def cancel(self) -> None:
        """Forget it. Raises `AlreadyCalled` or `AlreadyCancelled`."""
        self._leave()
        self._cancelled, self._call = True, None

    def reset(self, secondsFromNow: float) -> None:
        """Have it due then. Raises `AlreadyCalled` or `AlreadyCancelled`."""
        self._leave()
        self._when = self._wheel.seconds() + secondsFromNow
        self._slot = self._wheel.slot(self._when, secondsFromNow)
        self._slot[self] = None

    def delay(self, secondsLater: float) -> None:
        """Have it due so much later. Raises `AlreadyCalled` or `AlreadyCancelled`."""
        self.reset(self._when + secondsLater - self._wheel.seconds())

    def run(self) -> None:
        """It is due."""
        call, self._call, self._slot = self._call, None, None
        assert call is not None
        try:
            call()
        except Exception:  # noqa: BLE001 - as the reactor does: others' deadlines are no worse for it
            _log.failure("unhandled error at a deadline")

    def _leave(self) -> None:
        if self._slot is None:
            raise AlreadyCancelled if self._cancelled else AlreadyCalled
        del self._slot[self]
        self._slot = None


@implementer(IReactorTime)
class Deadlines:
    """A clock whose calls cost little, and come late: by up to `limits.DEADLINE_TICK`, or by a 64th of a long delay.

    Deadlines lie in slots of that length, so that the reactor has one call for all, and no more slots are there at a
    time than some hundreds. Of a slot whose deadlines were all cancelled nothing is done before its time
    comes, so that one who leaves and one who comes cost the reactor nothing.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.seconds = clock.seconds
        self._clock = clock
        self._slots: dict[int, Slot] = {}
        self._order: list[int] = []  # a heap of their numbers
        self._look_at: int | None = None
        self._look_call: Any = None

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kw: object) -> Deadline:
        """See `twisted.internet.interfaces.IReactorTime`."""
        when = self.seconds() + delay
        slot = self.slot(when, delay)
        deadline = Deadline(self, when, slot, partial(callable, *args, **kw) if args or kw else callable)
        slot[deadline] = None
        return deadline

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """All that wait."""
        return [deadline for slot in self._slots.values() for deadline in slot]

    def stop(self) -> None:
        """Whoever had deadlines is gone: the reactor's call for them is taken back."""
        if self._look_at is not None:
            self._look_call.cancel()
        self._look_at = None
        self._slots, self._order = {}, []

    def slot(self, when: float, delay: float) -> Slot:
        """Where what is due at `when`, in `delay` seconds, waits."""
        ticks = 1 << int(delay / (_FINE * limits.DEADLINE_TICK)).bit_length()
        number = (int(when / limits.DEADLINE_TICK) // ticks + 1) * ticks
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = {}
            heappush(self._order, number)
            self._look_in_time()
        return slot

    def _look_in_time(self) -> None:
        """Have the reactor call when the first slot is due, which may be sooner than was thought before."""
        first = self._order[0]
        if self._look_at is not None:
            if self._look_at <= first:
                return
            self._look_call.cancel()
        self._look_at = first
        self._look_call = self._clock.callLater(max(0.0, first * limits.DEADLINE_TICK - self.seconds()), self._look)

    def _look(self) -> None:
        """Run what is due; what these calls ask for anew lies in later slots."""
        self._look_at = None
        last = int(self.seconds() / limits.DEADLINE_TICK + _ROUNDING)
        while self._order and self._order[0] <= last:
            slot = self._slots.pop(heappop(self._order))
            while slot:
                deadline = next(iter(slot))
                del slot[deadline]
                deadline.run()
        if self._order:
            self._look_in_time()


_FINE = 128  # delays of so many ticks and more have longer slots
_ROUNDING = 1e-6  # ticks; the reactor calls no sooner than asked, but floats are what they are
