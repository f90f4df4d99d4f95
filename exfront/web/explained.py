"""Where a URL leads within exfront, and why: listener, virtual site, virtual directory, and the rules of admission.

For ``exfrontctl explain``; the choices and rules are those that requests take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from exfront.config.listener import ListenerSection
from exfront.reasons import BAD_INPUT, MISDIRECTED, NOT_PUBLISHED, RPC_ENDPOINT, Refused
from exfront.web import admission, rpc
from exfront.web.destinations import logon_path, page_at
from exfront.web.paths import BadPath, checked
from exfront.web.virtual_sites import ListenerSites, VirtualDirectory, VirtualSites

SitesOfListeners = Sequence[tuple[ListenerSection, ListenerSites]]
Report = dict[str, Any]

_PORTS = {"http": 80, "https": 443}


@frozen
class UrlQuestion:
    """An absolute URL or a path, the method, and the client's address; without one no rule about it is looked at."""

    url: str
    method: str = "GET"
    client: str = ""


def follow(
    question: UrlQuestion, listeners: SitesOfListeners, found: Report
) -> tuple[VirtualDirectory, Sequence[bytes], bytes | None]:
    """Virtual directory, the path's checked segments, the query; what led there goes to `found`. Raises `Refused`."""
    address, authority, path = _read_url(question.url or "/")
    listener, sites = _listener(address, listeners, found)
    site = sites.site(authority)
    found |= {"virtual_site": site.section.name, "site_because": _why(sites, authority), "path": address.path or "/"}
    if sites.refuses(authority):
        raise Refused(MISDIRECTED, f"{listener.title} has strict_hosts")
    try:
        segments = checked(path)
    except BadPath as why:
        raise Refused(BAD_INPUT, str(why)) from None
    directory = site.directory(segments)
    if directory is None:
        raise Refused(NOT_PUBLISHED, f"published: {', '.join(each.path for each in site.directories)}")
    found |= _described(directory)
    found |= _log_on(directory, question.method, page_at(site, segments, address.query.encode()))
    _rules(question, directory, address.scheme, listener, found)
    query = address.query.encode("utf-8", "surrogateescape") or None
    if directory.application.query == "rpc" and not rpc.allowed(question.method.encode("ascii", "replace"), query):
        raise Refused(RPC_ENDPOINT, "not a server and one of the ports 6001, 6002 and 6004")
    return directory, segments, query


def _read_url(text: str) -> tuple[SplitResult, bytes, bytes]:
    """Its parts, its authority as virtual sites know it, and its path. Raises `Refused` for what is none."""
    try:
        address = urlsplit(text)
        authority = address.netloc.rpartition("@")[2].lower().encode("utf-8")
        path = (address.path or "/").encode("utf-8", "surrogateescape")
        _ = address.port
    except ValueError:
        raise Refused(BAD_INPUT, "not a URL") from None
    if not path.startswith(b"/"):
        raise Refused(BAD_INPUT, "neither a URL nor an absolute path")
    return address, authority, path


def _listener(address: SplitResult, listeners: SitesOfListeners, found: Report) -> tuple[ListenerSection, VirtualSites]:
    """The listener that a client of this URL reaches, as far as the URL tells. Raises `Refused` where there is none."""
    if not listeners:
        raise Refused(NOT_PUBLISHED, "no [[listener]] speaks http")
    port = address.port or _PORTS.get(address.scheme, 0)
    wanted = "none" if address.scheme == "http" else "implicit"
    by_port = [each for each in listeners if port and each[0].address.port == port]
    by_tls = [each for each in listeners if address.scheme and each[0].tls == wanted]
    (listener, sites), why = (
        (by_port[0], f"port {port}") if by_port
        else (by_tls[0], f"the first one for {address.scheme}") if by_tls
        else (listeners[0], "the first one")
    )  # fmt: skip
    found |= {"listener": listener.title, "listener_because": why}
    return listener, sites.at(address.hostname or "")


def _why(sites: VirtualSites, authority: bytes) -> str:
    if sites.lists(authority):
        return "its host name"
    return "default of the listener: no site there has this host name" if authority else "default of the listener"


def _described(directory: VirtualDirectory) -> Report:
    section = directory.section
    return {
        "virtual_directory": directory.path,
        "application": directory.application.name,
        "authentication": ", ".join(section.authentication),
        "server": section.server,
        "identity": section.identity,
    }


_OWN_PAGES = {
    "form": "the page to log on",
    "post": "what the page to log on sends",
    "logoff": "the page after a log-off",
}


def _log_on(directory: VirtualDirectory, method: str, page: str) -> Report:
    """How a client without credentials is asked who it is, and why so."""
    methods = directory.section.authentication
    because = f"authentication: {', '.join(methods)}"
    if set(methods) == {"certificate"} and not page:
        return {"log_on": "by client certificate: 403 without one", "log_on_because": because}
    if page:
        return {"log_on": f"{_OWN_PAGES[page]}, by exfront itself", "log_on_because": "its path, or its query"}
    if directory.asks_form:
        how = f"302 to {logon_path(directory).decode('ascii')}" if method in ("GET", "HEAD") else "440 Login Timeout"
        if "basic" in methods:
            because += "; who brings Basic is taken at his word, and programs of [forms] get 401"
        return {"log_on": f"by form: {how}", "log_on_because": because}
    if directory.anonymous:
        return {"log_on": "nobody is asked", "log_on_because": because}
    asking = "the back end" if directory.passes_through else "exfront"
    return {"log_on": f"by 401 of {asking}", "log_on_because": because}


def _rules(
    question: UrlQuestion, directory: VirtualDirectory, scheme: str, listener: ListenerSection, found: Report
) -> None:
    """Each rule of admission up to the first that refuses; a path alone is taken for https. Raises `Refused`."""
    method = question.method.encode("ascii", "replace")
    asked = admission.Asked(directory, method, scheme != "http", listener.allow_plaintext, question.client)
    tls = scheme or "not told, taken for https"
    values = {"client address": question.client, "TLS": tls, "method": question.method}
    rules: list[Report] = []
    found["rules"] = rules
    for name, verdict in admission.verdicts(asked):
        said = f"redirects with {verdict.moved}" if verdict.moved else "refuses" if verdict.reason else "passes"
        value = values.get(name, tls)
        rules.append({"rule": name, "value": value or "not told", "says": said if value else "not looked at"})
        if verdict.reason is not None:
            raise Refused(verdict.reason, verdict.detail)
