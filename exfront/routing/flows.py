"""Which documented flow a case belongs to: the Exchange version of the mailbox's home server says it, and that whose
front end exfront is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from exfront.because import Because
from exfront.decision import Decision, OwnDirectory, Refuse
from exfront.facts import Facts, World
from exfront.reasons import SERVER_TWICE, VERSION_UNKNOWN, Reason
from exfront.routing import (
    active_copy,
    coexistence,
    exchange2003,
    exchange2013,
    home_server,
    owa2007,
    owa_redirect,
)
from exfront.routing.back_end import located, unknown
from exfront.routing.coexistence import Generation, Way
from exfront.routing.other_generation import PERFORMED, STEP
from exfront.routing.switches import switched_off
from exfront.topology import Mailbox, Server

_Flow = Callable[[Server, Facts, World], Decision]


def _without_exchange(home: Server, facts: Facts, world: World) -> Decision:
    """No server of 2013 has /exchange: who still comes there finds the mailbox at /owa, as since 2007."""
    mailbox = facts.mailbox
    if facts.application != "exchange" or mailbox is None:
        return exchange2013.decide(home, facts, world)
    named = mailbox.addresses[0] if facts.explicit_logon and mailbox.addresses else ""
    why = (*located(mailbox), Because("home server", (home.name,)), Because("has no /exchange", ("2013",)))
    return OwnDirectory("owa", named, why)


# All other servers, and those without a version, are the plain flow's.
_FLOWS: Mapping[Generation, _Flow] = {
    "2003": exchange2003.decide,
    "2007": owa2007.decide,
    "2010": owa2007.decide,
    "2013": _without_exchange,
}


def decide(facts: Facts, world: World) -> Decision:
    """What to do for `facts` in `world`, and why. Pure."""
    if facts.application == owa_redirect.APPLICATION:
        return owa_redirect.decide(facts, world, _decide)
    return _decide(facts, world)


def _decide(facts: Facts, world: World) -> Decision:
    mailbox = facts.mailbox
    if mailbox is None:
        return home_server.decide(facts, world)
    refused = switched_off(mailbox, facts)
    if refused is not None:
        return refused
    home = active_copy.home(mailbox, world) if mailbox.home_server else None
    if home is None and world.topology.database(mailbox.database) is not None:
        return unknown(mailbox.home_server, located(mailbox))  # a server of Exchange, and not to be guessed
    generation = coexistence.generation(home) if home is not None else None
    fault = None if home is None else _fault(home, world)
    if fault is not None:
        return Refuse(fault, f"server={mailbox.home_server}", located(mailbox))
    if home is None or generation is None:
        return home_server.decide(facts, world)
    if world.policy.front_end == "any":
        return _FLOWS[generation](home, facts, world)
    return _as_front_end(home, generation, mailbox, facts, world)


def _fault(home: Server, world: World) -> Reason | None:
    """What the directory says of a server and cannot be so; what the configuration says of it holds (S-ROUTE-1)."""
    if world.topology.is_twice(home):
        return SERVER_TWICE
    return VERSION_UNKNOWN if home.dn and home.version is None and not home.listed else None


def _as_front_end(home: Server, generation: Generation, mailbox: Mailbox, facts: Facts, world: World) -> Decision:
    """As the front end of one generation does it."""
    front_end, wanted = world.policy.front_end, coexistence.service(facts.protocol, facts.application)
    own_site = bool(world.site) and world.site.lower() == home.site.lower()
    rule = coexistence.rule(front_end, generation, wanted, own_site=own_site)
    if rule is Way.FLOW or (rule is Way.LINK_IN_SITE and not own_site):
        return _FLOWS[generation](home, facts, world)
    case = Because(STEP, (f"front end {front_end}", f"mailbox {generation}", wanted))
    why = (*located(mailbox), Because("home server", (home.name,)), case)
    if isinstance(rule, Reason):
        return Refuse(rule, f"server={home.name}", (*why, Because("not opened", (rule.cause,))))
    return PERFORMED[rule](home, facts, world, (*why, Because("sent", (rule.value,))))
