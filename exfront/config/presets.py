"""Presets: the virtual directories that a product publishes, in one line of the configuration."""

from __future__ import annotations

from typing import Literal

from attrs import evolve

from exfront.config.virtual_site import (
    ApplicationName,
    AuthenticationMethod,
    VirtualDirectorySection,
    VirtualSiteSection,
)

_Rows = tuple[tuple[str, ApplicationName], ...]

# Exchange 2000 to 2019, each version's paths; times and methods are the applications' (S-HTTP-26).
_EXCHANGE: _Rows = (
    ("/exchange", "exchange"),
    ("/exchweb", "exchweb"),
    ("/public", "public"),
    ("/owa", "owa"),
    ("/Microsoft-Server-ActiveSync", "activesync"),
    ("/EWS", "ews"),
    ("/OAB", "oab"),
    ("/Autodiscover", "autodiscover"),
    ("/mapi", "mapi"),
    ("/rpc", "rpc"),
    ("/rpcwithcert", "rpc"),
    ("/OMA", "oma"),
    ("/owaredirect", "owaredirect"),
)
_PRESETS: dict[str, _Rows] = {
    "exchange": _EXCHANGE,
    "sogo": (
        ("/SOGo", "sogo"),
        ("/SOGo.woa", "sogo"),
        ("/Microsoft-Server-ActiveSync", "activesync"),
    ),
    "webdav": (("/dav", "webdav"),),
}
_OF_BROWSERS: frozenset[ApplicationName] = frozenset({"exchange", "exchweb", "public", "owa", "ecp", "owaredirect"})
# What administers servers: published only where `publish` says so (S-HTTP-22).
_EXTRAS: dict[str, tuple[str, ApplicationName]] = {
    "ecp": ("/ecp", "ecp"),
    "powershell": ("/powershell", "powershell"),
    "exadmin": ("/exadmin", "exadmin"),
}


def with_preset(site: VirtualSiteSection) -> VirtualSiteSection:
    """`site` with the directories of its preset; one of its own with the same path takes the place of the preset's."""
    rows = (*_PRESETS.get(site.preset or "", ()), *(_EXTRAS[name] for name in site.publish))
    own = {directory.path.lower() for directory in site.virtual_directory}
    more = (_section(path, application, site.forms) for path, application in rows if path.lower() not in own)
    return evolve(site, virtual_directory=(*site.virtual_directory, *more))


def _section(path: str, application: ApplicationName, forms: bool) -> VirtualDirectorySection:
    """With `forms` browsers log on by a page, and other clients as ever.

    Clients look for Autodiscover in the clear, and expect to be sent on from there (MS-OXDSCLI)."""
    in_clear: Literal["redirect", "refuse"] = "redirect" if application == "autodiscover" else "refuse"
    by_form: tuple[AuthenticationMethod, ...] = ("forms", "basic") if application in _OF_BROWSERS else ("basic",)
    return VirtualDirectorySection(path, application, by_form if forms else ("basic",), require_tls=in_clear)
