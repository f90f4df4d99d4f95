"""[[server]]: a mailbox server as the administrator knows it; wins over what the directory says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from attrs import Factory, field, frozen

from exfront.config.kinds import ONE_OR_MORE, Pin, Port
from exfront.secret import Secret
from exfront.topology import Master, Scheme, Server, Service


def _several(found: Scheme | tuple[Scheme, ...]) -> tuple[Scheme, ...]:
    return (found,) if isinstance(found, str) else tuple(found)


@frozen
class ServerSection:
    """A port of 0 switches a protocol off. `address` is an IP address to connect to instead of resolving `host`.

    `probe_paths` are paths by the names of applications. `forward_client` and the ``master_`` keys are for IMAP4 and
    POP3; see `exfront.topology.Server`.
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
    master_user: str = ""
    master_password_file: Path | None = None
    master_separator: str = ""
    forward_client: Literal["none", "commands", "proxy_v1", "proxy_v2"] = "none"
    ca_file: Path | None = None  # default: [back_ends] ca_file
    tls_pin: tuple[Pin, ...] = ()
    probe: bool = False
    probe_paths: dict[str, str] = Factory(dict)

    def as_server(self) -> Server:
        """The value that routing works with. Raises OSError for a password file that cannot be read."""
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
            forward_client=None if self.forward_client == "none" else self.forward_client,
            master=self._master(),
        )

    def _master(self) -> Master | None:
        """Raises OSError for a file that cannot be read."""
        file = self.master_password_file
        if file is None:
            return None
        return Master(self.master_user, Secret(file.read_bytes().rstrip(b"\r\n")), self.master_separator)
