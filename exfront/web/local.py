"""Performs what routing decides for exfront itself to answer."""

from __future__ import annotations

from exfront.decision import LinkPage, Local
from exfront.web.pages import Page, Pages, redirect_page

_OK = 200


def local_answer(decision: Local, pages: Pages, session_id: str, accepts: bytes | None) -> tuple[int, Page]:
    """Status and page of a decision that asks no back end; `accepts` is the value of Accept-Language."""
    if isinstance(decision, LinkPage):
        return _OK, pages.link(decision.url, session_id, accepts)
    return decision.status, redirect_page(decision.url.encode("ascii"))
