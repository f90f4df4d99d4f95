"""Performs what routing decides for exfront itself to answer."""

from __future__ import annotations

from urllib.parse import quote

from exfront.decision import LinkPage, Local, OwnDirectory
from exfront.reasons import NOT_PUBLISHED, Refused
from exfront.web.pages import Page, Pages, redirect_page
from exfront.web.virtual_sites import VirtualSite

_OK = 200
_FOUND = 302
_MOVED = 451  # of ActiveSync


def local_answer(
    decision: Local, site: VirtualSite, pages: Pages, session_id: str, accepts: bytes | None
) -> tuple[int, Page]:
    """Status and page of a decision that asks no back end; `accepts` is the value of Accept-Language.

    Raises `Refused` where the site does not publish what the decision names.
    """
    if isinstance(decision, OwnDirectory):
        return _FOUND, redirect_page(_own(decision, site))
    if isinstance(decision, LinkPage):
        return _OK, pages.link(decision.url, session_id, accepts)
    url = decision.url.encode("ascii")
    if decision.status == _MOVED:  # [MS-ASHTTP]: no body, and not Location
        return _MOVED, Page(((b"X-MS-Location", url), (b"Cache-Control", b"private")), b"")
    return decision.status, redirect_page(url)


def _own(decision: OwnDirectory, site: VirtualSite) -> bytes:
    """The path of the directory with an application: such a Location leads to no other host."""
    named = f"{quote(decision.mailbox, '@')}/" if decision.mailbox else ""
    for directory in site.directories:
        if directory.application.name == decision.application:
            return f"{directory.path.rstrip('/')}/{named}".encode("ascii")
    raise Refused(NOT_PUBLISHED, f"application={decision.application}")
