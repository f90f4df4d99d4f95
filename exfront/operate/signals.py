"""SIGTERM and SIGINT end the service, and the process with status 0; twistd's own handlers would make it 143 and 130.

twistd notes the signal in its handler and raises it again after the shutdown. Handlers of our own, installed after
Twisted's when the reactor runs, stop the same reactor without that.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from attrs import define
from twisted.application.service import Service
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorCore
from twisted.logger import Logger

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@define(eq=False)
class StopOnSignal(Service):
    """The first SIGTERM or SIGINT stops the reactor, and so all services; the next ones call `hurry` (S-OPS-7)."""

    reactor: IReactorCore
    hurry: Callable[[], None]

    def startService(self) -> None:
        """Take the signals over as soon as the reactor has installed its own handlers."""
        Service.startService(self)
        self.reactor.callWhenRunning(self._take_over)

    def _take_over(self) -> None:
        for number in _SIGNALS:
            signal.signal(number, self._received)

    def _received(self, number: int, frame: FrameType | None) -> None:
        """Runs between any two instructions of the process: only wakes the reactor."""
        self.reactor.callFromThread(self._stop, number)  # type: ignore[attr-defined]

    def _stop(self, number: int) -> None:
        name = signal.Signals(number).name
        try:
            self.reactor.stop()
        except ReactorNotRunning:  # it is stopping already
            _log.info("{signal} again: ending at once", signal=name)
            self.hurry()
        else:
            _log.info("{signal}: stopping", signal=name)


_log = Logger()
