"""One answer on its way to the client, in the client's version of HTTP and within its framing."""

from __future__ import annotations

from attrs import define, field

from exfront.decision import SessionRecord
from exfront.web.outlet import Outlet
from exfront.wire.http1.events import (
    CHUNKED,
    NO_BODY,
    UNTIL_CLOSE,
    Chunked,
    Framing,
    Headers,
    Length,
    UntilClose,
)
from exfront.wire.http1.write import BodyWriter, FramingError, field_lines, response_head_of

_STATUSES = {status: str(status) for status in range(100, 600)}


@define(eq=False)
class Answer:
    """What is written waits for `flush`, so that a head and the body behind it leave together.

    `keep_alive` says whether the connection lives on; it may be taken away until `begin`.
    """

    outlet: Outlet
    record: SessionRecord
    minor: int
    keep_alive: bool
    begun: bool = field(default=False, init=False)
    ended: bool = field(default=False, init=False)
    until_close: bool = field(default=False, init=False)
    _left: int = field(default=0, init=False)  # of a body whose length was told
    _body: BodyWriter | None = field(default=None, init=False)  # of any other
    _waiting: list[bytes] = field(factory=list, init=False)

    def interim(self, status: int, reason: bytes | None = None, lines: bytes = b"") -> None:
        """A 1xx response, at once; HTTP/1.0 clients know none (RFC 9110 section 15.2)."""
        if self.minor and not self.begun:
            self.outlet.write(response_head_of(status, reason, lines, NO_BODY))

    def begin(self, status: int, reason: bytes | None, lines: bytes, framing: Framing) -> None:
        """The final head; `lines` are its field lines, checked, without those of the framing.

        A body of unknown length comes in chunks, or to HTTP/1.0 until the connection's end.
        """
        if isinstance(framing, Chunked | UntilClose):
            framing = CHUNKED if self.minor else UNTIL_CLOSE
            if not self.minor:
                self.until_close, self.keep_alive = True, False
        if type(framing) is Length:
            self._left = framing.octets
        else:
            self._body = BodyWriter(framing)
        self._waiting.append(self._head(status, reason, lines, framing))

    def complete(self, status: int, reason: bytes | None, lines: bytes, framing: Framing, body: bytes) -> None:
        """Head and body in one, the `body` being as long as its `framing`, a length or none, tells."""
        octets = self._head(status, reason, lines, framing)
        self.ended = True
        self.outlet.write(octets + body)

    def _head(self, status: int, reason: bytes | None, lines: bytes, framing: Framing) -> bytes:
        self.begun = True
        self.record.front_end_status = _STATUSES[status]
        if not self.keep_alive:
            lines += b"Connection: close\r\n"
        elif not self.minor:
            lines += b"Connection: keep-alive\r\n"
        return response_head_of(status, reason, lines, framing, self.minor)

    def switch(self, lines: bytes) -> None:
        """A 101 to a client that asked for it: what follows is no HTTP (RFC 9110 section 7.8)."""
        self.begun, self.keep_alive = True, False
        self.record.front_end_status = _STATUSES[101]
        self.outlet.write(response_head_of(101, None, lines, NO_BODY))

    def data(self, octets: bytes) -> None:
        """A piece of the body. Raises `FramingError` for more than was told."""
        if self._body is not None:
            octets = self._body.data(octets)
        else:
            self._left -= len(octets)
            if self._left < 0:
                raise FramingError("more octets than declared")
        self._waiting.append(octets)

    def end(self) -> None:
        """The answer is complete, and on its way. Raises `FramingError` for less than was told."""
        if self._body is not None:
            self._waiting.append(self._body.end())
        elif self._left:
            raise FramingError("fewer octets than declared")
        self.ended = True
        self.flush()

    def flush(self) -> None:
        """Send what waits."""
        waiting = self._waiting
        if waiting:
            self._waiting = []
            self.outlet.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def whole(
        self, status: int, headers: Headers, body: bytes, *, head_only: bool = False, phrase: bytes | None = None
    ) -> None:
        """An answer of exfront's own, at once; with `head_only` only the body's length is told."""
        if head_only:
            self.begin(status, phrase, field_lines((*headers, (b"Content-Length", b"%d" % len(body)))), NO_BODY)
        else:
            self.begin(status, phrase, field_lines(headers), Length(len(body)))
            self.data(body)
        self.end()
