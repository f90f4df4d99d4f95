"""Ends the service in order: no newcomers, running sessions within `drain_time`, then the rest is cut (S-OPS-7)."""

from __future__ import annotations

from attrs import define, field
from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from exfront.config.limits import LimitsSection
from exfront.sessions import SessionTable

_LAST_WORDS = 1.0  # seconds between cutting connections and leaving, for their log lines


class InOrder(MultiService):
    """Stops its services one after the other, the last added first; MultiService stops all at once."""

    def privilegedStartService(self) -> None:
        """Start all, or end the process with one line: a front end without one of its listeners serves nobody well."""
        try:
            MultiService.privilegedStartService(self)
        except CannotListenError as error:
            reason = error.socketError.strerror or error.socketError
            where = f"{error.interface}:{error.port}"
            _log.critical("cannot listen on {where}: {reason}; see [[listener]]", where=where, reason=reason)
            raise SystemExit(1) from None

    def stopService(self) -> Deferred[None]:
        """Fires when the last one has stopped."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for service in reversed(list(self)):
            await maybeDeferred(service.stopService)


@define(eq=False)
class Drain(Service):
    """`settings` is [limits]; `hurry` ends the waiting (a second SIGTERM)."""

    sessions: SessionTable
    settings: LimitsSection
    clock: IReactorTime
    _over: Deferred[None] = field(factory=Deferred)

    def stopService(self) -> Deferred[None]:
        """Fires when every session has ended, or was cut."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._drain())

    def hurry(self) -> None:
        """Wait no longer."""
        if not self._over.called:
            self._over.callback(None)

    async def _drain(self) -> None:
        _log.info("draining: left={left}", left=len(self.sessions))
        deadline = self.clock.callLater(self.settings.drain_time, self.hurry)
        self.sessions.drain(self.hurry)
        await self._over
        if deadline.active():
            deadline.cancel()
        if len(self.sessions):
            _log.warn("drain: cutting left={left}", left=len(self.sessions))
            self._over = Deferred()
            last = self.clock.callLater(_LAST_WORDS, self.hurry)
            self.sessions.abort_all()
            await self._over
            if last.active():
                last.cancel()


_log = Logger()
