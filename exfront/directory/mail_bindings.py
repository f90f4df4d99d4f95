"""Where the servers of the topology speak POP3 and IMAP4: what their protocols' objects say, as far as it is allowed.

msExchServerBindings and msExchSecureBindings hold ``address:port:host`` in 2000 and 2003 (IIS' own form, SDK03) and
``address:port`` in 2007 and later (UnencryptedOrTLSBindings and SSLBindings of Set-PopSettings).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import evolve

from exfront.topology import MailSettings, Server, Service, Tls

_STANDARD: Mapping[tuple[str, Tls], int] = {
    ("imap4", "none"): 143, ("imap4", "implicit"): 993, ("pop3", "none"): 110, ("pop3", "implicit"): 995,
}  # fmt: skip
STANDARD_PORTS = frozenset(_STANDARD.values())
# InternalConnectionSettings of 2010 names the port with TLS first; the objects of 2013 tell of its front ends alone.
_TLS_FIRST, _BEHIND = 14, 15
_BINDING = re.compile(r"(?P<address>.*):(?P<port>\d{1,5})(?::[^:]*)?", re.ASCII)
_MOST = 65_535


def served(
    servers: Iterable[Server], settings: Iterable[MailSettings], ports: Collection[int]
) -> tuple[list[Server], list[str]]:
    """The servers with the services that `settings` tell of, and what is not one of the allowed `ports` (S-DIR-4).

    Until 2007 a service in the clear goes before one with TLS, which 2003 lists also where it has no certificate.
    Mailbox servers of 2013 and later keep the services that front ends use.
    """
    by_server: dict[str, list[MailSettings]] = {}
    for one in settings:
        by_server.setdefault(one.server.lower(), []).append(one)
    strange: list[str] = []
    found = [_with(server, by_server.get(server.name.lower(), ()), ports, strange) for server in servers]
    return found, strange


def _with(server: Server, settings: Sequence[MailSettings], ports: Collection[int], strange: list[str]) -> Server:
    major = 0 if server.version is None else server.version.major
    if major >= _BEHIND:
        return server
    services: dict[str, Service] = {}
    for one in settings:
        bound = [*_bound(one.bindings, one.protocol, "none"), *_bound(one.tls_bindings, one.protocol, "implicit")]
        if major >= _TLS_FIRST:
            bound.sort(key=lambda service: service.tls != "implicit")
        allowed = [service for service in bound if service.port in ports]
        if allowed:
            services[one.protocol] = allowed[0]
        elif bound:
            strange.append(f"{one.protocol} of {server.name} at port {bound[0].port}")
    return evolve(server, imap4=services.get("imap4", server.imap4), pop3=services.get("pop3", server.pop3))


def _bound(bindings: Iterable[str], protocol: str, tls: Tls) -> list[Service]:
    """What can be reached from elsewhere, the standard port first."""
    ports = [port for port in map(_port, bindings) if port]
    return [Service(port, tls) for port in sorted(ports, key=lambda port: port != _STANDARD[protocol, tls])]


def _port(binding: str) -> int:
    """0 for none, and for one that only the server itself reaches."""
    found = _BINDING.fullmatch(binding.strip())
    if found is None or int(found["port"]) > _MOST:
        return 0
    return 0 if _is_loopback(found["address"].strip("[]")) else int(found["port"])


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # every address
        return False
