"""One LDAP connection, on ldaptor: TLS first, every wait bounded, what comes in checked before it is decoded.

Nothing but this module, messages.py and lab/ knows ldaptor. What goes out of it are own values: `Entry`,
`SearchAnswer`, `BindResult`, and the closed list of errors.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import frozen
from ldaptor.protocols import pureldap
from ldaptor.protocols.ldap.ldapclient import LDAPClient
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.config.limits import LimitsSection
from exfront.directory import messages
from exfront.directory.entry import Entry
from exfront.directory.errors import BadCertificate, ConnectionLost, DirectoryError, ServerFault, TimedOut
from exfront.directory.filters import Scope, Search
from exfront.directory.framing import BadFrame, Frames
from exfront.net import tls
from exfront.secret import Secret

_T = TypeVar("_T")

SUCCESS = 0
TIME_LIMIT_EXCEEDED = 3
BUSY, UNAVAILABLE = 51, 52
_SIZE_LIMIT_EXCEEDED = 4
_NO_SUCH_OBJECT = 32

_LAST_MESSAGE_ID = 2**31 - 1  # RFC 4511 section 4.1.1; ldaptor's own counter passes it after some weeks


@frozen
class BindResult:
    """What a bind was answered with: RFC 4511's result code, and the server's text, for the log and S-AUTH-16."""

    code: int
    message: str


@frozen
class SearchAnswer:
    """`complete` is False where the size limit cut the answer: there are more entries than these."""

    entries: tuple[Entry, ...]
    complete: bool
    references: int  # answers of the sort "ask over there"; never followed (S-DIR-9)
    server: str


class Connection:
    """A connected server, by `name` (its URL). Use `handshake` or `start_tls` before the first `bind`.

    `on_lost` is called once, when the connection has ended, with the reason.
    """

    def __init__(self, name: str, times: LimitsSection, reactor: Any) -> None:
        self.name = name
        self.on_lost: Callable[[Connection, DirectoryError], None] | None = None
        self.ended: Deferred[None] = Deferred()
        self.protocol = LdapProtocol(name, self._lost)
        self._times = times
        self._reactor = reactor

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
        answer = await self._within(self._times.ldap_tls_time, self.protocol.send(request), "StartTLS")
        code = answer.resultCode if isinstance(answer, pureldap.LDAPExtendedResponse) else None
        if code != SUCCESS:
            raise BadCertificate(f"{self.name} StartTLS refused: result={code} {messages.text(answer)}")
        secured = self.protocol.upgrade(context)
        await self._within(self._times.ldap_tls_time, secured, "TLS handshake")

    async def bind(self, dn: str, secret: Secret) -> BindResult:
        """A simple bind; only one at a time, and nothing else with it (RFC 4511 section 4.2.1).

        Without an answer, for whatever reason, the connection is closed: who is bound there is not known (S-AUTH-2).
        Raises `DirectoryError`.
        """
        self._check_alive()
        answered = False
        try:
            answer = await self._within(self._times.ldap_bind_time, self.protocol.bind_request(dn, secret), "bind")
            answered = isinstance(answer, pureldap.LDAPBindResponse)
        finally:
            if not answered:
                self.abort()
        if not answered:
            raise ConnectionLost(f"{self.name} answered something else to a bind")
        return BindResult(answer.resultCode, messages.text(answer))

    async def search(self, search: Search) -> SearchAnswer:
        """At most two entries (S-DIR-8). Many searches may run at once. Raises `DirectoryError`."""
        self._check_alive()
        collector = _Collector(self.name, search.scope)
        sent = self.protocol.send_multiResponse(
            messages.search_request(search, self._times.ldap_search_time), collector.take
        )
        sent.addErrback(collector.fail)
        return await self._within(self._times.ldap_search_time, collector.done, "search")

    def close(self) -> None:
        """Say good-bye (RFC 4511 section 4.3) and close; closed hard where the server does not follow suit."""
        if not self.alive:
            return
        self.protocol.unbind()
        hard = self._reactor.callLater(limits.LDAP_CLOSE_TIME, self.abort)
        self.ended.addCallback(lambda _: hard.active() and hard.cancel())

    def abort(self, why: DirectoryError | None = None) -> None:
        """Close at once; what still waits fails with `ConnectionLost`."""
        self.protocol.abort(why or ConnectionLost(f"{self.name} closed here"))

    def _check_alive(self) -> None:
        if not self.alive:
            raise ConnectionLost(f"{self.name} is not connected")

    def _within(self, seconds: float, answer: Deferred[_T], what: str) -> Deferred[_T]:
        def too_slow(_result: object, _seconds: float) -> _T:
            self.abort(ConnectionLost(f"{self.name} closed since a {what} took too long"))
            raise TimedOut(f"{self.name} {what} over {seconds:g} s")

        return answer.addTimeout(seconds, self._reactor, too_slow)

    def _lost(self, why: DirectoryError) -> None:
        if self.on_lost is not None:
            self.on_lost(self, why)
        self.ended.callback(None)


@implementer(IHandshakeListener)
class LdapProtocol(LDAPClient):  # type: ignore[misc]  # ldaptor has no types
    """ldaptor's client, but for what building.md lists: framing, message ids, notices, StartTLS and losses are own."""

    def __init__(self, name: str, lost: Callable[[DirectoryError], None]) -> None:
        super().__init__()
        self._name = name
        self._lost = lost
        self._frames = Frames()
        self._last_id = 0
        self._fault: DirectoryError | None = None
        self._secured = False
        self._upgrading = False
        self._handshake: Deferred[None] | None = None

    @property
    def usable(self) -> bool:
        """Connected, and not about to be closed."""
        return bool(self.connected) and self._fault is None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)

    def dataReceived(self, recd: bytes) -> None:
        try:
            for message in self._frames.feed(recd):
                if self._upgrading:
                    raise BadFrame("octets behind the StartTLS answer")
                self.handle(messages.decode(message))
                if self._fault is not None:
                    return
            if self._upgrading and self._frames.pending:
                raise BadFrame("octets behind the StartTLS answer")
        except Exception as error:  # noqa: BLE001 - ldaptor's decoder raises anything; the connection ends with it
            text = str(error) if isinstance(error, BadFrame) else type(error).__name__
            self.abort(ConnectionLost(f"{self._name} broke the protocol: {text}"))

    def handle(self, msg: Any) -> None:
        """Give an answer to who waits for it; an unknown id breaks the protocol."""
        if msg.id == 0:
            self.unsolicitedNotification(msg.value)
            return
        if msg.id not in self.onwire:
            raise BadFrame("unknown message id")
        answer, _, handler, _, _ = self.onwire[msg.id]
        if handler is None:
            del self.onwire[msg.id]
            answer.callback(msg.value)
        elif handler(msg.value):
            self.onwire.pop(msg.id, None)

    def unsolicitedNotification(self, msg: Any) -> None:
        """Notice of disconnection (RFC 4511 section 4.4.1), the only one there is: nothing more is sent here."""
        self.abort(ConnectionLost(f"{self._name} notice of disconnection: {messages.text(msg)}"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        why = self._fault or self._loss(reason)
        self._fault = why
        self._lost(why)
        super().connectionLost(Failure(why))
        if self._handshake is not None:
            waiting, self._handshake = self._handshake, None
            waiting.errback(Failure(why))

    def handshakeCompleted(self) -> None:
        """TLS is up and the certificate verified; the transport tells."""
        self._secured, self._upgrading = True, False
        if self._handshake is not None:
            waiting, self._handshake = self._handshake, None
            waiting.callback(None)

    def handshake(self) -> Deferred[None]:
        """Fires when TLS is up; fails with `DirectoryError`."""
        waiting: Deferred[None] = Deferred()
        if self._secured:
            waiting.callback(None)
        elif self._fault is not None:
            waiting.errback(self._fault)
        else:
            self._handshake = waiting
        return waiting

    def upgrade(self, context: Any) -> Deferred[None]:
        """Begin TLS now; from here on nothing in the clear is taken."""
        self._upgrading = True
        self.transport.startTLS(context)
        return self.handshake()

    def bind_request(self, dn: str, secret: Secret) -> Deferred[Any]:
        """Write a bind. The password lives in no variable that a traceback could hold."""
        return self.send(pureldap.LDAPBindRequest(dn=dn.encode("utf-8"), auth=secret.reveal()))  # type: ignore[no-any-return]

    def unbind(self) -> None:
        self._fault = ConnectionLost(f"{self._name} closed here")
        self.send_noResponse(pureldap.LDAPUnbindRequest())
        self.transport.loseConnection()

    def abort(self, why: DirectoryError) -> None:
        """Close at once. A second reason does not replace the first."""
        if self._fault is None:
            self._fault = why
        if self.connected:
            self.transport.abortConnection()

    def _loss(self, reason: Failure) -> DirectoryError:
        fault = tls.certificate_fault(reason, self.transport)
        if fault:
            return BadCertificate(f"{self._name} reason={fault}")
        return ConnectionLost(f"{self._name} lost: {type(reason.value).__name__}")

    def _send(self, op: Any, controls: Any = None) -> Any:
        self._last_id = self._last_id % _LAST_MESSAGE_ID + 1
        return pureldap.LDAPMessage(op, controls=controls, id=self._last_id)


class _Collector:
    """Gathers one search's answers; `done` fires with them."""

    def __init__(self, server: str, scope: Scope) -> None:
        self.done: Deferred[SearchAnswer] = Deferred()
        self._server = server
        self._scope = scope
        self._entries: list[Entry] = []
        self._references = 0
        self._complete = True

    def take(self, answer: Any) -> bool:
        """One message; True after the last one."""
        if isinstance(answer, pureldap.LDAPSearchResultEntry):
            self._add(messages.entry(answer))
            return False
        if isinstance(answer, pureldap.LDAPSearchResultReference):
            self._references += 1
            return False
        if not isinstance(answer, pureldap.LDAPSearchResultDone):
            raise BadFrame("not a search's answer")
        self._finish(answer.resultCode, messages.text(answer))
        return True

    def fail(self, failure: Failure) -> None:
        """The connection ended first."""
        self.done.errback(failure)

    def _add(self, entry: Entry) -> None:
        if len(self._entries) < limits.LDAP_SIZE_LIMIT:
            self._entries.append(entry)
        else:
            self._complete = False  # the server does not keep to the size limit

    def _finish(self, code: int, text: str) -> None:
        # "No such object" to a subtree search means that the base is wrong, or hidden: not that a user is unknown.
        missing = code == _NO_SUCH_OBJECT and self._scope is Scope.BASE
        if code not in (SUCCESS, _SIZE_LIMIT_EXCEEDED) and not missing:
            self.done.errback(ServerFault(code, f"{self._server} {text}"))
            return
        complete = self._complete and code != _SIZE_LIMIT_EXCEEDED
        self.done.callback(SearchAnswer(tuple(self._entries), complete, self._references, self._server))
