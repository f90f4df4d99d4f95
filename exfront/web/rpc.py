"""RPC over HTTP: which endpoint a request names, whether the user's server is meant by it, and how a refusal is told.

``RPC_IN_DATA /rpc/rpcproxy.dll?NAME:PORT`` ([MS-RPCH] 2.2.2). An RPC proxy that connects anywhere is a port scanner in
the inner network (S-ROUTE-13).
"""

from __future__ import annotations

import re

from exfront.facts import Facts
from exfront.reasons import APPLICATION_OFF, MAILBOX_NOT_FOUND, NO_MAILBOX, RPC_ENDPOINT, Reason, Refused
from exfront.topology import Server, Topology

CHANNELS = frozenset({b"RPC_IN_DATA", b"RPC_OUT_DATA"})

# The server as Outlook knows it: a host name, or mailbox-guid@domain since Exchange 2013; and Exchange's three ports.
_ENDPOINT = re.compile(rb"([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})(?:@[A-Za-z0-9.-]{1,253})?):(?:6001|6002|6004)\Z")
_FIRST_FAULT = 500
_UNAVAILABLE = (503, b"RPC Error: 6ba")
_DENIED = (503, b"RPC Error: 5")


def allowed(method: bytes, query: bytes | None) -> bool:
    """Whether a back end's RPC proxy may be asked so, whoever asks."""
    if query is None:
        return method not in CHANNELS
    return _ENDPOINT.match(query) is not None


def endpoint_name(query: bytes | None) -> str:
    """What stands before the port; empty for a request that names no endpoint."""
    found = _ENDPOINT.match(query or b"")
    return "" if found is None else found[1].decode("ascii")


def check_server(name: str, server: Server, facts: Facts, topology: Topology) -> None:
    """Let in who names the server that his mailbox is on, or that he is sent to. Raises `Refused`.

    Of a client that is not proven here nobody knows the mailbox yet: any server that is known may be named then, and
    the request still goes to `server`, which was chosen without the name.
    """
    known = topology.find(name)
    if known is not None and facts.identity.account is None:
        return
    home = topology.find(facts.mailbox.home_server) if facts.mailbox is not None else None
    wanted = name.rstrip(".").lower() if known is None else known.name.lower()
    if any(wanted in _names(one) for one in (server, home) if one is not None):
        return
    raise Refused(RPC_ENDPOINT, f"{name} is not {server.name}")


def _names(server: Server) -> tuple[str, ...]:
    host = server.host.lower()
    return server.name.lower(), host, host.partition(".")[0]


def status_line(method: bytes, reason: Reason) -> tuple[int, bytes | None]:
    """Status and phrase of a refusal; Outlook reads the phrase on its channels ([MS-RPCH] 2.1.2.1.3)."""
    status = reason.http_status
    if reason is RPC_ENDPOINT:
        return _UNAVAILABLE
    if method in CHANNELS:
        if status >= _FIRST_FAULT or reason in (MAILBOX_NOT_FOUND, NO_MAILBOX):
            return _UNAVAILABLE
        if reason is APPLICATION_OFF:
            return _DENIED
    return status, None
