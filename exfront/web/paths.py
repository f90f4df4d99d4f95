"""The checked copy of a path, on which the virtual directory is chosen (S-HTTP-21); the original is forwarded."""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_SEPARATOR = re.compile(rb"[/\\]")
_DOTS = (b".", b"..")
_DECISIVE_SEGMENTS = 2  # the virtual directory and the mailbox stand in these


class BadPath(ValueError):  # noqa: N818 - an answer to a client, not a fault
    """Back ends could read this path differently: 400 and close. The message repeats nothing of it."""


def checked(path: bytes) -> tuple[bytes, ...]:
    """The segments of an absolute path, each percent-decoded once; ``/owa/`` has two, the second one empty.

    A segment with an encoded slash stays one segment, which no configured path equals. Raises `BadPath`.
    """
    raw = path[1:].split(b"/")
    if is_plain(path):
        return tuple(raw)
    if _BAD_ESCAPE.search(path):
        raise BadPath("a bad escape")
    segments = tuple(_decode(segment) for segment in raw)
    for segment in segments:
        _check(segment)
    for segment in segments[:_DECISIVE_SEGMENTS]:
        _check_text(segment)
    return segments


def percent_decoded(octets: bytes) -> bytes:
    """Decoded once. Raises `BadPath`."""
    if _BAD_ESCAPE.search(octets):
        raise BadPath("a bad escape")
    return _decode(octets)


def is_plain(path: bytes) -> bool:
    """Whether the path means what its octets are: nothing in it is encoded or could be read differently."""
    return b"%" not in path and b"\\" not in path and b"/." not in path


def _decode(octets: bytes) -> bytes:
    return _ESCAPE.sub(lambda escape: bytes((int(escape[1], 16),)), octets)


def _check(segment: bytes) -> None:
    if b"\\" in segment:
        raise BadPath("a backslash")
    if _CONTROL.search(segment):
        raise BadPath("a control octet")
    if any(part in _DOTS for part in segment.split(b"/")):
        raise BadPath("a dot segment")
    if any(part in _DOTS for part in _SEPARATOR.split(_decode(segment))):
        raise BadPath("a dot segment, encoded twice")


def _check_text(segment: bytes) -> None:
    try:
        segment.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPath("not UTF-8") from None
