"""IMAP4's ID command (RFC 2971): what a client says of itself; taken note of and never believed (S-MAIL-16)."""

from __future__ import annotations

from exfront import limits
from exfront.wire.imap4_commands import Argument, Atom, Group, String


class BadId(ValueError):  # noqa: N818 - an answer to a client, not a fault
    """The argument of ID is not valid or over a limit; the message is for the client."""


def read_id(arguments: tuple[Argument, ...]) -> tuple[tuple[bytes, bytes], ...]:
    """The pairs of field and value in their order; NIL reads as no pairs, a NIL value as an empty one. Raises `BadId`.

    Limits: 30 pairs, 30 octets a field, 1024 a value (RFC 2971 section 3.3).
    """
    if len(arguments) != 1:
        raise BadId("ID takes one list.")
    (argument,) = arguments
    if _is_nil(argument):
        return ()
    if not isinstance(argument, Group) or len(argument.items) % 2:
        raise BadId("ID takes NIL, or a list of pairs.")
    if len(argument.items) > 2 * limits.ID_PAIRS:
        raise BadId("ID has too many pairs.")
    words = iter(argument.items)
    return tuple(_pair(name, value) for name, value in zip(words, words, strict=True))


def _pair(name: Atom | String, value: Atom | String) -> tuple[bytes, bytes]:
    if not isinstance(name, String) or not (isinstance(value, String) or _is_nil(value)):
        raise BadId("ID takes strings.")
    text = b"" if _is_nil(value) else value.value
    if len(name.value) > limits.ID_FIELD_OCTETS or len(text) > limits.ID_VALUE_OCTETS:
        raise BadId("ID has a field or value that is too long.")
    return name.value, text


def _is_nil(argument: Argument) -> bool:
    return isinstance(argument, Atom) and argument.value.upper() == b"NIL"
