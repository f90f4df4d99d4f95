"""What must hold within the virtual sites and between them and the servers."""

from __future__ import annotations

import re

from exfront.config.check_names import each_once, is_host
from exfront.config.errors import KeyPath, nearest, quoted
from exfront.config.findings import Findings
from exfront.config.settings import Settings
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection

# Whole segments of characters that need no escape (RFC 3986 section 3.3): what is compared is what was sent.
_PATH = re.compile(r"/\Z|(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+\Z")
_METHOD = re.compile(r"[A-Z][A-Z_-]*\Z")
_NEVER_RELAYED = ("CONNECT", "TRACE")  # S-HTTP-7


def check_virtual_sites(settings: Settings, findings: Findings) -> None:
    """Note what is wrong with any [[virtual_site]]."""
    names: list[tuple[KeyPath, str]] = []
    host_names: list[tuple[KeyPath, str]] = []
    for index, site in enumerate(settings.virtual_site):
        here = ("virtual_site", index)
        names.append(((*here, "name"), site.name))
        host_names += [((*here, "host_names", number), name) for number, name in enumerate(site.host_names)]
        _public_name(site, here, findings)
        _paths(site, here, findings)
        for number, directory in enumerate(site.virtual_directory):
            _virtual_directory(settings, directory, (*here, "virtual_directory", number), findings)
    each_once(names, "site name", findings)
    each_once(host_names, "host name", findings)
    for path, name in host_names:
        if not is_host(name):
            findings.error(path, f"found {quoted(name)}", "a host name like mail.fourthcoffee.com")


def _public_name(site: VirtualSiteSection, here: KeyPath, findings: Findings) -> None:
    host, colon, port = site.public_name.partition(":")
    if not is_host(host) or (colon and not _is_port(port)):
        allowed = "a host name like mail.fourthcoffee.com, with :port where it is not the usual one"
        findings.error((*here, "public_name"), f"found {quoted(site.public_name)}", allowed)


def _paths(site: VirtualSiteSection, here: KeyPath, findings: Findings) -> None:
    paths: list[tuple[KeyPath, str]] = []
    for index, directory in enumerate(site.virtual_directory):
        path = (*here, "virtual_directory", index, "path")
        paths.append((path, directory.path))
        if not _PATH.match(directory.path):
            findings.error(path, f"found {quoted(directory.path)}", "a path like /exchange: / first, none at its end")
    each_once(paths, "path of a site", findings)


def _virtual_directory(
    settings: Settings, directory: VirtualDirectorySection, here: KeyPath, findings: Findings
) -> None:
    _server(settings, directory, here, findings)
    _methods(directory, here, findings)
    if directory.smtp_domain and not is_host(directory.smtp_domain):
        allowed = "an SMTP domain like fourthcoffee.com"
        findings.error((*here, "smtp_domain"), f"found {quoted(directory.smtp_domain)}", allowed)
    if directory.authentication == "basic" and not directory.require_tls:
        findings.warn((*here, "require_tls"), "passwords may cross the network in clear")


def _server(settings: Settings, directory: VirtualDirectorySection, here: KeyPath, findings: Findings) -> None:
    known = [name for server in settings.server for name in (server.name, server.host)]
    names: tuple[KeyPath, ...] = tuple(("server", index, "name") for index in range(len(settings.server)))
    if directory.server and directory.server.lower() not in {name.lower() for name in known}:
        names_only = [server.name for server in settings.server]
        allowed = ", ".join(names_only) or "the name of a [[server]]"
        problem = f"no [[server]] is called {quoted(directory.server)}"
        findings.error((*here, "server"), problem, allowed, nearest(directory.server, names_only), names)
    if directory.authentication == "anonymous" and not directory.server:
        findings.warn((*here, "authentication"), "no server for requests that name no mailbox: they are refused")


def _methods(directory: VirtualDirectorySection, here: KeyPath, findings: Findings) -> None:
    for index, method in enumerate(directory.methods):
        if method in _NEVER_RELAYED or not _METHOD.match(method):
            allowed = "HTTP methods in capitals; CONNECT and TRACE are never relayed"
            findings.error((*here, "methods", index), f"found {quoted(method)}", allowed)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536
