"""The plain flow: a mailbox is served by its home server, whatever the protocol.

Source: *Exchange 2000/2003 Front End Server Logon Process*, steps 5 and 6.
"""

from __future__ import annotations

from attrs import evolve

from exfront.because import Because
from exfront.decision import Decision, Refuse, Relay
from exfront.facts import Facts, Policy, World
from exfront.reasons import APPLICATION_OFF, NO_MAILBOX, PROTOCOL_NOT_SERVED, PROTOCOL_OFF, SERVER_UNKNOWN
from exfront.topology import Server, Service


def decide(facts: Facts, world: World) -> Decision:
    """Relay to the home server of the mailbox, or to the server that the configuration names; else refuse."""
    name, why = _server_name(facts)
    if not name:
        return Refuse(NO_MAILBOX, because=why)
    off = _switched_off(facts)
    if off:
        reason = APPLICATION_OFF if facts.protocol == "http" else PROTOCOL_OFF
        return Refuse(reason, f"off={off}", (*why, Because("switched off for the user", (off,))))
    server = _server(name, world)
    if server is None:
        return Refuse(SERVER_UNKNOWN, f"server={name}", (*why, Because("no such server allowed", (name,))))
    service = server.service(facts.protocol)
    if service is None:
        return Refuse(PROTOCOL_NOT_SERVED, f"server={name} protocol={facts.protocol}", why)
    if facts.port or facts.tls is not None:
        service = Service(facts.port or service.port, service.tls if facts.tls is None else facts.tls)
        why = (*why, Because("service of the virtual directory", (service.port, service.tls)))
    relay = Because("relay", (server.name, service.port, service.tls))
    return Relay(server, service, server.login_as, (*why, relay, *_health(server, facts, world)))


_HEALTHY = (Because("health", ("healthy",)),)


def _health(server: Server, facts: Facts, world: World) -> tuple[Because, ...]:
    """How the chosen server is, where that is known; it decides nothing: nobody else has the mailbox."""
    health = world.health(server.name, facts.protocol, facts.application)
    if health is None:
        return ()
    return (Because("health", (health.state, health.error)),) if health.error else _HEALTHY


def _server_name(facts: Facts) -> tuple[str, tuple[Because, ...]]:
    mailbox = facts.mailbox
    if mailbox is None:
        return facts.named_server, (Because("server named by the virtual directory", (facts.named_server,)),)
    why = Because("home server", (mailbox.home_server,))
    return mailbox.home_server, (Because("stale location", (mailbox.dn,)), why) if mailbox.stale else (why,)


# What the directory calls the protocols and applications: any one of them off refuses.
_MAIL_SWITCHES = {"imap4": ("imap4",), "pop3": ("pop3",)}
_BROWSER = ("http", "owa")
_APPLICATION_SWITCHES = {
    "owa": _BROWSER, "ecp": _BROWSER, "exchange": _BROWSER, "exchweb": _BROWSER, "activesync": ("activesync",),
    "oma": ("oma",), "mapi": ("mapi",), "rpc": ("mapi",),
}  # fmt: skip


def _switched_off(facts: Facts) -> str:
    """Which of the mailbox's switches forbids what is asked for; empty where none does."""
    if facts.mailbox is None:
        return ""
    switches = _MAIL_SWITCHES.get(facts.protocol) or _APPLICATION_SWITCHES.get(facts.application, ())
    return next((name for name in switches if name in facts.mailbox.switched_off), "")


def _server(name: str, world: World) -> Server | None:
    """The server of that name, where it may be used: the configuration's at once, another by the allowed suffixes."""
    known = world.topology.find(name)
    if known is not None and known.listed:
        return known
    host = _allowed_host(known.host if known is not None else name, world.policy)
    if not host:
        return None
    if known is not None:
        return evolve(known, host=host)
    return Server(name, host, imap4=Service(143), pop3=Service(110), http=Service(80), listed=False)


def _allowed_host(name: str, policy: Policy) -> str:
    """The host of a server that only the directory names, below an allowed suffix (S-DIR-4); empty where it is not.

    A short name is completed with the first suffix, as a domain member's DNS name is.
    """
    host = name.rstrip(".").lower()
    if not host or any(mark in host for mark in "/@: \\"):
        return ""
    if "." not in host and policy.suffixes:
        host = f"{host}.{policy.suffixes[0]}"
    return host if any(host.endswith("." + suffix.lower().strip(".")) for suffix in policy.suffixes) else ""
