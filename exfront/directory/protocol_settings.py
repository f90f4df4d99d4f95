"""Which protocols Exchange's attributes switch off for a user: protocolSettings and msExchOmaAdminWirelessEnable.

The values' fields are joined by a section sign, in UTF-8 or, from old tools, Latin-1; a second field of 0 is off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SEPARATOR = re.compile(rb"\xc2?\xa7")
_OFF = b"0"
_NOTHING: frozenset[str] = frozenset()  # one for all mailboxes: each empty set would take 216 octets
_NO_OMA = 0x2  # Outlook Mobile Access
_NO_ACTIVESYNC = 0x4  # user-initiated synchronisation


def switched_off(protocol_settings: Iterable[bytes], wireless: int) -> frozenset[str]:
    """The protocols that are off, in lower case; what is not named, or cannot be read, is on."""
    names = {name for name, off in map(_read, protocol_settings) if name and off}
    if wireless & _NO_ACTIVESYNC:
        names.add("activesync")
    if wireless & _NO_OMA:
        names.add("oma")
    return frozenset(names) if names else _NOTHING


def _read(value: bytes) -> tuple[str, bool]:
    name, *rest = _SEPARATOR.split(value, maxsplit=2)
    return name.decode("ascii", "replace").strip().lower(), bool(rest) and rest[0].strip() == _OFF
