"""Defaults that follow from other settings; all others stand in the section classes and in limits.py."""

from __future__ import annotations

import re
from os import uname

from attrs import evolve

from exfront.config.presets import with_preset
from exfront.config.settings import Settings

_COMMA = re.compile(r"(?<!\\),")  # one that no back-slash escapes (RFC 4514 section 2.4)


def with_defaults(settings: Settings) -> Settings:
    """Fill [back_ends] suffixes, [http] public_suffixes, [directory] domains and [proxy] server_name from the
    directory's base, and sites from their presets.

    [back_ends] networks stay None.

    [directory] topology is Active Directory's: others have no configuration partition.
    """
    directory, back_ends, http = settings.directory, settings.back_ends, settings.http
    domain = dns_domain(directory.base)
    if back_ends.suffixes is None:
        back_ends = evolve(back_ends, suffixes=(domain,) if domain else ())
    if http.public_suffixes is None:
        http = evolve(http, public_suffixes=(domain,) if domain else ())
    if not directory.domains:
        directory = evolve(directory, domains=default_domains(directory.base))
    if directory.topology is None:
        directory = evolve(directory, topology=directory.schema == "active_directory")
    proxy = settings.proxy
    if not proxy.server_name:
        proxy = evolve(proxy, server_name=machine_name(uname().nodename, domain))
    sites = tuple(with_preset(site) for site in settings.virtual_site)
    return evolve(settings, directory=directory, back_ends=back_ends, http=http, proxy=proxy, virtual_site=sites)


def machine_name(node: str, domain: str) -> str:
    """A machine's full name, as of a member of `domain`; no DNS server is asked, which would hold up the start."""
    return node if "." in node or not domain else f"{node}.{domain}"


def dns_domain(base: str) -> str:
    """The DNS domain that a naming context stands for (RFC 2247): ``ou=Mail,dc=a,dc=b`` is ``a.b``; else empty."""
    return ".".join(_domain_components(base)).lower()


def default_domains(base: str) -> dict[str, str]:
    """``DOMAIN`` of ``DOMAIN\\user``: the first dc of `base` in capitals, as a domain's setup proposes it."""
    components = _domain_components(base)
    return {components[0].upper(): base} if components else {}


def _domain_components(base: str) -> list[str]:
    parts = [part.partition("=") for part in _COMMA.split(base)]
    return [value.strip() for attribute, _, value in parts if attribute.strip().lower() == "dc" and value.strip()]
