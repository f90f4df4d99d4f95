"""Whether the directory answers at all, by what searches met; the log hears of stale answers once an outage."""

from __future__ import annotations

from attrs import define
from twisted.logger import Logger

from exfront import limits
from exfront.reasons import DIRECTORY_CERTIFICATE, DIRECTORY_DOWN, DIRECTORY_TIMEOUT, SERVICE_BIND_REFUSED, Refused

_NOBODY_ANSWERS = (DIRECTORY_DOWN, DIRECTORY_TIMEOUT, DIRECTORY_CERTIFICATE, SERVICE_BIND_REFUSED)


def is_outage(refused: Refused) -> bool:
    """Whether a refusal says that no server answers; any other is an answer."""
    return refused.reason in _NOBODY_ANSWERS


@define(eq=False)
class Outage:
    """Times are monotonic seconds. `stale_answers` counts all since the start, for the metrics."""

    log = Logger()

    stale_answers: int = 0
    _cause: Refused | None = None
    _tried: float = 0.0
    _told_at: int | None = None  # `stale_answers` before this outage's first

    @property
    def lasts(self) -> bool:
        """Whether the last search found no server."""
        return self._cause is not None

    def met(self, refused: Refused, now: float) -> None:
        """A search was refused."""
        if is_outage(refused):
            self._cause, self._tried = refused, now

    def over(self) -> None:
        """A server has answered."""
        if self._told_at is not None:
            served = self.stale_answers - self._told_at
            self.log.info("directory_back: {count} stale locations were served", count=served)
        self._cause, self._told_at = None, None

    def served_stale(self) -> None:
        """A location was served past its life."""
        if self._told_at is None:
            self._told_at = self.stale_answers
            reason = self._cause.reason if self._cause is not None else DIRECTORY_TIMEOUT
            self.log.warn(
                "directory_stale {code} {cause}: known locations serve on", code=reason.code, cause=reason.cause
            )
        self.stale_answers += 1

    def probe_due(self, now: float) -> bool:
        """Whether it is time to ask again, in the background; True once for each pause."""
        if now - self._tried < limits.LDAP_RECONNECT_FIRST:
            return False
        self._tried = now
        return True
