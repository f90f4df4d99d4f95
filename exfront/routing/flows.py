"""Which documented flow a case belongs to: the Exchange version of the mailbox's home server says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from exfront.decision import Decision
from exfront.facts import Facts, World
from exfront.routing import exchange2003, home_server, owa2007
from exfront.routing.switches import switched_off
from exfront.topology import Server

# By the major number of the version; all others, and servers without one, are the plain flow's.
_FLOWS: Mapping[int, Callable[[Server, Facts, World], Decision]] = {
    6: exchange2003.decide,
    8: owa2007.decide,
    14: owa2007.decide,
}


def decide(facts: Facts, world: World) -> Decision:
    """What to do for `facts` in `world`, and why. Pure."""
    mailbox = facts.mailbox
    if mailbox is None:
        return home_server.decide(facts, world)
    refused = switched_off(mailbox, facts)
    if refused is not None:
        return refused
    home = world.topology.find(mailbox.home_server) if mailbox.home_server else None
    flow = _FLOWS.get(home.version.major) if home is not None and home.version is not None else None
    if home is None or flow is None:
        return home_server.decide(facts, world)
    return flow(home, facts, world)
