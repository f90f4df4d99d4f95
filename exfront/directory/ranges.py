"""Attributes with more values than Active Directory sends at once: ``proxyAddresses;range=0-1499`` and what follows."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from exfront import limits
from exfront.directory.entry import Entry
from exfront.reasons import INCONSISTENT_MAILBOX, Refused

# Reads an entry again: its DN and the attributes wanted; None where it is gone.
Fetch = Callable[[str, tuple[str, ...]], Awaitable[Entry | None]]

_RANGED = re.compile(r"(?P<name>[^;]+);range=(?P<first>\d+)-(?P<last>\d+|\*)", re.ASCII)


async def whole(entry: Entry, name: str, fetch: Fetch) -> Entry:
    """`entry` with all values of the attribute `name`, which are fetched where a range was sent (S-DIR-8).

    Raises `Refused` for ranges that do not follow each other, or never end.
    """
    found = _range_of(entry, name)
    if found is None:
        return entry
    values: list[bytes] = []
    for _ in range(limits.LDAP_RANGES):
        first, last, part = found
        if first != len(values):
            break
        values += part
        if last is None:
            kept = {key: value for key, value in entry.attributes.items() if not key.startswith(f"{name.lower()};")}
            return Entry(entry.dn, {**kept, name.lower(): tuple(values)})
        more = await fetch(entry.dn, (f"{name};range={len(values)}-*",))
        found = _range_of(more, name) if more is not None else None
        if found is None:
            break
    raise Refused(INCONSISTENT_MAILBOX, f"ranges of {name} in {entry.dn!r} that do not end")


def _range_of(entry: Entry, name: str) -> tuple[int, int | None, tuple[bytes, ...]] | None:
    """The first number, the last (None for the end of all) and the values; None where no range was sent."""
    for key, values in entry.attributes.items():
        match = _RANGED.fullmatch(key)
        if match is not None and match["name"] == name.lower():
            return int(match["first"]), None if match["last"] == "*" else int(match["last"]), values
    return None
