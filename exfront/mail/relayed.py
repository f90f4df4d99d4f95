"""A mail session once its user is in: the relay, and how it ends when the service stops."""

from __future__ import annotations

from functools import cache
from secrets import SystemRandom
from typing import Any

from exfront import limits
from exfront.config.limits import LimitsSection
from exfront.decision import SessionRecord
from exfront.mail.back_end import BackEnd
from exfront.mail.kinds import Kind
from exfront.mail.timers import Timers
from exfront.net.relay import Ended, Leg, join
from exfront.reasons import CLIENT_IDLE, DRAINING


class Relayed:
    """Joins `client`, a transport, to the back end that was entered; octets and the end go to `record`."""

    __slots__ = ("_kind", "_record", "_relay", "_settings", "_timers")

    def __init__(
        self, kind: Kind, client: Any, back_end: BackEnd, record: SessionRecord, settings: LimitsSection, timers: Timers
    ) -> None:
        self._kind = kind
        self._record = record
        self._settings = settings
        self._timers = timers
        self._relay = join(
            client,
            back_end.transport,
            record,
            timers.clock,
            idle_time=settings.imap4_idle_time if kind.protocol == "imap4" else settings.pop3_idle_time,
            stall_time=settings.stall_time,
            ended=self._ended,
            farewell=_farewell(kind),
        )
        back_end.leg = self._relay.back_end

    @property
    def leg(self) -> Leg:
        """Where the client's events go."""
        return self._relay.client

    def start(self, from_client: bytes, from_back_end: bytes) -> None:
        """What was read ahead goes first, each way (S-MAIL-10)."""
        if from_back_end:
            self._relay.back_end.received(from_back_end)
        if from_client:
            self._relay.client.received(from_client)

    def drain(self, bye: bytes) -> None:
        """The service stops: `bye` to IMAP4 clients, each at a moment of its own; POP3 sessions run on (S-OPS-7)."""
        if self._kind.sends_bye:
            spread = min(limits.BYE_SPREAD_TIME, self._settings.drain_time * 2 / 3)
            self._timers.later("bye", SystemRandom().uniform(0.0, spread), lambda: self._say_in_silence(bye, None))

    def abort(self) -> None:
        """End both sides now."""
        self._relay.abort()

    def _say_in_silence(self, bye: bytes, seen: int | None) -> None:
        """A download that runs is let run to its end."""
        moved = self._record.octets_in + self._record.octets_out
        if moved == seen:
            self._record.refuse(DRAINING)
            self._relay.interject(bye)
        else:
            self._timers.later("bye", limits.INTERJECT_SILENCE, lambda: self._say_in_silence(bye, moved))

    def _ended(self, ended: Ended) -> None:
        if ended.reason is not None:
            self._record.refuse(ended.reason)


@cache
def _farewell(kind: Kind) -> bytes:
    """To whom was silent for too long; one for all sessions."""
    return kind.new_speaker().bye(CLIENT_IDLE) if kind.sends_bye else b""
