"""Client Access servers of 2007 and 2010: the living one in a mailbox's site that a user gets.

A mailbox server of these versions speaks neither HTTP nor IMAP4 nor POP3: a Client Access server of its site and
version does. Sources: *Overview of Exchange Server 2007 CAS Proxying and Redirection*; CASProxy mit Exchange 2007 (POP3
and IMAP4 are not proxied between sites: the client must reach a Client Access server in the mailbox's site).
"""

from __future__ import annotations

from collections.abc import Sequence

from exfront.because import Because
from exfront.decision import Decision, Refuse, Relay
from exfront.facts import Facts, World
from exfront.reasons import CAS_DOWN
from exfront.routing.back_end import Why, configured_schemes, located, may_be_tried, service_of, usable
from exfront.routing.choice import in_order, one_of
from exfront.topology import Scheme, Server

# Basic first: /owa with forms takes it, and answers all else with its form. Many have Integrated alone.
_SCHEMES: tuple[Scheme, ...] = ("basic", "ntlm", "negotiate")


def of_home(home: Server, world: World) -> tuple[Server, ...]:
    """The Client Access servers that stand in the site of `home` and have its version."""
    return world.topology.client_access(home.site, home.version.major) if home.version is not None else ()


def relay_to_one(home: Server, facts: Facts, world: World, why: Why, step: str) -> Decision:
    """Relay to a living Client Access server of the site of `home`, always the same one for a user."""
    servers = of_home(home, world)
    for server in in_order(servers, user_of(facts)):
        allowed, told = _try(server, facts, world)
        if allowed is None:
            why = (*why, Because("left out", (server.name, told)))
            continue
        service = service_of(allowed, facts)
        assert service is not None  # _try has seen it
        chosen = Because("Client Access server", (step, server.name, one_of(len(servers))))
        relay = Because("relay", (server.name, service.port, service.tls))
        why = (*why, chosen, *configured_schemes(allowed), relay)
        return Relay(
            allowed, service, allowed.login_as, why, allowed.next_hop or _SCHEMES, replaceable=len(servers) > 1
        )
    return none_answers(home, servers, why, step)


def none_answers(home: Server, servers: Sequence[Server], why: Why, step: str) -> Refuse:
    """The first of the two errors of step 2."""
    told = f"site={home.site or '-'} servers={','.join(server.name for server in servers) or '-'}"
    rule = "no Client Access server answers" if servers else "no Client Access server of this version in the site"
    return Refuse(CAS_DOWN, told, (*why, Because(rule, (step, home.site))))


def in_own_site(home: Server, world: World) -> tuple[bool, str]:
    """Whether a mailbox server stands in our own site, and how that was seen, in words."""
    if not world.site:
        return True, "the own site is not known, taken for this one"
    if world.site.lower() == home.site.lower():
        return True, "the own site"
    return False, f"not the own one, {world.site}"


def seen_from_here(home: Server, facts: Facts, world: World, step: str) -> tuple[bool, Why]:
    """Whether `home`, the server of a mailbox, stands in our own site; and how that was found out, told as `step`."""
    assert facts.mailbox is not None and home.version is not None
    own, told = in_own_site(home, world)
    server = Because("mailbox server", (step, home.name, home.version.name, home.site))
    return own, (*located(facts.mailbox), server, Because("site", (step, home.site, told)))


def user_of(facts: Facts) -> str:
    """Who the choice is the same for."""
    who = facts.identity.account or facts.mailbox
    return "" if who is None else who.account_id


def leads_back(host: str, world: World) -> bool:
    """Whether a host, in lower case, is this front end itself."""
    return host in world.policy.own_names


def _try(server: Server, facts: Facts, world: World) -> tuple[Server | None, str]:
    """The server as it may be used, or why not."""
    health = world.health(server.name, facts.protocol, facts.application)
    if health is not None and not may_be_tried(health):
        return None, str(health)
    allowed = usable(server, world.policy)
    if allowed is None:
        return None, "not below an allowed suffix"
    if not allowed.listed and leads_back(allowed.host, world):
        return None, "leads back here"
    if allowed.service(facts.protocol) is None:
        return None, f"has no {facts.protocol}"
    return allowed, ""
