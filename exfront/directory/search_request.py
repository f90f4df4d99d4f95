"""A search as octets (RFC 4511 section 4.5.1). Values go over as they are, no filter is made of text (S-AUTH-3)."""

from __future__ import annotations

import math
from functools import lru_cache

from exfront import limits
from exfront.directory.filters import AllOf, AnyOf, Equals, EqualsOctets, Filter, Present, Search
from exfront.directory.framing import BadFrame, elements
from exfront.directory.search_answers import Controls

_SEQUENCE, _OCTET_STRING, _INTEGER, _ENUMERATED, _BOOLEAN = 0x30, 0x04, 0x02, 0x0A, 0x01
_SEARCH, _CONTROLS = 0x63, 0xA0
_AND, _OR, _EQUALITY, _PRESENT = 0xA0, 0xA1, 0xA3, 0x87
_NEVER_DEREFERENCE = b"\x0a\x01\x00"
_TYPES_AND_VALUES = b"\x01\x01\x00"
_TRUE = b"\xff"
_PAGED_RESULTS = b"1.2.840.113556.1.4.319"  # RFC 2696


def search_request(search: Search, seconds: float, size: int = limits.LDAP_SIZE_LIMIT) -> bytes:
    """The request of a search that may take `seconds` and find `size` entries, 0 for any number.

    A base that a server sent goes back in the same octets, whatever they are.
    """
    return _element(
        _SEARCH,
        b"".join((
            _element(_OCTET_STRING, search.base.encode("utf-8", "surrogateescape")),
            _number(_ENUMERATED, search.scope.value),
            _NEVER_DEREFERENCE,
            _number(_INTEGER, size),
            _number(_INTEGER, math.ceil(seconds)),
            _TYPES_AND_VALUES,
            encode(search.filter),
            _names(search.attributes),
        )),
    )  # fmt: skip


def message(identifier: int, request: bytes, controls: Controls | None = None) -> bytes:
    """The whole message of a request."""
    parts = _number(_INTEGER, identifier) + request
    if controls:
        parts += _element(_CONTROLS, b"".join(map(_control, controls)))
    return _element(_SEQUENCE, parts)


def encode(value: Filter) -> bytes:
    """A filter."""
    if isinstance(value, AllOf):
        return _element(_AND, b"".join(map(encode, value.parts)))
    if isinstance(value, AnyOf):
        return _element(_OR, b"".join(map(encode, value.parts)))
    if isinstance(value, Present):
        return _element(_PRESENT, value.attribute.encode("ascii"))
    if isinstance(value, EqualsOctets):
        return _element(_EQUALITY, _text(value.attribute) + _element(_OCTET_STRING, value.value))
    assert isinstance(value, Equals)
    return _element(_EQUALITY, _text(value.attribute) + _text(value.value))


def page_control(size: int, cookie: bytes) -> Controls:
    """Asks for the page of `size` entries that `cookie` stands for, empty for the first (RFC 2696).

    Critical: a server that knows no pages must not send everything at once.
    """
    value = _element(_SEQUENCE, _number(_INTEGER, size) + _element(_OCTET_STRING, cookie))
    return ((_PAGED_RESULTS, True, value),)


def page_cookie(controls: Controls | None) -> bytes:
    """Where the next page begins; empty after the last one. Raises `BadFrame`."""
    for name, _, value in controls or ():
        if name == _PAGED_RESULTS:
            parts = [octets for _, content in elements(value or b"") for _, octets in elements(content)]
            if len(parts) != 2:
                raise BadFrame("no page control")
            return parts[1]
    return b""


def _control(control: tuple[bytes, bool | None, bytes | None]) -> bytes:
    """RFC 4511 section 4.1.11."""
    name, critical, value = control
    parts = _element(_OCTET_STRING, name)
    if critical:
        parts += _element(_BOOLEAN, _TRUE)
    if value is not None:
        parts += _element(_OCTET_STRING, value)
    return _element(_SEQUENCE, parts)


@lru_cache(64)  # a schema asks for the same ones each time
def _names(attributes: tuple[str, ...]) -> bytes:
    return _element(_SEQUENCE, b"".join(map(_text, attributes)))


def _text(value: str) -> bytes:
    return _element(_OCTET_STRING, value.encode("utf-8"))


def _number(tag: int, value: int) -> bytes:
    return _element(tag, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def _element(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(octets))) + octets + content
