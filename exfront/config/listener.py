"""[[listener]]: a protocol on an address."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from attrs import frozen

from exfront.config.kinds import HostPort, Network
from exfront.topology import Protocol

LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@frozen
class ListenerSection:
    """`starttls` stands for IMAP4's STARTTLS and POP3's STLS; HTTP knows only `none` and `implicit`.

    `auth_http` answers an nginx that relays mail itself where its clients go.
    """

    protocol: Literal["imap4", "pop3", "http", "auth_http"]
    address: HostPort
    tls: Literal["none", "starttls", "implicit"] = "none"
    allow_plaintext: bool = False  # passwords without TLS
    name: str = ""
    certificates: tuple[Path, ...] = ()  # in place of those of [tls], each with its key
    proxy_protocol: tuple[Network, ...] = ()  # load balancers that say a PROXY header before all else
    trusted_proxies: tuple[Network, ...] = ()  # who may tell the client's address
    strict_hosts: bool = False  # http: refuse host names that no site lists
    askers: tuple[Network, ...] = LOOPBACK  # auth_http: the addresses of nginx
    key_file: Path | None = None  # auth_http: a secret that nginx says
    proxy_peers: bool = False  # http: take requests of the Client Access servers of [proxy]

    client_ca_file: Path | None = None  # who may sign clients' certificates; they are asked for one

    @property
    def title(self) -> str:
        """How logs call it."""
        return self.name or f"{self.protocol}@{self.address}"

    @property
    def spoken(self) -> Protocol:
        """The protocol of its sessions: nginx asks over HTTP."""
        return "http" if self.protocol == "auth_http" else self.protocol

    @property
    def served(self) -> tuple[Protocol, ...]:
        """The protocols of mailbox servers that its clients need."""
        return ("imap4", "pop3") if self.protocol == "auth_http" else (self.protocol,)

    @property
    def speaks_for_many(self) -> tuple[Network, ...]:
        """Whose connections here are those of many clients."""
        return self.askers if self.protocol == "auth_http" else (*self.trusted_proxies, *self.proxy_protocol)
