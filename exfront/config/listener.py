"""[[listener]]: a protocol on an address."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import frozen

from exfront.config.kinds import HostPort, Network


@frozen
class ListenerSection:
    """`starttls` stands for IMAP4's STARTTLS and POP3's STLS; HTTP knows only `none` and `implicit`."""

    protocol: Literal["imap4", "pop3", "http"]
    address: HostPort
    tls: Literal["none", "starttls", "implicit"] = "none"
    allow_plaintext: bool = False  # passwords without TLS
    name: str = ""
    trusted_proxies: tuple[Network, ...] = ()  # http: who may tell the client's address
    strict_hosts: bool = False  # http: refuse host names that no site lists
    proxy_peers: bool = False  # http: take requests of the Client Access servers of [proxy]

    client_ca_file: Path | None = None  # http: who may sign clients' certificates; they are asked for one

    @property
    def title(self) -> str:
        """How logs call it."""
        return self.name or f"{self.protocol}@{self.address}"
