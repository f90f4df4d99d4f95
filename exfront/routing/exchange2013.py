"""Mailboxes of Exchange 2013 and later: to the server with the active copy of the mailbox's database, at 444.

Sources: *Exchange 2013 Clients not able to connect using Outlook Anywhere* (the normal flow, "2013" in what a decision
tells) and *A New Attack Surface on MS Exchange, Part 1* (anchor mailbox, token). exfront is the Client Access server.
Where Active Manager would say which copy is active, see `exfront.routing.active_copy`.
"""

from __future__ import annotations

from attrs import define, field

from exfront.because import Because
from exfront.decision import Decision, Refuse
from exfront.facts import Facts, World
from exfront.reasons import DATABASE_DOWN, LOOP, PROXY_NOT_POSSIBLE, TOKEN_IN_CLEAR
from exfront.routing.active_copy import holders
from exfront.routing.back_end import Why, located, may_be_tried, relay_to, service_of, unknown, usable
from exfront.routing.client_access import leads_back
from exfront.topology import Mailbox, Server

_STEP_1, _STEP_2 = "2013 step 1", "2013 step 2"
_MAJOR = 15
_LEADS_BACK = "leads back here"
_TOKEN = Because("token", (_STEP_2, "X-CommonAccessToken"))


@define
class _Copies:
    """What was found of the servers with copies: `used` is the first that may be tried, `usable` are all that were
    looked at and may be used at all, `why` says what became of the others."""

    why: Why
    used: tuple[Server, str] | None = None
    usable: list[Server] = field(factory=list)
    faults: set[str] = field(factory=set)


def decide(home: Server, facts: Facts, world: World) -> Decision:
    """What a Client Access server of 2013 does for a mailbox on `home`, or on another server that has a copy."""
    mailbox = facts.mailbox
    assert mailbox is not None
    why: Why = (*located(mailbox), Because("anchor mailbox", (_STEP_1, mailbox.shown, mailbox.database)))
    found = _look(mailbox, facts, world, why)
    why, count = found.why, len(found.usable)
    if not count:
        return Refuse(LOOP, f"server={home.name}", why) if found.faults == {_LEADS_BACK} else unknown(home.name, why)
    if found.used is None and count > 1:
        names = ",".join(server.name for server in found.usable)
        return Refuse(DATABASE_DOWN, f"servers={names}", (*why, Because("no copy answers", (_STEP_1, names))))
    if found.used is None:  # nobody else has the mailbox
        return relay(found.usable[0], facts, world, why)
    server, because = found.used
    return relay(server, facts, world, (*why, Because("active copy", (_STEP_1, server.name, because))), count > 1)


def _look(mailbox: Mailbox, facts: Facts, world: World, why: Why) -> _Copies:
    """As far as it must: to one that may be tried, and another one beside it."""
    found, seen = _Copies(why), set[str]()
    for name, because in holders(mailbox, world):
        if not name or name.lower() in seen:
            continue
        seen.add(name.lower())
        server, fault = _usable(name, world)
        if server is None:
            found.faults.add(fault)
        else:
            found.usable.append(server)
            health = world.health(server.name, facts.protocol, facts.application)
            if found.used is None and may_be_tried(health):
                found.used = (server, because)
            fault = "" if found.used is not None else str(health)
        if fault:
            found.why = (*found.why, Because("left out", (_STEP_1, name, fault)))
        if found.used is not None and len(found.usable) > 1:
            break
    return found


def _usable(name: str, world: World) -> tuple[Server | None, str]:
    """The server as it may be used, or why not."""
    known = world.topology.find(name)
    if known is None:
        return None, "no such server"
    if known.version is None or known.version.major < _MAJOR:
        return None, "not of 2013 or later"
    if world.topology.is_twice(known):
        return None, "the directory has two of that name"
    server = usable(known, world.policy)
    if server is None:
        return None, "not below an allowed suffix"
    if not server.listed and leads_back(server.host, world):
        return None, _LEADS_BACK
    return server, ""


def relay(server: Server, facts: Facts, world: World, why: Why, replaceable: bool = False) -> Decision:
    """Step 2: the token says who asks. IMAP4 and POP3 have a log-on of their own, and so has who is not proven here;
    the configuration's schemes are for who would rather have the user's password sent."""
    if facts.protocol != "http" or facts.identity.account is None or server.next_hop:
        return relay_to(server, facts, world, why, replaceable=replaceable)
    service = service_of(server, facts)
    if service is not None and service.tls != "implicit":  # S-ROUTE-8: never in clear
        return Refuse(TOKEN_IN_CLEAR, f"server={server.name} port={service.port} tls={service.tls}", why)
    if not world.policy.proves:  # the server would believe no token
        return Refuse(PROXY_NOT_POSSIBLE, f"server={server.name}", why)
    return relay_to(server, facts, world, (*why, _TOKEN), replaceable=replaceable, token=True)
