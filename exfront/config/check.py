"""What must hold between the settings of a file; no file but exfront.toml itself is looked at (see files.py).

Wider trust that an administrator asks for is a warning, everything else here is an error (S-OPS-11).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Sequence

from exfront import limits
from exfront.config.check_listeners import check_listeners
from exfront.config.check_mail import check_mail
from exfront.config.check_names import each_once, is_distinguished_name, is_dns_domain, is_host
from exfront.config.check_proxy import check_proxy
from exfront.config.check_servers import check_servers
from exfront.config.check_sites import check_virtual_sites
from exfront.config.defaults import default_domains, dns_domain
from exfront.config.errors import KeyPath, nearest, quoted
from exfront.config.findings import Findings
from exfront.config.settings import Settings

_LINK_LOCAL = ipaddress.ip_network("169.254.0.0/16")  # cloud machines keep secrets there (S-DIR-4)


def check_relations(settings: Settings, findings: Findings) -> None:
    """Note every setting that another one contradicts."""
    for rule in _RULES:
        rule(settings, findings)


def _directory_servers(settings: Settings, findings: Findings) -> None:
    directory = settings.directory
    servers, discover = ("directory", "servers"), ("directory", "discover")
    if not directory.base:
        findings.error(("directory", "base"), "missing")
    if not directory.servers and not directory.discover:
        findings.error(servers, "missing", "one or more URLs, or a domain in discover", also=(discover,))
    for name in ("discover", "forest"):
        domain = getattr(directory, name)
        if domain and not is_dns_domain(domain):
            findings.error(("directory", name), f"found {quoted(domain)}", "a DNS domain like fourthcoffee.com")
    for name in ("forest", "dns_servers"):
        if getattr(directory, name) and not directory.discover:
            findings.error(("directory", name), "without discover it means nothing", also=(discover,))
    for index, server in enumerate(directory.dns_servers):
        if server.path:
            findings.error(("directory", "dns_servers", index), f"found {quoted(str(server))}", "an address and a port")
    if directory.site and ("." in directory.site or not is_dns_domain(directory.site)):
        findings.error(("directory", "site"), f"found {quoted(directory.site)}", "the name of a site, like Chicago")


def _directory(settings: Settings, findings: Findings) -> None:
    directory = settings.directory
    servers, password = ("directory", "servers"), ("directory", "bind_password_file")
    in_clear = any(server.scheme == "ldap" for server in directory.servers) and not directory.starttls
    if in_clear and not directory.allow_clear:
        problem = "passwords would cross the network in clear"
        allowed = "true, or only ldaps:// servers, or allow_clear = true"
        findings.error(("directory", "starttls"), problem, allowed, also=(servers, ("directory", "allow_clear")))
    if directory.allow_clear:
        findings.warn(("directory", "allow_clear"), "passwords may cross the network to the directory in clear")
    if directory.bind_dn and directory.bind_password_file is None:
        findings.error(("directory", "bind_dn"), "no bind_password_file for it", also=(password,))
    if directory.bind_password_file is not None and not directory.bind_dn:
        findings.error(password, "no bind_dn for it", also=(("directory", "bind_dn"),))


def _entries(settings: Settings, findings: Findings) -> None:
    directory = settings.directory
    if directory.schema == "plain_ldap":
        for name, allowed in (("object_classes", "one or more classes"), ("account_attribute", "an attribute")):
            if not getattr(directory, name):
                findings.error(("directory", name), "empty", allowed)
    if directory.negative_cache_time > directory.cache_time:
        findings.warn(("directory", "negative_cache_time"), "over cache_time: who is new waits longer than who moved")


def _names_of_entries(settings: Settings, findings: Findings) -> None:
    directory = settings.directory
    names: list[tuple[KeyPath, str]] = [(("directory", "base"), directory.base)] if directory.base else []
    names += [(("directory", "domains", domain), base) for domain, base in directory.domains.items()]
    names += [(("authentication", "deny_users", n), dn) for n, dn in enumerate(settings.authentication.deny_users)]
    if directory.bind_dn:  # never a UPN: the account is kept from logging on as a user by its DN (S-AUTH-14)
        names.append((("directory", "bind_dn"), directory.bind_dn))
    for path, name in names:
        if not is_distinguished_name(name):
            findings.error(path, f"found {quoted(name)}", "a distinguished name like dc=fourthcoffee,dc=com")


def _default_domain(settings: Settings, findings: Findings) -> None:
    default, directory = settings.authentication.default_domain, settings.directory
    domains = directory.domains or default_domains(directory.base)
    known = [*domains, *(name for name in map(dns_domain, domains.values()) if name)]
    if default and default.lower() not in {name.lower() for name in known}:
        here = ("authentication", "default_domain")
        depends: tuple[KeyPath, ...] = (("directory", "domains"), ("directory", "base"))
        findings.error(here, f"no domain {quoted(default)}", ", ".join(known), nearest(default, known), depends)


def _realm(settings: Settings, findings: Findings) -> None:
    realm = settings.authentication.realm
    if not realm.isascii() or not realm.isprintable():
        findings.error(("authentication", "realm"), f"found {quoted(realm)}", "printable ASCII characters")


def _dns_domains(names: Sequence[str], path: KeyPath, findings: Findings) -> None:
    for index, name in enumerate(names):
        if not is_dns_domain(name.removeprefix(".")):
            findings.error((*path, index), f"found {quoted(name)}", "a DNS domain like fourthcoffee.com")


def _back_ends(settings: Settings, findings: Findings) -> None:
    suffixes = settings.back_ends.suffixes
    _dns_domains(suffixes or (), ("back_ends", "suffixes"), findings)
    _dns_domains(settings.http.public_suffixes or (), ("http", "public_suffixes"), findings)
    if not settings.server and not (dns_domain(settings.directory.base) if suffixes is None else suffixes):
        depends: tuple[KeyPath, ...] = (("directory", "base"), ("server",))
        findings.error(("back_ends", "suffixes"), "no server is allowed: no [[server]], no suffix", also=depends)
    for index, network in enumerate(settings.back_ends.networks or ()):
        if network.prefixlen == 0 or (network.version == 4 and network.overlaps(_LINK_LOCAL)):
            findings.warn(("back_ends", "networks", index), f"{network} holds link-local addresses too")


def _authentication(settings: Settings, findings: Findings) -> None:
    authentication, most = settings.authentication, ("authentication", "failure_delay_most")
    if authentication.failure_delay_most < authentication.failure_delay:
        least = f"{authentication.failure_delay:g} or more"
        findings.error(most, "less than failure_delay", least, also=(("authentication", "failure_delay"),))
    if authentication.failures_per_account > limits.ACCOUNT_FAILURES:
        findings.warn(("authentication", "failures_per_account"), "more wrong passwords a user than is usual")


def _forms(settings: Settings, findings: Findings) -> None:
    for name in ("private_time", "private_time_2003"):
        if getattr(settings.forms, name) < settings.forms.public_time:
            findings.warn(("forms", name), "less than public_time: that is taken")
    for index, word in enumerate(settings.forms.basic_agents):
        if not word.strip() or not word.isascii():
            allowed = "a word of User-Agent, in ASCII"
            findings.error(("forms", "basic_agents", index), f"found {quoted(word)}", allowed)


def _active_servers(settings: Settings, findings: Findings) -> None:
    here: KeyPath = ("exchange", "active_servers")
    active = settings.exchange.active_servers
    each_once([((*here, name), name) for name in active], "database or availability group", findings)
    for name, server in active.items():
        if not is_host(server):
            findings.error((*here, name), f"found {quoted(server)}", "the name of a server, like CHICAGO")


def _control(settings: Settings, findings: Findings) -> None:
    if settings.control.allow_root:
        findings.warn(("control", "allow_root"), "the process may keep running as root")
    socket = settings.control.socket
    if socket is not None and len(os.fsencode(socket)) > limits.SOCKET_PATH_OCTETS:
        allowed = f"a path of at most {limits.SOCKET_PATH_OCTETS} octets"
        findings.error(("control", "socket"), f"{len(os.fsencode(socket))} octets", allowed)


def _process(settings: Settings, findings: Findings) -> None:
    process = settings.process
    if process.transports == "lean" and not process.lean:
        findings.warn(("process", "transports"), "this platform has no epoll: Twisted's transports are used")


_RULES: tuple[Callable[[Settings, Findings], None], ...] = (
    check_listeners,
    _directory_servers,
    _directory,
    _entries,
    _names_of_entries,
    _default_domain,
    _realm,
    _back_ends,
    check_servers,
    check_virtual_sites,
    check_proxy,
    check_mail,
    _authentication,
    _forms,
    _active_servers,
    _control,
    _process,
)
