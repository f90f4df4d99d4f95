"""A routed request on its way to a back end: on which connection, and whether it may be said twice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocol
from twisted.python.failure import Failure

from exfront.backends.certificate import told
from exfront.backends.health import Application
from exfront.decision import Relay, SessionRecord
from exfront.reasons import (
    BACK_END_CERTIFICATE,
    BACK_END_RESET,
    FORM_REVOKED,
    NEXT_HOP_REFUSED,
    Refused,
)
from exfront.web.answer import Answer
from exfront.web.applications import REPEATABLE_METHODS
from exfront.web.back_end import BackEndConnection, Connections
from exfront.web.body import RequestBody
from exfront.web.cas_cookies import CasSession
from exfront.web.context import ClientContext
from exfront.web.failover import Failover
from exfront.web.form_sessions import FormUse
from exfront.web.proxy import Exchange
from exfront.web.route import Case, Route
from exfront.web.routes import INTEGRATED, log_on, route_of
from exfront.wire.http1.events import Framing, RequestHead, ResponseHead
from exfront.wire.soap_header import Envelope

_CONNECTIONS = Connections()
STATUSES = {status: str(status) for status in range(100, 600)}


@define(eq=False)
class Sending(ABC):
    """`ended` hears how it ended: None when the answer is complete, a `Refused`, or a fault of our own.

    What is said before the request, and what an answer means, is for those who know it: see `exfront.web.forward`.
    """

    context: ClientContext
    head: RequestHead
    body: RequestBody
    answer: Answer
    record: SessionRecord
    route: Route
    ended: Callable[[Refused | Failure | None], None]
    envelope: Envelope | None = None  # of a body of SOAP, where its start was read
    exchange: Exchange | None = field(default=None, init=False)
    _began: float = field(default=0.0, init=False)
    _kept: bool = field(default=False, init=False)  # the connection had served before
    _failing: Failover | None = field(default=None, init=False)  # where it may go instead, as soon as that is asked
    _waiting: Deferred[None] | None = field(default=None, init=False)
    _counted: Application | None = field(default=None, init=False)  # where this request is counted, until its end
    _held_body: bytes = field(default=b"", init=False, repr=False)
    _framing: Framing | None = field(default=None, init=False)  # as it is sent, where that is not the client's
    _told: bool = field(default=False, init=False)  # the second Client Access server, for this request
    _log_ons: int = field(default=0, init=False)  # of the user there, when the request was sent
    _status: int = field(default=0, init=False)  # the back end's, and when its head came
    _head_at: float = field(default=0.0, init=False)

    @abstractmethod
    def edit(self, head: ResponseHead) -> bytes:
        """See `Caller`."""

    @abstractmethod
    def reconsiders(self, head: ResponseHead) -> bool:
        """See `Caller`."""

    @abstractmethod
    def _first(self) -> Coroutine[Any, Any, None] | None:
        """What comes before the request can be sent; it sends the request itself."""

    def start(self) -> None:
        """Send it on a connection that is there, or on a new one."""
        self._told = False
        first = self._first()
        if first is not None:
            self._count()
            self._wait(first)
            return
        connection = self._begin()
        if connection is None:
            self._dial()
        else:
            self._send(connection)

    @property
    def _failover(self) -> Failover:
        if self._failing is None:
            self._failing = Failover(self.context.steps, self.record)
        return self._failing

    def _count(self) -> None:
        self._began = self._head_at = self.context.clock.seconds()
        self._counted = self.route.application
        self._counted.begin()

    def _begin(self) -> BackEndConnection | None:
        self._count()
        connection = self._connection()
        self._kept = connection is not None
        return connection

    def cancel(self) -> None:
        """The client is gone."""
        self._drop()
        if self._waiting is not None:
            self._waiting.cancel()
        if self.exchange is not None:
            self.exchange.cancel()

    # --- connections

    def _connection(self) -> BackEndConnection | None:
        key, pinned = self.route.key, self.context.pinned
        if pinned is not None:
            if key.scheme not in ("none", "bound"):
                self.context.reset()
            elif pinned.at(key):
                return pinned
        return None if key.scheme == "bound" or self.route.terms.alone else self.context.pool.take(key)

    def _dial(self) -> None:
        self._wait(self._dialled())

    async def _dialled(self) -> None:
        route = self.route
        try:
            connection = await self.context.steps.dialer.dial(route.relay, "http", _CONNECTIONS)
        except Refused as refused:
            if refused.reason is BACK_END_CERTIFICATE:  # both columns tell it (S-ROUTE-8)
                self.record.back_end_status = told(refused)
            raise
        made = self._made(connection)
        if made.key is not None and made.key.scheme == INTEGRATED:
            await self._log_on(made)
        else:
            self._send(made)

    async def _log_on(self, connection: BackEndConnection) -> None:
        """Log the new connection on as the user, then send; with Basic, if the back end offers that instead."""
        route = self.route
        running = log_on(self.context, self.head, route.case, route.relay, connection)
        try:
            logged_on = await running.run()
        except Refused as refused:
            self.record.back_end_status = STATUSES.get(running.status, "-")
            if refused.reason is not NEXT_HOP_REFUSED:
                raise
            if not await self._look_elsewhere():
                self.record.refuse(refused.reason, refused.detail)
                raise refused if route.form is None else self._revoked(route.form) from None
            return
        if not logged_on:
            self._reroute(route.relay)
            connection.key = self.route.key
        self._send(connection)

    async def _look_elsewhere(self) -> bool:
        """As after a 401 to Basic: one fresh look, and one more try where the mailbox is now (S-ROUTE-10)."""
        case = self.route.case
        self.context.forget_log_on()
        if self._failover.moved or case.mailbox is None:
            return False
        relay = await self._failover.moved_to(case)
        if relay is not None:
            await self._retry(relay)
        return relay is not None

    def _reroute(self, relay: Relay) -> None:
        """The same decision by another scheme, for all requests that follow too."""
        self.route = route = self._route_to(relay)
        route.decision = self.record.decision
        self.context.route = route

    def _route_to(self, relay: Relay, case: Case | None = None) -> Route:
        return route_of(self.context, self.head, case or self.route.case, relay, self._framing)

    def _made(self, connection: IProtocol) -> BackEndConnection:
        assert isinstance(connection, BackEndConnection)
        connection.key = self.route.key
        if connection.key.scheme == "bound":
            self.context.pin(connection)
        return connection

    def _wait(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Let what asks others run; its refusal or fault is this request's."""
        self._waiting = waiting = Deferred.fromCoroutine(coroutine)
        waiting.addCallbacks(self._waited, self._failed)
        waiting.addErrback(self.broke)

    def _waited(self, result: None) -> None:
        self._waiting = None

    def _failed(self, failure: Failure) -> None:
        self._waiting = None
        if isinstance(failure.value, Refused):
            if not self._elsewhere(failure.value):
                self._end(failure.value)
        elif not failure.check(CancelledError):
            self.broke(failure)

    def _elsewhere(self, refused: Refused) -> bool:
        """Whether the request goes to another server, as this one could not be reached: nothing of it was sent yet."""
        route = self.route
        relay = self._failover.not_reached(route, refused)
        if relay is None:
            return False
        assert self._counted is not None
        self._counted.failed(refused, self.context.clock.seconds())
        self._counted = None
        if relay.token and not route.case.token:
            self._wait(self._retry(relay))
            return True
        self.route = self.context.route = self._route_to(relay)
        self.start()
        return True

    async def _case_for(self, relay: Relay) -> Case:
        """The same case, for a server that wants to be told by a token who asks."""
        case = self.route.case
        account = case.identity.account
        if not relay.token or case.token or account is None:
            return case
        return evolve(case, token=await self.context.cas.tokens.of(account))

    def _send(self, connection: BackEndConnection) -> None:
        self.exchange = exchange = Exchange(
            connection, self.route.terms, self.body, self.answer, self, self.context.answer_deadline, self._held_body
        )
        session = self._session()
        self._log_ons = session.log_ons if session is not None else 0
        if self.envelope is not None:  # it is said once: there is no 441 to it
            self.envelope, self._held_body = None, b""
        exchange.start(self.route.octets(self.head))

    def _session(self) -> CasSession | None:
        """What is kept of the user at the second Client Access server, where the request goes to one."""
        account, relay = self.route.case.identity.account, self.route.relay
        if not relay.proxy_url or account is None:
            return None
        return self.context.cas.proxy.session(account, relay)

    def _revoked(self, form: FormUse) -> Refused:
        form.forms.revoke(form.logon)
        self.context.pool.leave(form.logon.account_id)
        return Refused(FORM_REVOKED)

    # --- once more, and its end

    async def _retry(self, relay: Relay, detail: str = "moved") -> None:
        """On another connection, once more. Here and not in `start`: whoever leaves now cancels what runs."""
        self.record.detail = detail
        self.route = self._route_to(relay, await self._case_for(relay))
        await self._again()

    async def _again(self) -> None:
        self._drop()
        connection = self._begin()
        if connection is None:
            await self._dialled()
        else:
            self._send(connection)

    def over(self, refused: Refused | None) -> None:
        """See `Caller`."""
        exchange = self.exchange
        assert exchange is not None
        connection = exchange.connection
        if refused is None:
            if exchange.switched:
                self.context.tunnel(connection, self.record, lambda: self._end(None))
                return
            if not exchange.reusable or self.record.reason is not None:
                connection.close()
            elif connection.pinned:
                connection.left = self.context.unpin
            elif self.route.terms.alone:
                connection.close()
            else:
                self.context.pool.keep(connection)
        elif self._kept and refused.reason is BACK_END_RESET and self._repeatable():
            self.record.detail, self._kept = "retried", False
            self._dial()
            return
        self._end(refused)

    def broke(self, failure: Failure) -> None:
        """See `Caller`."""
        self._drop()
        self.ended(failure)

    def _repeatable(self) -> bool:
        """Whether a kept connection that died without an answer may be followed by a new one (S-HTTP-32)."""
        return self.head.method in REPEATABLE_METHODS and self.body.empty and self.route.key.scheme != "bound"

    def _end(self, refused: Refused | None) -> None:
        now = self.context.clock.seconds()
        self.record.steps.relay = now - self._began
        counted, self._counted = self._counted, None
        if counted is not None:
            if refused is None:
                counted.answered(self._status, self._head_at - self._began, now)
            else:
                counted.failed(refused, now)
        self.exchange = None  # it knows us: nothing is left for the garbage collector to find out
        self.ended(refused)

    def _drop(self) -> None:
        """Whatever comes of it, the back end is not to be judged by it."""
        counted, self._counted = self._counted, None
        if counted is not None:
            counted.dropped()
