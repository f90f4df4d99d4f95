"""Answers searches from entries in memory, by the filter's own meaning; no LDAP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred

from exfront import limits
from exfront.directory import dn
from exfront.directory.client import SearchAnswer
from exfront.directory.discovery import Purpose
from exfront.directory.entry import Entry
from exfront.directory.filters import AllOf, AnyOf, Equals, Filter, Present, Scope, Search
from exfront.reasons import Refused


def entry(name: str, attributes: Mapping[str, Sequence[str | bytes]]) -> Entry:
    """An entry as a server sends it."""
    octets = {
        key.lower(): tuple(value.encode() if isinstance(value, str) else value for value in values)
        for key, values in attributes.items()
    }
    return Entry(name, octets)


@define(eq=False)
class MemorySearches:
    """`asked` are all searches so far; `fault` fails them; with `hold` set they wait until `release`."""

    entries: list[Entry] = field(factory=list)
    asked: list[Search] = field(factory=list)
    fault: Refused | None = None
    hold: bool = False
    _held: list[Deferred[None]] = field(factory=list)

    async def search(self, search: Search, purpose: Purpose = "users") -> SearchAnswer:
        self.asked.append(search)
        if self.hold:
            self._held.append(Deferred())
            await self._held[-1]
        if self.fault is not None:
            raise self.fault
        found = self.matching(search)
        return SearchAnswer(tuple(found[: limits.LDAP_SIZE_LIMIT]), len(found) <= limits.LDAP_SIZE_LIMIT, 0, "memory")

    async def pages(self, search: Search, page_size: int = limits.LDAP_PAGE_SIZE) -> AsyncIterator[tuple[Entry, ...]]:
        """All in one page."""
        self.asked.append(search)
        yield tuple(self.matching(search))

    def matching(self, search: Search) -> list[Entry]:
        """All entries that `search` means, with the attributes that it wants."""
        found = [entry for entry in self.entries if _in_scope(entry, search) and _matches(entry, search.filter)]
        wanted = {name.lower() for name in search.attributes}
        return [Entry(one.dn, {name: value for name, value in one.attributes.items() if name in wanted})
                for one in found]  # fmt: skip

    def release(self) -> None:
        """Let all held searches go on."""
        self.hold = False
        while self._held:
            self._held.pop(0).callback(None)


def _in_scope(entry: Entry, search: Search) -> bool:
    if search.scope is Scope.BASE:
        return dn.normalised(entry.dn) == dn.normalised(search.base)
    return dn.is_below(entry.dn, search.base)


def _matches(entry: Entry, wanted: Filter) -> bool:
    if isinstance(wanted, AllOf):
        return all(_matches(entry, part) for part in wanted.parts)
    if isinstance(wanted, AnyOf):
        return any(_matches(entry, part) for part in wanted.parts)
    values = entry.attributes.get(wanted.attribute.lower(), ())
    if isinstance(wanted, Present):
        return bool(values) or wanted.attribute == "objectClass"
    assert isinstance(wanted, Equals)
    return wanted.value.encode().lower() in [value.lower() for value in values]
