"""One LDAP connection: TLS first, every wait bounded, what comes in checked before it is decoded.

Nothing but this module, ldap_protocol.py, messages.py and lab/ knows ldaptor. What goes out of it are own values:
`Entry`, `SearchAnswer`, `BindResult`, and the closed list of errors.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from attrs import field, frozen
from ldaptor.protocols import pureldap
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from exfront import limits
from exfront.config.limits import LimitsSection
from exfront.directory import messages
from exfront.directory.entry import Entry
from exfront.directory.errors import BadCertificate, ConnectionLost, DirectoryError, ServerFault, TimedOut
from exfront.directory.filters import Scope, Search
from exfront.directory.framing import BadFrame
from exfront.directory.ldap_protocol import LdapProtocol
from exfront.directory.root_dse import ROOT_SEARCH, RootDse
from exfront.directory.search_answers import Controls, SearchDone, SearchReference
from exfront.directory.search_request import page_control, page_cookie, search_request
from exfront.secret import Secret

_T = TypeVar("_T")

SUCCESS = 0
TIME_LIMIT_EXCEEDED = 3
BUSY, UNAVAILABLE = 51, 52
_SIZE_LIMIT_EXCEEDED = 4
_NO_SUCH_OBJECT = 32


@frozen
class BindResult:
    """What a bind was answered with: RFC 4511's result code, and the server's text, for the log and S-AUTH-16."""

    code: int
    message: str
    controls: Mapping[bytes, bytes] = field(factory=dict)  # by their OIDs


@frozen
class SearchAnswer:
    """`complete` is False where the size limit cut the answer: there are more entries than these."""

    entries: tuple[Entry, ...]
    complete: bool
    references: int  # answers of the sort "ask over there"; never followed (S-DIR-9)
    server: str


@frozen
class Page:
    """A part of a long answer; `cookie` asks for the next one, empty after the last (RFC 2696)."""

    entries: tuple[Entry, ...]
    cookie: bytes


class Watch(Protocol):
    """Sees what a connection does, to judge its server by it."""

    def began(self, connection: Connection) -> None:
        """Something was sent that the server must answer."""

    def heard(self, connection: Connection) -> None:
        """Octets came."""

    def ended(self, connection: Connection, seconds: float, error: DirectoryError | None) -> None:
        """That wait is over: an answer, or none."""

    def closed(self, connection: Connection, broken: bool) -> None:
        """The connection has ended; `broken` when the server did it while it owed answers."""


class Connection:
    """A connected server, by `name` (its URL). Use `handshake` or `start_tls` before the first `bind`.

    `on_lost` is called once, when the connection has ended, with the reason.
    """

    def __init__(self, name: str, times: LimitsSection, reactor: Any, watch: Watch) -> None:
        self.name = name
        self.on_lost: Callable[[Connection, DirectoryError], None] | None = None
        self.ended: Deferred[None] = Deferred()
        self.protocol = LdapProtocol(name, self._lost, self._heard)
        self.waiting = 0  # searches that no answer came to
        self._collectors: set[_Collector] = set()
        self._times = times
        self._reactor = reactor
        self._watch = watch
        self._heard_at = reactor.seconds()
        self._owed = 0
        self._closed_here = False

    @property
    def alive(self) -> bool:
        """Whether a request may be written: connected, and nobody decided to close."""
        return self.protocol.usable

    async def handshake(self) -> None:
        """Wait for TLS from the first octet: done, and the certificate verified. Raises `DirectoryError`."""
        await self._within(self._times.ldap_tls_time, self.protocol.handshake(), "TLS handshake")

    async def start_tls(self, context: Any) -> None:
        """StartTLS (RFC 4511 section 4.14) with a verifying context. Raises `DirectoryError` (S-DIR-10)."""
        request = pureldap.LDAPStartTLSRequest()
        answer, _ = await self._within(self._times.ldap_tls_time, self.protocol.send(request), "StartTLS")
        code = answer.resultCode if isinstance(answer, pureldap.LDAPExtendedResponse) else None
        if code != SUCCESS:
            raise BadCertificate(f"{self.name} StartTLS refused: result={code} {messages.text(answer)}")
        secured = self.protocol.upgrade(context)
        await self._within(self._times.ldap_tls_time, secured, "TLS handshake")

    async def bind(self, dn: str, secret: Secret, controls: Controls | None = None) -> BindResult:
        """A simple bind; only one at a time, and nothing else with it (RFC 4511 section 4.2.1).

        Without an answer, for whatever reason, the connection is closed: who is bound there is not known (S-AUTH-2).
        Raises `DirectoryError`.
        """
        self._check_alive()
        answered = False
        try:
            sent = self.protocol.bind_request(dn, secret, controls)
            answer, told = await self._within(self._times.ldap_bind_time, sent, "bind")
            answered = isinstance(answer, pureldap.LDAPBindResponse)
        finally:
            if not answered:
                self.abort()
        if not answered:
            raise ConnectionLost(f"{self.name} answered something else to a bind")
        values = {name: value or b"" for name, _, value in told or ()}
        return BindResult(answer.resultCode, messages.text(answer), values)

    async def search(self, search: Search) -> SearchAnswer:
        """At most two entries (S-DIR-8). Many searches may run at once. Raises `DirectoryError`."""
        request = search_request(search, self._times.ldap_search_time)
        return await self._answer(request, None, _Collector(self.name, search.scope))

    async def page(self, search: Search, size: int, cookie: bytes = b"") -> Page:
        """One page of all that `search` finds (RFC 2696), of at most `size` entries. Raises `DirectoryError`."""
        request = search_request(search, self._times.ldap_search_time, size=0)
        collector = _Collector(self.name, search.scope, size)
        answer = await self._answer(request, page_control(size, cookie), collector)
        if not answer.complete:
            raise ServerFault(_SIZE_LIMIT_EXCEEDED, f"{self.name} a page over its size, or cut short")
        return Page(answer.entries, collector.cookie)

    async def root_dse(self) -> RootDse:
        """What the server says of itself (RFC 4512 section 5.1). Raises `DirectoryError`."""
        answer = await self.search(ROOT_SEARCH)
        return RootDse.read(answer.entries[0]) if answer.entries else RootDse()

    def give_up_searches(self, why: DirectoryError) -> None:
        """All searches that wait fail with `why`; the server is told to abandon them (RFC 4511 section 4.11)."""
        for collector in tuple(self._collectors):
            self.protocol.abandon(collector.message_id)
            collector.fail(Failure(why))

    async def _answer(self, request: bytes, controls: Controls | None, collector: _Collector) -> SearchAnswer:
        self._check_alive()
        collector.message_id = self.protocol.search(request, controls, collector.take, collector.fail)
        collector.too_many = lambda: self.protocol.abandon(collector.message_id)
        self._collectors.add(collector)
        self.waiting += 1
        try:
            return await self.watched(collector.done, self._times.ldap_search_time, partial(self._slow, collector))
        finally:
            self.waiting -= 1
            self._collectors.discard(collector)

    def _slow(self, collector: _Collector, began: float) -> None:
        """A search took too long. Where the server says nothing at all the connection is at its end (S-DIR-1)."""
        self.protocol.abandon(collector.message_id)
        if self._heard_at <= began:
            self.abort(ConnectionLost(f"{self.name} closed since it fell silent"))

    def close(self) -> None:
        """Say good-bye (RFC 4511 section 4.3) and close; closed hard where the server does not follow suit."""
        if not self.alive:
            return
        self._closed_here = True
        self.protocol.unbind()
        hard = self._reactor.callLater(limits.LDAP_CLOSE_TIME, self.abort)
        self.ended.addCallback(lambda _: hard.active() and hard.cancel())

    def abort(self, why: DirectoryError | None = None) -> None:
        """Close at once; what still waits fails with `ConnectionLost`."""
        self._closed_here = True
        self.protocol.abort(why or ConnectionLost(f"{self.name} closed here"))

    def _check_alive(self) -> None:
        if not self.alive:
            raise ConnectionLost(f"{self.name} is not connected")

    async def watched(
        self, answer: Deferred[_T], seconds: float, late: Callable[[float], object] = lambda began: None
    ) -> _T:
        """`answer` within `seconds`; else `late` is called, with the time of the beginning, and `TimedOut` raised.

        The server is judged by it.
        """
        began = self._reactor.seconds()

        def too_slow(_result: object, _seconds: float) -> _T:
            late(began)
            raise TimedOut(f"{self.name} no answer in {seconds:g} s")

        self._owed += 1
        self._watch.began(self)
        error: DirectoryError | None = ConnectionLost("nobody waits any more")
        try:
            found = await answer.addTimeout(seconds, self._reactor, too_slow)
            error = None
            return found
        except DirectoryError as failed:
            error = failed
            raise
        finally:
            self._owed -= 1
            self._watch.ended(self, self._reactor.seconds() - began, error)

    async def _within(self, seconds: float, answer: Deferred[_T], what: str) -> _T:
        """Wait for something without which the connection is of no use."""
        why = ConnectionLost(f"{self.name} closed since a {what} took too long")
        return await self.watched(answer, seconds, lambda began: self.abort(why))

    def _heard(self) -> None:
        self._heard_at = self._reactor.seconds()
        self._watch.heard(self)

    def _lost(self, why: DirectoryError) -> None:
        if self.on_lost is not None:
            self.on_lost(self, why)
        self._watch.closed(self, bool(self._owed) and not self._closed_here)
        self.ended.callback(None)


def _nothing() -> None:
    """For a search that was not written."""


class _Collector:
    """Gathers one search's answers; `done` fires with them."""

    def __init__(self, server: str, scope: Scope, most: int = limits.LDAP_SIZE_LIMIT) -> None:
        self.done: Deferred[SearchAnswer] = Deferred()
        self.message_id = 0
        self.cookie = b""
        self.too_many: Callable[[], object] = _nothing
        self._server = server
        self._scope = scope
        self._most = most
        self._entries: list[Entry] = []
        self._references = 0
        self._complete = True

    def take(self, answer: Any, controls: Controls | None = None) -> bool:
        """One message; True after the last one."""
        if isinstance(answer, Entry):
            self._add(answer)
            return False
        if isinstance(answer, SearchReference):
            self._references += 1
            return False
        if not isinstance(answer, SearchDone):
            raise BadFrame("not a search's answer")
        self.cookie = page_cookie(controls)
        self._finish(answer.code, messages.printable(answer.message))
        return True

    def fail(self, failure: Failure) -> None:
        """No answer: the connection ended first, or nobody waits for it any more."""
        if not self.done.called:
            self.done.errback(failure)

    def _add(self, entry: Entry) -> None:
        if len(self._entries) < self._most:
            self._entries.append(entry)
            return
        self._complete = False  # the server does not keep to the size limit: the rest is dropped unread
        self.too_many()
        self._finish(SUCCESS, "")

    def _finish(self, code: int, text: str) -> None:
        # "No such object" to a subtree search means that the base is wrong, or hidden: not that a user is unknown.
        missing = code == _NO_SUCH_OBJECT and self._scope is Scope.BASE
        if self.done.called:
            return
        if code not in (SUCCESS, _SIZE_LIMIT_EXCEEDED) and not missing:
            self.done.errback(ServerFault(code, f"{self._server} {text}"))
            return
        complete = self._complete and code != _SIZE_LIMIT_EXCEEDED
        self.done.callback(SearchAnswer(tuple(self._entries), complete, self._references, self._server))
