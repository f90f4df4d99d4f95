"""Which network a client belongs to: what failures and good log-ons are counted by."""

from __future__ import annotations

from exfront.addresses import network_of


def client_network(client: str) -> str:
    """An IPv4 address itself, an IPv6 address's /64 (S-MAIL-11); `client` is an address, or ``address:port`` as logs
    write it. What is no address stands for itself."""
    host = client.partition("]")[0][1:] if client.startswith("[") else client
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return network_of(host)
    except ValueError:
        return client
