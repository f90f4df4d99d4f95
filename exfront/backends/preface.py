"""What a back end of mail is told before all else: a PROXY header, where it wants one (S-MAIL-16)."""

from __future__ import annotations

from exfront.topology import Protocol, Server
from exfront.wire.proxy_protocol import Endpoint, write


def preface(
    server: Server, protocol: Protocol, client: Endpoint | None = None, connected: Endpoint | None = None
) -> bytes:
    """Of a connection on behalf of `client`, which has connected to `connected`; without both of one of our own.

    A connection of HTTP is many clients', one after the other.
    """
    if protocol == "http":
        return b""
    if server.forward_client == "proxy_v1":
        return write("v1", client, connected)
    if server.forward_client == "proxy_v2":
        return write("v2", client, connected)
    return b""
