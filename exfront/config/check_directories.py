"""What must hold within a virtual directory, and between it and the servers."""

from __future__ import annotations

import re

from exfront.config.check_names import is_host
from exfront.config.errors import KeyPath, nearest, quoted
from exfront.config.findings import Findings
from exfront.config.settings import Settings
from exfront.config.virtual_site import VirtualDirectorySection

_METHOD = re.compile(r"[A-Z][A-Z_-]*\Z")
_BY_PASSWORD = frozenset({"basic", "forms"})
_PROVING = _BY_PASSWORD | {"certificate"}  # exfront itself says who it is
_NEVER_RELAYED = ("CONNECT", "TRACE")  # S-HTTP-7
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110 section 5.1
# What a request cannot do without, and what exfront itself says in it
_OURS = frozenset({
    "host", "content-length", "transfer-encoding", "connection", "authorization", "cookie", "via", "x-forwarded-for",
    "x-forwarded-proto", "front-end-https", "x-exfront-session", "x-exfront-hop",
})  # fmt: skip


def check_virtual_directory(
    settings: Settings, directory: VirtualDirectorySection, here: KeyPath, findings: Findings
) -> None:
    """Note what is wrong with `directory`, which stands at `here`."""
    _authentication(directory, here, findings)
    _certificates(settings, directory, here, findings)
    _server(settings, directory.server, (*here, "server"), findings)
    _methods(directory, here, findings)
    _identity(settings, directory, here, findings)
    if directory.smtp_domain and not is_host(directory.smtp_domain):
        allowed = "an SMTP domain like fourthcoffee.com"
        findings.error((*here, "smtp_domain"), f"found {quoted(directory.smtp_domain)}", allowed)
    if directory.smtp_domain_match == "strict" and not directory.smtp_domain:
        findings.error((*here, "smtp_domain_match"), "no smtp_domain to match", 'smtp_domain, or "sp1"')
    if _BY_PASSWORD & set(directory.authentication) and directory.require_tls == "no":
        findings.warn((*here, "require_tls"), "passwords may cross the network in clear")


def is_own_field(name: str, path: KeyPath, findings: Findings) -> None:
    """Note a name that no field has, or one that exfront cannot do without."""
    if not _FIELD_NAME.match(name) or name.lower() in _OURS:
        allowed = "the name of a header field like X-Forwarded-User, not one that exfront itself needs"
        findings.error(path, f"found {quoted(name)}", allowed)


def _proves(directory: VirtualDirectorySection) -> bool:
    return bool(_PROVING & set(directory.authentication))


def _authentication(directory: VirtualDirectorySection, here: KeyPath, findings: Findings) -> None:
    methods, path = directory.authentication, (*here, "authentication")
    if not methods:
        allowed = '"basic", "forms", "anonymous", "passthrough", "certificate"'
        findings.error(path, "found nothing in it", allowed)
    if "anonymous" in methods and len(set(methods)) > 1:
        findings.error(path, '"anonymous" asks nobody, and the others ask', '"anonymous" alone, or without it')
    if "forms" in methods and "passthrough" in methods:
        findings.error(path, "a back end's challenge and a form exclude each other", '"forms" without "passthrough"')
    if directory.application == "owaredirect" and not (_proves(directory) and "passthrough" not in methods):
        findings.error(path, "nobody is proven here", '"basic", "forms" or "certificate": each user is sent elsewhere')
    if not _proves(directory) and not directory.server:
        findings.warn(path, "no server for requests that name no mailbox: they are refused")


def _certificates(settings: Settings, directory: VirtualDirectorySection, here: KeyPath, findings: Findings) -> None:
    if "certificate" not in directory.authentication:
        return
    if not any(listener.client_ca_file for listener in settings.listener if listener.protocol == "http"):
        path, listeners = (*here, "authentication"), (("listener",),)
        findings.error(path, "no listener asks for a certificate", "client_ca_file in a [[listener]]", also=listeners)
    if directory.identity == "basic":
        path, allowed = (*here, "identity"), '"header" or "none": a certificate gives no password'
        findings.error(path, 'found "basic"', allowed, also=((*here, "authentication"),))


def _server(settings: Settings, name: str, path: KeyPath, findings: Findings) -> None:
    known = {each.lower() for server in settings.server for each in (server.name, server.host)}
    if name and name.lower() not in known:
        names_only = [server.name for server in settings.server]
        depends: tuple[KeyPath, ...] = tuple(("server", index, "name") for index in range(len(settings.server)))
        allowed = ", ".join(names_only) or "the name of a [[server]]"
        problem = f"no [[server]] is called {quoted(name)}"
        findings.error(path, problem, allowed, nearest(name, names_only), depends)


def _methods(directory: VirtualDirectorySection, here: KeyPath, findings: Findings) -> None:
    for index, method in enumerate(directory.methods):
        if method in _NEVER_RELAYED or not _METHOD.match(method):
            allowed = "HTTP methods in capitals; CONNECT and TRACE are never relayed"
            findings.error((*here, "methods", index), f"found {quoted(method)}", allowed)


def _identity(settings: Settings, directory: VirtualDirectorySection, here: KeyPath, findings: Findings) -> None:
    """Who may write the header that names the user is every user at that server: it goes to named ones only."""
    servers, identity = (*here, "header_servers"), (*here, "identity")
    is_own_field(directory.identity_header, (*here, "identity_header"), findings)
    for index, name in enumerate(directory.header_servers):
        _server(settings, name, (*servers, index), findings)
    if directory.identity != "header":
        if directory.header_servers:
            findings.warn(servers, 'without identity = "header" it means nothing')
        return
    if not directory.header_servers:
        findings.error(servers, "missing", "the names of the [[server]]s that may be told who asks", also=(identity,))
    if not _proves(directory):
        allowed = '"basic", "forms" or "certificate" among the authentication methods'
        findings.error(identity, "nobody is proven here", allowed)
    findings.warn(identity, f"these servers believe {directory.identity_header}: nobody else may reach them")
