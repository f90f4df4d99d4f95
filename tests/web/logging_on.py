"""A browser's side of a log-on by form, in memory."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from attrs import evolve

from exfront.config.forms import FormsSection
from exfront.config.virtual_site import VirtualDirectorySection
from tests.web.conversation import OK, SITE, Conversation, Response, read, request

BROWSER = b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
COOKIE = b"X-ExFront-Logon"
BOTH = ("forms", "basic")
DIRECTORIES = (
    VirtualDirectorySection("/exchange", "exchange", BOTH, smtp_domain="fourthcoffee.com", require_tls="no"),
    VirtualDirectorySection("/owa", "owa", BOTH, require_tls="no"),
    VirtualDirectorySection("/only", "exchange", "forms", require_tls="no"),
    VirtualDirectorySection("/EWS", "ews", require_tls="no"),
)
FORMS_SITE = evolve(SITE, virtual_directory=DIRECTORIES)


class Browser:
    """Logs on at a `Conversation` of its own; `cookies` are the fields it sends."""

    def __init__(self, site: Any = FORMS_SITE, forms: FormsSection | None = None, **more: Any) -> None:
        self.talk = Conversation(sites=(site,), **more)
        self.talk.world.directory.remembers = True
        if forms is not None:
            self.talk.world.forms.settings = forms
        self.cookie = b""

    def again(self) -> Browser:
        """The same browser on another connection."""
        other = Browser.__new__(Browser)
        other.talk = Conversation(sites=self.talk.sites, world=self.talk.world, secure=self.talk.secure)
        other.cookie = self.cookie
        return other

    @property
    def fields(self) -> tuple[bytes, ...]:
        """What goes with each request."""
        return (BROWSER, b"Cookie: a=b; " + COOKIE + b"=" + self.cookie + b"\r\n") if self.cookie else (BROWSER,)

    def post(
        self, *fields: bytes, path: bytes = b"/owa/auth.owa", name: str = "alice", password: str | None = None,
        **more: str,
    ) -> Response:  # fmt: skip
        """Send the form, and wait for the floor; a cookie that is set is kept."""
        right = f"secret-{name}" if password is None else password
        values = {"destination": "/owa/", "flags": "0", "trusted": "0", "username": name, "password": right, **more}
        body = urlencode(values).encode()
        length = b"Content-Length: %d\r\n" % len(body)
        answer = self.talk.send(request(b"POST " + path, *self.fields, FORM, length, *fields, body=body))
        return self.took(answer or self.talk.wait(0.61, 0.61))

    def took(self, octets: bytes) -> Response:
        """Read an answer as a browser does."""
        for line in octets.partition(b"\r\n\r\n")[0].split(b"\r\n"):
            if line.startswith(b"Set-Cookie: " + COOKIE):
                self.cookie = line.partition(b"=")[2].partition(b";")[0]
        return read(octets)

    def log_on(self, **more: Any) -> Browser:
        """Return when that is done."""
        answer = self.post(**more)
        assert answer.status == 302, answer
        assert self.cookie, answer
        return self

    def get(self, line: bytes = b"GET /owa/", *fields: bytes) -> Response:
        """What exfront itself answers to."""
        return self.took(self.talk.send(request(line, *self.fields, *fields)))

    def sent(self, line: bytes = b"GET /owa/", *fields: bytes, body: bytes = b"") -> bytes:
        """What the back end got, on whichever connection; empty where exfront answered."""
        self.talk.send(request(line, *self.fields, *fields, body=body))
        return next((sent for each in self._lines() if (sent := each.take())), b"")

    def gets(self, answer: bytes = OK, number: int = 0) -> Response:
        """What the back end answers, as the browser gets it."""
        return self.took(self.talk.answer(answer, number))

    def _lines(self) -> list[Any]:
        return [each.line for each in self.talk.world.dialer.dialled if each.line.connected]
