"""A search's answers, read straight from their octets (RFC 4511 sections 4.1 and 4.5.2) in time that grows with them.

ldaptor reads every element into an object of its own, in time that grows with the square; these three messages are
nearly all that comes. What is read here ldaptor reads alike (tests/directory/test_search_answers.py); the rest is its.
"""

from __future__ import annotations

from attrs import frozen

from exfront import limits
from exfront.directory.entry import Entry
from exfront.directory.framing import BadFrame, check, elements

Controls = tuple[tuple[bytes, bool | None, bytes | None], ...]  # type, criticality, value; as ldaptor has them

_SEQUENCE, _SET, _OCTET_STRING, _INTEGER, _ENUMERATED = 0x30, 0x31, 0x04, 0x02, 0x0A
_CONTROLS = 0xA0
_ENTRY, _DONE, _REFERENCE = 0x64, 0x65, 0x73
_NUMBER_OCTETS = 4  # a message id is below 2^31, a result code far below that


@frozen
class SearchDone:
    """The end of an answer: RFC 4511's result code, and the server's text as it came."""

    code: int
    message: bytes


@frozen
class SearchReference:
    """Asks to search elsewhere. The URLs in it are not read: nobody goes there (S-DIR-9)."""


@frozen
class SearchMessage:
    """One message of an answer; `id` is that of the search."""

    id: int
    value: Entry | SearchDone | SearchReference
    controls: Controls | None = None


def read(message: bytes) -> SearchMessage | None:
    """A whole message, as `Frames` cuts it; None for one of another kind. Raises `BadFrame`."""
    at, end = _inside(message, 0, _SEQUENCE, len(message))
    if end != len(message):
        raise BadFrame("octets behind a message")
    begin, at = _inside(message, at, _INTEGER, end)
    kind = message[at] if at < end else 0
    if kind not in (_ENTRY, _DONE, _REFERENCE):
        return None
    identifier = _number(message[begin:at])
    begin, at = _inside(message, at, kind, end)
    if kind == _ENTRY:
        value: Entry | SearchDone | SearchReference = _entry(message, begin, at)
    else:
        check(message)
        value = _done(message[begin:at]) if kind == _DONE else SearchReference()
    return SearchMessage(identifier, value, _controls(message, at, end))


def _inside(octets: bytes, at: int, tag: int, end: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends; it must have this tag and lie before `end`."""
    if at + 2 > end or octets[at] != tag:
        raise BadFrame(f"no element 0x{tag:02x} where one must stand")
    length, begin = octets[at + 1], at + 2
    if length >= 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise BadFrame("indefinite or over-long length")
        begin += count
        length = int.from_bytes(octets[at + 2 : begin])
    if begin + length > end:
        raise BadFrame("element longer than what holds it")
    return begin, begin + length


def _entry(octets: bytes, at: int, end: int) -> Entry:
    """``SEQUENCE { objectName, attributes SEQUENCE OF SEQUENCE { type, vals SET OF OCTET STRING } }``."""
    begin, at = _inside(octets, at, _OCTET_STRING, end)
    name = octets[begin:at].decode("utf-8", "surrogateescape")
    at, last = _inside(octets, at, _SEQUENCE, end)
    if last != end:
        raise BadFrame("octets behind an entry's attributes")
    attributes: dict[str, tuple[bytes, ...]] = {}
    count = 0
    while at < end:
        at, last = _inside(octets, at, _SEQUENCE, end)
        begin, at = _inside(octets, at, _OCTET_STRING, last)
        attribute = octets[begin:at].decode("ascii", "replace").lower()
        begin, at = _inside(octets, at, _SET, last)
        if at != last:
            raise BadFrame("octets behind an attribute's values")
        values = _values(octets, begin, at)
        count += len(values) + 1
        if count > limits.LDAP_PDU_ELEMENTS:
            raise BadFrame("too many values")
        attributes[attribute] = attributes.get(attribute, ()) + values  # twice is two values: S-DIR-12 judges that
    return Entry(name, attributes)


def _values(octets: bytes, at: int, end: int) -> tuple[bytes, ...]:
    found = []
    while at < end:
        begin, at = _inside(octets, at, _OCTET_STRING, end)
        found.append(octets[begin:at])
    return tuple(found)


def _done(octets: bytes) -> SearchDone:
    """``LDAPResult``: a code, a DN, a text; a referral behind them is not read (S-DIR-9)."""
    parts = tuple(elements(octets))
    if [tag for tag, _ in parts[:3]] != [_ENUMERATED, _OCTET_STRING, _OCTET_STRING]:
        raise BadFrame("no result")
    return SearchDone(_number(parts[0][1]), parts[2][1])


def _number(octets: bytes) -> int:
    """A number that is not negative, of at most four octets."""
    if not 1 <= len(octets) <= _NUMBER_OCTETS or octets[0] >= 0x80:
        raise BadFrame("a number that is none, or too large")
    return int.from_bytes(octets)


def _controls(octets: bytes, at: int, end: int) -> Controls | None:
    if at == end:
        return None
    begin, last = _inside(octets, at, _CONTROLS, end)
    if last != end:
        raise BadFrame("octets behind the controls")
    return tuple(control(content) for _, content in elements(octets[begin:last]))


def control(octets: bytes) -> tuple[bytes, bool | None, bytes | None]:
    """RFC 4511 section 4.1.11; without a value it is empty. Raises `BadFrame`."""
    parts = tuple(elements(octets))
    if not parts or parts[0][0] != _OCTET_STRING:
        raise BadFrame("no control")
    value = parts[-1][1] if len(parts) > 1 and parts[-1][0] == _OCTET_STRING else b""
    return parts[0][1], None, value
