"""The URLs of Client Access servers' virtual directories, as far as clients may be sent to them (S-ROUTE-7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from exfront.because import Because
from exfront.decision import Decision, LinkPage, Redirect, Refuse
from exfront.facts import World
from exfront.reasons import EXTERNAL_URL_NOT_SHOWN
from exfront.routing.back_end import Why, is_below
from exfront.routing.client_access import leads_back
from exfront.routing.shown_url import read_url
from exfront.topology import Server, VirtualDirectory

# The applications that a browser opens a mailbox by, and the virtual directory whose URLs count.
DIRECTORIES: Mapping[str, str] = {"owa": "OWA", "exchange": "OWA", "exchweb": "OWA", "public": "OWA", "ecp": "ECP"}


@frozen
class Cas:
    """A Client Access server with its virtual directory."""

    server: Server
    directory: VirtualDirectory


def having(servers: Iterable[Server], kind: str, world: World) -> list[Cas]:
    """Those that have a virtual directory of that kind."""
    found = ((server, world.topology.virtual_directory(server.name, kind)) for server in servers)
    return [Cas(server, directory) for server, directory in found if directory is not None]


def elsewhere(many: Iterable[Cas], world: World) -> list[Cas]:
    """Those whose ExternalURL leads to another front end than this one."""
    return [cas for cas in many if cas.directory.external_url and not is_here(cas.directory.external_url, world)]


def link(many: Sequence[Cas], world: World, why: Why, step: str, *, silent: bool) -> Decision:
    """To the ExternalURL of the first of them that may be shown: at once, or by a page."""
    shown = shown_url(many, world, why, step)
    if isinstance(shown, Refuse):
        return shown
    url, why = shown
    return Redirect(url, 302, why) if silent else LinkPage(url, why)


def shown_url(many: Sequence[Cas], world: World, why: Why, step: str) -> tuple[str, Why] | Refuse:
    """The first ExternalURL that may be shown, and why that one (S-ROUTE-7)."""
    shown = next((cas for cas in many if may_be_shown(cas.directory.external_url, world)), None)
    if shown is None:
        told = " ".join(f"{cas.server.name}={cas.directory.external_url}" for cas in many)
        return Refuse(EXTERNAL_URL_NOT_SHOWN, told, (*why, Because("ExternalURL is not to be shown", (step, told))))
    url = shown.directory.external_url
    return url, (*why, Because("ExternalURL", (step, shown.server.name, url)))


def is_here(text: str, world: World) -> bool:
    """Whether a URL leads to this front end."""
    url = read_url(text)
    return url is not None and leads_back(url.host, world)


def may_be_shown(text: str, world: World) -> bool:
    """S-ROUTE-7: https, at a host below an allowed suffix, with nothing to escape."""
    url = read_url(text)
    return url is not None and url.secure and is_below(url.host, world.policy.public_suffixes)
