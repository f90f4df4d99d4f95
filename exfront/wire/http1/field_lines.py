"""Field lines of responses, each read once: servers repeat most of them from answer to answer.

Equal octets have one meaning, so what a line means is remembered for all connections; lines that hold secrets are not.
"""

from __future__ import annotations

from exfront.wire.http1 import grammar

_MOST_LINES = 2048  # when full, all are forgotten at once: what is still used is back at once
_MOST_OCTETS = 256
_SECRET = frozenset({b"set-cookie", b"www-authenticate", b"authentication-info"})


class FieldLine:
    """One field line, checked: `lower` is the name in lower case, `octets` the line written anew, with its CRLF."""

    __slots__ = ("lower", "name", "octets", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name
        self.lower = name.lower()
        self.value = value
        self.octets = b"%b: %b\r\n" % (name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldLine) and (self.name, self.value) == (other.name, other.value)

    def __hash__(self) -> int:
        return hash((self.name, self.value))

    def __repr__(self) -> str:
        return f"FieldLine({self.name!r})"  # S-AUTH-11: a value may be a secret


_known: dict[bytes, FieldLine] = {}


def read_lines(section: bytes) -> list[FieldLine] | None:
    """The lines of `section`, which ends with its empty line; None where one of them is no field line."""
    found = []
    known = _known.get
    for octets in section[:-4].split(b"\r\n") if len(section) > 2 else ():
        line = known(octets) or _read(octets)
        if line is None:
            return None
        found.append(line)
    return found


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
