"""Names of domains, as people type them, and the naming contexts they stand for."""

from __future__ import annotations

from attrs import frozen

from exfront.config.directory import DirectorySection
from exfront.directory import dn


@frozen
class Domains:
    """NetBIOS names and DNS names, without case, to the DN below which a domain's accounts lie."""

    base: str
    contexts: dict[str, str]
    default: str = ""

    @classmethod
    def read(cls, settings: DirectorySection, default: str = "") -> Domains:
        """Of [directory] `domains`; without it the base's first ``dc`` is the domain's name.

        Raises `dn.BadName` (a ValueError) for a naming context that is no DN.
        """
        contexts: dict[str, str] = {}
        for name, context in (settings.domains or {_first_label(settings.base): settings.base}).items():
            contexts[name.casefold()] = context
            contexts[dn.dns_domain(context).casefold()] = context
        contexts.pop("", None)
        return cls(settings.base, contexts, default)

    def base_of(self, domain: str) -> str | None:
        """Where to look for an account of `domain`; the default domain's where it is empty, None for an unknown one."""
        name = domain or self.default
        return self.contexts.get(name.casefold()) if name else self.base

    def owns(self, domain: str, entry: str) -> bool:
        """Whether the entry (a DN below `base_of`) is the domain's own, not one of a domain below it."""
        own = self.base_of(domain)
        deeper = (
            context for context in set(self.contexts.values()) if context != own and dn.is_below(context, own or "")
        )
        return not (domain or self.default) or not any(dn.is_below(entry, context) for context in deeper)


def _first_label(base: str) -> str:
    return dn.dns_domain(base).partition(".")[0]
