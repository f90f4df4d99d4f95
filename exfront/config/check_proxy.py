"""What must hold within [proxy], and between it and the listeners that take requests of other servers."""

from __future__ import annotations

import re

from exfront.config.check_directories import is_own_field
from exfront.config.check_names import each_once, is_dns_domain, is_host
from exfront.config.errors import KeyPath, quoted
from exfront.config.findings import Findings
from exfront.config.listener import ListenerSection
from exfront.config.settings import Settings

_QUERY = re.compile(r"[A-Za-z0-9._~&=-]{1,200}")
_HEADERS = ("sid_header", "uri_header", "version_header", "secret_header")
_PEERS: tuple[KeyPath, ...] = tuple(("proxy", name) for name in ("peer_names", "peer_networks", "secret_file"))


def check_proxy(settings: Settings, findings: Findings) -> None:
    """Note what is wrong: whoever is taken for a Client Access server is every user (S-AUTH-14)."""
    proxy = settings.proxy
    for name in _HEADERS:
        is_own_field(getattr(proxy, name), ("proxy", name), findings)
    if not _QUERY.fullmatch(proxy.activesync_log_on):
        problem = f"found {quoted(proxy.activesync_log_on)}"
        findings.error(("proxy", "activesync_log_on"), problem, 'the query of a URL like "Cmd=ProxyLogin"')
    if proxy.server_name and not is_host(proxy.server_name):
        found = f"found {quoted(proxy.server_name)}"
        findings.error(("proxy", "server_name"), found, "a host name like mail1.fourthcoffee.com")
    each_once([(("proxy", name), getattr(proxy, name)) for name in _HEADERS], "header name", findings)
    for index, name in enumerate(proxy.peer_names):
        if not is_dns_domain(name):
            allowed = "a DNS name like cas1.fourthcoffee.com"
            findings.error(("proxy", "peer_names", index), f"found {quoted(name)}", allowed)
    for index, network in enumerate(proxy.peer_networks):
        if network.prefixlen == 0:
            findings.error(("proxy", "peer_networks", index), f"{network} is everybody", "the servers' own addresses")
    for index, listener in enumerate(settings.listener):
        if listener.proxy_peers:
            _listener(settings, listener, ("listener", index), findings)


def _listener(settings: Settings, listener: ListenerSection, here: KeyPath, findings: Findings) -> None:
    proxy, path = settings.proxy, (*here, "proxy_peers")
    if listener.protocol != "http" or listener.tls != "implicit":
        problem = "contexts of users may not cross the network in clear"
        findings.error(path, problem, 'protocol = "http" with tls = "implicit"', also=((*here, "tls"),))
    by_name = proxy.peer_names and listener.client_ca_file is not None
    by_secret = proxy.peer_networks and proxy.secret_file is not None
    if not by_name and not by_secret:
        allowed = "client_ca_file here and [proxy] peer_names, or [proxy] peer_networks and secret_file"
        findings.error(path, "nobody can prove to be a Client Access server", allowed, also=_PEERS)
    else:
        findings.warn(path, "the servers that [proxy] names may log on as any user")
