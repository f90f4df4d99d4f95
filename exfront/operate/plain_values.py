"""Values of the program as JSON can write them, for who asks over the control socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from enum import Enum
from typing import Any

import attrs

from exfront.directory.filters import Search

_NEVER_SHOWN = frozenset(
    ("userpassword", "unicodepwd", "dbcspwd", "ntpwdhistory", "lmpwdhistory", "supplementalcredentials",
     "ms-mcs-admpwd", "sambantpassword", "sambalmpassword")
)  # fmt: skip


def plain(value: object) -> Any:
    """`value` as JSON can write it: octets that are no text in hexadecimal, attrs values by name; never a secret."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return _octets(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Search):
        return {
            "base": value.base, "scope": value.scope.name.lower(), "filter": str(value.filter),
            "attributes": list(value.attributes),
        }  # fmt: skip
    if isinstance(value, Mapping):
        return {str(name): _attribute(str(name), each) for name, each in value.items()}
    if isinstance(value, Set):
        return sorted(map(plain, value), key=str)
    if isinstance(value, Sequence):
        return [plain(each) for each in value]
    kind: Any = type(value)
    if attrs.has(kind):
        return {each.name: plain(getattr(value, each.name)) for each in attrs.fields(kind)}
    return str(value)


def _attribute(name: str, value: object) -> Any:
    return "(never shown)" if name.lower() in _NEVER_SHOWN else plain(value)


def _octets(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return f"0x{value.hex()}"
    return text if text.isprintable() else f"0x{value.hex()}"
