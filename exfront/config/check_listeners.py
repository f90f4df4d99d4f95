"""What must hold within a [[listener]], and between two of them."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from itertools import combinations

from exfront import limits
from exfront.config.check_names import each_once
from exfront.config.errors import KeyPath, quoted
from exfront.config.findings import Findings
from exfront.config.kinds import HostPort, Network
from exfront.config.listener import LOOPBACK, ListenerSection
from exfront.config.settings import Settings

_CERTIFICATE: tuple[KeyPath, ...] = (("tls", "certificate"),)


def check_listeners(settings: Settings, findings: Findings) -> None:
    """Note what is wrong with each [[listener]], and between two of them."""
    for index, listener in enumerate(settings.listener):
        _listener(settings, listener, ("listener", index), findings)
    for (one, first), (two, second) in combinations(enumerate(settings.listener), 2):
        if _same_socket(first.address, second.address):
            here, there = ("listener", two, "address"), ("listener", one, "address")
            line = findings.lines.of(there)
            problem = f"{second.address} is taken by the listener on {first.address} in line {line}"
            findings.error(here, problem, "each address and port once", also=(there,))
    names: list[tuple[KeyPath, str]] = [
        (("listener", index, "name"), each.name) for index, each in enumerate(settings.listener) if each.name
    ]
    each_once(names, "listener name", findings)


def _listener(settings: Settings, listener: ListenerSection, here: KeyPath, findings: Findings) -> None:
    protocol, tls = (*here, "protocol"), (*here, "tls")
    if listener.protocol == "http" and listener.tls == "starttls":
        findings.error(tls, "HTTP has no STARTTLS", '"none", "implicit"', also=(protocol,))
    if listener.tls != "none" and settings.tls.certificate is None and not listener.certificates:
        findings.error(tls, f"{quoted(listener.tls)} without a certificate", "[tls] certificate", also=_CERTIFICATE)
    if listener.protocol == "http" and not settings.virtual_site:
        findings.error(protocol, "http without a [[virtual_site]] serves nothing", also=(("virtual_site",),))
    if listener.tls == "none" and listener.certificates:
        findings.error((*here, "certificates"), "without TLS nobody sees them", '"starttls", "implicit"', also=(tls,))
    if listener.protocol == "auth_http" and listener.tls != "none":
        findings.error(tls, "nginx asks without TLS", '"none"', also=(protocol,))
    if listener.protocol == "auth_http":
        _not_by_nginx(settings, findings)
    _believed(listener.proxy_protocol, (*here, "proxy_protocol"), "the addresses of the load balancers", findings)
    _socket(listener, here, findings)
    _http_only(listener, here, findings)
    _auth_http_only(listener, here, findings)
    if listener.allow_plaintext and listener.tls != "implicit":
        findings.warn((*here, "allow_plaintext"), "passwords may cross the network in clear")
    if listener.protocol in ("imap4", "pop3") and listener.tls == "none" and not listener.allow_plaintext:
        findings.warn(protocol, "nobody can log on here: no TLS, and allow_plaintext is false")


def _not_by_nginx(settings: Settings, findings: Findings) -> None:
    for index, server in enumerate(settings.server):
        for name in ("imap4", "pop3"):
            if getattr(server, name) and getattr(server, f"{name}_tls") != "none":
                text = "nginx speaks no TLS to it: its users cannot come by auth_http"
                findings.warn(("server", index, f"{name}_tls"), text)


def _believed(networks: Sequence[Network], here: KeyPath, allowed: str, findings: Findings) -> None:
    """Who is in front of a listener says whose connections these are: limits, log and guard go by that."""
    for index, network in enumerate(networks):
        if network.prefixlen == 0:
            findings.error((*here, index), f"{network} is everybody", allowed)
        else:
            findings.warn((*here, index), f"{network} is believed in what it says of its clients")


def _socket(listener: ListenerSection, here: KeyPath, findings: Findings) -> None:
    socket = listener.address.path
    if len(os.fsencode(socket)) > limits.SOCKET_PATH_OCTETS:
        allowed = f"a path of at most {limits.SOCKET_PATH_OCTETS} octets"
        findings.error((*here, "address"), f"{len(os.fsencode(socket))} octets", allowed)


def _http_only(listener: ListenerSection, here: KeyPath, findings: Findings) -> None:
    also: tuple[KeyPath, ...] = ((*here, "protocol"),)
    if listener.strict_hosts and listener.protocol != "http":
        findings.error((*here, "strict_hosts"), f"{listener.protocol} has none", 'protocol = "http"', also=also)
    if listener.trusted_proxies and listener.protocol == "auth_http":
        findings.error((*here, "trusted_proxies"), "auth_http has askers", "another protocol", also=also)
    if listener.client_ca_file is not None and (listener.tls == "none" or listener.protocol == "auth_http"):
        path, tls = (*here, "client_ca_file"), ((*here, "tls"),)
        findings.error(path, "without TLS there are no certificates", 'tls = "implicit"', also=tls)
    elif listener.client_ca_file is not None:
        findings.warn((*here, "client_ca_file"), "who may sign for these authorities is every user, by certificate")
    before = "the addresses of the proxies before this listener"
    _believed(listener.trusted_proxies, (*here, "trusted_proxies"), before, findings)


def _auth_http_only(listener: ListenerSection, here: KeyPath, findings: Findings) -> None:
    """Who asks tries passwords in the name of clients that it tells of."""
    if listener.protocol != "auth_http":
        for key, default in (("askers", LOOPBACK), ("key_file", None)):
            if getattr(listener, key) != default:
                problem, also = f"{listener.protocol} has none", ((*here, "protocol"),)
                findings.error((*here, key), problem, 'protocol = "auth_http"', also=also)
        return
    for index, network in enumerate(listener.askers):
        path = (*here, "askers", index)
        if network.prefixlen == 0:
            findings.error(path, f"{network} is everybody", "the addresses of nginx")
        elif not network.is_loopback:
            findings.warn(path, f"passwords of users come from {network} in clear")


def _same_socket(one: HostPort, other: HostPort) -> bool:
    """Whether the system refuses the second; IPv6 sockets take IPv6 only, and port 0 is a new port each time."""
    if one.path or other.path:
        return one.path == other.path
    first, second = ipaddress.ip_address(one.host), ipaddress.ip_address(other.host)
    if one.port != other.port or one.port == 0 or first.version != second.version:
        return False
    return first == second or first.is_unspecified or second.is_unspecified
