"""Two transports joined: bytes both ways with back pressure, half close and time-outs; no protocol knowledge.

The protocols that own the transports pass their events on to their `Leg`; a relay never reads a socket itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime, ISSLTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.decision import SessionRecord
from exfront.net.transports import IPassesOn
from exfront.reasons import CLIENT_IDLE, CLIENT_TIMEOUT, Reason

_NONE: list[IDelayedCall] = []  # shared, as nearly no relay has any
_UNSEEN = b"?"  # the last octets, where nobody saw them: no line's end

Who = Literal["client", "back end", "idle", "stall", "exfront"]


@frozen
class Ended:
    """Who ended a relay, and the Reason where it was not one of the two parties."""

    who: Who
    reason: Reason | None = None


@implementer(IPushProducer)
@define(eq=False)
class Leg:
    """One side of a relay. The protocol on `transport` calls `received`, `read_ended`, `lost`.

    It is the producer of the other side's transport, and knows since when that is stalled.
    """

    relay: Relay
    transport: Any
    counted_as: Literal["octets_in", "octets_out"]
    other: Leg = field(init=False, repr=False)
    tail: bytes = b""
    closed: bool = False
    fed: bool = True
    stalled_since: float | None = None

    def pauseProducing(self) -> None:
        """The other side does not take what comes from here."""
        if self.stalled_since is None:
            self.stalled_since = self.relay.clock.seconds()
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """It does again."""
        self.stalled_since = None
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The other side is gone: its own `lost` ends the relay."""

    def received(self, data: bytes) -> None:
        """Octets from this side go to the other, at once."""
        relay, other = self.relay, self.other
        relay.active = relay.clock.seconds()
        record = relay.record
        setattr(record, self.counted_as, getattr(record, self.counted_as) + len(data))
        self.tail = data[-2:] if len(data) > 1 else self.tail[-1:] + data
        if not other.closed:
            other.transport.write(data)

    def passed(self, octets: int) -> None:
        """So many octets went from this side to the other without being seen here."""
        relay, record = self.relay, self.relay.record
        relay.active = relay.clock.seconds()
        setattr(record, self.counted_as, getattr(record, self.counted_as) + octets)
        self.tail = _UNSEEN

    def read_ended(self) -> None:
        """This side sends no more (a FIN without a close)."""
        self.relay.half_closed(self)

    def write_ended(self) -> None:
        """This side's writing end is shut, as asked; nothing follows from it."""

    def lost(self, failure: Failure) -> None:
        """The connection of this side is gone."""
        self.closed = True
        self.relay.leg_lost(self)

    def finish(self, within: float) -> None:
        """Close after what is written went out, and by force when that takes longer than `within` seconds."""
        if self.closed:
            return
        self.unfeed()
        self.relay.force_later(self, within)
        self.transport.loseConnection()

    def unfeed(self) -> None:
        """Nothing more is to come from the other side: over TLS a close waits for this."""
        if self.fed:
            self.fed = False
            self.transport.unregisterProducer()

    def abort(self) -> None:
        """Close now; what waits to be written is lost."""
        if not self.closed:
            self.transport.abortConnection()


@define(eq=False)
class Relay:
    """A client's transport and a back end's, until either ends; made by `join`."""

    record: SessionRecord
    clock: IReactorTime
    idle_time: float
    stall_time: float
    ended: Callable[[Ended], None]
    farewell: bytes = b""
    client: Leg = field(init=False)
    back_end: Leg = field(init=False)
    active: float = 0.0
    _over: bool = False
    _watch: IDelayedCall | None = None
    _timers: list[IDelayedCall] = field(factory=lambda: _NONE)

    def interject(self, data: bytes) -> None:
        """Say `data` (a ``* BYE`` of ours) to the client where that cannot break into an answer, then close.

        Both directions must have been silent for a second and the last octets to the client be CRLF.
        """
        self._say_in_silence(data)
        self.close()

    def _say_in_silence(self, data: bytes) -> None:
        silent = self.clock.seconds() - self.active >= limits.INTERJECT_SILENCE
        if silent and self.back_end.tail in (b"\r\n", b"") and not self.client.closed:
            self.client.transport.write(data)

    def close(self) -> None:
        """End both sides in order: what is written goes out first."""
        self._finish(Ended("exfront"))

    def abort(self) -> None:
        """End both sides at once."""
        self._abort(Ended("exfront"))

    def half_closed(self, leg: Leg) -> None:
        """A FIN: the client's is passed on and the answer waited for; the back end's ends the relay."""
        if leg is self.back_end:
            self._finish(Ended("back end"))
            return
        self._pass_on_client_end()

    def leg_lost(self, leg: Leg) -> None:
        """One side is gone: deliver what it sent, then close the other."""
        self._finish(Ended("client" if leg is self.client else "back end"))
        if self.client.closed and self.back_end.closed:
            self._cancel_timers()

    def force_later(self, leg: Leg, within: float) -> None:
        """Abort `leg` in `within` seconds unless it closed by then."""
        self._later(within, leg.abort)

    def start(self) -> None:
        """Register the producers both ways and watch for silence."""
        self.active = self.clock.seconds()
        self.client.transport.registerProducer(self.back_end, True)
        self.back_end.transport.registerProducer(self.client, True)
        for leg in (self.client, self.back_end):
            if IPassesOn.providedBy(leg.transport):
                leg.transport.pass_on(leg.other.transport, leg)
        self._schedule()

    def _pass_on_client_end(self) -> None:
        back_end = self.back_end
        if back_end.closed:
            return
        if ISSLTransport.providedBy(back_end.transport):  # TLS has no half close that servers of this age accept
            self._later(limits.CLIENT_GONE_TIME, lambda: self._finish(Ended("client")))
            return
        back_end.unfeed()
        back_end.transport.loseWriteConnection()
        self._later(limits.HALF_CLOSE_TIME, lambda: self._finish(Ended("client")))

    def _finish(self, how: Ended) -> None:
        if not self._end():
            return
        self.back_end.finish(limits.CLIENT_GONE_TIME)
        self.client.finish(self.stall_time if how.who == "back end" else limits.CLIENT_GONE_TIME)
        self.ended(how)

    def _abort(self, how: Ended) -> None:
        first = self._end()
        self.client.abort()
        self.back_end.abort()
        if first:
            self.ended(how)

    def _end(self) -> bool:
        """True the first time."""
        if self._over:
            return False
        self._over = True
        if self._watch is not None and self._watch.active():
            self._watch.cancel()
        return True

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._timers = [*self._timers, self.clock.callLater(seconds, call)]

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        self._timers = _NONE

    def _schedule(self) -> None:
        self._watch = self.clock.callLater(min(limits.RELAY_WATCH_TIME, self.idle_time, self.stall_time), self._look)

    def _look(self) -> None:
        """One coarse timer a relay, at most a minute late; data moves no timer."""
        now = self.clock.seconds()
        stalls = (self.client.stalled_since, self.back_end.stalled_since)
        if any(since is not None and now - since >= self.stall_time for since in stalls):
            self._abort(Ended("stall", CLIENT_TIMEOUT))
        elif now - self.active >= self.idle_time:
            self._say_in_silence(self.farewell)
            self._finish(Ended("idle", CLIENT_IDLE))
        else:
            self._schedule()


def join(
    client_transport: Any,
    back_end_transport: Any,
    record: SessionRecord,
    clock: IReactorTime,
    *,
    idle_time: float,
    stall_time: float,
    ended: Callable[[Ended], None],
    farewell: bytes = b"",
) -> Relay:
    """Join two connected transports; their protocols then pass every event to `relay.client` and `relay.back_end`.

    Octets are counted in `record`. `idle_time` is the longest silence in both directions, `stall_time` how long a
    reader may not take what waits for it, in seconds. `ended` is called once, when the relay ends; the protocols still
    get their `connectionLost` and must pass it to their leg. `farewell` is what a client hears that was silent for too
    long, where that cannot break into an answer.
    """
    relay = Relay(record, clock, idle_time, stall_time, ended, farewell)
    relay.client = Leg(relay, client_transport, "octets_in")
    relay.back_end = Leg(relay, back_end_transport, "octets_out")
    relay.client.other, relay.back_end.other = relay.back_end, relay.client
    relay.start()
    return relay
