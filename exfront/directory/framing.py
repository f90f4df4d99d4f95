"""Cuts the octets from a directory server into LDAP messages, and refuses what must not reach a decoder (S-DIR-8).

Sans-I/O. Only the envelopes are read here (RFC 4511 section 5.1: BER, definite lengths): that a message is complete,
not too long, and to `check` not too deep, not of too many elements. What it means is the decoder's business.
"""

from __future__ import annotations

from collections.abc import Iterator

from exfront import limits

_SEQUENCE = 0x30
_INTEGER = 0x02
_CONSTRUCTED = 0x20
_LONG_TAG = 0x1F
_LENGTH_OCTETS = 4  # more is either padding or more than any limit


class BadFrame(ValueError):  # noqa: N818 - an answer that closes the connection
    """The octets are no LDAP message, or one that is too large; the message names the rule."""


class Frames:
    """Feed octets as they come, in pieces of any size; take whole messages out."""

    def __init__(self, octets: int = limits.LDAP_PDU_OCTETS) -> None:
        self._limit = octets
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        """Whether a part of a message waits for its rest."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that `data` completes, one at a time. Raises `BadFrame`."""
        self._buffer += data
        while (end := self._end()) is not None:
            message = bytes(self._buffer[:end])
            del self._buffer[:end]
            yield message

    def _end(self) -> int | None:
        """Where the first message ends, None while that is not here yet."""
        if not self._buffer:
            return None
        if self._buffer[0] != _SEQUENCE:
            raise BadFrame("no LDAP message")
        if len(self._buffer) < 2:
            return None
        header = _length(self._buffer, 1)
        if header is None:
            return None
        end = sum(header)
        if end > self._limit:
            raise BadFrame("message too long")
        return end if len(self._buffer) >= end else None


def _length(data: bytes | bytearray, position: int) -> tuple[int, int] | None:
    """Where the content begins, and its length; None if the length is not complete. Raises `BadFrame`."""
    first = data[position]
    if first < 0x80:
        return position + 1, first
    count = first & 0x7F
    if not 1 <= count <= _LENGTH_OCTETS:
        raise BadFrame("indefinite or over-long length")
    begin = position + 1 + count
    if len(data) < begin:
        return None
    return begin, int.from_bytes(data[position + 1 : begin])


def check(message: bytes) -> None:
    """Walk through all elements of a whole message, before ldaptor reads it. Raises `BadFrame`."""
    ends = [len(message)]
    position = elements = 0
    while ends:
        if position == ends[-1]:
            ends.pop()
            continue
        elements += 1
        begin, end = _element(message, position, ends[-1])
        if message[position] & _CONSTRUCTED:
            ends.append(end)
            position = begin
        else:
            position = end
        if len(ends) > limits.LDAP_PDU_DEPTH + 1 or elements > limits.LDAP_PDU_ELEMENTS:
            raise BadFrame("message too deep or of too many elements")


def _element(message: bytes, position: int, limit: int) -> tuple[int, int]:
    """Where the content of the element at `position` begins and ends; it must lie within `limit`."""
    if message[position] & _LONG_TAG == _LONG_TAG or position + 2 > limit:
        raise BadFrame("element cut off")
    header = _length(message, position + 1)
    if header is None or sum(header) > limit:
        raise BadFrame("element longer than what holds it")
    return header[0], sum(header)


def operation(message: bytes) -> int:
    """The tag of what a whole message carries (0x64: a search result's entry). Raises `BadFrame` if there is none."""
    begin, end = _element(message, 0, len(message))
    if begin < end and message[begin] == _INTEGER:
        _, position = _element(message, begin, end)
        if position < end:
            return message[position]
    raise BadFrame("no message id and operation")


def message_id(message: bytes) -> int:
    """The number of the request that a whole message answers, 0 for a notice. Raises `BadFrame` if there is none."""
    begin, end = _element(message, 0, len(message))
    if begin < end and message[begin] == _INTEGER:
        first, last = _element(message, begin, end)
        return int.from_bytes(message[first:last], signed=True)
    raise BadFrame("no message id")


def elements(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element, one behind the other. Raises `BadFrame`."""
    position = 0
    while position < len(octets):
        begin, end = _element(octets, position, len(octets))
        yield octets[position], octets[begin:end]
        position = end
