"""Mailboxes of Exchange 2007 and 2010: the best Client Access server, a link to it, or a proxy to it.

Source: *How Exchange Server 2007 CAS Proxying works for Outlook Web Access* ("2007 OWA" in what a decision tells),
steps 1 to 5. exfront is the first Client Access server; as it speaks no MAPI, a mailbox of its own site is relayed to a
living Client Access server there.
"""

from __future__ import annotations

from exfront.because import Because
from exfront.decision import Decision
from exfront.facts import Facts, World
from exfront.reasons import CAS_CONFIGURATION
from exfront.routing import activesync, ews
from exfront.routing.back_end import Why, located
from exfront.routing.client_access import in_own_site, relay_to_one
from exfront.routing.external_url import DIRECTORIES, elsewhere, link
from exfront.routing.other_site import Terms, proxy, site_of
from exfront.topology import Server

_STEP_1, _STEP_2, _STEP_3, _STEP_4, _STEP_5 = (f"2007 OWA step {number}" for number in range(1, 6))
_TERMS = Terms(
    "OWA", _STEP_2, _STEP_3, _STEP_4, Because("security context", (_STEP_5, "proxyLogon.owa after a 441")),
    without=CAS_CONFIGURATION, context_first=False,
)  # fmt: skip
_OTHERS = {"activesync": activesync.decide, "ews": ews.decide}


def decide(home: Server, facts: Facts, world: World) -> Decision:
    """What the first Client Access server does for a mailbox on `home`."""
    mailbox = facts.mailbox
    assert mailbox is not None and home.version is not None
    other = _OTHERS.get(facts.application)
    if other is not None:
        return other(home, facts, world)
    why: Why = (*located(mailbox), Because("mailbox server", (_STEP_1, home.name, home.version.name, home.site)))
    kind = DIRECTORIES.get(facts.application, "")
    if facts.protocol != "http" or not kind:
        return relay_to_one(home, facts, world, why, _STEP_1)
    own, told = in_own_site(home, world)
    if own:
        return relay_to_one(home, facts, world, (*why, Because("site", (_STEP_2, home.site, told))), _STEP_2)
    return _other_site(home, facts, world, (*why, Because("site", (_STEP_1, home.site, told))), kind)


def _other_site(home: Server, facts: Facts, world: World, why: Why, kind: str) -> Decision:
    """ExternalURL first, as step 4 has it: a site with one is not proxied to."""
    site = site_of(home, facts, world, kind)
    others = elsewhere(site.many, world)
    if others:
        return link(others, world, why, _STEP_4, silent=world.policy.cross_site == "silent")
    return proxy(home, site, facts, world, why, _TERMS)
