"""Loads certificates again when their files have changed, so that a renewed one needs no restart (S-TLS-5).

Each time the keys of session tickets are new ones, and so they are twice a day in any case (S-TLS-7).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from exfront import limits
from exfront.config.limits import LimitsSection

State = tuple[int, int, int]


@define(eq=False)
class CertificateWatch:
    """`faults` says what is wrong with the files now, `load` takes them into use; `settings` is [limits]."""

    log = Logger()

    files: Sequence[Path]
    faults: Callable[[], Sequence[str]]
    load: Callable[[], None]
    clock: IReactorTime
    settings: LimitsSection
    _seen: list[State | None] = field(factory=list)
    _next: IDelayedCall | None = None
    _renewed: float = 0.0  # when

    def start(self) -> None:
        """Watch from now on."""
        self._seen, self._renewed = self._states(), self.clock.seconds()
        self._next = self.clock.callLater(self.settings.certificate_watch_time, self._look)

    def stop(self) -> None:
        """Watch no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look(self) -> None:
        self._next = self.clock.callLater(self.settings.certificate_watch_time, self._look)
        states, age = self._states(), self.clock.seconds() - self._renewed
        if states != self._seen or age >= limits.TLS_TICKET_KEY_TIME:
            self._seen, self._renewed = states, self.clock.seconds()
            self._renew()

    def _renew(self) -> None:
        """A half-written set is seen as such; it changes again when it is whole."""
        faults = self.faults()
        if not faults:
            try:
                self.load()
            except (OSError, ValueError) as why:
                faults = (str(why),)
        if faults:
            self.log.error("certificates not loaded, the old ones stay: {why}", why="; ".join(faults))
        else:
            self.log.info("certificates loaded")

    def _states(self) -> list[State | None]:
        return [_state(file) for file in self.files]


def _state(file: Path) -> State | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
