"""One organisation with Exchange 2003, 2007, 2010 and 2013, for the tables of who lands where.

Illinois is the own site and has servers of all generations. Iowa has InternalURLs alone, Texas has an ExternalURL for
each generation. All Client Access servers have Integrated authentication, as set-up leaves them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from exfront.decision import Decision, LinkPage, OwnDirectory, ProxyToCas, Redirect, Refuse, Relay
from exfront.facts import Facts, Identity, Policy, World
from exfront.site_links import SiteLink
from exfront.topology import (
    FrontEnd,
    Protocol,
    Role,
    Server,
    ServerVersion,
    Service,
    Topology,
    VirtualDirectory,
)
from tests.support.directory import mailbox

DOMAIN = "fourthcoffee.com"
OWN, PROXIED, LINKED = "Illinois", "Iowa", "Texas"
SITES = (OWN, PROXIED, LINKED)
VERSIONS: Mapping[str, ServerVersion] = {
    "2003": ServerVersion(6, 5, 7638), "2007": ServerVersion(8, 2, 176), "2010": ServerVersion(14, 1, 218),
    "2013": ServerVersion(15, 0, 516),
}  # fmt: skip
BACK_END_2003 = "be03"
LEGACY_URL = f"https://legacy.{DOMAIN}/exchange"
_HTTPS, _BACK_END_HTTPS = Service(443, "implicit"), Service(444, "implicit")
_CITIES = {OWN: "chicago", PROXIED: "ames", LINKED: "dallas"}


def mailbox_server(generation: str, site: str) -> str:
    """Its name: ``chicago-mbx07``."""
    return BACK_END_2003 if generation == "2003" else f"{_CITIES[site]}-mbx{generation[2:]}"


def client_access(generation: str, site: str) -> str:
    """The name of the Client Access server: ``chicago-cas07``."""
    return f"{_CITIES[site]}-cas{generation[2:]}"


def external_url(generation: str, site: str) -> str:
    """Where clients of that generation find that site: in the own one, each older generation has a name of its own."""
    if site == PROXIED:
        return ""
    return f"https://{'old' if site == OWN else 'mail'}{generation[2:]}.{_CITIES[site]}.{DOMAIN}/owa"


def topology(*, links: bool = True) -> Topology:
    """All of it."""
    between = (SiteLink("all", frozenset(SITES), 10),) if links else ()
    return Topology(tuple(_servers()), virtual_directories=tuple(_directories()), site_links=between)


def world(front_end: FrontEnd = "any", **more: Any) -> World:
    """As exfront in Illinois sees it."""
    names = frozenset({f"mail.{DOMAIN}"})
    policy = Policy((DOMAIN,), (DOMAIN,), names, proves=True, front_end=front_end)
    return World(**{"topology": topology(), "policy": policy, "site": OWN, **more})


def facts(wanted: str, generation: str, site: str = OWN) -> Facts:
    """A user of that generation asks for an application, or by IMAP4 or POP3."""
    account = mailbox(f"user{generation}", mailbox_server(generation, site))
    protocol: Protocol = "imap4" if wanted == "imap4" else "pop3" if wanted == "pop3" else "http"
    application = wanted if protocol == "http" else ""
    return Facts(protocol, Identity(account), account, application, activesync_version=121)


def landing(decision: Decision) -> str:
    """Where somebody ends up, in few words."""
    match decision:
        case Relay(server=server, service=service):
            return f"{server.name}:{service.port}"
        case ProxyToCas(server=server, service=service):
            return f"proxy {server.name}:{service.port}"
        case LinkPage(url=url):
            return f"link {url}"
        case Redirect(url=url, status=status):
            return f"{status} {url}"
        case OwnDirectory(application=application):
            return f"302 /{application}"
        case Refuse(reason=reason):
            return f"{reason.code}: {reason.cause}"
    raise AssertionError(decision)


def _servers() -> Iterator[Server]:
    yield _server(BACK_END_2003, "2003", "", frozenset({"mailbox"}), http=Service(80))
    for site in SITES:
        for generation in ("2007", "2010"):
            yield _server(mailbox_server(generation, site), generation, site, frozenset({"mailbox"}), http=_HTTPS)
            yield _server(client_access(generation, site), generation, site, frozenset({"client_access"}), http=_HTTPS)
        yield _server(
            mailbox_server("2013", site), "2013", site, frozenset({"mailbox", "client_access", "front_end"}),
            http=_BACK_END_HTTPS, imap4=Service(1993, "implicit"), pop3=Service(1995, "implicit"),
        )  # fmt: skip


def _server(name: str, generation: str, site: str, roles: frozenset[Role], **services: Service) -> Server:
    values: dict[str, Any] = {"imap4": Service(143), "pop3": Service(110), **services}
    return Server(
        name, f"{name}.{DOMAIN}", listed=False, site=site, version=VERSIONS[generation], roles=roles,
        dn=f"CN={name},CN=Servers", **values,
    )  # fmt: skip


def _directories() -> Iterator[VirtualDirectory]:
    for site in SITES:
        for generation in ("2007", "2010", "2013"):
            name = mailbox_server("2013", site) if generation == "2013" else client_access(generation, site)
            for kind in ("OWA", "ECP", "Mobile", "WebServices"):
                yield VirtualDirectory(
                    name, kind, kind, f"https://{name}.{DOMAIN}/owa", external_url(generation, site),
                    frozenset({"ntlm", "integrated"}),
                    legacy_url=LEGACY_URL if generation == "2010" and site == OWN else "",
                )  # fmt: skip
