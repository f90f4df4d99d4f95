"""Answers to binds and to StartTLS as ldaptor's objects, without what of ldaptor is lax.

ldaptor's decoder prints what it does not know to standard output and goes on; here that is a `BadFrame`.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from ldaptor.protocols import pureber, pureldap

from exfront.directory.framing import BadFrame, check, elements, operation
from exfront.directory.search_answers import control

_ANSWERS = (0x61, 0x78)  # bind, extended (RFC 4511)
_TEXT_LENGTH = 300  # of a server's diagnostic message


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
    criticality: bool | None
    controlValue: bytes | None


class _Controls(pureber.BERSequence):  # type: ignore[misc]
    """Controls of an answer; what is no control breaks the protocol. Some servers send them unasked."""

    tag = pureldap.LDAPControls.tag

    @classmethod
    def fromBER(cls, tag: int, content: bytes, berdecoder: Any = None) -> _Controls:
        return cls([_Control(*control(octets)) for _, octets in elements(content)], tag=tag)


class _MessageContext(pureber.BERDecoderContext):  # type: ignore[misc]
    """What stands directly in a message."""

    Identities = {_Controls.tag: _Controls}


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
    check(message)
    decoded, _ = pureber.berDecodeObject(_CONTEXT, message)
    code = getattr(decoded.value, "resultCode", 0)
    if not isinstance(code, int):
        raise BadFrame("no result code")
    return decoded


def text(answer: Any) -> str:
    """An answer's diagnostic message, for a log line."""
    message = getattr(answer, "errorMessage", b"")
    return printable(message if isinstance(message, bytes) else str(message).encode())


def printable(octets: bytes) -> str:
    """A server's text without what could break a log line, and not all of a long one."""
    line = octets[:_TEXT_LENGTH].decode("utf-8", "replace").rstrip("\0")
    return "".join(character if character.isprintable() else "?" for character in line)
