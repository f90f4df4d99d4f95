"""Numbers in field values."""

from __future__ import annotations

from exfront.wire.http1 import grammar

_MOST = 2**63  # S-HTTP-9: below this


def content_length(value: bytes) -> int | None:
    """The number in a Content-Length; None unless it is 1*DIGIT below 2^63."""
    match = grammar.CONTENT_LENGTH.fullmatch(value)
    if match is None or not value:
        return None
    octets = int(match[1] or b"0")
    return octets if octets < _MOST else None
