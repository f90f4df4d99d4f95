"""A routed request on its way to a back end: on which connection, and whether it may be said twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocol
from twisted.python.failure import Failure

from exfront import limits
from exfront.auth.next_hop import choose
from exfront.backends.certificate import told
from exfront.backends.health import Application
from exfront.decision import Relay, SessionRecord
from exfront.reasons import (
    BACK_END_AUTH_MISMATCH,
    BACK_END_CERTIFICATE,
    BACK_END_RESET,
    CSC_LOOP,
    FORM_REVOKED,
    METHOD_NOT_ALLOWED,
    NEXT_HOP_REFUSED,
    TOKEN_REFUSED,
    Refused,
)
from exfront.web import challenges, headers, schemes, soap
from exfront.web.answer import Answer
from exfront.web.applications import REPEATABLE_METHODS
from exfront.web.back_end import BackEndConnection, Connections
from exfront.web.body import RequestBody
from exfront.web.cas_cookies import CasSession
from exfront.web.cas_dialects import EWS
from exfront.web.cas_proxy import NEED_IDENTITY, log_on_refused
from exfront.web.context import ClientContext
from exfront.web.failover import UNAVAILABLE, Failover, of_2013
from exfront.web.form_sessions import FormUse
from exfront.web.gathered import gather
from exfront.web.proxy import Exchange
from exfront.web.route import Case, Route
from exfront.web.routes import INTEGRATED, log_on, own_url, place_of, route_of
from exfront.wire.http1.events import Framing, Length, RequestHead, ResponseHead
from exfront.wire.http1.write import field_lines
from exfront.wire.soap_header import Envelope

_UNAUTHORIZED = 401
_CONNECTIONS = Connections()
_STATUSES = {status: str(status) for status in range(100, 600)}


@define(eq=False)
class Forward:
    """`ended` hears how it ended: None when the answer is complete, a `Refused`, or a fault of our own."""

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

    def _first(self) -> Coroutine[Any, Any, None] | None:
        """What comes before the request can be sent."""
        proxied = self.route.relay.proxy_url
        if soap.applies(self.route.case.directory, self.head) and not self.body.empty:
            return self._envelope_first()
        if proxied and self.route.case.directory.application.name == EWS:
            return self._without_envelope()
        return self._body_first() if proxied and not self.body.ended else None

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
            self.record.back_end_status = _STATUSES.get(running.status, "-")
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

    # --- at a second Client Access server (S-ROUTE-6)

    def _session(self) -> CasSession | None:
        """What is kept of the user at the second Client Access server, where the request goes to one."""
        account, relay = self.route.case.identity.account, self.route.relay
        if not relay.proxy_url or account is None:
            return None
        return self.context.cas.proxy.session(account, relay)

    async def _body_first(self) -> None:
        """A short body is held, so that it can be said twice; before any other the proxy log-on is sent."""
        framing = self.body.framing
        if isinstance(framing, Length) and framing.octets <= limits.CAS_HELD_OCTETS:
            expects = self.head.expect_continue
            self._held_body = await gather(self.body, self.answer, framing.octets, expects_continue=expects)
            await self._again()
        else:
            await self._tell_who(known=False)

    async def _envelope_first(self) -> None:
        """Of SOAP the start is read, and for another site's server who asks is put into it: no log-on comes after."""
        route = self.route
        if self.envelope is None:
            self.envelope = await soap.read_start(route, self.head, self.body, self.answer)
        if self.envelope is not None:
            self._told = True
            start = await soap.sent_start(self.envelope, route, self.head.framing, self.context.cas.proxy)
            self._held_body = start.octets
            if start.framing != self.head.framing:
                self._framing = start.framing
                self.route = self._route_to(route.relay)
        await self._again()

    async def _without_envelope(self) -> None:
        """Without a SOAP header nobody can be named there."""
        raise Refused(METHOD_NOT_ALLOWED, "without SOAP it is not proxied")

    async def _tell_who(self, *, known: bool) -> None:
        """The proxy log-on, once for a request, and then the request; if somebody else's log-on came since it was sent,
        that one will do (`known`)."""
        self._told = True
        context, route, session = self.context, self.route, self._session()
        account = route.case.identity.account
        assert session is not None and account is not None
        if not known or session.log_ons == self._log_ons:
            application = route.case.directory.application.name
            await context.cas.proxy.log_on(account, route.relay, route.key, own_url(route.case), application)
        self.record.detail = "csc_login"
        self.route = self._route_to(route.relay)  # with the cookies that came
        await self._again()

    def _asked_who(self, head: ResponseHead) -> bool:
        """A head that speaks of who asks: never passed on. One proxy log-on, and the request once more; or the end."""
        exchange, relay = self.exchange, self.route.relay
        assert exchange is not None
        detail = f"server={relay.server.name} status={head.status}"
        if relay.proxy_url and head.status == _UNAUTHORIZED:
            refused = log_on_refused(relay, self.route.case.directory.application.name, head, detail)
            exchange.fail(refused.reason, refused.detail)
        elif not relay.proxy_url or head.status != NEED_IDENTITY or self._told:
            exchange.fail(CSC_LOOP, detail if relay.proxy_url else f"{detail} no proxy")
        else:
            if exchange.take_back():
                self.context.pool.keep(exchange.connection)
            self.exchange = None
            self._wait(self._tell_who(known=True))
        return True

    # --- of the exchange

    def edit(self, head: ResponseHead) -> bytes:
        """See `Caller`. What a 401 means depends on whose credentials it is for."""
        record, route, session = self.record, self.route, self._session()
        record.back_end_status = _STATUSES[head.status]
        if session is not None:
            self.context.cas.proxy.take_cookies(session, head)
            head = headers.without_cookies(head)
        self._status, self._head_at = head.status, self.context.clock.seconds()
        if self._failing is not None:
            self._failing.answered(route, head.status)
        if head.status != _UNAUTHORIZED:
            if route.form is not None:
                head = headers.not_stored(head)
            return self._lines(head) + route.case.cookie
        authorization = self.head.get(b"authorization")
        challenges.note_refusal(record, route, authorization, head)
        head, own = challenges.for_client(head, route.case, self.context.settings.authentication.realm)
        lines = self._lines(head) + field_lines(own)
        schemes.note(record, authorization, (*head.headers, *own))
        return lines + self._bound(head)

    def _lines(self, head: ResponseHead) -> bytes:
        """The field lines for the client; of the servers behind they tell only where that is wanted (S-HTTP-31)."""
        route, diagnosis = self.route, self.context.settings.http.diagnosis
        lines = headers.to_client(head, route.urls, diagnosis=diagnosis)
        if diagnosis and route.relay.token:
            lines += field_lines(self.context.cas.tokens.about_answer(route.relay, head.status))
        return lines

    def _bound(self, head: ResponseHead) -> bytes:
        """A challenge that logs the connection on makes it this client connection's own (S-HTTP-33, S-HTTP-34)."""
        if not headers.asks_for_connection_logon(head):
            return b""
        assert self.exchange is not None
        self.context.pin(self.exchange.connection)
        return b"Proxy-Support: Session-Based-Authentication\r\n"

    def reconsiders(self, head: ResponseHead) -> bool:
        """Whether a back end that lets a proven user not in may have the mailbox no more (S-ROUTE-10)."""
        route = self.route
        if head.status == UNAVAILABLE:
            return of_2013(route.relay) and self._not_here()
        if route.relay.proxy_url or head.status != _UNAUTHORIZED:
            return self._asked_who(head)
        if route.case.identity.account is None:
            return False
        if route.relay.token:
            return self._not_believed()
        if self._other_scheme(head):
            if self.body.empty:
                self._wait(self._by_other_scheme())
            return self.body.empty
        self.context.forget_log_on()
        if self._failover.moved or not self.body.empty or route.case.mailbox is None:
            return self._ends_form()
        self._wait(self._look_again(self._stands))
        return True

    async def _look_again(self, otherwise: Callable[[Exchange], Awaitable[None]]) -> None:
        """One fresh look at the directory, and one more try where the mailbox is now."""
        exchange = self.exchange
        assert exchange is not None
        relay = await self._failover.moved_to(self.route.case)
        if relay is None:
            await otherwise(exchange)
        else:
            self.context.forget_log_on()
            exchange.cancel()
            await self._retry(relay)

    async def _stands(self, exchange: Exchange) -> None:
        """The back end's answer stands."""
        if not self._ends_form():
            exchange.go_on()

    # --- at a server of 2013

    def _not_here(self) -> bool:
        """A 503: the mailbox has moved, or the active copy of its database is elsewhere. What has a body is not said
        twice, but the next request goes there."""
        if self.body.empty and not self._failover.moved:
            self._wait(self._look_again(self._by_another_copy))
            return True
        relay = self._failover.another_copy(self.route)
        if relay is None:
            return False
        if self.body.empty:
            self._wait(self._at_another_copy(relay))
            return True
        self._failover.remember(self.route, relay)
        self.context.route = None
        return False

    async def _by_another_copy(self, exchange: Exchange) -> None:
        relay = self._failover.another_copy(self.route)
        if relay is None:
            exchange.go_on()
        else:
            await self._at_another_copy(relay)

    async def _at_another_copy(self, relay: Relay) -> None:
        assert self.exchange is not None
        self.exchange.cancel()
        self.record.back_end = relay.server.name
        await self._retry(relay, "another copy")

    def _not_believed(self) -> bool:
        """A 401 to a token is about us: no client can log on better. Perhaps the mailbox is elsewhere."""
        if self.body.empty and not self._failover.moved:
            self._wait(self._look_again(self._no_token))
        else:
            assert self.exchange is not None
            self._refuse_token(self.exchange)
        return True

    async def _no_token(self, exchange: Exchange) -> None:
        self._refuse_token(exchange)

    def _refuse_token(self, exchange: Exchange) -> None:
        self.record.back_end_status = _STATUSES[_UNAUTHORIZED]
        exchange.fail(TOKEN_REFUSED, f"server={self.route.relay.server.name}")

    def _ends_form(self) -> bool:
        """Whether a log-on by form was refused by the back end: it is over, and the user asked again (S-HTTP-37)."""
        form, exchange = self.route.form, self.exchange
        if form is None:
            return False
        assert exchange is not None
        self.record.back_end_status = _STATUSES[_UNAUTHORIZED]
        self.record.refuse(BACK_END_AUTH_MISMATCH)
        exchange.cancel()
        self._end(self._revoked(form))
        return True

    def _revoked(self, form: FormUse) -> Refused:
        form.forms.revoke(form.logon)
        self.context.pool.leave(form.logon.account_id)
        return Refused(FORM_REVOKED)

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

    def _other_scheme(self, head: ResponseHead) -> bool:
        """Whether the back end, asked by Basic, offers only what logs the connection on, and exfront may do that."""
        route = self.route
        if route.key.scheme != "basic" or len(route.relay.schemes) == 1:
            return False
        scheme = choose(route.relay.schemes, schemes.offered(head.headers).lower().split(","))
        if scheme is None or scheme == "basic":
            return False
        self.context.steps.next_hops.learn(place_of(route.case, route.relay), scheme)
        self._reroute(route.relay)
        return True

    async def _by_other_scheme(self) -> None:
        assert self.exchange is not None
        self.exchange.cancel()
        await self._again()

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
