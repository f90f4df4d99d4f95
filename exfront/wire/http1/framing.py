"""How long a body is, by its message's head (RFC 9112 section 6.3; S-HTTP-9, -10), and what lives on after it."""

from __future__ import annotations

from collections.abc import Sequence

from exfront.wire.http1.events import CHUNKED, Chunked, Length, Malformed
from exfront.wire.http1.fields import tokens
from exfront.wire.http1.numbers import content_length

TWO_FRAMINGS = Malformed(400, "both Content-Length and Transfer-Encoding")
TRANSFER_CODING_IN_1_0 = Malformed(400, "Transfer-Encoding in HTTP/1.0")
UNKNOWN_TRANSFER_CODING = Malformed(501, "a Transfer-Encoding other than chunked")
BAD_LENGTH = Malformed(400, "Content-Length is not one number")


def declared(lengths: Sequence[bytes], codings: Sequence[bytes], minor: int) -> Length | Chunked | Malformed | None:
    """What Content-Length (`lengths`) and Transfer-Encoding (`codings`) say together; None when there is neither."""
    if codings:
        return _coding(lengths, codings, minor)
    if not lengths:
        return None
    octets = content_length(lengths[0]) if len(lengths) == 1 else None
    return BAD_LENGTH if octets is None else Length(octets)


def lives_on(connection: Sequence[bytes], minor: int) -> bool:
    """Whether the peer keeps the connection after this message, by its Connection fields (RFC 9112 section 9.3)."""
    if not connection:
        return minor == 1
    options = tokens(connection)
    return b"close" not in options and (minor == 1 or b"keep-alive" in options)


def _coding(lengths: Sequence[bytes], codings: Sequence[bytes], minor: int) -> Chunked | Malformed:
    if lengths:
        return TWO_FRAMINGS
    if minor == 0:
        return TRANSFER_CODING_IN_1_0
    if len(codings) != 1 or codings[0].lower() != b"chunked":
        return UNKNOWN_TRANSFER_CODING
    return CHUNKED
