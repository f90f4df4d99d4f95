"""Reads requests: octets of a client in, events out, one message after the other (S-HTTP-1..12)."""

from __future__ import annotations

from attrs import define, field, frozen

from exfront import limits
from exfront.wire.http1 import fields, grammar
from exfront.wire.http1.body import Body, body_reader
from exfront.wire.http1.chunked import DEFAULT_CHUNK_LIMITS, ChunkLimits
from exfront.wire.http1.events import END, TRUNCATED, Data, Event, Malformed, RequestFields, RequestHead, Truncated
from exfront.wire.http1.inbox import Inbox
from exfront.wire.http1.request_head import RequestLine, RequestStartLine, examine
from exfront.wire.http1.sections import SECTION_TOO_LONG, TLS_HANDSHAKE, SectionLimits, SectionScanner

__all__ = ["TLS_HANDSHAKE", "RequestLimits", "RequestReader"]


_HEAD = SectionLimits(
    octets=limits.HTTP_HEAD_OCTETS,
    line=limits.HTTP_LINE_OCTETS,
    lines=limits.HTTP_HEADER_LINES,
    authorization=limits.HTTP_AUTHORIZATION_OCTETS,
)


@frozen
class RequestLimits:
    """What a request may have at most, in octets but for the head's lines (S-HTTP-8, -11, -12)."""

    method: int = limits.HTTP_METHOD_OCTETS
    target: int = limits.HTTP_TARGET_OCTETS
    head: SectionLimits = _HEAD
    chunks: ChunkLimits = DEFAULT_CHUNK_LIMITS

    @property
    def easy(self) -> int:
        """A head up to this many octets keeps all limits but those of the method and the number of lines."""
        return min(self.target, self.head.easy)


_DEFAULT = RequestLimits()


@define(eq=False, repr=False)
class RequestReader:
    """The requests of one client connection.

    Put in octets with `receive`, take out events with `next_event` until it gives None. The head of the next request is
    read only when it is asked for: ask after the former response is finished, and pipelined requests are answered in
    order. After `Malformed`, `Truncated`, or the `End` of a request that is not `keep_alive` nothing more comes.
    `Malformed` equal to `TLS_HANDSHAKE` means a TLS client: close without an answer.
    """

    _limits: RequestLimits = _DEFAULT
    _easy: int = field(init=False)
    _inbox: Inbox = field(factory=Inbox, init=False)
    _ended: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    _keep_alive: bool = field(default=True, init=False)
    _empty_lines: int = field(default=0, init=False)  # octets of them before the present head
    _body: Body | None = field(default=None, init=False)
    _start_line: RequestStartLine | None = field(default=None, init=False)
    _scanner: SectionScanner | None = field(default=None, init=False)
    # A client repeats its fields from request to request; equal octets have the same meaning.
    _last_section: bytes = field(default=b"", init=False)
    _last_minor: int = field(default=1, init=False)
    _last_fields: RequestFields | None = field(default=None, init=False)
    head_octets: int = field(default=0, init=False)  # of the last head

    def __attrs_post_init__(self) -> None:
        self._easy = self._limits.easy

    def receive(self, data: bytes) -> None:
        """Take octets from the client; an empty `data` changes nothing."""
        if data and not self._over:
            self._inbox.add(data)

    def end(self) -> None:
        """The client has sent its last octet: what is unfinished gives `Truncated`."""
        self._ended = True

    @property
    def rest(self) -> bytes:
        """The octets that were not read: behind a request that opens a tunnel they belong to the tunnel."""
        return bytes(memoryview(self._inbox.octets)[self._inbox.start :])

    @property
    def buffered(self) -> int:
        """How many octets are held; 0 between messages when no further one has begun."""
        return len(self._inbox.octets) - self._inbox.start

    def next_event(self) -> Event | None:
        """The next event; None when there is none before more octets come, or none at all."""
        if self._over:
            return None
        if self._body is None:
            event: Event | None = self._head()
            if event is None or type(event) is RequestHead:
                return event
        else:
            event = self._body.next_event(self._ended)
            if event is None or type(event) is Data:
                return event
            if event is END:
                self.no_body()
                return event
        self._over = True
        self._inbox.skip(len(self._inbox))
        return event

    def no_body(self) -> None:
        """In place of the `End` of a request without a body."""
        self._body = None
        if not self._keep_alive:
            self._over = True
            self._inbox.skip(len(self._inbox))

    def _head(self) -> RequestHead | Malformed | Truncated | None:
        inbox = self._inbox
        if self._scanner is None:
            if not inbox.octets:
                return None
            if inbox.octets.startswith(b"\r", inbox.start):
                fault = self._skip_empty_lines()
                if fault is not None or not inbox.octets:
                    return fault
                if len(inbox) == 1 and inbox.octets.endswith(b"\r") and not self._ended:
                    return None  # half of an empty line
            head = self._easy_head()
            if head is not None:
                return head
        return self._hard_head()

    def _skip_empty_lines(self) -> Malformed | None:
        # RFC 9112 section 2.2: some clients send a CRLF too many behind a body.
        inbox = self._inbox
        match = grammar.EMPTY_LINES.match(inbox.octets, inbox.start)
        assert match is not None  # it matches nothing, too
        empty = match.end() - inbox.start
        inbox.skip(empty)
        self._empty_lines += empty
        return SECTION_TOO_LONG if self._empty_lines > self._limits.head.octets else None

    def _easy_head(self) -> RequestHead | Malformed | None:
        """A head that is there as a whole, is short and without fault; None for any other."""
        octets, begin = self._inbox.octets, self._inbox.start
        end = octets.find(b"\r\n\r\n", begin, begin + max(0, self._easy - self._empty_lines)) + 4
        if end < 4:
            return None
        match = grammar.ORIGIN_REQUEST_LINE.match(octets, begin, end)
        if match is None:
            return None
        method, target, version = match.groups()
        if len(method) > self._limits.method:
            return None
        minor = 0 if version == b"0" else 1
        begun, last = match.end(), self._last_section
        if end - begun == len(last) and octets.startswith(last, begun) and minor == self._last_minor:
            found: RequestFields | Malformed | None = self._last_fields
        else:
            found = self._new_fields(bytes(octets[begun:end]), minor)
        if not isinstance(found, RequestFields):
            return found
        self.head_octets = end - begin
        self._inbox.skip(end - begin)
        path, mark, query = target.partition(b"?")
        self._begin_body(found)
        return RequestHead(method, target, path, query if mark else None, found.host, minor, found)

    def _new_fields(self, section: bytes, minor: int) -> RequestFields | Malformed | None:
        if not grammar.FIELD_SECTION.fullmatch(section):
            return None
        headers = fields.parse(section)
        if len(headers) > self._limits.head.lines:
            return None
        found = examine(headers, minor)
        if isinstance(found, RequestFields):
            self._last_section, self._last_minor, self._last_fields = section, minor, found
        return found

    def _hard_head(self) -> RequestHead | Malformed | Truncated | None:
        """A head that comes in pieces, is long or faulty."""
        if self._scanner is None or self._start_line is None:
            self._start_line = RequestStartLine(self._limits.method, self._limits.target)
            self._scanner = SectionScanner(self._limits.head, self._start_line, self._empty_lines)
        length = self._scanner.scan(self._inbox)
        if not isinstance(length, int):
            return TRUNCATED if length is None and self._ended else length
        line = self._start_line.line
        assert line is not None  # a scanner that found the end has met the start line
        head = self._inbox.take(length)
        self.head_octets = length
        found = examine(fields.parse(head[head.index(b"\n") + 1 :]), line.minor)
        return self._begin(line, found)

    def _begin(self, line: RequestLine, found: RequestFields | Malformed) -> RequestHead | Malformed:
        if isinstance(found, Malformed):
            return found
        self._scanner = self._start_line = None
        self._begin_body(found)
        parts = line.parts
        authority = found.host if parts.authority is None else parts.authority
        return RequestHead(line.method, line.target, parts.path, parts.query, authority, line.minor, found)

    def _begin_body(self, found: RequestFields) -> None:
        self._empty_lines = 0
        self._keep_alive = found.keep_alive
        self._body = body_reader(found.framing, self._inbox, self._limits.chunks)
