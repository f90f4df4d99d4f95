"""LDAP messages to and from ldaptor's objects, without what of ldaptor is lax.

ldaptor's decoder prints what it does not know to standard output and goes on; here that is a `BadFrame`.
"""

from __future__ import annotations

import math
from typing import Any

from attrs import frozen
from ldaptor.protocols import pureber, pureldap

from exfront import limits
from exfront.directory.entry import Entry
from exfront.directory.filters import AllOf, AnyOf, Equals, Filter, Present, Search
from exfront.directory.framing import BadFrame, elements, operation

_ANSWERS = frozenset((0x61, 0x64, 0x65, 0x73, 0x78))  # bind, entry, done, reference, extended (RFC 4511)
_TEXT_LENGTH = 300  # of a server's diagnostic message
_PAGED_RESULTS = b"1.2.840.113556.1.4.319"  # RFC 2696
_OCTET_STRING = 0x04

Controls = tuple[tuple[bytes, bool | None, bytes | None], ...]  # type, criticality, value; as ldaptor has them


class _Strict(pureber.BERDecoderContext):  # type: ignore[misc]  # ldaptor has no types
    """The last in a chain of contexts: who asks here has found nothing."""

    def lookup_id(self, id: int) -> Any:
        found = self.Identities.get(id)
        if found is None:
            raise BadFrame(f"unknown tag 0x{id:02x}")
        return found


@frozen
class _Control:
    """One control of an answer, by the names that ldaptor looks for."""

    controlType: bytes
    controlValue: bytes
    criticality: bool | None = None


class _Controls(pureber.BERSequence):  # type: ignore[misc]
    """Controls of an answer; what is no control breaks the protocol. Some servers send them unasked."""

    tag = pureldap.LDAPControls.tag

    @classmethod
    def fromBER(cls, tag: int, content: bytes, berdecoder: Any = None) -> _Controls:
        return cls([_control(octets) for _, octets in elements(content)], tag=tag)


def _control(octets: bytes) -> _Control:
    """RFC 4511 section 4.1.11; without a value it is empty."""
    parts = tuple(elements(octets))
    if not parts or parts[0][0] != _OCTET_STRING:
        raise BadFrame("no control")
    value = parts[-1][1] if len(parts) > 1 and parts[-1][0] == _OCTET_STRING else b""
    return _Control(parts[0][1], value)


class _MessageContext(pureber.BERDecoderContext):  # type: ignore[misc]
    """What stands directly in a message."""

    Identities = {
        _Controls.tag: _Controls,
        pureldap.LDAPSearchResultReference.tag: pureldap.LDAPSearchResultReference,
    }


_CONTEXT = pureldap.LDAPBERDecoderContext_TopLevel(
    inherit=_MessageContext(
        fallback=pureldap.LDAPBERDecoderContext(fallback=_Strict()),
        inherit=pureldap.LDAPBERDecoderContext(fallback=_Strict()),
    )
)


def decode(message: bytes) -> Any:
    """A whole message as ldaptor's object. Raises `BadFrame`, or whatever ldaptor raises for what it cannot read."""
    if operation(message) not in _ANSWERS:
        raise BadFrame("not an answer")
    decoded, _ = pureber.berDecodeObject(_CONTEXT, message)
    code = getattr(decoded.value, "resultCode", 0)
    if not isinstance(code, int):
        raise BadFrame("no result code")
    return decoded


def entry(answer: Any) -> Entry:
    """A search's entry as our own value."""
    attributes = {name.decode("ascii", "replace").lower(): tuple(values) for name, values in answer.attributes}
    return Entry(answer.objectName.decode("utf-8", "surrogateescape"), attributes)


def search_request(search: Search, seconds: float, size: int = limits.LDAP_SIZE_LIMIT) -> Any:
    """The request of a search that may take `seconds` and find `size` entries, 0 for any number."""
    return pureldap.LDAPSearchRequest(
        baseObject=search.base,
        scope=search.scope.value,
        sizeLimit=size,
        timeLimit=math.ceil(seconds),
        filter=encode(search.filter),
        attributes=search.attributes,
    )


def page_control(size: int, cookie: bytes) -> Controls:
    """Asks for the page of `size` entries that `cookie` stands for, empty for the first (RFC 2696).

    Critical: a server that knows no pages must not send everything at once.
    """
    value = pureber.BERSequence([pureber.BERInteger(size), pureber.BEROctetString(cookie)]).toWire()
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


def encode(value: Filter) -> Any:
    """A filter as ldaptor's object: values go over as octets, nothing is ever parsed."""
    if isinstance(value, AllOf):
        return pureldap.LDAPFilter_and([encode(part) for part in value.parts])
    if isinstance(value, AnyOf):
        return pureldap.LDAPFilter_or([encode(part) for part in value.parts])
    if isinstance(value, Present):
        return pureldap.LDAPFilter_present(value.attribute)
    assert isinstance(value, Equals)
    return pureldap.LDAPFilter_equalityMatch(
        attributeDesc=pureldap.LDAPAttributeDescription(value.attribute),
        assertionValue=pureldap.LDAPAssertionValue(value.value),
    )


def text(answer: Any) -> str:
    """The server's diagnostic message, without what could break a log line."""
    message = getattr(answer, "errorMessage", b"")
    octets = message if isinstance(message, bytes) else str(message).encode()
    line = octets[:_TEXT_LENGTH].decode("utf-8", "replace").rstrip("\0")
    return "".join(character if character.isprintable() else "?" for character in line)
