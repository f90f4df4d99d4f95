"""HTTP/1.x messages read from a socket by the letter of RFC 9112, and by code that shares nothing with exfront's.

What is not by the letter is read on as well as it goes and noted as a fault: a test wants to know what came through.
"""

from __future__ import annotations

import re
import socket

from attrs import define, frozen

Fields = tuple[tuple[bytes, bytes], ...]
"""Names in lower case, values without the white space around them."""

MOST_HEAD = 4_000_000  # octets; what a proxy lets through is no reason to run out of memory

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.[01]")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9]) [^\x00-\x08\x0a-\x1f\x7f]*")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})")


class EndedError(Exception):
    """The peer's end within what was to be read. `reset`: not by a FIN; `octets`: what came of it."""

    def __init__(self, octets: bytes, *, reset: bool) -> None:
        super().__init__(len(octets), reset)
        self.octets = octets
        self.reset = reset


@define
class Octets:
    """What comes from a socket; reading raises `EndedError`, and TimeoutError after the socket's time."""

    socket: socket.socket
    _held: bytes = b""

    def until(self, end: bytes, most: int = MOST_HEAD) -> bytes:
        """All up to `end` and with it."""
        while end not in self._held:
            if len(self._held) > most:
                raise EndedError(self._held, reset=False)
            self._more()
        piece, _, self._held = self._held.partition(end)
        return piece + end

    def exactly(self, count: int) -> bytes:
        """So many."""
        while len(self._held) < count:
            self._more()
        piece, self._held = self._held[:count], self._held[count:]
        return piece

    def held(self) -> bytes:
        """What came behind all that was read; it is given away."""
        held, self._held = self._held, b""
        return held

    def rest(self) -> EndedError:
        """All up to the peer's end, as that end."""
        try:
            while True:
                self._more()
        except EndedError as end:
            return end

    def _more(self) -> None:
        try:
            piece = self.socket.recv(262_144)
        except (ConnectionResetError, BrokenPipeError):
            piece, reset = b"", True
        else:
            reset = False
        if not piece:
            held, self._held = self._held, b""
            raise EndedError(held, reset=reset)
        self._held += piece


@frozen
class Head:
    """`first` is the start line; `faults` say what is not by the letter."""

    first: bytes
    fields: Fields
    faults: tuple[str, ...]

    def values(self, name: bytes) -> list[bytes]:
        """Of the fields of that name, in their order."""
        return [value for found, value in self.fields if found == name]

    @property
    def chunked(self) -> bool:
        """Whether the body is."""
        return bool(self.values(b"transfer-encoding"))

    @property
    def length(self) -> int | None:
        """Content-Length, as far as there is one that can be read."""
        lengths = self.values(b"content-length")
        return int(lengths[0]) if lengths and lengths[0].isdigit() else None


def read_request_head(octets: Octets) -> Head:
    """The next request's."""
    return _head(octets, _REQUEST_LINE)


def read_response_head(octets: Octets) -> Head:
    """The next response's, which may be an interim one."""
    return _head(octets, _STATUS_LINE)


def status_of(head: Head) -> int:
    """Of a response; 0 where there is none to be read."""
    found = re.match(rb"HTTP/\S+ (\d{3})", head.first)
    return int(found[1]) if found else 0


def read_body(octets: Octets, head: Head) -> tuple[bytes, list[str]]:
    """The body of a message whose head declares one, and the faults of its framing. In `EndedError` its part."""
    if head.chunked:
        return _chunks(octets)
    return octets.exactly(head.length or 0), []


def _head(octets: Octets, start_line: re.Pattern[bytes]) -> Head:
    lines = octets.until(b"\r\n\r\n")[:-4].split(b"\r\n")
    fields, faults = [], []
    if not start_line.fullmatch(lines[0]):
        faults.append(f"start line {lines[0][:200]!r}")
    for line in lines[1:]:
        found = _FIELD.fullmatch(line)
        if found is None:
            faults.append(f"field line {line[:200]!r}")
        else:
            fields.append((found[1].lower(), found[2]))
    head = Head(lines[0], tuple(fields), ())
    return Head(lines[0], tuple(fields), (*faults, *_framing_faults(head)))


def _framing_faults(head: Head) -> list[str]:
    lengths, codings = head.values(b"content-length"), head.values(b"transfer-encoding")
    faults = []
    if lengths and codings:
        faults.append(f"Content-Length {lengths} and Transfer-Encoding {codings}")
    if len(lengths) > 1 or any(not length.isdigit() for length in lengths):
        faults.append(f"Content-Length {lengths}")
    if codings and [coding.lower() for coding in codings] != [b"chunked"]:
        faults.append(f"Transfer-Encoding {codings}")
    return faults


def _chunks(octets: Octets) -> tuple[bytes, list[str]]:
    body, faults = b"", []
    try:
        while True:
            line = octets.until(b"\n")
            size = _CHUNK_LINE.match(line)
            if size is None or line != size[0] + b"\r\n":
                faults.append(f"chunk line {line[:200]!r}")
            if size is None:
                raise EndedError(b"", reset=False)
            if not int(size[1], 16):
                break
            body += octets.exactly(int(size[1], 16))
            end = octets.exactly(2)
            if end != b"\r\n":
                faults.append(f"chunk ends with {end!r}")
        while (line := octets.until(b"\n")) not in (b"\r\n", b"\n"):
            faults.append(f"trailer line {line[:200]!r}")  # by the letter or not: we want none
    except EndedError as end_error:
        raise EndedError(body + end_error.octets, reset=end_error.reset) from None
    return body, faults
