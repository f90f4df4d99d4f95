"""The chunked transfer coding (RFC 9112 section 7.1), read strictly; extensions and trailers are dropped."""

from __future__ import annotations

from attrs import define, field, frozen

from exfront import limits
from exfront.wire.http1 import grammar
from exfront.wire.http1.events import END, TRUNCATED, Data, End, Malformed, Truncated
from exfront.wire.http1.inbox import Inbox
from exfront.wire.http1.sections import SectionLimits, SectionScanner

BAD_CHUNK_LINE = Malformed(400, "a chunk's size line is not valid")
EXTENSIONS_TOO_LONG = Malformed(400, "the chunk extensions are too long")
BAD_CHUNK_END = Malformed(400, "a chunk is not followed by CRLF")


_TRAILER = SectionLimits(
    octets=limits.HTTP_TRAILER_OCTETS, line=limits.HTTP_LINE_OCTETS, lines=limits.HTTP_HEADER_LINES
)


@frozen
class ChunkLimits:
    """Limits of one chunked body (S-HTTP-11, -12): octets of `extensions` in all chunks; the trailer section."""

    extensions: int = limits.HTTP_CHUNK_EXTENSION_OCTETS
    trailer: SectionLimits = _TRAILER


DEFAULT_CHUNK_LIMITS = ChunkLimits()


@define
class ChunkedBody:
    """Reads one chunked body from the head of `inbox`."""

    _inbox: Inbox
    _limits: ChunkLimits
    _left: int = field(default=0, init=False)  # of the present chunk's data
    _in_chunk: bool = field(default=False, init=False)  # the size line was read, the CRLF behind the data was not
    _extensions: int = field(default=0, init=False)
    _trailer: SectionScanner | None = field(default=None, init=False)

    def next_event(self, ended: bool) -> Data | End | Malformed | Truncated | None:
        """The next piece; None when more octets are needed; `ended` says that none will come."""
        event = self._read()
        return TRUNCATED if event is None and ended else event

    def _read(self) -> Data | End | Malformed | None:
        if self._left:
            return self._data()
        if self._in_chunk:
            fault = self._chunk_end()
            if fault is not None or self._in_chunk:
                return fault
        if self._trailer is None:
            fault = self._chunk_line()
            if fault is not None or not (self._left or self._trailer):
                return fault
        return self._data() if self._trailer is None else self._end(self._trailer)

    def _data(self) -> Data | None:
        here = min(self._left, len(self._inbox))
        if not here:
            return None
        self._left -= here
        return Data(self._inbox.take(here))

    def _chunk_end(self) -> Malformed | None:
        octets, begin = self._inbox.octets, self._inbox.start
        found = octets[begin : begin + 2]
        if found == b"\r\n":
            self._in_chunk = False
            self._inbox.skip(2)
            return None
        return BAD_CHUNK_END if found not in (b"", b"\r") else None

    def _chunk_line(self) -> Malformed | None:
        octets, begin = self._inbox.octets, self._inbox.start
        most = begin + _CHUNK_LINE_WITHOUT_EXTENSION + self._limits.extensions - self._extensions
        end = octets.find(b"\n", begin, most) + 1
        if not end:
            return self._unfinished_fault(octets, begin, most)
        if not grammar.CHUNK_LINE.fullmatch(octets, begin, end):
            return BAD_CHUNK_LINE
        return self._start_chunk(self._inbox.take(end - begin))

    def _unfinished_fault(self, octets: bytes | bytearray, begin: int, most: int) -> Malformed | None:
        if not grammar.CHUNK_LINE_BEGUN.fullmatch(octets, begin, most):
            return BAD_CHUNK_LINE
        return EXTENSIONS_TOO_LONG if len(octets) >= most else None

    def _start_chunk(self, line: bytes) -> Malformed | None:
        extension = line.find(b";")
        if extension >= 0:
            self._extensions += len(line) - extension - 2
            if self._extensions > self._limits.extensions:
                return EXTENSIONS_TOO_LONG
            line = line[:extension]
        self._left = int(line, 16)  # the white space around the digits is none of int's concern
        self._in_chunk = self._left > 0
        if not self._left:
            self._trailer = SectionScanner(self._limits.trailer)
        return None

    def _end(self, trailer: SectionScanner) -> End | Malformed | None:
        length = trailer.scan(self._inbox)
        if not isinstance(length, int):
            return length
        self._inbox.skip(length)  # S-HTTP-12: checked, then discarded
        return END


_CHUNK_LINE_WITHOUT_EXTENSION = 16 + 32 + 2  # digits, white space, CRLF
