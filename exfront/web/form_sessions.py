"""Who a log-on cookie stands for, remembered for a minute on the same connection, as Basic is."""

from __future__ import annotations

import re

from attrs import define, evolve, field, frozen
from twisted.internet.interfaces import IReactorTime

from exfront.auth.forms import FormLogOns
from exfront.config.limits import LimitsSection
from exfront.decision import SessionRecord
from exfront.facts import Identity
from exfront.reasons import FORM_NEEDED, FORM_REVOKED, Refused
from exfront.steps import Steps
from exfront.web.basic_log_on import LogOns
from exfront.web.destinations import own_page
from exfront.web.paths import BadPath, checked
from exfront.web.virtual_sites import VirtualDirectory, VirtualSite
from exfront.wire.cookies import cookie
from exfront.wire.http1.events import RequestHead
from exfront.wire.logon_cookie import LogonCookie

NAME = b"X-ExFront-Logon"  # never reaches a back end, nor is set by one: S-HTTP-18 takes such names away
# What Outlook Web Access asks for by itself, as long as a window is open: mail arrived? still there? "UA=0" is its own
# word for "the user did nothing". 2003 polls by WebDAV.
_BY_ITSELF = re.compile(rb"(?:^|&)(?:ua=0|ns=pendingrequest|ns=notify)(?:&|\Z)", re.IGNORECASE)
_KEEP_ALIVE = (b"/keepalive.owa", b"/ping.owa")
_POLLING = frozenset({b"POLL", b"SUBSCRIBE", b"UNSUBSCRIBE"})
_UNAUTHORIZED = 401


def cookie_value(head: RequestHead) -> bytes | None:
    """What a request brings of ours."""
    return cookie(head.get_all(b"cookie"), NAME)


def place(site: VirtualSite) -> bytes:
    """What a cookie is sealed for: it opens at no other site."""
    return NAME + b" " + site.public_name


def cookie_line(value: bytes, secure: bool) -> bytes:
    """The value of Set-Cookie; for this browser's session only (S-HTTP-36)."""
    return b"%b=%b; Path=/%b; HttpOnly; SameSite=Lax" % (NAME, value, b"; Secure" if secure else b"")


def no_cookie(secure: bool) -> bytes:
    """The value of Set-Cookie that takes it away."""
    return b"%b=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT%b; HttpOnly; SameSite=Lax" % (
        NAME, b"; Secure" if secure else b"",
    )  # fmt: skip


def is_background(head: RequestHead) -> bool:
    """Whether the page asks by itself, which is no use of it by its user (S-HTTP-36)."""
    if head.method in _POLLING or head.path.lower().endswith(_KEEP_ALIVE):
        return True
    return head.query is not None and _BY_ITSELF.search(head.query) is not None


@frozen
class FormUse:
    """A log-on in use: until when the same may be taken for granted, in seconds of the clock; `line` renews it."""

    logon: LogonCookie
    until: float
    forms: FormLogOns
    line: bytes = field(default=b"", repr=False)

    def serves(self, head: RequestHead) -> bool:
        """Whether `head`, with the same cookie, needs no more than a look: nobody logged off, or does so by it."""
        if not self.forms.is_live(self.logon):
            return False
        path, query = head.path.lower(), head.query
        plain = b"%" not in path and b"auth" not in path and b"logoff" not in path
        if plain and (query is None or b"logoff" not in query.lower()):
            return True
        try:
            return not own_page(checked(head.path), query)
        except BadPath:
            return False


@define(eq=False)
class FormSessions:
    """The log-on by form of one client connection. `settings` is [limits]."""

    steps: Steps
    forms: FormLogOns
    settings: LimitsSection
    clock: IReactorTime
    _session_id: bytes = field(default=b"", init=False)
    _identity: Identity | None = field(default=None, init=False, repr=False)
    _until: float = field(default=0.0, init=False)

    def open(self, head: RequestHead, site: VirtualSite) -> LogonCookie:
        """The log-on that a request brings. Raises `Refused` where it brings none that is good."""
        value = cookie_value(head)
        if not value:
            raise Refused(FORM_NEEDED)
        return self.forms.open(value, place(site))

    async def identity(self, record: SessionRecord, logon: LogonCookie, directory: VirtualDirectory) -> Identity:
        """Whose it is, by the directory. Raises `Refused`."""
        if self._identity is not None and self._session_id == logon.session_id and self.clock.seconds() < self._until:
            LogOns.note(record, self._identity)
        else:
            found = await self._find(record, logon)
            self._session_id = logon.session_id
            self._identity = evolve(found, proof="form", secret=self.forms.secret(logon))
            self._until = self.clock.seconds() + self.settings.remembered_logon_time
        if self._identity.secret is None and directory.section.identity == "basic":
            raise Refused(FORM_NEEDED, "the password for the back end is not held")
        return self._identity

    def use(self, head: RequestHead, logon: LogonCookie, site: VirtualSite, secure: bool) -> FormUse:
        """How long this request's decision holds, and the renewed cookie where one is due."""
        wall, now = self.forms.wall(), self.clock.seconds()
        line = b""
        if wall >= self.forms.due(logon):
            if is_background(head):
                return FormUse(logon, float("-inf"), self.forms)  # the next request may be the user's
            logon = self.forms.used(logon)
            line = b"Set-Cookie: " + cookie_line(self.forms.seal(logon, place(site)), secure) + b"\r\n"
        left = min(self.forms.due(logon), self.forms.lasts(logon)) - wall
        return FormUse(logon, min(self._until, now + left), self.forms, line)

    def forget(self) -> None:
        """Ask the directory again."""
        if self._identity is not None:
            self.steps.portal.forget(self._identity)
        self._identity = None

    async def _find(self, record: SessionRecord, logon: LogonCookie) -> Identity:
        try:
            found = await self.steps.portal.identify(logon.typed, record)
        except Refused as refused:
            if refused.reason.http_status == _UNAUTHORIZED:  # nobody any more, or disabled
                raise Refused(FORM_REVOKED, refused.reason.cause) from None
            raise
        assert found.account is not None
        self.forms.check_account(logon, found.account)
        return found
