"""Logging on and off by form: the pages, what they send, and the way there (exchange.md 2.6 and 3.3; S-HTTP-35 to -39).

Sources: TechNet bb124205 and aa996742, the Ximian Connector's document on forms-based authentication.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from attrs import frozen
from twisted.internet.defer import Deferred

from exfront import limits
from exfront.auth.forms import FormLogOns
from exfront.decision import SessionRecord
from exfront.facts import Identity
from exfront.reasons import (
    BAD_INPUT,
    FORM_COOKIE,
    FORM_FOREIGN,
    FORM_NEEDED,
    FORM_REVOKED,
    FORM_TIMED_OUT,
    METHOD_NOT_ALLOWED,
    PASSWORD_EXPIRED,
    TOO_MANY_LOGON_FAILURES,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.secret import Secret
from exfront.web import admission
from exfront.web.context import ClientContext
from exfront.web.destinations import again, destination, home, is_old, logon_url, page_at
from exfront.web.form_sessions import cookie_line, cookie_value, no_cookie, place
from exfront.web.headers import ClientFacts
from exfront.web.own_origin import check_origin, is_foreign
from exfront.web.pages import Page, redirect_page
from exfront.web.virtual_sites import VirtualDirectory, VirtualSite
from exfront.wire.form import BadForm, is_form, parse_form
from exfront.wire.http1.events import Headers, RequestHead

FORM_STATUS = 440  # of the refusals that a log-on by form heals

_OK = 200
_FOUND = 302
_FORBIDDEN = 403
_UNAUTHORIZED = 401
_READING = frozenset({b"GET", b"HEAD"})
_PRIVATE = 4  # in `trusted` and in `flags`
# Why the page is shown: what Exchange puts into the URL
_FIRST, _LOGGED_OFF, _WRONG, _TIMED_OUT = range(4)
_NUMBERS = {FORM_NEEDED: _FIRST, FORM_COOKIE: _FIRST, FORM_REVOKED: _FIRST, FORM_TIMED_OUT: _TIMED_OUT}
_ALERTS = {b"1": "logged_off", b"2": "wrong_password", b"3": "timed_out"}
# Tools that know Exchange's own form take a cookie of this name for the proof that they were let in.
_MARK = b"cadata"
_POST_2003 = b"/exchweb/bin/auth/owaauth.dll"
_POST = b"/owa/auth.owa"


@frozen
class Reply:
    """An answer of exfront's own; `fields` come beside those of the page."""

    status: int
    page: Page
    fields: Headers = ()


@frozen
class Visit:
    """A request for one of these pages; `body` begins to read what it sends, and raises `Refused` for too much."""

    context: ClientContext
    head: RequestHead
    site: VirtualSite
    client: ClientFacts
    record: SessionRecord
    body: Callable[[], Deferred[bytes]]

    @property
    def old_form(self) -> bool:
        """Whether it is that of Exchange 2003."""
        return self.head.path.lower().startswith(b"/exchweb/")

    @property
    def forms(self) -> FormLogOns:
        """All log-ons by form."""
        return self.context.form_sessions.forms

    @property
    def accepts(self) -> bytes | None:
        """The languages that the user reads."""
        return self.head.get(b"accept-language")


def wants(site: VirtualSite, head: RequestHead, segments: tuple[bytes, ...]) -> str:
    """Which of the pages is asked for: those of `page_at`, or ``root``; empty for none of them."""
    if site.home is None:
        return ""
    if segments == (b"",):
        nobodys = site.directory(segments) is None and head.method in _READING
        return "root" if nobodys else ""
    return page_at(site, segments, head.query)


async def answer(page: str, visit: Visit) -> Reply:
    """The answer to what `wants` has found. Raises `Refused`."""
    site, head = visit.site, visit.head
    assert site.home is not None
    plaintext = visit.context.listener.allow_plaintext
    redirect = admission.admit_to_form(head, site, site.home, visit.client, plaintext)
    if redirect is not None:
        return Reply(redirect.status, redirect_page(redirect.location))
    if head.method not in _READING and head.method != b"POST":
        raise Refused(METHOD_NOT_ALLOWED)
    if page == "root":
        return _to(home(site))
    if page == "logoff":
        return _log_off(visit)
    if page == "post" and head.method == b"POST":
        return await _post(visit)
    if page == "post":
        return _to(again(site, site.home, home(site), visit.client.secure, _FIRST))
    if (head.get(b"translate") or b"").lower() == b"f":  # a WebDAV client would take the page for a document
        raise Refused(FORM_FOREIGN, "Translate: f")
    return _form(visit)


def ask(refused: Refused, context: ClientContext, head: RequestHead, site: VirtualSite,
        directory: VirtualDirectory, client: ClientFacts) -> Reply:  # fmt: skip
    """What a client without a good log-on gets: the way to the form, or where it would not follow that, 440."""
    gone: Headers = ((b"Set-Cookie", no_cookie(client.secure)),) if cookie_value(head) is not None else ()
    if head.method not in _READING:
        page = context.pages.error(FORM_STATUS, refused.reason, context.session.id, head.get(b"accept-language"))
        return Reply(FORM_STATUS, page, gone)
    secure = client.secure or directory.section.require_tls != "no"
    target = head.path if head.query is None else head.path + b"?" + head.query
    return Reply(_FOUND, redirect_page(logon_url(site, directory, target, secure, _NUMBERS[refused.reason])), gone)


def _form(visit: Visit) -> Reply:
    query = _query(visit.head)
    alert = _ALERTS.get(query.get(b"reason", b""), "")
    code = WRONG_PASSWORD.public_code if alert == "wrong_password" else ""
    return Reply(_OK, _page(visit, destination(visit.site, query.get(b"url")), alert, code))


def _page(visit: Visit, target: bytes, alert: str, code: str) -> Page:
    action = _POST_2003 if visit.old_form else _POST
    context = visit.context
    return context.pages.logon(
        action.decode("ascii"), target.decode("ascii"), alert, context.session.id, visit.accepts, code
    )


async def _post(visit: Visit) -> Reply:
    """S-HTTP-38, S-HTTP-39: who may send the form, and where it leads. Raises `Refused`."""
    check_origin(visit.head, visit.site, visit.client.secure)
    if not is_form(visit.head.get(b"content-type")):
        raise Refused(BAD_INPUT, "no form")
    try:
        fields = parse_form(await visit.body())
    except BadForm as why:
        raise Refused(BAD_INPUT, f"form: {why}") from None
    target = destination(visit.site, fields.get("destination"))
    name, secret = fields.get("username", b""), Secret(fields.get("password", b""))
    log_ons, steps = visit.context.log_ons, visit.context.steps
    try:
        identity = await log_ons.held_back(visit.record, steps.authenticate(visit.record, name, secret))
    except Refused as refused:
        return _failed(visit, refused, target)
    return _logged_on(visit, identity, target, private=_is_private(fields))


def _logged_on(visit: Visit, identity: Identity, target: bytes, *, private: bool) -> Reply:
    """A new log-on, whatever the browser brought; what it brought ends (S-HTTP-38)."""
    _end(visit)
    holds = any(each.asks_form and each.section.identity == "basic" for each in visit.site.directories)
    forms = visit.forms
    logon = forms.begin(identity, private=private, old_form=visit.old_form, holds_password=holds)
    secure = visit.client.secure
    mark = b"%b=1; Path=/%b; HttpOnly; SameSite=Lax" % (_MARK, b"; Secure" if secure else b"")
    set_cookie = cookie_line(forms.seal(logon, place(visit.site)), secure)
    return _to(target, ((b"Set-Cookie", set_cookie), (b"Set-Cookie", mark)))


def _failed(visit: Visit, refused: Refused, target: bytes) -> Reply:
    """Back to the form; why, is in the URL for the one case that Exchange knew, else in the page itself."""
    reason = refused.reason
    visit.record.refuse(reason, refused.detail)
    if reason.public_code == WRONG_PASSWORD.public_code:
        return _to(again(visit.site, _directory_of(visit), target, visit.client.secure, _WRONG))
    status = _FORBIDDEN if reason.http_status == _UNAUTHORIZED else reason.http_status
    more: Headers = () if reason.retry_after is None else ((b"Retry-After", b"%d" % reason.retry_after),)
    return Reply(status, _page(visit, target, _alert(reason), reason.public_code), more)


def _alert(reason: Reason) -> str:
    if reason.public_code == PASSWORD_EXPIRED.public_code:
        return "expired"
    return "too_many" if reason is TOO_MANY_LOGON_FAILURES else "unavailable"


def _directory_of(visit: Visit) -> VirtualDirectory:
    """One whose page is of the same kind as that which was sent."""
    asking = (each for each in visit.site.directories if each.asks_form and is_old(each) == visit.old_form)
    found = next(asking, visit.site.home)
    assert found is not None
    return found


def _log_off(visit: Visit) -> Reply:
    """S-HTTP-37. Another site's page cannot log anybody off; it leads to the mail instead."""
    if is_foreign(visit.head):
        return _to(home(visit.site))
    _end(visit)
    page = visit.context.pages.logoff(home(visit.site).decode("ascii"), visit.context.session.id, visit.accepts)
    secure = visit.client.secure
    mark = b"%b=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT%b" % (_MARK, b"; Secure" if secure else b"")
    gone = ((b"Set-Cookie", no_cookie(secure)), (b"Set-Cookie", mark), (b"Clear-Site-Data", b'"cache"'))
    return Reply(_OK, page, gone)


def _end(visit: Visit) -> None:
    """End the log-on that the request brings, if it brings one."""
    try:
        logon = visit.context.form_sessions.open(visit.head, visit.site)
    except Refused:
        return  # nothing to be ended
    visit.forms.revoke(logon)
    visit.context.form_sessions.forget()
    visit.context.pool.leave(logon.account_id)
    visit.record.account_id = logon.account_id


def _to(path: bytes, fields: Headers = ()) -> Reply:
    """To a path of the same site: such a Location can lead to no other."""
    return Reply(_FOUND, redirect_page(path), fields)


def _is_private(fields: dict[str, bytes]) -> bool:
    """`trusted` says it, and older clients without it set the bit in `flags`."""
    said = fields.get("trusted") or fields.get("flags") or b""
    return said.isdigit() and len(said) < 10 and bool(int(said) & _PRIVATE)


def _query(head: RequestHead) -> dict[bytes, bytes]:
    """The first of each name: what a page's own redirection wrote."""
    try:
        pairs = parse_qsl((head.query or b"").decode("ascii"), max_num_fields=limits.LOGON_FORM_FIELDS)
    except ValueError:
        return {}
    return {
        name.encode("utf-8", "replace"): value.encode("utf-8", "surrogateescape") for name, value in reversed(pairs)
    }
