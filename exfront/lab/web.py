"""The HTTP service of the lab's mailbox servers: a page that tells where a request came to, and how it looked there."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import unquote

from twisted.web.http import NOT_FOUND, UNAUTHORIZED
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from exfront.lab.mailboxes import Mailboxes
from exfront.lab.people import Person, proven
from exfront.wire import basic

_ANONYMOUS = "nobody (anonymous)"
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{server}: {what}</title></head>
<body>
<h1>{server}</h1>
<p>This is the mailbox server {host}. It saw <b>{user}</b>.</p>
<p>{what}</p>
<pre>
{request}
</pre>
</body>
</html>
"""


class PageResource(Resource):
    """Answers every method below /exchange and /owa with Basic, and below /public for everybody.

    Any user of the domain may open any mailbox of this server: who may read whose mail is not the lab's subject.
    """

    isLeaf = True

    def __init__(self, mailboxes: Mailboxes) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._server = mailboxes

    def render(self, request: Request) -> bytes:
        """The page; 401 without a right password, 404 for what is not on this server."""
        request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
        request.setHeader(b"Server", f"exfront-lab-{self._server.server}".encode())
        application, _, rest = request.path.decode("latin-1").lstrip("/").partition("/")
        if application.lower() == "public":
            return self._page(request, _ANONYMOUS, "Public folders")
        if application.lower() not in ("exchange", "owa"):
            return self._absent(request, _ANONYMOUS, "There is nothing here: try /exchange/, /owa/ or /public/")
        person = _log_on(request)
        if person is None:
            request.setResponseCode(UNAUTHORIZED)
            request.setHeader(b"WWW-Authenticate", basic.challenge(self._server.host))
            return self._page(request, _ANONYMOUS, "Wrong name or password")
        named = unquote(rest.partition("/")[0]) if application.lower() == "exchange" else ""
        mailbox = self._server.named(named or person.account)
        if mailbox is None:
            return self._absent(request, person.name, f"The mailbox {named or person.alias} is not on this server")
        return self._page(request, person.name, f"Mailbox: {mailbox.person.alias}")

    def _absent(self, request: Request, user: str, what: str) -> bytes:
        request.setResponseCode(NOT_FOUND)
        return self._page(request, user, what)

    def _page(self, request: Request, user: str, what: str) -> bytes:
        texts = {
            "server": self._server.server.upper(), "host": self._server.host, "user": user, "what": what,
            "request": "\n".join(_lines(request)),
        }  # fmt: skip
        return _PAGE.format(**{name: escape(text) for name, text in texts.items()}).encode()


def _log_on(request: Request) -> Person | None:
    given = request.requestHeaders.getRawHeaders(b"Authorization", [])
    credentials = basic.parse(given[0]) if len(given) == 1 else None
    if credentials is None:
        return None
    name, secret = credentials
    return proven(name, secret.reveal())


def _lines(request: Request) -> Iterable[str]:
    """The request as it came, but for its password."""
    yield b" ".join((request.method, request.uri, request.clientproto)).decode("latin-1")
    for name, values in request.requestHeaders.getAllRawHeaders():
        for value in values:
            shown = b"(not shown)" if name.lower() == b"authorization" else value
            yield f"{name.decode('latin-1')}: {shown.decode('latin-1')}"


class _QuietSite(Site):
    def log(self, request: object) -> None:
        """Nothing: exfront's own access log tells of the request."""


def site(mailboxes: Mailboxes) -> Site:
    """The pages of one mailbox server."""
    quiet = _QuietSite(PageResource(mailboxes))  # type: ignore[no-untyped-call]
    quiet.displayTracebacks = False
    quiet.noisy = False
    return quiet
