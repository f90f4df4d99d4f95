"""Mailboxes of Exchange 2000 and 2003: a front end relays to the home server, over HTTP on port 80.

Source: *Exchange 2000/2003 Front End Server Logon Process* ("2000/2003" in what a decision tells), steps 5 and 6 and
comments 7 and 9; *Front-End and Back-End Server Topology Guide*. Steps 1 to 4 are virtual site and directory, 7 and 8
the back end's and the relay's.
"""

from __future__ import annotations

from exfront.because import Because
from exfront.decision import Decision, Refuse
from exfront.facts import Facts, World
from exfront.reasons import (
    CONTRADICTORY_TOPOLOGY,
    LEGACY_BLOCKED,
    MAILBOX_NOT_FOUND,
    MAILBOX_ON_2003,
    SMTP_DOMAIN_MISMATCH,
    Reason,
)
from exfront.routing.back_end import Why, located, may_be_tried, relay_to, unknown, usable
from exfront.routing.choice import by_sid
from exfront.topology import Mailbox, Scheme, Server

_STEP_5, _STEP_6, _COMMENT_7 = "2000/2003 step 5", "2000/2003 step 6", "2000/2003 comment 7"
_OWA_STEP_1 = "2007 OWA step 1"
_MAJOR = 6  # of both versions

# Step 5: "In Exchange 2003 only Exprox.dll will then build a Kerberos Ticket and NTLM hash".
_SCHEMES_2000: tuple[Scheme, ...] = ("basic",)
_SCHEMES_2003: tuple[Scheme, ...] = ("negotiate", "ntlm", "basic")
# Paths of 2007 and later, where a 2007 Client Access server does not open these mailboxes.
_LATER = frozenset({"owa", "ecp"})


def decide(home: Server, facts: Facts, world: World) -> Decision:
    """Relay to `home`, an Exchange 2000 or 2003 server, or to one with the public folders; else refuse."""
    mailbox = facts.mailbox
    assert mailbox is not None and home.version is not None
    why: Why = (*located(mailbox), Because("home server", (_STEP_5, home.name, home.version.name)))
    if "front_end" in home.roles:
        told = Because("a front end holds no mailboxes", (_STEP_5, home.name))
        return Refuse(CONTRADICTORY_TOPOLOGY, f"server={home.name} msExchServerRole=1", (*why, told))
    if facts.application in _LATER:
        told = Because("only /exchange, /public and /exchweb open it", (_OWA_STEP_1, facts.application))
        return Refuse(MAILBOX_ON_2003, f"server={home.name} application={facts.application}", (*why, told))
    if facts.application == "activesync" and world.policy.block_legacy:
        told = Because("BlockLegacyMailboxes", ("ActiveSync", home.name))
        return Refuse(LEGACY_BLOCKED, f"server={home.name}", (*why, told), server=home.name)
    if facts.application == "public":
        home, why = _public_server(home, mailbox, facts, world, why)
    elif facts.application == "exchange":
        refused, told = _smtp_domain(mailbox, facts)
        why = (*why, told)
        if refused is not None:
            return Refuse(refused, f"smtp_domain={facts.smtp_domain}", why)
    return _relay(home, facts, world, why)


def _relay(server: Server, facts: Facts, world: World, why: Why) -> Decision:
    """Straight there, "even if there is an Exchange 2007 Client Access server" in its site (2007 OWA, step 1)."""
    allowed = usable(server, world.policy)
    if allowed is None:
        return unknown(server.name, why)
    schemes = _SCHEMES_2003
    if server.version is not None and server.version.name == "2000":
        schemes = _SCHEMES_2000
    if facts.protocol != "http":  # a log-on of POP3 or IMAP4 is repeated as it came
        return relay_to(allowed, facts, world, why)
    if not allowed.next_hop:
        why = (*why, Because("the back end takes", (_COMMENT_7, *schemes)))
    return relay_to(allowed, facts, world, why, schemes)


def _smtp_domain(mailbox: Mailbox, facts: Facts) -> tuple[Reason | None, Because]:
    """Step 6: until Service Pack 1 of 2003 the mailbox must have an address in the virtual directory's domain."""
    domain = facts.smtp_domain.lower()
    if facts.smtp_domain_match == "sp1" or not domain:
        return None, Because("SMTP domain", (_STEP_6, "need not match since 2003 SP1"))
    match = next((each for each in mailbox.addresses if each.lower().endswith("@" + domain)), "")
    if match:
        return None, Because("SMTP domain matches", (_STEP_6, domain, match))
    reason = MAILBOX_NOT_FOUND if facts.explicit_logon else SMTP_DOMAIN_MISMATCH
    return reason, Because("no address in the SMTP domain", (_STEP_6, domain))


def _public_server(home: Server, mailbox: Mailbox, facts: Facts, world: World, why: Why) -> tuple[Server, Why]:
    """*Finding Public Folders*: the public store of the user's database; else one by a hash of who asks.

    All requests of a user go to one server, for what was read is kept there. Without any store it is the home server.
    """
    named = world.topology.public_server(mailbox.database).lower()
    pool = [each for each in world.topology.with_public_stores if each.version and each.version.major == _MAJOR]
    own = next((each for each in pool if each.name.lower() == named), None)
    if own is not None:
        fault = _fault(own, facts, world)
        if not fault:
            return own, (*why, Because("public store of the mailbox database", (_STEP_5, own.name)))
        pool.remove(own)
        why = (*why, Because("left out", (own.name, fault)))
    asked = facts.identity.account or mailbox
    while pool:
        chosen = pool.pop(by_sid(len(pool), asked.sid or asked.account_id))
        fault = _fault(chosen, facts, world)
        if not fault:
            return chosen, (*why, Because("public store by a hash of the user", (_STEP_5, chosen.name)))
        why = (*why, Because("left out", (chosen.name, fault)))
    return home, (*why, Because("no public store is known, or none answers", (_STEP_5, home.name)))


def _fault(server: Server, facts: Facts, world: World) -> str:
    """Why another one is to be asked; empty where it may be tried."""
    if usable(server, world.policy) is None:
        return "not below an allowed suffix"
    health = world.health(server.name, facts.protocol, facts.application)
    return "" if may_be_tried(health) else str(health)
