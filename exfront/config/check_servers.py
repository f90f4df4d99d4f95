"""What must hold within each [[server]], and between it and the virtual sites."""

from __future__ import annotations

import re
from typing import get_args, get_type_hints

from exfront.config.check_names import each_once, is_address, is_host
from exfront.config.errors import KeyPath, nearest, quoted
from exfront.config.findings import Findings
from exfront.config.server import ServerSection
from exfront.config.settings import Settings
from exfront.config.virtual_site import VirtualDirectorySection

_PATH = re.compile(r"/[!-~]*")


def check_servers(settings: Settings, findings: Findings) -> None:
    """Note what is wrong with hosts, names, pins and probes."""
    for index, server in enumerate(settings.server):
        here: KeyPath = ("server", index)
        _address(server, here, findings)
        _pins(server, here, findings)
        _probes(server, here, findings)
        _next_hop(server, here, findings)
        _master(server, here, findings)
    names: list[tuple[KeyPath, str]] = [
        (("server", index, "name"), server.name) for index, server in enumerate(settings.server)
    ]
    each_once(names, "server name", findings)


def _address(server: ServerSection, here: KeyPath, findings: Findings) -> None:
    if not is_host(server.host):
        allowed = "a host name like chicago.fourthcoffee.com, or an IP address"
        findings.error((*here, "host"), f"found {quoted(server.host)}", allowed)
    if server.address and not is_address(server.address):
        findings.error((*here, "address"), f"found {quoted(server.address)}", "an IP address")


def _pins(server: ServerSection, here: KeyPath, findings: Findings) -> None:
    """A pin that nothing is compared with, or an authority that is not asked, may not be what was meant."""
    pin = (*here, "tls_pin")
    if not server.tls_pin:
        return
    if {"none"} == {server.imap4_tls, server.pop3_tls, server.http_tls}:
        findings.warn(pin, "compared with nothing: no imap4_tls, pop3_tls or http_tls")
    if server.ca_file is not None:
        findings.warn((*here, "ca_file"), "not asked: tls_pin takes its place")


def _next_hop(server: ServerSection, here: KeyPath, findings: Findings) -> None:
    if len(set(server.next_hop)) < len(server.next_hop):
        findings.error((*here, "next_hop"), f"found {', '.join(server.next_hop)}", "each scheme once")


def _master(server: ServerSection, here: KeyPath, findings: Findings) -> None:
    """Who may log on as everybody needs a name and a password."""
    user, file, separator = ((*here, f"master_{key}") for key in ("user", "password_file", "separator"))
    if server.master_user and server.master_password_file is None:
        findings.error(user, "no master_password_file for it", also=(file,))
    if server.master_password_file is not None and not server.master_user:
        findings.error(file, "no master_user for it", also=(user,))
    if server.master_separator and not server.master_user:
        findings.error(separator, "no master_user for it", also=(user,))
    if server.master_separator and server.master_separator in server.master_user:
        findings.error(user, f"holds the separator {quoted(server.master_separator)}", "a name without it")
    in_clear = [
        name
        for name, port, tls in (("imap4", server.imap4, server.imap4_tls), ("pop3", server.pop3, server.pop3_tls))
        if port and tls == "none"
    ]
    if server.master_user and in_clear:
        findings.warn(user, f"everybody's password, in effect, crosses the network in clear: {' and '.join(in_clear)}")


def _probes(server: ServerSection, here: KeyPath, findings: Findings) -> None:
    paths = (*here, "probe_paths")
    known = get_args(get_type_hints(VirtualDirectorySection)["application"])
    for application, path in server.probe_paths.items():
        if application not in known:
            near = nearest(application, known)
            findings.error((*paths, application), "no such application", ", ".join(known), near)
        elif _PATH.fullmatch(path) is None:
            findings.error((*paths, application), f"found {quoted(path)}", "a path like /owa/healthcheck.htm")
    if server.probe_paths and not server.probe:
        findings.warn(paths, "nobody asks for them: probe is false")
    if server.probe_paths and not server.http:
        findings.warn(paths, "nobody asks for them: http is 0")
