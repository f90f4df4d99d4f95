"""Mailboxes of Exchange 2013 and later: to the server with the active copy of the mailbox's database, at 444.

Sources: *Exchange 2013 Clients not able to connect using Outlook Anywhere* (the normal flow, "2013" in what a decision
tells) and *A New Attack Surface on MS Exchange, Part 1* (anchor mailbox, token). exfront is the Client Access server.
Where Active Manager would say which copy is active, see `exfront.routing.active_copy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from attrs import evolve

from exfront.because import Because
from exfront.decision import Decision, Refuse, Relay
from exfront.facts import Facts, World
from exfront.reasons import DATABASE_DOWN, LOOP, PROXY_NOT_POSSIBLE, TOKEN_IN_CLEAR
from exfront.routing.active_copy import holders
from exfront.routing.back_end import Why, located, may_be_tried, relay_to, unknown, usable
from exfront.routing.client_access import leads_back
from exfront.topology import Server

_STEP_1, _STEP_2 = "2013 step 1", "2013 step 2"
_MAJOR = 15
_LEADS_BACK = "leads back here"


class _Copy(NamedTuple):
    """A server that may have the active copy, as it may be used, and why it may."""

    server: Server
    why: str


def decide(home: Server, facts: Facts, world: World) -> Decision:
    """What a Client Access server of 2013 does for a mailbox on `home`, or on another server that has a copy."""
    mailbox = facts.mailbox
    assert mailbox is not None
    why: Why = (*located(mailbox), Because("anchor mailbox", (_STEP_1, mailbox.shown, mailbox.database)))
    copies: list[_Copy] = []
    faults: set[str] = set()
    for name, because in holders(mailbox, world):
        server, fault = _usable(name, world)
        if server is None:
            why = (*why, Because("left out", (_STEP_1, name, fault)))
            faults.add(fault)
        else:
            copies.append(_Copy(server, because))
    if copies:
        return _to_active(copies, facts, world, why)
    return Refuse(LOOP, f"server={home.name}", why) if faults == {_LEADS_BACK} else unknown(mailbox.home_server, why)


def _to_active(copies: Sequence[_Copy], facts: Facts, world: World, why: Why) -> Decision:
    """The first that may be tried; the only one always, for nobody else has the mailbox."""
    for copy in copies:
        health = world.health(copy.server.name, facts.protocol, facts.application)
        if len(copies) == 1 or may_be_tried(health):
            why = (*why, Because("active copy", (_STEP_1, copy.server.name, copy.why)))
            return relay(copy.server, facts, world, why, replaceable=len(copies) > 1)
        why = (*why, Because("left out", (_STEP_1, copy.server.name, str(health))))
    names = ",".join(copy.server.name for copy in copies)
    return Refuse(DATABASE_DOWN, f"servers={names}", (*why, Because("no copy answers", (_STEP_1, names))))


def _usable(name: str, world: World) -> tuple[Server | None, str]:
    """The server as it may be used, or why not."""
    known = world.topology.find(name)
    if known is None:
        return None, "no such server"
    if known.version is None or known.version.major < _MAJOR:
        return None, "not of 2013 or later"
    if not known.listed and world.topology.is_twice(known):
        return None, "the directory has two of that name"
    server = usable(known, world.policy)
    if server is None:
        return None, "not below an allowed suffix"
    if not server.listed and leads_back(server.host, world):
        return None, _LEADS_BACK
    return server, ""


def relay(server: Server, facts: Facts, world: World, why: Why, *, replaceable: bool) -> Decision:
    """Step 2: the token says who asks. IMAP4 and POP3 have a log-on of their own, and so has who is not proven here;
    the configuration's schemes are for who would rather have the user's password sent."""
    found = relay_to(server, facts, world, why)
    if isinstance(found, Refuse):
        return found
    if facts.protocol != "http" or facts.identity.account is None or server.next_hop:
        return evolve(found, replaceable=replaceable)
    return _with_token(found, world, replaceable=replaceable)


def _with_token(relay: Relay, world: World, *, replaceable: bool) -> Decision:
    """Over TLS alone, and only where we can prove what we are: without that the server believes no token."""
    service, name = relay.service, relay.server.name
    if service.tls != "implicit":
        return Refuse(TOKEN_IN_CLEAR, f"server={name} port={service.port} tls={service.tls}", relay.because)
    if not world.policy.proves:
        return Refuse(PROXY_NOT_POSSIBLE, f"server={name}", relay.because)
    told = Because("token", (_STEP_2, "X-CommonAccessToken"))
    return evolve(relay, because=(*relay.because, told), replaceable=replaceable, token=True)
