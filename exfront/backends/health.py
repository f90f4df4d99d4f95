"""What is known of a back end, from what happens there: may it be tried, how is each application (S-ROUTE-12).

No clock and no I/O: times are passed in, in seconds of any clock that only goes forward.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from attrs import define, field

from exfront import limits
from exfront.facts import Health
from exfront.reasons import (
    BACK_END_ANSWER_TIMEOUT,
    BACK_END_CERTIFICATE,
    BACK_END_CONNECT_TIMEOUT,
    BACK_END_LOGIN_LOST,
    BACK_END_LOGIN_REFUSED,
    BACK_END_LOGIN_TIMEOUT,
    BACK_END_NO_ADDRESS,
    BACK_END_OUT,
    BACK_END_PROTOCOL,
    BACK_END_REFUSED,
    BACK_END_RESET,
    BACK_END_TRUNCATED,
    TOO_MANY_AT_BACK_END,
    Refused,
)

# Nobody was reached. A certificate fault is none: that server answers, and each log line is to name the fault.
CONNECT_FAULTS = frozenset({BACK_END_REFUSED, BACK_END_NO_ADDRESS, BACK_END_CONNECT_TIMEOUT})

# Nobody has seen anything of a request then: another server may be asked.
NOT_REACHED = CONNECT_FAULTS | {BACK_END_OUT, TOO_MANY_AT_BACK_END}

# The server was reached, and this application of it did badly.
APPLICATION_FAULTS = frozenset(
    {BACK_END_ANSWER_TIMEOUT, BACK_END_LOGIN_LOST, BACK_END_LOGIN_REFUSED, BACK_END_LOGIN_TIMEOUT, BACK_END_PROTOCOL,
     BACK_END_RESET, BACK_END_TRUNCATED}
)  # fmt: skip

# All that a back end can be blamed for; what a client did wrong is none of it.
_FAULTS = CONNECT_FAULTS | APPLICATION_FAULTS | {BACK_END_CERTIFICATE, TOO_MANY_AT_BACK_END, BACK_END_OUT}

# 501 and 505 speak of the request, 507 of one mailbox (RFC 9110 section 15.6, RFC 4918 section 11.5).
_BAD_STATUSES = frozenset({500, 502, 503, 504})

_WEIGHT = 0.1  # of the newest answer in the average


class Attempt(Enum):
    """Leave to connect: as always, or as the one probe of a service that is out."""

    ORDINARY = "ordinary"
    PROBE = "probe"


@define(eq=False)
class Breaker:
    """Leaves one service (a protocol of a server) alone for a while after failed connects, one probe at a time."""

    out: bool = False
    failures: int = 0  # connects in a row
    error: str = ""  # the last one
    since: float = 0.0  # when it went out
    _pause: float = limits.BACK_END_OUT_FIRST
    _tried: float = 0.0  # the end of the last probe
    _probing: bool = False

    def attempt(self, now: float, only: bool) -> Attempt | None:
        """Leave to connect; each must be told of by one of the calls below. None: leave it alone.

        `only`: nobody else has the mailbox, so that a short pause between probes is enough.
        """
        if not self.out:
            return Attempt.ORDINARY
        if self._probing or now < self.next_try(only):
            return None
        self._probing = True
        return Attempt.PROBE

    def next_try(self, only: bool) -> float:
        """When a service that is out may be tried again."""
        return self._tried + (min(self._pause, limits.BACK_END_ONLY_PAUSE) if only else self._pause)

    def due(self, now: float) -> bool:
        """Whether a service that is out, and not the only one, may be tried now."""
        return not self._probing and now >= self.next_try(only=False)

    def connected(self, attempt: Attempt) -> None:
        """The service was reached, whatever it said then."""
        self._end(attempt)
        self.out, self.failures, self._pause = False, 0, limits.BACK_END_OUT_FIRST

    def failed(self, attempt: Attempt, now: float, error: str) -> None:
        """Nobody was reached; of attempts that began before it went out none makes the pause longer."""
        self._end(attempt)
        self.failures += 1
        self.error = error
        if not self.out and self.failures >= limits.BACK_END_CONNECT_FAILURES:
            self.out, self.since, self._tried = True, now, now
        elif self.out and attempt is Attempt.PROBE:
            self._tried = now
            self._pause = min(self._pause * 2, limits.BACK_END_OUT_MOST)

    def given_up(self, attempt: Attempt) -> None:
        """Nobody waited for the outcome."""
        self._end(attempt)

    def _end(self, attempt: Attempt) -> None:
        if attempt is Attempt.PROBE:
            self._probing = False


HEALTHY = Health("healthy")


@define(eq=False)
class Application:
    """One application of one server (``imap4``, ``pop3``, ``owa``, ...): its counters, and whether it is degraded.

    The pair of calls around a request costs well under a microsecond; `begin` is followed by exactly one other.
    """

    server: str
    protocol: str
    name: str
    in_flight: int = 0
    requests: int = 0
    failures: int = 0
    latency: float = 0.0  # a moving average until the answer's head, in seconds; 0 before the first answer
    error: str = ""  # the last one
    error_at: float = 0.0
    health: Health = field(default=HEALTHY)
    probe: Literal["", "ok", "failed"] = ""  # the last one's outcome
    port: int = 0  # of the service where it was last asked for
    _run: int = 0  # bad answers in a row

    def begin(self) -> None:
        """A request, or a mail user's log-on, goes there."""
        self.in_flight += 1
        self.requests += 1

    def answered(self, status: int, seconds: float, now: float) -> None:
        """It was answered after `seconds`: `status` is HTTP's, 0 for a protocol without."""
        self.in_flight -= 1
        self.latency += _WEIGHT * (seconds - self.latency) if self.latency else seconds
        if status in _BAD_STATUSES:
            self.failures += 1
            self._bad(f"status={status}", now)
        elif self._run:
            self._run = 0
            self._judge()

    def failed(self, refused: Refused, now: float) -> None:
        """It was not answered; what the client did is no fault, and a server that was not reached none of this."""
        self.in_flight -= 1
        if refused.reason not in _FAULTS:
            return
        self.failures += 1
        if refused.reason in APPLICATION_FAULTS:
            self._bad(words(refused), now)
        else:
            self.error, self.error_at = words(refused), now

    def dropped(self) -> None:
        """Nobody waits for the answer any more."""
        self.in_flight -= 1

    def probed(self, error: str, now: float) -> None:
        """A probe of exfront's own ended; `error` is empty when all was well. A probe is no request."""
        self.probe = "failed" if error else "ok"
        if error:
            self.error, self.error_at = f"probe: {error}", now
        self._judge()

    def _bad(self, error: str, now: float) -> None:
        self._run += 1
        self.error, self.error_at = error, now
        self._judge()

    def _judge(self) -> None:
        degraded = self.probe == "failed" or self._run >= limits.BACK_END_BAD_ANSWERS
        self.health = Health("degraded", self.error) if degraded else HEALTHY


def words(refused: Refused) -> str:
    """A refusal as tables and `because` show it."""
    return " ".join(filter(None, (refused.reason.code, refused.reason.cause, refused.detail)))
