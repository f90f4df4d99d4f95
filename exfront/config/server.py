"""[[server]]: a mailbox server as the administrator knows it; wins over what the directory says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from attrs import Factory, field, frozen

from exfront.config.kinds import ONE_OR_MORE, Pin, Port
from exfront.topology import Scheme, Server, Service


def _several(found: Scheme | tuple[Scheme, ...]) -> tuple[Scheme, ...]:
    return (found,) if isinstance(found, str) else tuple(found)


@frozen
class ServerSection:
    """A port of 0 switches a protocol off. `address` is an IP address to connect to instead of resolving `host`.

    `probe_paths` are paths by the names of applications.
    """

    name: str
    host: str
    address: str = ""
    imap4: Port = 143
    imap4_tls: Literal["none", "starttls", "implicit"] = "none"
    pop3: Port = 110
    pop3_tls: Literal["none", "starttls", "implicit"] = "none"
    http: Port = 80
    http_tls: Literal["none", "implicit"] = "none"
    login_as: Literal["typed", "account", "upn", "address"] = "typed"
    next_hop: Annotated[tuple[Scheme, ...], ONE_OR_MORE] = field(default=(), converter=_several)  # by its version
    ca_file: Path | None = None  # default: [back_ends] ca_file
    tls_pin: tuple[Pin, ...] = ()
    probe: bool = False
    probe_paths: dict[str, str] = Factory(dict)

    def as_server(self) -> Server:
        """The value that routing works with."""
        return Server(
            name=self.name,
            host=self.host,
            address=self.address,
            imap4=Service(self.imap4, self.imap4_tls) if self.imap4 else None,
            pop3=Service(self.pop3, self.pop3_tls) if self.pop3 else None,
            http=Service(self.http, self.http_tls) if self.http else None,
            login_as=self.login_as,
            ca_file=str(self.ca_file or ""),
            tls_pins=tuple(pin.digest for pin in self.tls_pin),
            next_hop=self.next_hop,
        )
