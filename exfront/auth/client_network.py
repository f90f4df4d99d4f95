"""Which network a client belongs to: what failures and good log-ons are counted by."""

from __future__ import annotations

import ipaddress


def client_network(client: str) -> str:
    """An IPv4 address itself, an IPv6 address's /64 (S-MAIL-11); `client` is an address, or ``address:port`` as logs
    write it. What is no address stands for itself."""
    host = client.partition("]")[0][1:] if client.startswith("[") else client
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)
