"""Field lines of responses, each read once: servers repeat most of them from answer to answer.

Equal octets have one meaning, so what a line means is remembered for all connections; lines that hold secrets are not.
"""

from __future__ import annotations

from collections.abc import Sequence

from exfront.wire.http1 import grammar
from exfront.wire.http1.numbers import content_length

_MOST_LINES = 2048  # when full, all are forgotten at once: what is still used is back at once
_MOST_OCTETS = 256
_SECRET = frozenset({b"set-cookie", b"www-authenticate", b"authentication-info"})


class FieldLine:
    """One field line, checked: `lower` is the name in lower case, `octets` the line written anew, with its CRLF.

    `decides` says for HTTP/1.0 and for HTTP/1.1 whether it is one of those that decide on framing and connection;
    `length` is the number in a Content-Length.
    """

    __slots__ = ("decides", "length", "lower", "name", "octets", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name
        self.lower = name.lower()
        self.value = value
        self.octets = b"%b: %b\r\n" % (name, value)
        decides = self.lower in _DECISIVE
        self.decides = decides, decides and value.lower() != b"keep-alive"  # which goes without saying since 1.1
        self.length = content_length(value) if self.lower == b"content-length" else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldLine) and (self.name, self.value) == (other.name, other.value)

    def __hash__(self) -> int:
        return hash((self.name, self.value))

    def __repr__(self) -> str:
        return f"FieldLine({self.name!r})"  # S-AUTH-11: a value may be a secret


_DECISIVE = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_known: dict[bytes, FieldLine] = {}


def read_lines(section: bytes) -> Sequence[FieldLine] | None:
    """The lines of `section`, which ends with its empty line; None where one of them is no field line."""
    if len(section) == 2:
        return ()
    lines = section[:-4].split(b"\r\n")
    found = [_known.get(octets) for octets in lines]
    if not all(found):
        found = [line or _read(octets) for octets, line in zip(lines, found, strict=True)]
    return found if all(found) else None  # type: ignore[return-value]  # not all: one is None


def _read(octets: bytes) -> FieldLine | None:
    match = grammar.FIELD_LINE.fullmatch(octets + b"\r\n")
    if match is None:
        return None
    line = FieldLine(match[1], match[2].rstrip(b" \t"))
    if len(octets) <= _MOST_OCTETS and line.lower not in _SECRET:
        if len(_known) >= _MOST_LINES:
            _known.clear()
        _known[octets] = line
    return line
