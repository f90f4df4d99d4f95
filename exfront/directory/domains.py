"""Names of domains, as people type them, and the naming contexts they stand for."""

from __future__ import annotations

from collections.abc import Mapping

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
    def read(cls, settings: DirectorySection, default: str = "", learned: Mapping[str, str] | None = None) -> Domains:
        """Of [directory] `domains`; without it the base's first ``dc`` is the domain's name.

        `learned` are naming contexts by NetBIOS and DNS name, out of the partitions container; the configuration wins,
        and only what lies in the base counts. Raises `dn.BadName` (a ValueError) for a naming context that is no DN.
        """
        configured = settings.domains or {_first_label(settings.base): settings.base}
        spellings = {dn.normalised(context): context for context in configured.values()}  # contexts compare as text
        contexts = {
            name.casefold(): spellings.setdefault(dn.normalised(context), context)
            for name, context in (learned or {}).items()
            if dn.is_below(context, settings.base)
        }
        for name, context in configured.items():
            contexts[name.casefold()] = context
            contexts[dn.dns_domain(context).casefold()] = context
        contexts.pop("", None)
        return cls(settings.base, contexts, default)

    def base_of(self, domain: str) -> str | None:
        """Where to look for an account of `domain`; the default domain's where it is empty, None for an unknown one."""
        name = domain or self.default
        return self.contexts.get(name.casefold()) if name else self.base

    def netbios_name(self, entry: str) -> str:
        """The NetBIOS name of the domain whose entry it is (a DN), in capitals; empty where none is known.

        A name of DNS has a dot; of nested contexts the innermost is the entry's own.
        """
        holding = [
            (len(dn.normalised(context)), name)
            for name, context in self.contexts.items()
            if "." not in name and dn.is_below(entry, context)
        ]
        return max(holding)[1].upper() if holding else ""

    def owns(self, domain: str, entry: str) -> bool:
        """Whether the entry (a DN below `base_of`) is the domain's own, not one of a domain below it."""
        own = self.base_of(domain)
        deeper = (
            context for context in set(self.contexts.values()) if context != own and dn.is_below(context, own or "")
        )
        return not (domain or self.default) or not any(dn.is_below(entry, context) for context in deeper)


def _first_label(base: str) -> str:
    return dn.dns_domain(base).partition(".")[0]
