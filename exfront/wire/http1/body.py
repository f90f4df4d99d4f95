"""Bodies that are not chunked, and the choice of the reader for a framing. Pieces pass through."""

from __future__ import annotations

from typing import Protocol

from attrs import define

from exfront.wire.http1.chunked import ChunkedBody, ChunkLimits
from exfront.wire.http1.events import (
    END,
    NO_BODY,
    TRUNCATED,
    Chunked,
    Data,
    End,
    Framing,
    Length,
    Malformed,
    Truncated,
    UntilClose,
)
from exfront.wire.http1.inbox import Inbox


class Body(Protocol):
    """A body that is being read."""

    def next_event(self, ended: bool) -> Data | End | Malformed | Truncated | None:
        """The next piece; None when more octets are needed; `ended` says that none will come."""
        ...


def body_reader(framing: Framing, inbox: Inbox, limits: ChunkLimits) -> Body:
    """What reads a body of `framing` from the head of `inbox`."""
    if framing is NO_BODY:
        return _EMPTY
    if isinstance(framing, Length) and framing.octets:
        return _LengthBody(inbox, framing.octets)
    if isinstance(framing, Chunked):
        return ChunkedBody(inbox, limits)
    if isinstance(framing, UntilClose):
        return _UntilCloseBody(inbox)
    return _EMPTY


class _EmptyBody:
    def next_event(self, ended: bool) -> End:
        return END


_EMPTY = _EmptyBody()


@define
class _LengthBody:
    _inbox: Inbox
    _left: int

    def next_event(self, ended: bool) -> Data | End | Truncated | None:
        if not self._left:
            return END
        here = min(self._left, len(self._inbox))
        if not here:
            return TRUNCATED if ended else None
        self._left -= here
        return Data(self._inbox.take(here))


@define
class _UntilCloseBody:
    _inbox: Inbox

    def next_event(self, ended: bool) -> Data | End | None:
        if len(self._inbox):
            return Data(self._inbox.take(len(self._inbox)))
        return END if ended else None
