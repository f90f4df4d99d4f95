"""What a client's connection waits for, and how long (S-HTTP-24)."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from exfront.config.limits import LimitsSection
from exfront.web.body_rate import BodyRate
from exfront.web.deadline import Deadline


class Phase(Enum):
    """What the connection waits for; each has its own deadline."""

    HANDSHAKE = "handshake"
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"  # others' deadlines run
    CLOSING = "closing"


class Watched(Protocol):
    """The connection, as far as its pace goes."""

    def idle_too_long(self) -> None:
        """No request came."""
        ...

    def too_slow(self, phase: Phase) -> None:
        """The client did not do in time what the connection waits for."""
        ...

    def body_received(self) -> int:
        """How many octets of the running request's body came."""
        ...

    def body_idle(self) -> float:
        """How long it may pause, in seconds; 0 for one that must come at a rate."""
        ...


@define(eq=False)
class Pace:
    """The phase of a connection, and its deadline; `deadline` is free while the connection is closing."""

    watched: Watched
    settings: LimitsSection
    clock: IReactorTime
    phase: Phase = Phase.HANDSHAKE
    deadline: Deadline = field(init=False)
    _rate: BodyRate = field(factory=lambda: BodyRate(0.0, 0), init=False)
    _before: int = field(default=0, init=False)  # octets of a body that may pause, when it was last looked at

    def __attrs_post_init__(self) -> None:
        self.deadline = Deadline(self.clock)

    def enter(self, phase: Phase) -> None:
        """From now on the connection waits for this."""
        self.phase = phase
        if phase is Phase.ANSWER or phase is Phase.CLOSING:
            self.deadline.clear()
        elif phase is Phase.IDLE:
            self.deadline.set(self.settings.http_idle_time, self.watched.idle_too_long)
        elif phase is Phase.HEAD:
            self.deadline.set(self.settings.http_head_time, self._too_slow)
        elif phase is Phase.BODY:
            self._watch_body()
        else:
            self.deadline.set(self.settings.tls_handshake_time, self._too_slow)

    def _too_slow(self) -> None:
        self.watched.too_slow(self.phase)

    def _watch_body(self) -> None:
        received, idle = self.watched.body_received(), self.watched.body_idle()
        if idle:
            self._before = received
            self.deadline.set(idle, self._look_at_pause)
        else:
            self._rate = BodyRate(self.clock.seconds(), received)
            self.deadline.set(self._rate.window, self._look_at_rate)

    def _look_at_rate(self) -> None:
        if self._rate.too_slow(self.clock.seconds(), self.watched.body_received()):
            self.watched.too_slow(Phase.BODY)
        else:
            self.deadline.set(self._rate.window, self._look_at_rate)

    def _look_at_pause(self) -> None:
        if self.watched.body_received() == self._before:
            self.watched.too_slow(Phase.BODY)
        else:
            self._watch_body()
