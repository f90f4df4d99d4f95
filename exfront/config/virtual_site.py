"""[[virtual_site]] and its [[virtual_site.virtual_directory]]: what HTTP serves."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from exfront import limits
from exfront.config.kinds import Octets, SecondsOrNone


@frozen
class VirtualDirectorySection:
    """A path prefix (whole segments) and what it means."""

    path: str  # "/exchange"
    application: Literal["exchange", "owa", "public"]
    authentication: Literal["basic", "anonymous"] = "basic"
    smtp_domain: str = ""  # "mailboxes for": makes alias@smtp_domain of /exchange/alias/
    server: str = ""  # an anonymous directory without explicit logon goes to this [[server]]
    require_tls: bool = True
    methods: tuple[str, ...] = ()  # default: the application's
    body_octets: Octets = limits.HTTP_BODY_OCTETS
    answer_time: SecondsOrNone = 0.0  # default: the application's
    websocket: bool = False  # whether clients may switch to a web socket here (S-HTTP-16)


@frozen
class VirtualSiteSection:
    """The first site is the default one, for host names that no site lists."""

    name: str
    public_name: str  # what Location, link pages and cookies use (S-HTTP-5)
    host_names: tuple[str, ...] = ()
    virtual_directory: tuple[VirtualDirectorySection, ...] = field(factory=tuple)
