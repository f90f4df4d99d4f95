"""Values that say what stands where: servers, their services, mailboxes. Nothing here knows where they came from."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

Tls = Literal["none", "starttls", "implicit"]
LoginAs = Literal["typed", "account", "upn", "address"]
Protocol = Literal["imap4", "pop3", "http"]


@frozen
class Service:
    """One protocol of a server: the port, and how TLS is spoken there."""

    port: int
    tls: Tls = "none"


@frozen
class Server:
    """A mailbox server that exfront may relay to.

    `host` is the name that is resolved and that its certificate must bear; `address`, where given, is an IP address
    to connect to instead of resolving. `listed` servers stand in the configuration; the others come from the
    directory and must pass the allow list (S-DIR-4). `ca_file` is a PEM file, empty for the configured default.
    """

    name: str
    host: str
    address: str = ""
    imap4: Service | None = None
    pop3: Service | None = None
    http: Service | None = None
    login_as: LoginAs = "typed"
    ca_file: str = ""
    listed: bool = True

    def service(self, protocol: Protocol) -> Service | None:
        """The service that speaks `protocol`; None where the server has none."""
        services: dict[Protocol, Service | None] = {"imap4": self.imap4, "pop3": self.pop3, "http": self.http}
        return services[protocol]


@frozen
class Topology:
    """All servers known, by lower-case name; `find` takes a short name or a host name as the directory writes it."""

    servers: tuple[Server, ...] = ()

    def find(self, name: str) -> Server | None:
        """The server called `name`, or whose host is `name`; names compare without case."""
        wanted = name.rstrip(".").lower()
        for server in self.servers:
            if wanted in (server.name.lower(), server.host.lower()):
                return server
        return None


@frozen
class Mailbox:
    """What the directory says of one account and its mailbox.

    `account_id` is the stable key of the account (objectGUID or entryUUID in hexadecimal); caches, limits and logs key
    on it, never on a name as typed (S-AUTH-4). `home_server` is a server's name, empty for an account without a
    mailbox. `addresses` are SMTP addresses, the primary one first.
    """

    dn: str
    account_id: str
    account_name: str
    upn: str = ""
    alias: str = ""
    addresses: tuple[str, ...] = ()
    home_server: str = ""
    disabled: bool = False
