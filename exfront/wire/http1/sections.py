"""The end of a head or of a trailer section, found line by line as its octets come.

Every fault is reported at the first octet that proves it, so that the pieces in which a message comes make no
difference, and no peer is waited for that can only get worse.
"""

from __future__ import annotations

from typing import Protocol

from attrs import define, field, frozen

from exfront.wire.http1 import grammar
from exfront.wire.http1.events import Malformed
from exfront.wire.http1.inbox import Inbox

TLS_HANDSHAKE = Malformed(400, "a TLS handshake on a port without TLS")  # S-TLS-6: nobody there reads an answer
FORBIDDEN_OCTET = Malformed(400, "a bare LF, bare CR, NUL or other control octet")
BAD_FIELD_LINE = Malformed(400, "a header line is not name: value")
LINE_TOO_LONG = Malformed(431, "a header line is too long")
SECTION_TOO_LONG = Malformed(431, "the header section is too long")
TOO_MANY_LINES = Malformed(431, "too many header lines")

_AUTHORIZATION = b"authorization:"


@frozen
class SectionLimits:
    """Limits of a head or a trailer section, in octets but for `lines`; CRLF counts for `octets` only.

    `authorization`: when not None, the first line of that name has this limit instead and is not in the sum (S-HTTP-8).
    """

    octets: int
    line: int
    lines: int
    authorization: int | None = None

    @property
    def easy(self) -> int:
        """A section up to this many octets keeps all limits but perhaps that of the lines."""
        sizes = (self.octets, self.line, self.octets if self.authorization is None else self.authorization)
        return min(sizes)


class StartLine(Protocol):
    """What a head begins with; `counted` says whether it is part of the sum of octets."""

    counted: bool

    def room(self, octets: bytes | bytearray, begin: int, end: int) -> tuple[int, Malformed]:
        """How many octets the line from `begin` may have, as far as known up to `end`, and the answer to more."""
        ...

    def fault(self, line: bytes) -> Malformed | None:
        """What is wrong with the finished `line`, its CRLF included."""
        ...


@define
class SectionScanner:
    """Walks over one section at the head of an `Inbox`, which must only grow meanwhile. Linear in the octets."""

    _limits: SectionLimits
    _start_line: StartLine | None = None
    _sum: int = 0  # octets of finished lines that count; leading empty lines may be in it from the start
    _lines: int = field(default=0, init=False)
    _authorized: bool = field(default=False, init=False)  # the one Authorization line was there
    _line: int = field(default=0, init=False)  # where the unfinished line begins, counted from the inbox' start
    _seen: int = field(default=0, init=False)  # up to here nothing forbidden

    def scan(self, inbox: Inbox) -> int | Malformed | None:
        """The length of the section with its empty line; None when it goes on; what is wrong with it."""
        octets, base = inbox.octets, inbox.start
        while True:
            begin = base + self._line
            feed = octets.find(b"\n", base + self._seen)
            end = feed + 1 or len(octets)
            fault = self._octet_fault(octets, begin, end, base)
            if fault is not None or feed < 0:
                return fault
            if self._start_line is None and end - begin == 2:
                return end - base
            fault = self._line_fault(bytes(octets[begin:end]))
            if fault is not None:
                return fault
            self._line = self._seen = end - base

    def _octet_fault(self, octets: bytes | bytearray, begin: int, end: int, base: int) -> Malformed | None:
        room, too_long = self._room(octets, begin, end)
        forbidden = grammar.FORBIDDEN_OCTET.search(octets, base + self._seen, min(end, begin + room))
        if forbidden is not None:
            return TLS_HANDSHAKE if octets[base] == 0x16 else FORBIDDEN_OCTET
        self._seen = max(begin, end - 1) - base  # once more: it may be a CR
        return too_long if end - begin > room else None

    def _room(self, octets: bytes | bytearray, begin: int, end: int) -> tuple[int, Malformed]:
        if self._start_line is not None:
            return self._start_line.room(octets, begin, end)
        limits = self._limits
        authorization = self._authorization(octets[begin : begin + len(_AUTHORIZATION)])
        if authorization is not None:
            return authorization + 2, LINE_TOO_LONG
        left = limits.octets - self._sum
        room, too_long = (left, SECTION_TOO_LONG) if left < limits.line + 2 else (limits.line + 2, LINE_TOO_LONG)
        # Shorter, it may yet become an Authorization line; what is short and finished is counted by _line_fault.
        return max(room, len(_AUTHORIZATION)), too_long

    def _line_fault(self, line: bytes) -> Malformed | None:
        if self._start_line is not None:
            return self._start_line_fault(self._start_line, line)
        self._lines += 1
        if self._authorization(line[: len(_AUTHORIZATION)]) is None:
            self._sum += len(line)
        else:
            self._authorized = True
        if self._sum > self._limits.octets:
            return SECTION_TOO_LONG
        if self._lines > self._limits.lines:
            return TOO_MANY_LINES
        return None if grammar.FIELD_LINE.fullmatch(line) else BAD_FIELD_LINE

    def _start_line_fault(self, start_line: StartLine, line: bytes) -> Malformed | None:
        self._start_line = None
        self._sum += len(line) if start_line.counted else 0
        return start_line.fault(line)

    def _authorization(self, beginning: bytes | bytearray) -> int | None:
        # The limit of the line that begins so, when it is the Authorization line.
        if self._authorized or beginning.lower() != _AUTHORIZATION:
            return None
        return self._limits.authorization
