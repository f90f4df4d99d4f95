"""Performs what routing decides for exfront itself to answer."""

from __future__ import annotations

from exfront.decision import LinkPage, Local
from exfront.web.pages import Page, link_page, redirect_page

_OK = 200


def local_answer(decision: Local, session_id: str) -> tuple[int, Page]:
    """Status and page of a decision that asks no back end."""
    if isinstance(decision, LinkPage):
        return _OK, link_page(decision.url, session_id)
    return decision.status, redirect_page(decision.url.encode("ascii"))
