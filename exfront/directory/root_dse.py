"""The rootDSE: what a directory server says of itself before anybody asks for more (RFC 4512 section 5.1)."""

from __future__ import annotations

from attrs import frozen

from exfront.directory import dn
from exfront.directory.entry import Entry
from exfront.directory.filters import ANY_ENTRY, Scope, Search


@frozen
class RootDse:
    """Empty texts, and None, where the server does not say: only Active Directory knows all of it."""

    default_naming_context: str = ""
    configuration_naming_context: str = ""
    root_domain_naming_context: str = ""
    naming_contexts: tuple[str, ...] = ()
    dns_host_name: str = ""
    site: str = ""  # of Active Directory, out of dsServiceName
    is_global_catalog: bool | None = None
    current_time: str = ""  # generalized time, UTC

    @classmethod
    def read(cls, entry: Entry) -> RootDse:
        """Octets that are no UTF-8 are replaced: nothing here decides about a user."""
        ready = _first(entry, "isGlobalCatalogReady").upper()
        return cls(
            default_naming_context=_first(entry, "defaultNamingContext"),
            configuration_naming_context=_first(entry, "configurationNamingContext"),
            root_domain_naming_context=_first(entry, "rootDomainNamingContext"),
            naming_contexts=_all(entry, "namingContexts"),
            dns_host_name=_first(entry, "dnsHostName"),
            site=_site(_first(entry, "dsServiceName")),
            is_global_catalog=None if not ready else ready == "TRUE",
            current_time=_first(entry, "currentTime"),
        )


ROOT_SEARCH = Search(
    "",
    ANY_ENTRY,
    (
        "defaultNamingContext",
        "configurationNamingContext",
        "rootDomainNamingContext",
        "namingContexts",
        "dnsHostName",
        "dsServiceName",
        "isGlobalCatalogReady",
        "currentTime",
    ),
    Scope.BASE,
)


def _all(entry: Entry, name: str) -> tuple[str, ...]:
    return tuple(value.decode("utf-8", "replace") for value in entry.attributes.get(name.lower(), ()))


def _first(entry: Entry, name: str) -> str:
    return next(iter(_all(entry, name)), "")


def _site(service: str) -> str:
    """``CN=NTDS Settings,CN=DC1,CN=Servers,CN=Chicago,CN=Sites,CN=Configuration,…`` lies in Chicago."""
    try:
        steps = dn.parse(service)
    except dn.BadName:
        return ""
    if len(steps) < 5 or not steps[2].is_called("Servers") or not steps[4].is_called("Sites"):
        return ""
    return steps[3].value
