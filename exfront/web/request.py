"""One HTTP request through the steps: to a page of exfront's own, or to a back end and back."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

from attrs import define, evolve, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from exfront import limits
from exfront.decision import Relay, SessionRecord
from exfront.facts import ANONYMOUS, PROXY_LOG_ON
from exfront.reasons import (
    BAD_INPUT,
    CLIENT_TIMEOUT,
    CSC_NEEDED,
    INTERNAL_ERROR,
    METHOD_NOT_ALLOWED,
    MISDIRECTED,
    NOT_PUBLISHED,
    Reason,
    Refused,
)
from exfront.web import activesync_log, admission, anchors, cas_peer, cas_proxy, health, logon, rpc, schemes
from exfront.web.answer import Answer
from exfront.web.applications import NEVER_RELAYED
from exfront.web.body import RequestBody
from exfront.web.context import ClientContext
from exfront.web.devices import Running
from exfront.web.forward import Forward
from exfront.web.gathered import gather
from exfront.web.headers import ClientFacts
from exfront.web.local import local_answer
from exfront.web.masking import masked
from exfront.web.pages import Page, error_text, redirect_page
from exfront.web.passthrough import Passing, passing
from exfront.web.paths import BadPath, checked
from exfront.web.route import Case, Route
from exfront.web.routes import route_of
from exfront.web.virtual_sites import VirtualDirectory, VirtualSite
from exfront.web.who_asks import WhoAsks
from exfront.wire import basic
from exfront.wire.activesync import NOTHING, Command, parse_query, read_version
from exfront.wire.http1.events import Headers, RequestHead
from exfront.wire.soap_header import Envelope

_CONTINUE = 100
_OK = 200
_UNAUTHORIZED = 401


@define(eq=False)
class Request:
    """`answer` and `body` are its two streams, `record` its line in the access log.

    `done` hears when the answer is complete, or as much of it as there will be, with a fault of our own if that ended
    it.
    """

    context: ClientContext
    head: RequestHead
    answer: Answer
    body: RequestBody
    record: SessionRecord
    done: Callable[[Request, Failure | None], None]
    _client: ClientFacts = field(init=False)
    _counted: bool = field(default=False, init=False)  # as one of this client's, who is behind a proxy
    _site: VirtualSite = field(init=False)
    _directory: VirtualDirectory | None = field(default=None, init=False)
    _forward: Forward | None = field(default=None, init=False)
    _deciding: Deferred[Route | None] | None = field(default=None, init=False)
    _running: Running | None = field(default=None, init=False)  # among those of its device
    _envelope: Envelope | None = field(default=None, init=False)  # of SOAP, where another server may be named in it
    _command: Command | None = field(default=None, init=False)  # of ActiveSync
    _came_from: str = field(default="", init=False)  # the Client Access server that has proxied it

    def serve(self) -> None:
        """Give the answer; at once where the same was decided a moment ago."""
        context, head, record = self.context, self.head, self.record
        record.method = head.method.decode("ascii")
        record.target = masked(head.target)
        route, steps = context.route, context.steps
        if route is not None and route.serves(head, context.clock.seconds(), steps.world(), steps.directory):
            try:
                self._note(route)
            except Refused as refused:
                self._ended(refused)
            else:
                self._follow(route)
            return
        self._deciding = deciding = Deferred.fromCoroutine(self._decide())
        deciding.addCallbacks(self._decided, self._not_decided)
        deciding.addErrback(self._ended)

    def cancel(self) -> None:
        """The client is gone: nothing more is done for it."""
        self._leave()
        if self._deciding is not None:
            self._deciding.cancel()
        elif self._forward is not None:
            self._forward.cancel()

    @property
    def body_idle(self) -> float:
        """How long its body may pause, in seconds; 0 where it must come at a rate (S-HTTP-24, S-HTTP-26)."""
        directory = self._directory
        if directory is None or not directory.application.body_idle:
            return 0.0
        return directory.section.answer_time or directory.application.body_idle

    def fail(self, reason: Reason, detail: str) -> None:
        """The client broke the rules, or was too slow, while its body was taken."""
        self.body.fail(reason, detail)

    def refuse(self, refused: Refused) -> None:
        """Say no, unless an answer has begun: what was begun can only be cut."""
        self.record.refuse(refused.reason, refused.detail)
        if self.answer.begun:
            self.answer.flush()
            return
        reason, session = refused.reason, self.context.session.id
        status, phrase = rpc.status_line(self.head.method, reason)
        if reason in (BAD_INPUT, CLIENT_TIMEOUT):
            self.answer.keep_alive = False
            self._local(status, error_text(status, reason, session))
        elif reason is CSC_NEEDED:  # nobody reads that
            self._local(status, Page((), b""))
        elif status == logon.FORM_STATUS and self._directory is not None:
            self.record.schemes_offered = "forms"
            self._reply(logon.ask(refused, self.context, self.head, self._site, self._directory, self._client))
        else:
            explained = self._explained(reason)
            if status == _UNAUTHORIZED:
                schemes.note(self.record, self.head.get(b"authorization"), explained)
            accepts = self.head.get(b"accept-language")
            self._local(status, self.context.pages.error(status, reason, session, accepts), explained, phrase)

    def broke(self) -> None:
        """A fault of our own; it is logged elsewhere."""
        self.answer.keep_alive = False
        self.refuse(Refused(INTERNAL_ERROR))

    # --- from deciding to the end

    def _decided(self, route: Route | None) -> None:
        self._deciding = None
        if route is None:
            self._ended(None)
            return
        self.context.route = route
        self._follow(route)

    def _not_decided(self, failure: Failure) -> None:
        self._deciding = None
        if not failure.check(CancelledError):
            self._ended(failure.value if isinstance(failure.value, Refused) else failure)

    def _note(self, route: Route) -> None:
        """What the steps write into the record, where they were taken for a request before this one."""
        record, case = self.record, route.case
        identity, mailbox, directory = case.identity, case.mailbox, case.directory
        self._client, self._directory, self._site = case.client, directory, case.site
        if case.client.proxied:
            self._enter(case.client)
        record.virtual_directory = directory.section.path
        if identity.account is not None:
            record.user, record.account_id = route.user, identity.account.account_id
        if mailbox is not None:
            record.mailbox = route.mailbox
            record.location = "stale" if mailbox.stale else "cache"
        if route.form is not None:
            record.scheme_used = "forms"
        record.decision = route.decision
        record.back_end = route.relay.server.name
        if not self.body.ended:
            self.body.limit = directory.body_limit

    def _follow(self, route: Route) -> None:
        if route.case.directory.application.query == "activesync":
            self._command = command = self._command or parse_query(self.head.query)
            self._running = self.context.devices.begin(self.record, command)
            if command.name in activesync_log.PEEKED and not self.body.ended:
                self.body.peeked = bytearray()
        self._forward = forward = Forward(
            self.context, self.head, self.body, self.answer, self.record, route, self._ended, self._envelope
        )
        self._envelope = None
        forward.start()

    def _ended(self, how: Refused | Failure | None) -> None:
        self._forward = None
        if isinstance(how, Refused):
            self.refuse(how)
        self._leave()
        self.done(self, how if isinstance(how, Failure) else None)

    def _enter(self, client: ClientFacts) -> None:
        """Whose request it is. Raises `Refused` for one too many of a client behind a proxy."""
        self._client = client
        if client.proxied:
            self.record.client = client.address
            self.context.steps.sessions.enter(client.address)
            self._counted = True

    def _leave(self) -> None:
        if self._counted:
            self._counted = False
            self.context.steps.sessions.leave(self._client.address)
        if self._running is not None:
            self.context.devices.end(self._running)
            self._running = None
        if self._command is not None:
            world, command, self._command = self.context.steps.world(), self._command, None
            peeked = bytes(self.body.peeked or b"")
            activesync_log.note(self.record, command, self._version(), world, self._came_from, peeked)

    def _version(self) -> int:
        """The protocol version that a phone says it speaks."""
        return read_version(self.head.get(b"ms-asprotocolversion")) or (self._command or NOTHING).version

    async def _decide(self) -> Route | None:
        """Where to; None for what was answered here. Raises `Refused`."""
        head, context = self.head, self.context
        self._site = context.sites.site(head.authority)
        self._enter(context.client(head.headers))
        if head.method in NEVER_RELAYED:
            self.answer.keep_alive = False
            raise Refused(METHOD_NOT_ALLOWED)
        if head.path == b"*":
            self._local(_OK, Page(((b"Allow", self._site.allow),), b""))
            return None
        if context.sites.refuses(head.authority):
            raise Refused(MISDIRECTED)
        if context.server_name is not None and context.sites.site(context.server_name) is not self._site:
            raise Refused(MISDIRECTED, "TLS was asked for another site's name")  # S-TLS-4
        segments = _segments(head.path)
        page = logon.wants(self._site, head, segments)
        if page:
            self._reply(await self._own_page(page))
            return None
        directory = self._site.directory(segments)
        if directory is None:
            raise Refused(NOT_PUBLISHED)
        self._directory = directory
        self.record.virtual_directory = directory.path
        if not self.body.ended:
            self.body.limit = directory.body_limit
        return await self._in(directory, segments)

    async def _in(self, directory: VirtualDirectory, segments: tuple[bytes, ...]) -> Route | None:
        """The same for a request in `directory`."""
        head, context = self.head, self.context
        if health.is_asked_for(directory, head.method, segments):
            self._healthy(directory)
            return None
        plaintext = context.listener.allow_plaintext
        redirect = admission.admit(head, segments, self._site, directory, self._client, plaintext)
        if redirect is not None:
            self._local(redirect.status, redirect_page(redirect.location))
            return None
        if head.method == b"OPTIONS" and head.get(b"max-forwards") == b"0":  # RFC 9110 section 7.6.2
            self._local(_OK, Page(((b"Allow", directory.allow),), b""))
            return None
        if directory.application.query == "activesync":
            self._command = parse_query(head.query)
        if context.cas.peer.is_log_on(directory, segments, head.query):
            await context.cas.peer.log_on(head, self.body, self.answer, self.record, context.peer_proof(head.headers))
            self._local(cas_proxy.CONTEXT_ACCEPTED, Page((), b""))
            return None
        return await self._route(directory, segments)

    async def _own_page(self, page: str) -> logon.Reply:
        """A page to log on or off, or what it sends."""
        if page == "post":
            self.record.scheme_used = "forms"
        visit = logon.Visit(self.context, self.head, self._site, self._client, self.record, self._posted)
        return await logon.answer(page, visit)

    def _posted(self) -> Deferred[bytes]:
        """The body of a form, which is read only now. Fails with `Refused` for one that is too large."""
        expects = self.head.expect_continue
        return Deferred.fromCoroutine(
            gather(self.body, self.answer, limits.LOGON_FORM_OCTETS, expects_continue=expects)
        )

    async def _route(self, directory: VirtualDirectory, segments: tuple[bytes, ...]) -> Route | None:
        context, record = self.context, self.record
        inner = context.cas.peer.inner(directory, segments, self.head.headers, context.peer_proof(self.head.headers))
        asks = WhoAsks(context, self.head, self.body, self.answer, record, self._client, self._site)
        identity = await asks.identity(directory)
        self._envelope = asks.envelope
        named = await self._named(directory, segments)
        passed = Passing(named.keys)
        if not named.keys and identity is ANONYMOUS and directory.passes_through:
            passed = await passing(context.cookies, context.steps, record, self.head, self._client.secure)
        mailbox = await context.steps.locate(record, identity, passed.keys)
        facts = directory.facts(identity, mailbox, explicit_logon=bool(named.keys))
        if self._command is not None:
            facts = evolve(facts, activesync_version=self._version())
        world = context.steps.world()
        decision = context.steps.route(record, facts, world)
        if identity.proof == PROXY_LOG_ON:
            self._came_from = context.session.address
            cas_peer.not_again(record)
        if not isinstance(decision, Relay):
            accepts = self.head.get(b"accept-language")
            self._local(*local_answer(decision, self._site, context.pages, context.session.id, accepts))
            return None
        if named.server:
            rpc.check_server(named.server, decision.server, facts, world.topology)
        use = asks.form
        case = Case(
            self._client, self._site, directory, segments[: self._site.decisive], world, facts, passed.keys,
            self.head.query, named.dropped, passed.cookie if use is None else use.line,
            await asks.token(decision, identity), use, cas_peer.own_path(directory) if inner else b"",
        )  # fmt: skip
        route = route_of(context, self.head, case, decision)
        route.decision = record.decision
        return route

    async def _named(self, directory: VirtualDirectory, segments: tuple[bytes, ...]) -> anchors.Named:
        """Whose mailbox is named, by the URL or by a field."""
        steps, record = self.context.steps, self.record
        url = anchors.by_url(directory, segments, self.head.query)
        fields = await anchors.by_fields(directory, self.head, steps, record)
        return await anchors.agreeing(url, fields, steps, record)

    def _healthy(self, directory: VirtualDirectory) -> None:
        """Who may not come here at all sees no more of it than that. Raises `Refused`."""
        verdict = admission.by_address(directory, self._client.address)
        if verdict.reason is not None:
            raise Refused(verdict.reason, verdict.detail)
        steps = self.context.steps
        self._local(*health.answer(self._site, directory, steps.world(), draining=steps.sessions.draining))

    def _explained(self, reason: Reason) -> Headers:
        """The fields that a status demands."""
        if reason.http_status == _UNAUTHORIZED:
            return ((b"WWW-Authenticate", basic.challenge(self.context.settings.authentication.realm)),)
        if reason is METHOD_NOT_ALLOWED:
            return ((b"Allow", (self._directory or self._site).allow),)
        if reason.retry_after is not None:
            return ((b"Retry-After", b"%d" % reason.retry_after),)
        return ()

    def _reply(self, reply: logon.Reply) -> None:
        self._local(reply.status, reply.page, reply.fields)

    def _local(self, status: int, page: Page, more: Headers = (), phrase: bytes | None = None) -> None:
        """An answer of our own."""
        if not self.body.short or self.body.too_large or (self.head.expect_continue and not self.body.ended):
            self.answer.keep_alive = False  # the client may send the body, or not: nobody waits for it
        date = formatdate(self.context.steps.sessions.wall_clock(), usegmt=True).encode("ascii")
        fields: Headers = ((b"Date", date), *page.headers, *more)
        self.answer.whole(status, fields, page.body, head_only=self.head.method == b"HEAD", phrase=phrase)


def _segments(path: bytes) -> tuple[bytes, ...]:
    try:
        return checked(path)
    except BadPath as why:
        raise Refused(BAD_INPUT, str(why)) from None
