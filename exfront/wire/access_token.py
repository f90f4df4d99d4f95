r"""The access token of X-CommonAccessToken: who a user is and what he belongs to, told to a back end of Exchange 2013.

No document has the form; it is that of public test code, and of a captured token, which decodes by it: tagged fields,
always in this order, and base64 of the whole::

    V u16 version, 1 | T "Windows" | C u8, 0: not compressed | A authentication type | L log-on name | U the user's SID
    G u32 count, then for each group u32 attributes and its SID | E u32 count of extensions, 0

Numbers are little-endian. A text is UTF-8 behind its length in octets, written 7 bits at a time, the low ones first (as
.NET's BinaryWriter does).
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode, b64encode
from binascii import Error

from attrs import define, field, frozen

from exfront import limits
from exfront.wire.security_context import Group
from exfront.wire.sid import sid_octets

_HEAD = b"V\x01\x00T\x07WindowsC\x00"
_NO_EXTENSIONS = b"E\0\0\0\0"
_MORE = 0x80  # of an octet of a length: another one follows
_LENGTH_OCTETS = 5  # at most: 32 bits by 7
_NO_TEXT = re.compile("[\0-\x1f\x7f]")
_COUNT = struct.Struct("<I")


class BadToken(ValueError):  # noqa: N818 - an answer to a peer, not a fault
    """What was received is no access token; the message says why and repeats nothing of it."""


@frozen
class AccessToken:
    """`user` is a SID in text, `authentication` how he logged on (``Basic``, ``Negotiate``, ``Kerberos``)."""

    user: str
    logon_name: str
    authentication: str
    groups: tuple[Group, ...] = ()


def write(token: AccessToken) -> bytes:
    """The value of the field. Raises ValueError for what the other side could not read, or not as it was meant."""
    _check(token.authentication, token.logon_name, token.user, len(token.groups))
    octets = b"".join((
        _HEAD, b"A", _text(token.authentication), b"L", _text(token.logon_name), b"U", _text(token.user),
        b"G", _COUNT.pack(len(token.groups)), *[_group(each.attributes, each.sid) for each in token.groups],
        _NO_EXTENSIONS,
    ))  # fmt: skip
    value = b64encode(octets)
    if len(value) > limits.ACCESS_TOKEN_OCTETS:
        raise ValueError(f"a token of {len(value)} octets")
    return value


def read(value: bytes) -> AccessToken:
    """Read the value of a field. Raises `BadToken` for all that is not exactly of the form."""
    if len(value) > limits.ACCESS_TOKEN_OCTETS:
        raise BadToken(f"over {limits.ACCESS_TOKEN_OCTETS} octets")
    try:
        octets = b64decode(value, validate=True)
    except Error:
        raise BadToken("not base64") from None
    if b64encode(octets) != value:
        raise BadToken("base64 with bits that mean nothing")
    return _Reader(octets).token()


@define(eq=False)
class _Reader:
    _octets: bytes
    _at: int = field(default=0, init=False)

    def token(self) -> AccessToken:
        self._head()
        authentication = self._tagged_text(b"A", "authentication type")
        logon_name = self._tagged_text(b"L", "log-on name")
        user = self._tagged_text(b"U", "SID of the user")
        groups = self._groups()
        self._tag(b"E", "extensions")
        if self._number("extensions"):
            raise BadToken("extensions")
        if self._at != len(self._octets):
            raise BadToken("octets behind the end")
        try:
            _check(authentication, logon_name, user, len(groups))
        except ValueError as why:
            raise BadToken(str(why)) from None
        return AccessToken(user, logon_name, authentication, groups)

    def _head(self) -> None:
        self._tag(b"V", "version")
        if self._take(2, "version") != b"\x01\x00":
            raise BadToken("an unknown version")
        if self._tagged_text(b"T", "type") != "Windows":
            raise BadToken("not of the type Windows")
        self._tag(b"C", "compression")
        if self._take(1, "compression") != b"\0":
            raise BadToken("compressed")

    def _groups(self) -> tuple[Group, ...]:
        self._tag(b"G", "groups")
        count = self._number("groups")
        if count > limits.CONTEXT_GROUPS:
            raise BadToken(f"over {limits.CONTEXT_GROUPS} groups")
        return tuple([self._group() for _ in range(count)])

    def _group(self) -> Group:
        attributes, sid = self._number("group"), self._text("group")
        try:
            sid_octets(sid)
        except ValueError:
            raise BadToken("a group that is no SID") from None
        return Group(sid, attributes)

    def _tag(self, tag: bytes, what: str) -> None:
        if self._take(1, what) != tag:
            raise BadToken(f"no {what} where it is due")

    def _tagged_text(self, tag: bytes, what: str) -> str:
        self._tag(tag, what)
        return self._text(what)

    def _number(self, what: str) -> int:
        (number,) = _COUNT.unpack(self._take(4, what))
        return int(number)

    def _text(self, what: str) -> str:
        try:
            return self._take(self._length(what), what).decode("utf-8")
        except UnicodeDecodeError:
            raise BadToken(f"{what} is not UTF-8") from None

    def _length(self, what: str) -> int:
        """One length has one spelling: no octets that add nothing."""
        length = 0
        for index in range(_LENGTH_OCTETS):
            (octet,) = self._take(1, what)
            length |= (octet & ~_MORE) << 7 * index
            if not octet & _MORE:
                if octet or not index:
                    return length
                break
        raise BadToken(f"the length of {what} is not as it is written")

    def _take(self, count: int, what: str) -> bytes:
        end = self._at + count
        if end > len(self._octets):
            raise BadToken(f"ends within the {what}")
        found, self._at = self._octets[self._at : end], end
        return found


def _check(authentication: str, logon_name: str, user: str, groups: int) -> None:
    for name in (authentication, logon_name):
        if not 0 < len(name) <= limits.CONTEXT_NAME_CHARACTERS or _NO_TEXT.search(name):
            raise ValueError("a name that is empty, too long, or has control characters")
    if groups > limits.CONTEXT_GROUPS:
        raise ValueError(f"over {limits.CONTEXT_GROUPS} groups")
    sid_octets(user)


def _group(attributes: int, sid: str) -> bytes:
    return _COUNT.pack(attributes) + _text(sid)


def _text(text: str) -> bytes:
    octets = text.encode("utf-8")
    return _length(len(octets)) + octets


def _length(length: int) -> bytes:
    if length < _MORE:  # nearly always
        return bytes((length,))
    written = bytearray()
    while length >= _MORE:
        written.append(length & ~_MORE & 0xFF | _MORE)
        length >>= 7
    written.append(length)
    return bytes(written)
