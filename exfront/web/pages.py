"""The small pages that exfront itself writes. Nothing in them comes from a request (S-HTTP-40)."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from attrs import frozen

from exfront.reasons import Reason
from exfront.wire.http1.events import Headers
from exfront.wire.http1.write import REASON_PHRASES

_NO_STORE: Headers = ((b"Cache-Control", b"no-store"), (b"X-Content-Type-Options", b"nosniff"))


@frozen
class Page:
    """A body and what belongs to it in the head."""

    headers: Headers
    body: bytes


def error_page(status: int, reason: Reason, session_id: str) -> Page:
    """What a person sees of a refusal: status, sentence, code, and the id under which the log tells more."""
    text = _template("error").substitute(
        status=status,
        phrase=escape(_phrase(status)),
        text=escape(reason.text),
        code=escape(reason.public_code),
        session=escape(session_id),
    )
    return Page(((b"Content-Type", b"text/html; charset=utf-8"), *_NO_STORE), text.encode("utf-8"))


def error_text(status: int, reason: Reason, session_id: str) -> Page:
    """The same for clients that broke the protocol: one line, without echo."""
    text = f"{status} {_phrase(status)}: {reason.text} ({reason.public_code}, {session_id})\n"
    return Page(((b"Content-Type", b"text/plain; charset=utf-8"), *_NO_STORE), text.encode("utf-8"))


def link_page(url: str, session_id: str) -> Page:
    """A link to where the user's mailbox is; `url` may be shown (S-ROUTE-7)."""
    text = _template("link").substitute(url=escape(url), session=escape(session_id))
    return Page(((b"Content-Type", b"text/html; charset=utf-8"), *_NO_STORE), text.encode("utf-8"))


def redirect_page(location: bytes) -> Page:
    """No body: the Location says all."""
    return Page(((b"Location", location), *_NO_STORE), b"")


def _phrase(status: int) -> str:
    return REASON_PHRASES.get(status, b"").decode("ascii")


@cache
def _template(name: str) -> Template:
    return Template(files("exfront.web").joinpath("pages", f"{name}.html").read_text("utf-8"))
