"""What must hold within the virtual sites, and between them and the listeners."""

from __future__ import annotations

import re
from collections import defaultdict

from exfront.config.bindings import bindings, sites_at
from exfront.config.check_directories import check_virtual_directory, is_own_field
from exfront.config.check_names import each_once, is_host
from exfront.config.errors import KeyPath, nearest, quoted
from exfront.config.findings import Findings
from exfront.config.listener import ListenerSection
from exfront.config.settings import Settings
from exfront.config.virtual_site import VirtualSiteSection

# Whole segments of characters that need no escape (RFC 3986 section 3.3): what is compared is what was sent.
_PATH = re.compile(r"/\Z|(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+\Z")
_Name = tuple[KeyPath, str]


def check_virtual_sites(settings: Settings, findings: Findings) -> None:
    """Note what is wrong with any [[virtual_site]] and with [http]."""
    for index, site in enumerate(settings.virtual_site):
        here = ("virtual_site", index)
        _names(site, here, findings)
        _paths(site, here, findings)
        _bindings(settings, site, here, findings)
        if site.forms and site.preset != "exchange":
            findings.error(
                (*here, "forms"),
                "no preset that it is for",
                'preset = "exchange", or "forms" among the authentication methods of a directory',
            )
        for number, directory in enumerate(site.virtual_directory):
            check_virtual_directory(settings, directory, (*here, "virtual_directory", number), findings)
    names: list[_Name] = [(("virtual_site", n, "name"), site.name) for n, site in enumerate(settings.virtual_site)]
    each_once(names, "site name", findings)
    _host_names_once(settings, findings)
    _every_listener_has_a_site(settings, findings)
    for index, name in enumerate(settings.http.removed_headers):
        is_own_field(name, ("http", "removed_headers", index), findings)


def _names(site: VirtualSiteSection, here: KeyPath, findings: Findings) -> None:
    host, colon, port = site.public_name.partition(":")
    if not is_host(host) or (colon and not _is_port(port)):
        allowed = "a host name like mail.fourthcoffee.com, with :port where it is not the usual one"
        findings.error((*here, "public_name"), f"found {quoted(site.public_name)}", allowed)
    for number, name in enumerate(site.host_names):
        if not is_host(name):
            path = (*here, "host_names", number)
            findings.error(path, f"found {quoted(name)}", "a host name like mail.fourthcoffee.com")


def _paths(site: VirtualSiteSection, here: KeyPath, findings: Findings) -> None:
    paths: list[_Name] = []
    for index, directory in enumerate(site.virtual_directory):
        path = (*here, "virtual_directory", index, "path")
        paths.append((path, directory.path))
        if not _PATH.match(directory.path):
            findings.error(path, f"found {quoted(directory.path)}", "a path like /exchange: / first, none at its end")
    each_once(paths, "path of a site", findings)


def _bindings(settings: Settings, site: VirtualSiteSection, here: KeyPath, findings: Findings) -> None:
    http = [listener for listener in settings.listener if listener.protocol == "http"]
    known = [each for listener in http for each in (listener.name, str(listener.address)) if each]
    depends: tuple[KeyPath, ...] = tuple(("listener", index) for index in range(len(settings.listener)))
    for index, text in enumerate(site.listeners):
        if not bindings(_bound_to(site, text), settings.listener):
            problem = f"no [[listener]] with protocol = http is {quoted(text)}"
            allowed = ", ".join(known) or "the name, or address and port, of a [[listener]]"
            findings.error((*here, "listeners", index), problem, allowed, nearest(text, known), depends)


def _bound_to(site: VirtualSiteSection, text: str) -> VirtualSiteSection:
    return VirtualSiteSection(site.name, site.public_name, listeners=(text,))


def _host_names_once(settings: Settings, findings: Findings) -> None:
    """Two sites may have one name only where different listeners, or addresses, tell them apart."""
    groups: defaultdict[object, list[_Name]] = defaultdict(list)
    for index, site in enumerate(settings.virtual_site):
        here = ("virtual_site", index)
        names: list[_Name] = [((*here, "host_names", number), name) for number, name in enumerate(site.host_names)]
        public = site.public_name.partition(":")[0]
        if public.lower() not in {name.lower() for name in site.host_names}:
            names.append(((*here, "public_name"), public))
        for each in bindings(site, settings.listener) if site.listeners else ("all",):
            groups[each].extend(names)
    for group in groups.values():
        each_once(group, "host name", findings)


def _every_listener_has_a_site(settings: Settings, findings: Findings) -> None:
    for index, listener in enumerate(settings.listener):
        if listener.protocol == "http" and settings.virtual_site:
            here = sites_at(settings.virtual_site, listener, listener.address.host, settings.listener)
            _no_connection_log_ons(listener, here, index, findings)
            if not here:
                path, sites = ("listener", index, "protocol"), (("virtual_site",),)
                findings.error(
                    path, "every [[virtual_site]] is bound to other listeners", "one for this one", also=sites
                )


def _no_connection_log_ons(
    listener: ListenerSection, sites: tuple[VirtualSiteSection, ...], index: int, findings: Findings
) -> None:
    """S-HTTP-34: connections of a proxy are many users'."""
    passing = (site for site in sites for each in site.virtual_directory if "passthrough" in each.authentication)
    site = next(passing, None)
    if listener.trusted_proxies and site is not None:
        path = ("listener", index, "trusted_proxies")
        findings.warn(path, f"Negotiate and NTLM of site {quoted(site.name)} do not pass from these proxies")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536
