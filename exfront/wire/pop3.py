"""POP3, both roles, before and during login (RFC 1939, RFC 2449, RFC 5034): lines in, events out.

Events are pulled one at a time, because a command may change what the octets behind it are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import field, frozen

from exfront import limits
from exfront.wire.lines import LineReader, TooLong, has_forbidden_octet, without_end


@frozen
class Command:
    """`verb` is in upper case; `argument` is all that follows the first space, so a password keeps its own."""

    verb: bytes
    argument: bytes = field(default=b"", repr=False)


@frozen
class SaslResponse:
    """The line that was asked for with `CommandReader.expect_response`, without its end."""

    line: bytes = field(repr=False)


@frozen
class BadCommand:
    """A line that is no command."""

    text: str


@frozen
class Broken:
    """Where the next command begins is not known any more; nothing further is read."""

    text: str


Event = Command | SaslResponse | BadCommand | Broken

_VERB = re.compile(rb"[A-Za-z][A-Za-z0-9]{0,19}")


class CommandReader(LineReader):
    """What a client says; octets in by `feed`, events out by `next_event`."""

    def __init__(
        self, line_octets: int = limits.POP3_LINE_OCTETS, response_octets: int = limits.SASL_RESPONSE_OCTETS
    ) -> None:
        super().__init__()
        self._line_octets = line_octets
        self._response_octets = response_octets
        self._response_next = False

    def expect_response(self) -> None:
        """The next line is a SASL response, not a command."""
        self._response_next = True

    def next_event(self) -> Event | None:
        """The next event, None until more octets came."""
        if self._broken:
            return None
        try:
            line = self._buffer.take_line(self._response_octets if self._response_next else self._line_octets)
        except TooLong:
            self._broken = True
            self._buffer.take_all()
            return Broken("The line is too long.")
        return None if line is None else self._line(without_end(line))

    def _line(self, line: bytes) -> Event:
        if self._response_next:
            self._response_next = False
            return SaslResponse(line)
        if has_forbidden_octet(line):
            return BadCommand("NUL or CR within a line.")
        verb, _, argument = line.partition(b" ")
        if not _VERB.fullmatch(verb):
            return BadCommand("The command is not valid.")
        return Command(verb.upper(), argument)


@frozen
class Line:
    """One line of a back end's answer, without its end."""

    text: bytes


@frozen
class Malformed:
    """No POP3 server says this, or not so much of it; nothing further is read. `why` is for the log."""

    why: str


class AnswerReader(LineReader):
    """What a back end says during login, line by line. `lines` and `octets` bound all that is read in its life."""

    def __init__(self, lines: int = limits.BACK_END_LOGIN_LINES, octets: int = limits.BACK_END_LOGIN_OCTETS) -> None:
        super().__init__()
        self._lines_left = lines
        self._octets_left = octets

    def next_event(self) -> Line | Malformed | None:
        """The next line, None until more octets came."""
        if self._broken:
            return None
        try:
            line = self._buffer.take_line(self._octets_left)
        except TooLong:
            return self._break("too much before the end of the login")
        if line is None:
            return None
        self._lines_left -= 1
        self._octets_left -= len(line)
        text = without_end(line)
        if self._lines_left < 0 or has_forbidden_octet(text):
            return self._break("too many lines, or NUL or CR within a line")
        return Line(text)

    def _break(self, why: str) -> Malformed:
        self._broken = True
        self._buffer.take_all()
        return Malformed(why)


@frozen
class Status:
    """A status line: `ok` for ``+OK``; `code` is the response code in upper case (RFC 2449 section 8), or empty."""

    ok: bool
    code: bytes = b""
    text: bytes = b""


_STATUS = re.compile(rb"(?P<word>\+OK|-ERR)(?: +(?:\[(?P<code>[^\]\[ ]+)\] ?)?(?P<text>.*))?", re.IGNORECASE)


def read_status(line: bytes) -> Status | None:
    """The status line, None for a line that is none."""
    found = _STATUS.fullmatch(line)
    if found is None:
        return None
    return Status(found["word"].upper() == b"+OK", (found["code"] or b"").upper(), found["text"] or b"")


def read_capability(line: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """One line of CAPA's list: the name and its arguments, in upper case (RFC 2449 section 5)."""
    name, *arguments = line.upper().split() or [b""]
    return name, tuple(arguments)


def sasl_mechanisms(lines: Iterable[bytes]) -> frozenset[bytes]:
    """The mechanisms that the lines of CAPA's list name, in upper case (RFC 5034 section 3)."""
    return frozenset(word for name, words in map(read_capability, lines) if name == b"SASL" for word in words)
