"""What a front end does for a mailbox that is not its generation's to open: it sends the client where it is.

Sources: those of `exfront.routing.coexistence`; Set-OwaVirtualDirectory (Exchange2003Url, CrossSiteRedirectType, and
LegacyRedirectType, which is silent where nothing else is set).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from attrs import evolve

from exfront.because import Because
from exfront.decision import Decision, Redirect, Refuse
from exfront.facts import Facts, World
from exfront.reasons import EXTERNAL_URL_NOT_SHOWN, GENERATIONS_APART, MAILBOX_NEWER
from exfront.routing import exchange2013
from exfront.routing.back_end import Why, may_be_tried, relay_to, usable
from exfront.routing.choice import in_order
from exfront.routing.client_access import user_of
from exfront.routing.coexistence import Way
from exfront.routing.external_url import DIRECTORIES, elsewhere, having, is_here, link, may_be_shown
from exfront.topology import FrontEnd, Server

STEP = "coexistence"
_MAJOR: Mapping[FrontEnd, int] = {"2007": 8, "2010": 14, "2013": 15}


def to_external_url(home: Server, facts: Facts, world: World, why: Why) -> Decision:
    """To a Client Access server of the mailbox's version: in the mailbox's site, else in the nearest one that has one.

    Down to an older version at once, up to a newer one as the policy says.
    """
    assert home.version is not None
    kind, major = DIRECTORIES[facts.application], home.version.major
    newer = major > _MAJOR.get(world.policy.front_end, 0)
    for site in world.topology.nearest_first(home.site):
        servers = in_order(world.topology.client_access(site, major), user_of(facts))
        others = elsewhere(having(servers, kind, world), world)
        if others:
            return link(others, world, why, STEP, silent=not newer or world.policy.cross_site == "silent")
    told = Because("no Client Access server of the mailbox's version has an ExternalURL", (STEP, home.site))
    return Refuse(MAILBOX_NEWER if newer else GENERATIONS_APART, f"server={home.name}", (*why, told))


def to_legacy_url(home: Server, facts: Facts, world: World, why: Why) -> Decision:
    """To the Exchange2003Url that a Client Access server of the own site has, at once."""
    for cas in having(world.topology.client_access(world.site, _MAJOR["2010"]), "OWA", world):
        url = cas.directory.legacy_url
        if url and not is_here(url, world):
            if may_be_shown(url, world):
                return Redirect(url, 302, (*why, Because("Exchange2003Url", (STEP, cas.server.name, url))))
            told = f"{cas.server.name}={url}"
            return Refuse(
                EXTERNAL_URL_NOT_SHOWN, told, (*why, Because("Exchange2003Url is not to be shown", (STEP, told)))
            )
    told = f"site={world.site or '-'}"
    return Refuse(GENERATIONS_APART, told, (*why, Because("no Exchange2003Url in the own site", (STEP, world.site))))


def by_own_version(home: Server, facts: Facts, world: World, why: Why) -> Decision:
    """By a server of the front end's own version, the nearest that answers: any of the forest does for any user."""
    for server in _near(world, _MAJOR[world.policy.front_end]):
        allowed = usable(server, world.policy)
        health = world.health(server.name, facts.protocol, facts.application)
        if allowed is not None and (health is None or may_be_tried(health)):
            told = Because("by a server of the front end's version", (STEP, server.name))
            return _relay(allowed, facts, world, (*why, told))
    told = Because("no server of the front end's version can be used", (STEP,))
    return Refuse(GENERATIONS_APART, f"server={home.name}", (*why, told))


PERFORMED: Mapping[Way, Callable[[Server, Facts, World, Why], Decision]] = {
    Way.LINK: to_external_url,
    Way.LINK_IN_SITE: to_external_url,
    Way.LEGACY_URL: to_legacy_url,
    Way.OWN_VERSION: by_own_version,
}


def _relay(server: Server, facts: Facts, world: World, why: Why) -> Decision:
    if world.policy.front_end == "2013":
        return exchange2013.relay(server, facts, world, why, replaceable=True)
    found = relay_to(server, facts, world, why)
    return found if isinstance(found, Refuse) else evolve(found, replaceable=True)


def _near(world: World, major: int) -> Iterator[Server]:
    """Who answers clients of a version, in the nearest sites first; of 2013 the mailbox servers behind front ends."""
    role = "client_access" if major < _MAJOR["2013"] else "mailbox"
    known = [
        each for each in world.topology.servers
        if role in each.roles and each.version is not None and each.version.major == major
        and not world.topology.is_twice(each)
    ]  # fmt: skip
    for site in world.topology.nearest_first(world.site):
        yield from (server for server in known if server.site.lower() == site.lower())
