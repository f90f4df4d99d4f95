"""Performs what routing decides for exfront itself to answer."""

from __future__ import annotations

from exfront.decision import LinkPage, Local
from exfront.web.pages import Page, Pages, redirect_page

_OK = 200
_MOVED = 451  # of ActiveSync


def local_answer(decision: Local, pages: Pages, session_id: str, accepts: bytes | None) -> tuple[int, Page]:
    """Status and page of a decision that asks no back end; `accepts` is the value of Accept-Language."""
    if isinstance(decision, LinkPage):
        return _OK, pages.link(decision.url, session_id, accepts)
    url = decision.url.encode("ascii")
    if decision.status == _MOVED:  # [MS-ASHTTP]: no body, and not Location
        return _MOVED, Page(((b"X-MS-Location", url), (b"Cache-Control", b"private")), b"")
    return decision.status, redirect_page(url)
