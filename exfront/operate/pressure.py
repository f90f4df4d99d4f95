"""How the process is: its memory, and whether its loop comes round in time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from attrs import define
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from exfront import limits
from exfront.config.limits import LimitsSection

_PAGE = os.sysconf("SC_PAGESIZE")


def resident() -> int:
    """Octets of memory that the process has now (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


@define(eq=False)
class MemoryWatch:
    """Whether the process has more memory than `settings` ([limits]) lets it take newcomers with (S-OPS-6)."""

    log = Logger()

    settings: LimitsSection
    seconds: Callable[[], float]
    measure: Callable[[], int] = resident
    _over: bool = False
    _looked: float = float("-inf")

    def over(self) -> bool:
        """Looked at once a second at most."""
        most, now = self.settings.memory, self.seconds()
        if most and now - self._looked >= limits.MEMORY_LOOK_TIME:
            self._looked = now
            self._tell(self.measure(), most)
        return self._over

    def _tell(self, used: int, most: int) -> None:
        was, self._over = self._over, used > most
        if self._over and not was:
            self.log.warn("mem_shed octets={used} limit={most}: newcomers are refused", used=used, most=most)
        elif was and not self._over:
            self.log.info("mem_shed is over octets={used}", used=used)


@define(eq=False)
class LoopWatch:
    """Tells when one turn of the loop has kept all others waiting (S-OPS-13)."""

    log = Logger()

    clock: IReactorTime
    _next: IDelayedCall | None = None

    def start(self) -> None:
        """From now on."""
        self._wait()

    def stop(self) -> None:
        """No more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _wait(self) -> None:
        due = self.clock.seconds() + limits.LOOP_LOOK_TIME
        self._next = self.clock.callLater(limits.LOOP_LOOK_TIME, self._look, due)

    def _look(self, due: float) -> None:
        late = self.clock.seconds() - due
        if late > limits.LOOP_LATE_TIME:
            self.log.info("tick_slow: the loop was held for {late:.2f} s", late=late)
        self._wait()
