"""What a back end of IMAP4 or POP3 gets to see of us: whose credentials, and what of the client."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from twisted.internet.interfaces import IAddress

from exfront.auth.next_hop import login_name
from exfront.decision import Relay
from exfront.facts import Identity
from exfront.mail.back_end_log_on import without_names
from exfront.reasons import LOOP, MASTER_NAME, WITHOUT_PASSWORD, Refused
from exfront.sessions import Session
from exfront.topology import Master, Server, Topology
from exfront.wire.client_facts import ClientFacts
from exfront.wire.imap4_referral import Referral
from exfront.wire.proxy_protocol import Endpoint
from exfront.wire.sasl import Credentials, Mechanism


def credentials_for(relay: Relay, identity: Identity) -> Credentials:
    """What the server is shown: the client's own token, the server's master credentials, or the user's password.

    A token proves nothing before the server has judged it, so no master ever speaks in its place. Raises `Refused`
    where there is nothing to be shown.
    """
    name, secret = login_name(identity, relay.login_as), identity.secret
    if identity.token and secret is not None:
        return Credentials(name, secret, mechanism=cast(Mechanism, identity.token))
    if relay.server.master is not None:
        return _as_master(relay.server.master, name)
    if secret is None:
        raise Refused(WITHOUT_PASSWORD, f"server={relay.server.name} proof={identity.proof}")
    return Credentials(name, secret)


def _as_master(master: Master, name: bytes) -> Credentials:
    """A server splits ``user*master`` at the first separator: a name that holds one would be somebody else's."""
    own, separator = master.user.encode("utf-8"), master.separator.encode("utf-8")
    if not separator:
        return Credentials(own, master.secret, acts_for=name)
    if separator in name:
        raise Refused(MASTER_NAME, f"separator={master.separator}")
    return Credentials(name + separator + own, master.secret)


def facts_for(session: Session, server: Server) -> ClientFacts | None:
    """What `server` is told of the client, None for nothing. Raises `Refused` when no hop is left (S-MAIL-16)."""
    if session.hops_left <= 1:
        raise Refused(LOOP, f"loop via=x-proxy-ttl left={session.hops_left}")
    if server.forward_client is None:
        return None
    client = Endpoint(session.address, session.port) if session.address else None
    return ClientFacts(client, session.connected, session.id, session.hops_left - 1)


def endpoint_of(address: IAddress) -> Endpoint | None:
    """An end of a connection; None where that is no IP address."""
    host = str(getattr(address, "host", ""))
    return _endpoint(host, int(getattr(address, "port", 0))) if host else None


@lru_cache(256)  # thousands of clients connect to the same
def _endpoint(host: str, port: int) -> Endpoint:
    return Endpoint(host, port)


def nameless(alerts: tuple[bytes, ...], server: Server) -> tuple[bytes, ...]:
    """A server's words for a user, who need not know what our servers are called (S-MAIL-17)."""
    names = [name for name in (server.host, server.address) if name]
    return tuple(without_names(alert, names) for alert in alerts)


def find_referred(referral: Referral, topology: Topology) -> Server | None:
    """The server that a referral means; None for one that nobody here knows."""
    server = topology.find(f"{referral.host}:{referral.port}" if referral.port else referral.host)
    if server is None and referral.port == _IMAP4_PORT:
        return topology.find(referral.host)
    return server


_IMAP4_PORT = 143  # what a URL without a port means (RFC 5092 section 4)
