"""X-CommonAccessToken as a back end of Exchange 2013 reads it: written from public test code (ProxyShell), not from
exfront, and checked on the token that was captured there."""

from __future__ import annotations

import base64
import binascii
import io
import re

from attrs import frozen

_SID = re.compile(r"S-1-[0-9]{1,10}(-[0-9]{1,10}){1,15}")
_KINDS = ("Kerberos", "Negotiate", "Basic")


@frozen
class Token:
    """What it says; `groups` are SIDs with their attributes."""

    kind: str
    name: str
    sid: str
    groups: tuple[tuple[str, int], ...]


def decode(value: bytes) -> Token:
    """Raises ValueError for all that is not a token."""
    try:
        stream = io.BytesIO(base64.b64decode(value, validate=True))
    except binascii.Error as error:
        raise ValueError(f"base64: {error}") from None
    for wanted in (b"V\x01\x00", b"T\x07Windows", b"C\x00", b"A"):
        _expect(stream, wanted)
    kind = _string(stream)
    _expect(stream, b"L")
    name = _string(stream)
    _expect(stream, b"U")
    sid = _sid(stream)
    _expect(stream, b"G")
    groups = []
    for _ in range(_integer(stream)):
        attributes = _integer(stream)
        groups.append((_sid(stream), attributes))
    _expect(stream, b"E\x00\x00\x00\x00")
    if stream.read():
        raise ValueError("more octets than a token has")
    if kind not in _KINDS or not name:
        raise ValueError(f"{kind!r}, {name!r}")
    return Token(kind, name, sid, tuple(groups))


def _expect(stream: io.BytesIO, wanted: bytes) -> None:
    found = stream.read(len(wanted))
    if found != wanted:
        raise ValueError(f"{wanted!r} expected at {stream.tell()}: {found!r}")


def _integer(stream: io.BytesIO) -> int:
    octets = stream.read(4)
    if len(octets) < 4:
        raise ValueError("cut short")
    return int.from_bytes(octets, "little")


def _string(stream: io.BytesIO) -> str:
    """.NET's BinaryReader.ReadString."""
    length, shift = 0, 0
    while True:
        octet = stream.read(1)
        if not octet or shift > 28:
            raise ValueError("not a length")
        length += (octet[0] & 127) << shift
        if octet[0] < 128:
            break
        shift += 7
    text = stream.read(length)
    if len(text) < length:
        raise ValueError("cut short")
    return text.decode("utf-8")


def _sid(stream: io.BytesIO) -> str:
    text = _string(stream)
    if not _SID.fullmatch(text):
        raise ValueError(f"no SID: {text!r}")
    return text
