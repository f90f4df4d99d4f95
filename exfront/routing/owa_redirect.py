"""OWARedirect: one address for all users, which sends each to the URL of the server that holds the mailbox.

Source: *CASProxy mit Exchange 2007* (the page OWARedirect, which asks Active Directory for a user's home server).
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from exfront.because import Because
from exfront.decision import Decision, LinkPage, OwnDirectory, Redirect, Refuse
from exfront.facts import Facts, World
from exfront.reasons import NO_MAILBOX
from exfront.routing import coexistence

APPLICATION = "owaredirect"
_FOUND = 302


def decide(facts: Facts, world: World, decide_for: Callable[[Facts, World], Decision]) -> Decision:
    """Where `decide_for` would bring the user from /exchange (2003) or /owa (all others): to that path here, where
    exfront itself serves it; else to the other site's URL, at once."""
    mailbox = facts.mailbox
    if mailbox is None:
        return Refuse(NO_MAILBOX, "nobody has logged on")
    home = world.topology.find(mailbox.home_server)
    generation = None if home is None else coexistence.generation(home)
    application = "exchange" if generation == "2003" else "owa"
    decision = decide_for(evolve(facts, application=application), world)
    if isinstance(decision, LinkPage):
        return Redirect(decision.url, _FOUND, decision.because)
    if isinstance(decision, Redirect | Refuse):
        return decision
    return OwnDirectory(application, because=(*decision.because, Because("served here", (APPLICATION, application))))
