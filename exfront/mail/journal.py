"""The records of one mail connection: one for each log-on that failed, and its own at the end."""

from __future__ import annotations

from attrs import define
from twisted.internet.interfaces import IReactorTime

from exfront.decision import SessionRecord
from exfront.reasons import Reason, Refused
from exfront.sessions import Session, SessionTable


@define
class Journal:
    """Writes nothing twice: a connection that only failed to log on leaves those failures and no line of its own."""

    session: Session
    sessions: SessionTable
    clock: IReactorTime
    _attempt_began: float | None = None
    _failed_before: bool = False
    _joined: bool = False

    @property
    def record(self) -> SessionRecord:
        """What is being filled in now."""
        return self.session.record

    @property
    def attempt_age(self) -> float:
        """Seconds since the log-on under way was received."""
        return 0.0 if self._attempt_began is None else self.clock.seconds() - self._attempt_began

    def attempt(self) -> None:
        """A log-on was received."""
        self._attempt_began = self.clock.seconds()

    def note(self, refused: Refused, back_end_status: str = "-") -> None:
        """Why the log-on under way fails; the client may hear of it later."""
        self.record.refuse(refused.reason, refused.detail)
        self.record.back_end_status = back_end_status

    def refused(self, status: str) -> None:
        """The client was answered `status`: a line of its own for this log-on."""
        self.record.front_end_status = status
        self._finish(self.attempt_age)
        self._attempt_began, self._failed_before = None, True
        self.session.record = self.sessions.new_record(self.session)

    def refused_unasked(self, name: str, reason: Reason, status: str) -> None:
        """A log-on as `name` was answered `status` before anything was looked up."""
        self.attempt()
        self.record.user = name or "-"
        self.record.refuse(reason)
        self.refused(status)

    def joined(self) -> None:
        """The back end let the user in."""
        self.record.front_end_status = self.record.back_end_status = "OK"
        self._joined = True

    def end(self) -> None:
        """The connection is over."""
        self.sessions.close(self.session)
        if self._joined or self._attempt_began is not None or not self._failed_before:
            self._finish(self.clock.seconds() - self.session.began)

    def _finish(self, duration: float) -> None:
        self.record.duration = duration
        self.sessions.finished(self.record)
