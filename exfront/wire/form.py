"""What a form sends: application/x-www-form-urlencoded (HTML 4.01 section 17.13.4, URL Standard section 5)."""

from __future__ import annotations

import re

from exfront import limits

CONTENT_TYPE = b"application/x-www-form-urlencoded"

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_OUTSIDE = re.compile(rb"[^!-~]")


class BadForm(ValueError):  # noqa: N818 - an answer to a client, not a fault
    """Not what a browser sends; the message repeats nothing of it."""


def parse_form(octets: bytes) -> dict[str, bytes]:
    """The fields by name, in the octets that they stand for; empty values are fields too.

    Raises `BadForm` for more octets or fields than a logon form has, a bad escape, an octet that must be escaped, a
    name that is no ASCII, and a name that comes twice: readers would take different ones.
    """
    if len(octets) > limits.LOGON_FORM_OCTETS:
        raise BadForm("too long")
    if _OUTSIDE.search(octets):
        raise BadForm("an octet that is not escaped")
    if _BAD_ESCAPE.search(octets):
        raise BadForm("a bad escape")
    pairs = [piece.partition(b"=") for piece in octets.split(b"&") if piece]
    if len(pairs) > limits.LOGON_FORM_FIELDS:
        raise BadForm("too many fields")
    fields = {_name(name): _decode(value) for name, _, value in pairs}
    if len(fields) < len(pairs):
        raise BadForm("a field twice")
    return fields


def is_form(content_type: bytes | None) -> bool:
    """Whether Content-Type says that a body is one, whatever its parameters."""
    return content_type is not None and content_type.partition(b";")[0].strip(b" \t").lower() == CONTENT_TYPE


def _name(octets: bytes) -> str:
    try:
        return _decode(octets).decode("ascii")
    except UnicodeDecodeError:
        raise BadForm("a name that is no ASCII") from None


def _decode(octets: bytes) -> bytes:
    return _ESCAPE.sub(lambda escape: bytes((int(escape[1], 16),)), octets.replace(b"+", b" "))
