"""``healthcheck.htm`` of a virtual directory, for the load balancer in front: may new clients be sent here?"""

from __future__ import annotations

from collections.abc import Sequence

from exfront.facts import World
from exfront.web.pages import Page
from exfront.web.virtual_sites import VirtualDirectory, VirtualSite

_PAGE = b"healthcheck.htm"
_READING = frozenset({b"GET", b"HEAD"})
_OK, _UNAVAILABLE = 200, 503


def is_asked_for(directory: VirtualDirectory, method: bytes, segments: Sequence[bytes]) -> bool:
    """Whether a request means that page; nobody is asked who he is, and nothing is looked up."""
    own = len(directory.segments)
    return (
        directory.application.health
        and len(segments) == own + 1
        and segments[own].lower() == _PAGE
        and method in _READING
    )


def answer(site: VirtualSite, directory: VirtualDirectory, world: World, *, draining: bool) -> tuple[int, Page]:
    """200 while one back end of the application may be tried, 503 when none may, or the service stops.

    The text is what Exchange 2013 answers; monitors compare it. The name is the public one.
    """
    fields = ((b"Content-Type", b"text/html"), (b"Cache-Control", b"no-store"))
    if draining or not _lives(directory, world):
        return _UNAVAILABLE, Page(fields, b"503 Service Unavailable")
    return _OK, Page(fields, b"200 OK<br/>" + site.public_name.upper())


def _lives(directory: VirtualDirectory, world: World) -> bool:
    """A server that nobody has asked yet is taken for alive; so are those that nothing but mailboxes names."""
    servers = [server.name for server in world.topology.servers if server.http is not None]
    found = [world.health(name, "http", directory.application.name) for name in servers]
    return not found or any(each is None or each.state != "out" for each in found)
