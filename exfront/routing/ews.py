"""Exchange Web Services of 2007 and 2010 mailboxes: a Client Access server of the mailbox's site, by InternalURL.

Never a redirection: clients of EWS follow none, and Autodiscover has told them their URL. Who asks travels in the SOAP
header. Source: *Overview of Exchange Server 2007 CAS Proxying and Redirection* ("EWS" in what a decision tells); the
EWS reference, *SerializedSecurityContext*.
"""

from __future__ import annotations

from exfront.because import Because
from exfront.decision import Decision
from exfront.facts import Facts, World
from exfront.reasons import CAS_CONFIGURATION
from exfront.routing.client_access import relay_to_one, seen_from_here
from exfront.routing.other_site import Terms, proxy, site_of
from exfront.topology import Server

_STEP = "EWS"
_TERMS = Terms(
    "WebServices", _STEP, _STEP, _STEP, Because("security context", (_STEP, "SerializedSecurityContext in the header")),
    without=CAS_CONFIGURATION,
)  # fmt: skip


def decide(home: Server, facts: Facts, world: World) -> Decision:
    """What the first Client Access server does for a mailbox on `home`."""
    own, why = seen_from_here(home, facts, world, _STEP)
    if own:
        return relay_to_one(home, facts, world, why, _STEP)
    return proxy(home, site_of(home, facts, world, _TERMS.kind), facts, world, why, _TERMS)
