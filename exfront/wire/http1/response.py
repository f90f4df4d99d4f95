"""Reads the response to one request: octets of a back end in, events out (S-HTTP-27..30). Every fault is a 502."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from attrs import define, field, frozen

from exfront import limits
from exfront.wire.http1 import grammar
from exfront.wire.http1.body import Body, body_reader
from exfront.wire.http1.chunked import DEFAULT_CHUNK_LIMITS, ChunkLimits
from exfront.wire.http1.events import (
    END,
    NO_BODY,
    TRUNCATED,
    UNTIL_CLOSE,
    Data,
    Event,
    Framing,
    Length,
    Malformed,
    ResponseHead,
    Truncated,
)  # fmt: skip
from exfront.wire.http1.field_lines import FieldLine, read_lines
from exfront.wire.http1.framing import declared, lives_on
from exfront.wire.http1.inbox import Inbox
from exfront.wire.http1.sections import BAD_FIELD_LINE, SECTION_TOO_LONG, SectionLimits, SectionScanner

BAD_STATUS_LINE = Malformed(502, "the status line is not HTTP/1.0 or HTTP/1.1, status, reason")
TOO_MANY_INTERIM_RESPONSES = Malformed(502, "too many interim responses")

_SWITCHING_PROTOCOLS = 101
_WITHOUT_BODY = (204, 304)  # S-HTTP-29


_HEAD = SectionLimits(
    octets=limits.HTTP_RESPONSE_HEAD_OCTETS, line=limits.HTTP_RESPONSE_HEAD_OCTETS, lines=limits.HTTP_HEADER_LINES
)


@frozen
class ResponseLimits:
    """What a response may have at most: octets, lines, interim responses (S-HTTP-27, -28)."""

    head: SectionLimits = _HEAD
    chunks: ChunkLimits = DEFAULT_CHUNK_LIMITS
    interim_responses: int = limits.HTTP_INTERIM_RESPONSES


_DEFAULT = ResponseLimits()


@define(eq=False, repr=False)
class ResponseReader:
    """The responses of one connection, each to a request of `request_method`, its interim responses before it.

    Put in octets with `receive`, take out events with `next_event` until it gives None. An interim response is a
    `ResponseHead` with a 1xx status and nothing more. After a 101 nothing is read: when the caller asked for it, `rest`
    belongs to the tunnel. After `End`, `Malformed` or `Truncated` nothing more comes; `surplus` says whether the server
    sent more than it had declared, so that its connection must be dropped (S-HTTP-29). After an `End` without surplus
    `expect` begins with the response to the next request.
    """

    _request_method: bytes
    _limits: ResponseLimits = _DEFAULT
    _easy: int = field(init=False)
    _inbox: Inbox = field(factory=Inbox, init=False)
    _ended: bool = field(default=False, init=False)
    _cut: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    _switched: bool = field(default=False, init=False)
    _surplus: bool = field(default=False, init=False)
    _interim_responses: int = field(default=0, init=False)
    _framing: Framing | None = field(default=None, init=False)  # of the body behind the head that was read
    _body: Body | None = field(default=None, init=False)  # once it is asked for
    _scanner: SectionScanner | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._easy = self._limits.head.easy

    def expect(self, request_method: bytes) -> None:
        """The next request was sent on the same connection."""
        self._request_method = request_method
        self._over = False
        self._interim_responses = 0
        self._framing = self._body = None

    def receive(self, data: bytes) -> None:
        """Take octets from the server; an empty `data` changes nothing."""
        if self._over:
            self._surplus = self._surplus or bool(data)
        elif data:
            self._inbox.add(data)

    def end(self, *, clean: bool = True) -> None:
        """The server has sent its last octet. Not `clean` (no close_notify, S-TLS-7): no body may end by it."""
        self._ended = True
        self._cut = not clean

    @property
    def rest(self) -> bytes:
        """The octets that were not read: behind a 101 they belong to the tunnel."""
        return bytes(memoryview(self._inbox.octets)[self._inbox.start :])

    @property
    def buffered(self) -> int:
        """How many octets are held."""
        return len(self._inbox)

    @property
    def surplus(self) -> bool:
        """Whether octets came behind the declared end of the response."""
        return self._surplus

    def next_event(self) -> Event | None:
        """The next event; None when there is none before more octets come, or none at all."""
        if self._over or self._switched:
            return None
        if self._framing is None:
            event: Event | None = self._head()
            if event is None or type(event) is ResponseHead:
                return event
        else:
            if self._body is None:
                self._body = body_reader(self._framing, self._inbox, self._limits.chunks)
            event = self._body.next_event(self._ended)
            if event is None or type(event) is Data:
                return event
            if self._framing is UNTIL_CLOSE and self._cut and event is END:
                event = TRUNCATED
        self._finish()
        return Malformed(502, event.text) if isinstance(event, Malformed) else event

    def whole_body(self) -> bytes | None:
        """The body right behind the head, if all of it is here, in place of its events; None if they are to be asked
        for. After it nothing more comes, as after `End`."""
        framing, inbox = self._framing, self._inbox
        if self._body is not None or framing is None:
            return None
        if type(framing) is Length:
            if len(inbox.octets) - inbox.start < framing.octets:
                return None
            octets = inbox.take(framing.octets)
        elif framing is NO_BODY:
            octets = b""
        else:
            return None
        self._finish()
        return octets

    def _finish(self) -> None:
        self._over = True
        if self._inbox.octets:
            self._surplus = True
            self._inbox.skip(len(self._inbox))

    def _head(self) -> ResponseHead | Malformed | Truncated | None:
        if self._scanner is None:
            head = self._easy_head()
            if head is not None:
                return head
        return self._hard_head()

    def _easy_head(self) -> ResponseHead | Malformed | None:
        """A head that is there as a whole and without fault; None for any other."""
        octets, begin = self._inbox.octets, self._inbox.start
        end = octets.find(b"\r\n\r\n", begin, begin + self._easy) + 4
        line = grammar.STATUS_LINE.match(octets, begin, end) if end >= 4 else None
        if line is None:
            return None
        lines = read_lines(bytes(octets[line.end() : end]))
        if lines is None or len(lines) > self._limits.head.lines:
            return None
        self._inbox.skip(end - begin)
        return self._begin(line, lines)

    def _hard_head(self) -> ResponseHead | Malformed | Truncated | None:
        """A head that comes in pieces or is faulty."""
        if self._scanner is None:
            self._scanner = SectionScanner(self._limits.head, _StatusLine(self._limits.head.octets))
        length = self._scanner.scan(self._inbox)
        if not isinstance(length, int):
            return TRUNCATED if length is None and self._ended else length
        self._scanner = None
        head = self._inbox.take(length)
        line = grammar.STATUS_LINE.match(head)
        assert line is not None  # a scanner that found the end has met the start line
        lines = read_lines(head[line.end() :])
        return BAD_FIELD_LINE if lines is None else self._begin(line, lines)

    def _begin(self, line: re.Match[bytes], lines: Sequence[FieldLine]) -> ResponseHead | Malformed:
        version, code, reason = line.groups()
        minor, status = 1 if version == b"1" else 0, int(code)
        deciding = [each for each in lines if each.decides[minor]]
        if len(deciding) == 1 and deciding[0].length is not None:  # nearly always
            framing, keep_alive = self._framed(status, Length(deciding[0].length)), minor == 1
        else:
            lengths, codings, connection = _decisive(deciding)
            body = declared(lengths, codings, minor)
            if isinstance(body, Malformed):
                return body
            framing = self._framed(status, body)
            keep_alive = lives_on(connection, minor) and framing is not UNTIL_CLOSE
        head = ResponseHead(status, reason or b"", minor, lines, framing, keep_alive)
        if status < 200:
            return self._interim(head)
        self._framing = framing
        return head

    def _framed(self, status: int, declared_body: Framing | None) -> Framing:
        if status < 200 or status in _WITHOUT_BODY or self._request_method == b"HEAD":
            return NO_BODY
        return UNTIL_CLOSE if declared_body is None else declared_body

    def _interim(self, head: ResponseHead) -> ResponseHead | Malformed:
        self._interim_responses += 1
        if self._interim_responses > self._limits.interim_responses:
            return TOO_MANY_INTERIM_RESPONSES
        self._switched = head.status == _SWITCHING_PROTOCOLS
        return head


def _decisive(lines: Iterable[FieldLine]) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """The values of Content-Length, Transfer-Encoding and Connection, of lines that are one of these."""
    lengths: list[bytes] = []
    codings: list[bytes] = []
    connection: list[bytes] = []
    for line in lines:
        name = line.lower
        found = lengths if name == b"content-length" else connection if name == b"connection" else codings
        found.append(line.value)
    return lengths, codings, connection


@define
class _StatusLine:
    _octets: int
    counted: bool = field(default=True, init=False)

    def room(self, octets: bytes | bytearray, begin: int, end: int) -> tuple[int, Malformed]:
        return self._octets, SECTION_TOO_LONG

    def fault(self, line: bytes) -> Malformed | None:
        return None if grammar.STATUS_LINE.fullmatch(line) else BAD_STATUS_LINE
