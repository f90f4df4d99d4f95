"""A routed request on its way to a back end: which connection, what it says there, and whether it may be said twice."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.protocol import Factory

from exfront.auth.next_hop import login_name
from exfront.decision import Relay, SessionRecord
from exfront.facts import Identity
from exfront.reasons import (
    BACK_END_AUTH_MISMATCH,
    BACK_END_CERTIFICATE,
    BACK_END_RESET,
    INCONSISTENT_MAILBOX,
    Refused,
)
from exfront.web import headers
from exfront.web.answer import Answer
from exfront.web.applications import REPEATABLE_METHODS
from exfront.web.auth_http import digest
from exfront.web.back_end import BackEndConnection, ConnectionKey
from exfront.web.body import RequestBody
from exfront.web.context import ClientContext
from exfront.web.proxy import Exchange, Order
from exfront.web.virtual_sites import VirtualDirectory, VirtualSite
from exfront.wire import basic
from exfront.wire.http1.events import Headers, RequestHead, ResponseHead

_UNAUTHORIZED = 401
_CONNECTIONS = Factory.forProtocol(BackEndConnection)
_SCHEMES = {b"basic": "passed", b"bearer": "passed"}  # any other may log the connection itself on (S-HTTP-33)


@define(eq=False)
class Forward:
    """`relay` says where to, `identity` for whom; an anonymous one lets the client's own Authorization pass."""

    context: ClientContext
    head: RequestHead
    body: RequestBody
    answer: Answer
    record: SessionRecord
    site: VirtualSite
    directory: VirtualDirectory
    identity: Identity
    relay: Relay
    exchange: Exchange | None = field(default=None, init=False)
    _connection: BackEndConnection | None = field(default=None, init=False)

    async def run(self) -> None:
        """Until the answer is complete. Raises `Refused`."""
        began = self.context.clock.seconds()
        try:
            await self._run()
        finally:
            self.record.steps["relay"] = self.context.clock.seconds() - began

    async def _run(self) -> None:
        key = self._key()
        order = self._order()
        kept = self.context.kept.take(key)
        if kept is not None:
            try:
                await self._exchange(kept, order)
                return
            except Refused as refused:
                if refused.reason is not BACK_END_RESET or not self._repeatable(key):
                    raise
                self.record.detail = "retried"
        await self._exchange(await self._dial(key), order)

    def _repeatable(self, key: ConnectionKey) -> bool:
        """Whether a kept connection that died without an answer may be followed by a new one (S-HTTP-32)."""
        return self.head.method in REPEATABLE_METHODS and self.body.empty and key.scheme != "bound"

    async def _dial(self, key: ConnectionKey) -> BackEndConnection:
        try:
            connection = await self.context.steps.dialer.dial(self.relay, "http", _CONNECTIONS)
        except Refused as refused:
            if refused.reason is BACK_END_CERTIFICATE:  # both columns tell it (S-ROUTE-8)
                self.record.back_end_status = refused.detail[refused.detail.find("TLS:") :] or "TLS"
            raise
        assert isinstance(connection, BackEndConnection)
        connection.key, connection.pinned = key, key.scheme == "bound"
        return connection

    async def _exchange(self, connection: BackEndConnection, order: Order) -> None:
        self._connection = connection
        self.exchange = exchange = Exchange(
            connection, order, self.body, self.answer, self._edit, self.context.answer_deadline
        )
        await exchange.run()
        if exchange.reusable and self.record.reason is None:
            self.context.kept.keep(connection)
        elif connection.alive:
            connection.close()

    def _order(self) -> Order:
        head, limits = self.head, self.context.settings.limits
        target = head.path if head.query is None else b"%b?%b" % (head.path, head.query)
        host = self.site.host_for_back_end(head.authority)
        fields = headers.to_back_end(head, host, self.context.facts, self._authorization())
        time = self.directory.section.answer_time or self.directory.application.answer_time or limits.http_answer_time
        return Order(head.method, target, fields, head.framing, head.expect_continue, time)

    def _authorization(self) -> bytes | None:
        identity = self.identity
        if identity.account is None or identity.secret is None:
            return self.head.get(b"authorization")
        try:
            return basic.credentials(login_name(identity, self.relay.login_as), identity.secret)
        except ValueError:
            raise Refused(INCONSISTENT_MAILBOX, "a colon in the name for the next hop") from None

    def _key(self) -> ConnectionKey:
        user, scheme = self._user()
        service = self.relay.service
        return ConnectionKey(self.relay.server.name, service.port, service.tls, user, scheme)

    def _user(self) -> tuple[str, str]:
        if self.identity.account is not None:
            return self.identity.account.account_id, "basic"
        authorization = self.head.get(b"authorization")
        if authorization is None:
            return "", "none"
        scheme = _SCHEMES.get(authorization.partition(b" ")[0].lower(), "bound")
        return ("", scheme) if scheme == "bound" else (digest(authorization).hex(), scheme)

    def _edit(self, head: ResponseHead) -> Headers:
        """The fields of the answer as the client gets them; what a 401 means depends on whose credentials it is for."""
        self.record.back_end_status = str(head.status)
        urls = headers.BackEndUrls(self.relay.server, self.relay.service, self.site.url(self.context.session.secure))
        if head.status != _UNAUTHORIZED:
            return headers.to_client(head.headers, urls)
        if self.identity.account is not None:
            self.context.log_ons.forget()
            self.record.refuse(BACK_END_AUTH_MISMATCH)
            realm = self.context.settings.authentication.realm
            return headers.to_client(head.headers, urls, basic.challenge(realm))
        fields = headers.to_client(head.headers, urls)
        if not headers.asks_for_connection_logon(head.headers):
            return fields
        assert self._connection is not None
        self._connection.pinned = True
        return (*fields, (b"Proxy-Support", b"Session-Based-Authentication"))  # S-HTTP-34
