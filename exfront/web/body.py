"""The body of the request that runs: who takes it, whether more of it is wanted now, and whether it is too large."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from attrs import define, field
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from exfront import limits
from exfront.reasons import BODY_TOO_LARGE, Reason, Refused
from exfront.wire.http1.events import NO_BODY, Framing, Length


class Taker(Protocol):
    """Who passes a body on."""

    def send(self, octets: bytes) -> None:
        """A piece of it."""
        ...

    def sent_all(self) -> None:
        """There is no more."""
        ...

    def waits(self, waiting: bool) -> None:
        """Where it goes to is not read, or is read again."""
        ...

    def fail(self, reason: Reason, detail: str) -> None:
        """The client broke the rules, or was too slow: the rest does not come."""
        ...


class _Use(Enum):
    HOLD = "nobody takes it yet, or any more"
    FORWARD = "goes to the taker"
    DISCARD = "is read and dropped"


@implementer(IPushProducer)
@define(eq=False)
class RequestBody:
    """`changed` is called when more of it may be wanted. As a producer it is paused by the back end's transport."""

    framing: Framing
    limit: int = limits.HTTP_BODY_OCTETS
    changed: Callable[[], None] = field(default=lambda: None)
    received: int = field(default=0, init=False)
    peeked: bytearray | None = field(default=None, init=False, repr=False)  # its beginning, where a log wants that
    ended: bool = field(init=False)  # from the start, where there is none
    paused: bool = field(default=False, init=False)
    _use: _Use = field(default=_Use.HOLD, init=False)
    _taker: Taker | None = field(default=None, init=False)

    @ended.default
    def _is_empty(self) -> bool:
        return self.framing is NO_BODY or self.framing == Length(0)

    @property
    def wanted(self) -> bool:
        """Whether the next piece may be read."""
        return not self.ended and not self.paused and self._use is not _Use.HOLD

    @property
    def empty(self) -> bool:
        """Whether there is none at all."""
        return self._is_empty()

    @property
    def too_large(self) -> bool:
        """Whether more is declared than the limit allows (S-HTTP-25)."""
        return isinstance(self.framing, Length) and self.framing.octets > self.limit

    @property
    def short(self) -> bool:
        """Whether the rest is known and little enough to be read to its end (S-HTTP-17)."""
        if self.ended:
            return True
        return isinstance(self.framing, Length) and self.framing.octets - self.received <= limits.HTTP_DRAIN_OCTETS

    def forward(self, taker: Taker) -> None:
        """From now on it goes to `taker`."""
        self._use, self._taker = _Use.FORWARD, taker
        self.changed()

    def hold(self) -> None:
        """Read no more of it."""
        self._use, self._taker, self.paused = _Use.HOLD, None, False

    def discard(self) -> None:
        """Read it to its end for nobody."""
        self._use, self._taker, self.paused = _Use.DISCARD, None, False
        self.changed()

    def data(self, octets: bytes) -> None:
        """A piece came. Raises `Refused` when it is more than the limit."""
        self.received += len(octets)
        if self.received > self.limit:
            raise Refused(BODY_TOO_LARGE, f"over {self.limit} octets")
        if self.peeked is not None and (room := limits.ACTIVESYNC_PEEKED_OCTETS - len(self.peeked)) > 0:
            self.peeked += octets[:room]
        if self._taker is not None:
            self._taker.send(octets)

    def end(self) -> None:
        """All of it came."""
        self.ended = True
        if self._taker is not None:
            self._taker.sent_all()

    def fail(self, reason: Reason, detail: str) -> None:
        """The rest does not come, or is not wanted."""
        if self._taker is not None:
            self._taker.fail(reason, detail)

    def pauseProducing(self) -> None:
        """The back end reads more slowly than the client writes."""
        self.paused = True
        if self._taker is not None:
            self._taker.waits(True)
        self.changed()

    def resumeProducing(self) -> None:
        """The back end has read."""
        self.paused = False
        if self._taker is not None:
            self._taker.waits(False)
        self.changed()

    def stopProducing(self) -> None:
        """The back end is gone: its connection says so too."""


NOTHING = RequestBody(NO_BODY)
"""For all requests without one: nothing of it changes."""
