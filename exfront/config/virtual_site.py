"""[[virtual_site]] and its [[virtual_site.virtual_directory]]: what HTTP serves."""

from __future__ import annotations

from typing import Annotated, Literal

from attrs import field, frozen

from exfront.config.kinds import ONE_OR_MORE, Network, Octets, Port, SecondsOrNone

ApplicationName = Literal[
    "exchange", "owa", "public", "exchweb", "activesync", "ews", "oab", "autodiscover", "mapi", "rpc", "ecp", "oma",
    "powershell", "exadmin", "owaredirect", "webdav", "sogo",
]  # fmt: skip
AuthenticationMethod = Literal["basic", "forms", "anonymous", "passthrough", "certificate"]
Preset = Literal["exchange", "sogo", "webdav"]
Extra = Literal["ecp", "powershell", "exadmin"]


def _several(found: str | tuple[str, ...]) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else tuple(found)


@frozen
class VirtualDirectorySection:
    """A path prefix (whole segments) and what it means."""

    path: str  # "/exchange"
    application: ApplicationName
    authentication: Annotated[tuple[AuthenticationMethod, ...], ONE_OR_MORE] = field(
        default=("basic",), converter=_several
    )
    smtp_domain: str = ""  # "mailboxes for": makes alias@smtp_domain of /exchange/alias/
    smtp_domain_match: Literal["strict", "sp1"] = "sp1"  # strict: only mailboxes with an address in smtp_domain
    server: str = ""  # requests that name no mailbox and prove no user go to this [[server]]
    require_tls: Literal["refuse", "redirect", "no"] = "refuse"
    methods: tuple[str, ...] = ()  # default: the application's
    body_octets: Octets | None = None  # default: the application's; 0 is no limit
    answer_time: SecondsOrNone = 0.0  # default: the application's
    allow_networks: tuple[Network, ...] = ()  # default: everybody
    deny_networks: tuple[Network, ...] = ()
    back_end_port: Port = 0  # default: the server's
    back_end_tls: Literal["none", "implicit"] | None = None  # default: the server's
    identity: Literal["basic", "header", "none"] = "basic"  # how the back end learns who asks
    identity_header: str = "X-Forwarded-User"
    header_servers: tuple[str, ...] = ()  # the [[server]]s that may be told by a header
    websocket: bool = False  # whether clients may switch to a web socket here (S-HTTP-16)


@frozen
class VirtualSiteSection:
    """Chosen by listener and host name; the first site of a listener is the default one there."""

    name: str
    public_name: str  # what Location, link pages and cookies use (S-HTTP-5)
    host_names: tuple[str, ...] = ()
    virtual_directory: tuple[VirtualDirectorySection, ...] = field(factory=tuple)
    listeners: Annotated[tuple[str, ...], ONE_OR_MORE] = field(default=(), converter=_several)  # default: all
    preset: Preset | None = None
    forms: bool = False  # in the preset, whether browsers get a page to log on
    publish: Annotated[tuple[Extra, ...], ONE_OR_MORE] = field(default=(), converter=_several)
