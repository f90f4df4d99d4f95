"""The plain flow: a mailbox is served by its home server, whatever the protocol.

Source: *Exchange 2000/2003 Front End Server Logon Process*, steps 5 and 6.
"""

from __future__ import annotations

from exfront.because import Because
from exfront.decision import Decision, Refuse, Relay
from exfront.facts import Facts, Policy, World
from exfront.reasons import NO_MAILBOX, PROTOCOL_NOT_SERVED, SERVER_UNKNOWN
from exfront.topology import Server, Service


def decide(facts: Facts, world: World) -> Decision:
    """Relay to the home server of the mailbox, or to the server that the configuration names; else refuse."""
    name, why = _server_name(facts)
    if not name:
        return Refuse(NO_MAILBOX, because=(why,))
    server = world.topology.find(name) or _unlisted(name, world.policy)
    if server is None:
        return Refuse(SERVER_UNKNOWN, f"server={name}", (why, Because("no such server allowed", (name,))))
    service = server.service(facts.protocol)
    if service is None:
        return Refuse(PROTOCOL_NOT_SERVED, f"server={name} protocol={facts.protocol}", (why,))
    return Relay(server, service, server.login_as, (why, Because("relay", (server.name, service.port, service.tls))))


def _server_name(facts: Facts) -> tuple[str, Because]:
    if facts.mailbox is not None:
        return facts.mailbox.home_server, Because("home server", (facts.mailbox.home_server,))
    return facts.named_server, Because("server named by the virtual directory", (facts.named_server,))


def _unlisted(name: str, policy: Policy) -> Server | None:
    """A server that only the directory names: a host below an allowed suffix (S-DIR-4), with the standard ports.

    A short name is completed with the first suffix, as a domain member's DNS name is.
    """
    host = name.rstrip(".").lower()
    if not host or any(mark in host for mark in "/@: \\"):
        return None
    if "." not in host and policy.suffixes:
        host = f"{host}.{policy.suffixes[0]}"
    if not any(host.endswith("." + suffix.lower().strip(".")) for suffix in policy.suffixes):
        return None
    return Server(name, host, imap4=Service(143), pop3=Service(110), http=Service(80), listed=False)
