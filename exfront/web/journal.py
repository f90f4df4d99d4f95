"""The records of one client connection: one line in the access log per request, each exactly once."""

from __future__ import annotations

from attrs import define
from twisted.internet.interfaces import IReactorTime

from exfront.decision import SessionRecord
from exfront.sessions import Session, SessionTable
from exfront.web.outlet import Outlet


@define(eq=False)
class Journal:
    """Requests follow each other: a record is finished before the next one begins."""

    session: Session
    sessions: SessionTable
    outlet: Outlet
    clock: IReactorTime
    _began: float = 0.0
    _requests: int = 0

    def begin(self, octets_in: int = 0) -> SessionRecord:
        """The record of a request whose head had `octets_in`."""
        self._began, self.outlet.octets = self.clock.seconds(), 0
        session = self.session
        if self._requests:
            session.record = self.sessions.new_record(session)
        else:  # the first one tells of the admission too
            session.record.started = self.sessions.wall_clock()
        self._requests += 1
        record = session.record
        record.octets_in = octets_in
        return record

    def finish(self, record: SessionRecord) -> None:
        """Its answer is through, or given up."""
        record.octets_out += self.outlet.octets
        record.duration = self.clock.seconds() - self._began
        self.sessions.finished(record)
