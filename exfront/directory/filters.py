"""Search filters as values, and the searches made of them.

Text that a client typed gets into a filter only as the value of an `Equals` or `EqualsOctets` (S-AUTH-3): there is
nothing here, or anywhere, that reads a filter from text. `str` gives the text of RFC 4515, for logs and explain.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

_SPECIAL = str.maketrans({character: f"\\{ord(character):02x}" for character in "\\*()\0"})


@frozen
class Equals:
    """``(attribute=value)``; how values compare is the directory's business."""

    attribute: str
    value: str

    def __str__(self) -> str:
        return f"({self.attribute}={self.value.translate(_SPECIAL)})"


@frozen
class EqualsOctets:
    """``(attribute=\\00\\01…)``: of attributes whose values are no text."""

    attribute: str
    value: bytes

    def __str__(self) -> str:
        return f"({self.attribute}=" + "".join(f"\\{octet:02x}" for octet in self.value) + ")"


@frozen
class Present:
    """``(attribute=*)``."""

    attribute: str

    def __str__(self) -> str:
        return f"({self.attribute}=*)"


@frozen
class AllOf:
    """``(&…)``."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return f"(&{''.join(map(str, self.parts))})"


@frozen
class AnyOf:
    """``(|…)``."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return f"(|{''.join(map(str, self.parts))})"


Filter = Equals | EqualsOctets | Present | AllOf | AnyOf

ANY_ENTRY = Present("objectClass")


class Scope(Enum):
    """How deep a search goes; the values are those of RFC 4511."""

    BASE = 0
    SUBTREE = 2


@frozen
class Search:
    """One question to a directory. `attributes` are asked for by name, never all of them (S-DIR-8)."""

    base: str
    filter: Filter
    attributes: tuple[str, ...]
    scope: Scope = Scope.SUBTREE

    def __str__(self) -> str:
        return f"base={self.base!r} scope={self.scope.name.lower()} filter={self.filter}"
