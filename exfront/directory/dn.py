"""Distinguished names as values: read by RFC 4514, compared without case (RFC 4517); no directory access here."""

from __future__ import annotations

import re
from functools import lru_cache

from attrs import frozen


class BadName(ValueError):  # noqa: N818 - one word for all names that cannot be read
    """The text is no distinguished name."""


@frozen
class Rdn:
    """One step of a name: `type` in lower case, `value` unescaped. Of a step with several (``a=1+b=2``) the first."""

    type: str
    value: str

    def is_called(self, value: str) -> bool:
        """Whether the value is `value`, without case."""
        return self.value.casefold() == value.casefold()


_TYPE = re.compile(r" *([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*) *= *")
# A value up to its end: escaped characters, escaped octets, and all but what separates.
_VALUE = re.compile(r'(?:\\[0-9A-Fa-f]{2}|\\[^0-9A-Fa-f\0]|[^\\,+";<>\0])*', re.DOTALL)


@lru_cache(1024)  # the same databases and servers come again with each mailbox
def parse(text: str) -> tuple[Rdn, ...]:
    """The steps of a name, its own first; the empty name has none. Raises `BadName`."""
    steps: list[Rdn] = []
    position, separator = 0, ","
    while position < len(text) or (separator and steps):
        step, position = _step(text, position)
        if separator == ",":
            steps.append(step)
        separator = text[position : position + 1]
        position += 1
        if separator and separator not in ",+":
            raise BadName("neither a comma nor a plus sign after a value")
    return tuple(steps)


@lru_cache(4096)  # asked for several times in one log-on
def normalised(text: str) -> str:
    """A key that is equal for two spellings of one name: spaces, escapes and case do not count. Raises `BadName`."""
    return _key(parse(text))


def _key(steps: tuple[Rdn, ...]) -> str:
    return ",".join(f"{step.type}={_escape(' '.join(step.value.casefold().split()))}" for step in steps)


def parent(text: str) -> str:
    """The normalised name of the entry above this one. Raises `BadName`."""
    return _key(parse(text)[1:])


def is_below(text: str, base: str) -> bool:
    """Whether the entry `text` is `base` or lies below it. Raises `BadName`."""
    name, root = normalised(text), normalised(base)
    return not root or name == root or name.endswith("," + root)


def dns_domain(text: str) -> str:
    """``dc=fourthcoffee,dc=com`` as ``fourthcoffee.com``, else empty. Raises `BadName`."""
    labels: list[str] = []
    for step in reversed(parse(text)):
        if step.type != "dc":
            break
        labels.insert(0, step.value)
    return ".".join(labels)


def _step(text: str, position: int) -> tuple[Rdn, int]:
    """One ``type=value``, and where it ends."""
    kind = _TYPE.match(text, position)
    if kind is None:
        raise BadName("no attribute type where one must stand")
    value = _VALUE.match(text, kind.end())
    assert value is not None  # it matches the empty text too
    return Rdn(kind[1].lower(), _unescape(_without_padding(value[0]))), value.end()


def _without_padding(value: str) -> str:
    """Spaces around a value do not count, but an escaped one does."""
    stripped = value.rstrip(" ")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return stripped + " " if backslashes % 2 else stripped


def _unescape(value: str) -> str:
    """``\\,`` is a comma and ``\\C3\\BC`` one character: the octets are put together first, and are UTF-8."""
    if "\\" not in value:
        return value
    octets = b"".join(
        bytes.fromhex(piece[1]) if piece[1] else (piece[2] or piece[0]).encode("utf-8", "surrogateescape")
        for piece in re.finditer(r"\\([0-9A-Fa-f]{2})|\\(.)|[^\\]+", value, re.DOTALL)
    )
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadName("a value that is not UTF-8") from None


def _escape(value: str) -> str:
    return re.sub(r'([,+"\\<>;=])', r"\\\1", value)
