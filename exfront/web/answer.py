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
    RequestHead,
    UntilClose,
)
from exfront.wire.http1.write import BodyWriter, response_head


@define(eq=False)
class Answer:
    """Writes to `outlet`. `keep_alive` says whether the connection lives on; it may be taken away until `begin`."""

    outlet: Outlet
    record: SessionRecord
    minor: int
    keep_alive: bool
    begun: bool = field(default=False, init=False)
    ended: bool = field(default=False, init=False)
    until_close: bool = field(default=False, init=False)
    _body: BodyWriter | None = field(default=None, init=False)

    @classmethod
    def to(cls, head: RequestHead, outlet: Outlet, record: SessionRecord) -> Answer:
        """The answer to `head`."""
        return cls(outlet, record, head.minor, head.keep_alive)

    def interim(self, status: int, reason: bytes | None = None, headers: Headers = ()) -> None:
        """A 1xx response; HTTP/1.0 clients know none (RFC 9110 section 15.2)."""
        if self.minor and not self.begun:
            self.outlet.write(response_head(status, reason, headers, NO_BODY))

    def begin(self, status: int, reason: bytes | None, headers: Headers, framing: Framing) -> None:
        """The final head. A body of unknown length comes in chunks, or to HTTP/1.0 until the connection's end."""
        if isinstance(framing, Chunked | UntilClose):
            framing = CHUNKED if self.minor else UNTIL_CLOSE
        self.until_close = isinstance(framing, UntilClose)
        self.keep_alive = self.keep_alive and not self.until_close
        self.begun = True
        self.record.front_end_status = str(status)
        self._body = BodyWriter(framing)
        self.outlet.write(response_head(status, reason, (*headers, *self._connection()), framing, self.minor))

    def data(self, octets: bytes) -> None:
        """A piece of the body."""
        assert self._body is not None
        self.outlet.write(self._body.data(octets))

    def end(self) -> None:
        """The answer is complete."""
        assert self._body is not None
        last = self._body.end()
        self.ended = True
        if last:
            self.outlet.write(last)

    def whole(self, status: int, headers: Headers, body: bytes, *, head_only: bool = False) -> None:
        """An answer of exfront's own, at once; with `head_only` only the body's length is told."""
        length = Length(len(body))
        if head_only:
            self.begin(status, None, (*headers, (b"Content-Length", b"%d" % length.octets)), NO_BODY)
        else:
            self.begin(status, None, headers, length)
            self.data(body)
        self.end()

    def _connection(self) -> Headers:
        if not self.keep_alive:
            return ((b"Connection", b"close"),)
        return () if self.minor else ((b"Connection", b"keep-alive"),)
