"""The plain flow: a mailbox is served by its home server, whatever the protocol. For Dovecot and all servers without an
Exchange version that has a flow of its own."""

from __future__ import annotations

from exfront.because import Because
from exfront.decision import Decision, Refuse
from exfront.facts import Facts, World
from exfront.reasons import NO_MAILBOX
from exfront.routing.back_end import Why, located, relay_to, unknown, usable_by_name


def decide(facts: Facts, world: World) -> Decision:
    """Relay to the home server of the mailbox, or to the server that the configuration names; else refuse."""
    name, why = _server_name(facts)
    if not name:
        return Refuse(NO_MAILBOX, because=why)
    server = usable_by_name(name, world)
    return unknown(name, why) if server is None else relay_to(server, facts, world, why)


def _server_name(facts: Facts) -> tuple[str, Why]:
    mailbox = facts.mailbox
    if mailbox is None:
        return facts.named_server, (Because("server named by the virtual directory", (facts.named_server,)),)
    return mailbox.home_server, (*located(mailbox), Because("home server", (mailbox.home_server,)))
