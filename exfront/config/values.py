"""Reads one plain value of exfront.toml as the type that a section class declares; tables are read.py's."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from exfront.config.errors import nearest, quoted
from exfront.config.kinds import ONE_OR_MORE, HostPort, LdapUrl, Network, Pin, Range, read_network

# Kinds written as text; each reader raises ValueError saying what is allowed.
_KINDS: Mapping[Any, Callable[[str], object]] = MappingProxyType(
    {HostPort: HostPort.read, LdapUrl: LdapUrl.read, Network: read_network, Pin: Pin.read}
)
_STAND_INS: Mapping[Any, object] = MappingProxyType(
    {
        str: "",
        int: 0,
        float: 0.0,
        bool: False,
        Path: Path(),
        HostPort: HostPort("0.0.0.0", 0),
        Pin: Pin(b""),
        LdapUrl: LdapUrl("ldaps", "", 0),
        Network: read_network("192.0.2.0/32"),
    }
)


class Unfit(ValueError):  # noqa: N818 - what a value is
    """A value that may not stand where it does; the attributes are those of `ConfigError`."""

    def __init__(self, problem: str, allowed: str, nearest: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.allowed = allowed
        self.nearest = nearest


def read_value(kind: Any, found: object, folder: Path) -> Any:
    """The value `found` by tomllib, as `kind`; paths are taken from `folder`. Raises `Unfit`."""
    kind, bounds = plain(kind)
    if get_origin(kind) is Literal:
        return _choice(get_args(kind), found)
    value = _number(kind, found) if kind in (bool, int, float) else _text(kind, found, folder)
    if isinstance(bounds, Range) and value not in bounds:
        raise Unfit(f"found {shown(found)}", bounds.words)
    return value


def plain(kind: Any) -> tuple[Any, object]:
    """A declared type without its ``| None`` and without its annotation (a `Range`, `ONE_OR_MORE`), and that."""
    if get_origin(kind) in (Union, UnionType) and type(None) in get_args(kind):
        (kind,) = (part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is Annotated:
        kind, bounds = get_args(kind)
        return kind, bounds
    return kind, None


def may_stand_alone(kind: Any) -> bool:
    """Whether the only member of an array of this type may be written without brackets."""
    return plain(kind)[1] is ONE_OR_MORE


def stand_in(kind: Any) -> Any:
    """A value of the type `kind` in place of one that is missing or wrong; it is never used for more than comparing."""
    kind, _ = plain(kind)
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    return _STAND_INS[kind]


def shown(found: object) -> str:
    """A found value in an error; what may hold a password is not repeated."""
    if isinstance(found, str):
        return "a text with @" if "@" in found else quoted(found)
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, int | float):
        return quoted(str(found)).strip("'")
    if isinstance(found, list):
        return "an array"
    return "a table" if isinstance(found, dict) else "a date or time"


def _choice(choices: tuple[str, ...], found: object) -> str:
    if isinstance(found, str) and found in choices:
        return found
    near = nearest(found, choices) if isinstance(found, str) else ""
    raise Unfit(f"found {shown(found)}", ", ".join(f'"{choice}"' for choice in choices), near and f'"{near}"')


_NUMBERS = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
}


def _number(kind: type, found: object) -> Any:
    types, words = _NUMBERS[kind]
    if not isinstance(found, types) or (isinstance(found, bool) and kind is not bool):
        raise Unfit(f"found {shown(found)}", words)
    try:
        return kind(found)
    except OverflowError:  # a whole number that no float holds
        raise Unfit(f"found {shown(found)}", words) from None


def _text(kind: Any, found: object, folder: Path) -> Any:
    if not isinstance(found, str):
        raise Unfit(f"found {shown(found)}", "a text in quotation marks")
    if any(unicodedata.category(character) == "Cc" for character in found):
        raise Unfit("found a text with a control character", "a text on one line")
    if kind is str:
        return found
    if kind is Path:
        return _path(found, folder)
    try:
        return _KINDS[kind](found)
    except ValueError as error:
        raise Unfit(f"found {shown(found)}", str(error)) from None


def _path(found: str, folder: Path) -> Path:
    if not found:
        raise Unfit("found an empty text", "the path of a file, from this file's folder or from /")
    return folder / found
