"""Which endpoint a request for RPC over HTTP names: ``/rpc/rpcproxy.dll?NAME:PORT`` (MS-RPCH 2.2.2; S-ROUTE-13)."""

from __future__ import annotations

import re

# The server as Outlook knows it: a host name, or mailbox-guid@domain since Exchange 2013; and Exchange's three ports.
_ENDPOINT = re.compile(rb"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})(?:@[A-Za-z0-9.-]{1,253})?:(?:6001|6002|6004)\Z")
_CHANNELS = frozenset({b"RPC_IN_DATA", b"RPC_OUT_DATA"})


def allowed(method: bytes, query: bytes | None) -> bool:
    """Whether a back end's RPC proxy may be asked so: else it would be a port scanner in the inner network."""
    if query is None:
        return method not in _CHANNELS
    return _ENDPOINT.match(query) is not None
