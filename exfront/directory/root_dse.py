"""The rootDSE: what a directory server says of itself before anybody asks for more (RFC 4512 section 5.1)."""

from __future__ import annotations

from attrs import frozen

from exfront.directory import dn
from exfront.directory.entry import Entry
from exfront.directory.filters import ANY_ENTRY, Scope, Search


@frozen
class RootDse:
    """Empty texts where the server does not say: only Active Directory knows all of it."""

    configuration_naming_context: str = ""
    site: str = ""  # of Active Directory, out of dsServiceName
    current_time: str = ""  # generalized time, UTC

    @classmethod
    def read(cls, entry: Entry) -> RootDse:
        """Octets that are no UTF-8 are replaced: nothing here decides about a user."""
        return cls(
            configuration_naming_context=_first(entry, "configurationNamingContext"),
            site=_site(_first(entry, "dsServiceName")),
            current_time=_first(entry, "currentTime"),
        )


ROOT_SEARCH = Search("", ANY_ENTRY, ("configurationNamingContext", "dsServiceName", "currentTime"), Scope.BASE)


def _first(entry: Entry, name: str) -> str:
    value = next(iter(entry.attributes.get(name.lower(), ())), b"")
    return value.decode("utf-8", "replace")


def _site(service: str) -> str:
    """``CN=NTDS Settings,CN=DC1,CN=Servers,CN=Chicago,CN=Sites,CN=Configuration,…`` lies in Chicago."""
    try:
        steps = dn.parse(service)
    except dn.BadName:
        return ""
    if len(steps) < 5 or not steps[2].is_called("Servers") or not steps[4].is_called("Sites"):
        return ""
    return steps[3].value
