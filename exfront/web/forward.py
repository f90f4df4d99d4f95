"""What is said to a back end before a request, and what its answer means before a client gets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from attrs import define

from exfront import limits
from exfront.auth.next_hop import choose
from exfront.decision import Relay
from exfront.reasons import (
    BACK_END_AUTH_MISMATCH,
    CSC_LOOP,
    METHOD_NOT_ALLOWED,
    TOKEN_REFUSED,
    Refused,
)
from exfront.web import challenges, headers, schemes, soap
from exfront.web.cas_dialects import EWS
from exfront.web.cas_proxy import NEED_IDENTITY, log_on_refused
from exfront.web.failover import UNAVAILABLE, of_2013
from exfront.web.gathered import gather
from exfront.web.proxy import Exchange
from exfront.web.routes import own_url, place_of
from exfront.web.sending import STATUSES, Sending
from exfront.wire.http1.events import Length, ResponseHead
from exfront.wire.http1.write import field_lines

_UNAUTHORIZED = 401


@define(eq=False)
class Forward(Sending):
    """One request that was routed; see `Sending`."""

    def _first(self) -> Coroutine[Any, Any, None] | None:
        """What comes before the request can be sent."""
        proxied = self.route.relay.proxy_url
        if soap.applies(self.route.case.directory, self.head) and not self.body.empty:
            return self._envelope_first()
        if proxied and self.route.case.directory.application.name == EWS:
            return self._without_envelope()
        return self._body_first() if proxied and not self.body.ended else None

    # --- at a second Client Access server (S-ROUTE-6)

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
        record.back_end_status = STATUSES[head.status]
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
        self.record.back_end_status = STATUSES[_UNAUTHORIZED]
        exchange.fail(TOKEN_REFUSED, f"server={self.route.relay.server.name}")

    def _ends_form(self) -> bool:
        """Whether a log-on by form was refused by the back end: it is over, and the user asked again (S-HTTP-37)."""
        form, exchange = self.route.form, self.exchange
        if form is None:
            return False
        assert exchange is not None
        self.record.back_end_status = STATUSES[_UNAUTHORIZED]
        self.record.refuse(BACK_END_AUTH_MISMATCH)
        exchange.cancel()
        self._end(self._revoked(form))
        return True

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
