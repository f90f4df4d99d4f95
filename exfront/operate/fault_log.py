"""Tells the server log of refusals that are faults or need a person; ordinary ones stand in the access log only."""

from __future__ import annotations

from attrs import field, frozen
from twisted.logger import Logger, LogLevel
from zope.interface import implementer

from exfront.decision import SessionRecord
from exfront.interfaces import IRecordObserver
from exfront.reasons import Severity

_LEVELS = {Severity.FAULT: LogLevel.warn, Severity.ALARM: LogLevel.error}


@implementer(IRecordObserver)
@frozen
class FaultLog:
    """One line with code, cause and detail."""

    log: Logger = field(factory=lambda: Logger(namespace="exfront.fault"))

    def finished(self, record: SessionRecord) -> None:
        """Log `record` where its reason is loud enough."""
        reason = record.reason
        if reason is None or reason.severity not in _LEVELS:
            return
        self.log.emit(
            _LEVELS[reason.severity],
            "{code} {cause} session={session} user={user} back_end={back_end} {detail}",
            code=reason.code,
            cause=reason.cause,
            session=record.session_id,
            user=record.user,
            back_end=record.back_end,
            detail=record.detail,
        )
