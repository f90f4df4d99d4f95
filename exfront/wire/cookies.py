"""Cookies of a request (RFC 6265 section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable


def cookie(values: Iterable[bytes], name: bytes) -> bytes | None:
    """The value of the first cookie called `name` in the `values` of Cookie fields; None where there is none."""
    for value in values:
        for piece in value.split(b";"):
            found, _, content = piece.strip(b" \t").partition(b"=")
            if found == name:
                return content
    return None
