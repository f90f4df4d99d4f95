"""Of any server: whether it may be used, and how it is relayed to. All flows end here."""

from __future__ import annotations

from functools import lru_cache

from attrs import evolve

from exfront.because import Because
from exfront.decision import Refuse, Relay
from exfront.facts import Facts, Health, Policy, World
from exfront.reasons import PROTOCOL_NOT_SERVED, SERVER_UNKNOWN
from exfront.topology import Mailbox, Scheme, Server, Service

_HEALTHY = (Because("health", ("healthy",)),)
Why = tuple[Because, ...]


def relay_to(
    server: Server, facts: Facts, world: World, why: Why, schemes: tuple[Scheme, ...] = ("basic",), *,
    replaceable: bool = False, token: bool = False,
) -> Relay | Refuse:  # fmt: skip
    """Relay to `server`, which may be used. The configuration's schemes win; the rest is as of the `Relay`."""
    service = service_of(server, facts)
    if service is None:
        return Refuse(PROTOCOL_NOT_SERVED, f"server={server.name} protocol={facts.protocol}", why)
    if facts.port or facts.tls is not None:
        why = (*why, Because("service of the virtual directory", (service.port, service.tls)))
    why = (*why, *configured_schemes(server))
    relay = Because("relay", (server.name, service.port, service.tls))
    schemes = server.next_hop or schemes
    why = (*why, relay, *_health(server, facts, world))
    return Relay(server, service, server.login_as, why, schemes, replaceable, token=token)


def configured_schemes(server: Server) -> Why:
    """What the configuration says of how the server is logged on to."""
    return (Because("next_hop of the server", server.next_hop),) if server.next_hop else ()


def service_of(server: Server, facts: Facts) -> Service | None:
    """Where it is spoken to: the virtual directory's port and TLS win over the server's."""
    service = server.service(facts.protocol)
    if service is not None and (facts.port or facts.tls is not None):
        return Service(facts.port or service.port, service.tls if facts.tls is None else facts.tls)
    return service


def unknown(name: str, why: Why) -> Refuse:
    """There is no such server, or it may not be used."""
    return Refuse(SERVER_UNKNOWN, f"server={name}", (*why, Because("no such server allowed", (name,))))


def located(mailbox: Mailbox) -> Why:
    """What stands before all else where the location is older than it may be (S-DIR-5)."""
    return (Because("stale location", (mailbox.dn,)),) if mailbox.stale else ()


def usable(server: Server, policy: Policy) -> Server | None:
    """A server as it may be used: the configuration's as it is, another one below the allowed suffixes (S-DIR-4)."""
    if server.listed:
        return server
    host = allowed_host(server.host, policy)
    if not host:
        return None
    return server if host == server.host else evolve(server, host=host)


def usable_by_name(name: str, world: World) -> Server | None:
    """The same by its name; one that nobody knows has the standard ports."""
    known = world.topology.find(name)
    if known is not None:
        return usable(known, world.policy)
    host = allowed_host(name, world.policy)
    if not host:
        return None
    return Server(name, host, imap4=Service(143), pop3=Service(110), http=Service(80), listed=False)


def allowed_host(name: str, policy: Policy) -> str:
    """The host of a server that only the directory names, below an allowed suffix (S-DIR-4); empty where it is not.

    A short name is completed with the first suffix, as a domain member's DNS name is.
    """
    return _allowed_host(name, policy.suffixes)


@lru_cache(4096)  # the same servers come again with each decision
def _allowed_host(name: str, suffixes: tuple[str, ...]) -> str:
    host = name.rstrip(".").lower()
    if not host or any(mark in host for mark in "/@: \\"):
        return ""
    if "." not in host and suffixes:
        host = f"{host}.{suffixes[0]}"
    return host if is_below(host, suffixes) else ""


def is_below(host: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a host name, in lower case, lies below one of the DNS domains."""
    return any(host.endswith("." + suffix.lower().strip(".")) for suffix in suffixes)


def may_be_tried(health: Health | None) -> bool:
    """Whether a server with others beside it is worth a try: one that is out is left alone until it is due."""
    return health is None or health.state != "out" or health.due


def _health(server: Server, facts: Facts, world: World) -> Why:
    """How the chosen server is, where that is known; it decides nothing: nobody else has the mailbox."""
    health = world.health(server.name, facts.protocol, facts.application)
    if health is None:
        return ()
    return (Because("health", (health.state, health.error)),) if health.error else _HEALTHY
