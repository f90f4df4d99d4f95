"""The five steps that every connection takes: admit, authenticate, locate, route, relay; the one implementation.

Mail, web and explain call these. No protocol syntax here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from attrs import define, evolve, field
from twisted.internet.interfaces import IAddress, IProtocol, IReactorTime

from exfront.auth.log_on_turns import LogOnTurns
from exfront.auth.next_hop import NextHops
from exfront.auth.portal import Portal
from exfront.backends.health import NOT_REACHED
from exfront.backends.table import BackEndTable
from exfront.because import Trace
from exfront.decision import Decision, Local, ProxyToCas, Refuse, Relay, SessionRecord
from exfront.directory.ask import look_up
from exfront.facts import Facts, Identity, World
from exfront.interfaces import IBackEndDialer, IDirectory
from exfront.names import LookupKey
from exfront.reasons import (
    AMBIGUOUS_LOGIN,
    AMBIGUOUS_MAILBOX,
    MAILBOX_NOT_FOUND,
    NO_MAILBOX,
    PROTOCOL_NOT_SERVED,
    PROXY_NOT_POSSIBLE,
    Refused,
)
from exfront.routing import decide
from exfront.secret import Secret
from exfront.sessions import LimitState, Session, SessionTable
from exfront.topology import Mailbox, Protocol, Scheme


async def _known_from_the_start() -> None:
    """For a world that does not come from a directory."""


@define(eq=False)
class Steps:
    """The steps over built objects; `world` gives what is known of the servers now, `servers_known` waits until that is
    enough to decide by, `back_ends` counts what is sent to them."""

    sessions: SessionTable
    portal: Portal
    directory: IDirectory
    dialer: IBackEndDialer
    back_ends: BackEndTable
    world: Callable[[], World]
    clock: IReactorTime
    servers_known: Callable[[], Awaitable[None]] = _known_from_the_start
    next_hops: NextHops = field(init=False)
    turns: LogOnTurns = field(init=False)

    @next_hops.default
    def _nothing_learned(self) -> NextHops:
        return NextHops(self.clock.seconds)

    @turns.default
    def _nobody_yet(self) -> LogOnTurns:
        return LogOnTurns(self.sessions.settings, self.clock)

    def admit(self, protocol: Protocol, listener: str, address: str, port: int, secure: bool) -> Session:
        """Enter a connection in the session table. Raises `Refused`."""
        began = self.clock.seconds()
        session = self.sessions.open(protocol, listener, address, port, secure)
        session.record.steps.admit = self.clock.seconds() - began
        return session

    def accept(
        self, protocol: Protocol, listener: str, secure: bool, build: Callable[[Session], IProtocol], address: IAddress
    ) -> IProtocol | None:
        """Admit a connection from `address` and build its protocol; None, and a log line, where it is refused."""
        host, port = str(getattr(address, "host", "")), int(getattr(address, "port", 0))
        try:
            session = self.admit(protocol, listener, host, port, secure)
            session.connected = getattr(address, "connected", None)  # as a load balancer told
            return build(session)
        except Refused as refused:
            self.turned_away(protocol, listener, host, port, refused)
            return None

    def turned_away(self, protocol: Protocol, listener: str, host: str, port: int, refused: Refused) -> None:
        """A line in the log for a connection that was not let in."""
        record = self.sessions.refused_record(protocol, listener, host, port)
        record.refuse(refused.reason, refused.detail)
        self.sessions.finished(record)

    def limit_states(self) -> tuple[LimitState, ...]:
        """How near each limit is."""
        network, now = self.turns.busiest()
        turns = LimitState("log_ons_per_address", now, self.turns.settings.log_ons_per_address, network)
        return (*self.sessions.states(), turns)

    async def authenticate(self, record: SessionRecord, name: bytes, secret: Secret) -> Identity:
        """Who is it? `name` is the login name as typed. Raises `Refused`; times and names go to `record`."""
        began = self.clock.seconds()
        turn = await self.turns.begin(record.client)
        try:
            identity = await self.portal.authenticate(name, secret, record)
        finally:
            self.turns.end(turn)
            record.steps.authenticate = self.clock.seconds() - began
        return identity

    async def trust(self, record: SessionRecord, name: str, keys: Sequence[LookupKey]) -> Identity:
        """Whose certificate is it? See `exfront.auth.portal.Portal.trust`. Raises `Refused`."""
        began = self.clock.seconds()
        try:
            return await self.portal.trust(name, keys, record)
        finally:
            record.steps.authenticate = self.clock.seconds() - began

    async def claim(self, record: SessionRecord, name: bytes, message: Secret, token: str) -> Identity:
        """Whose token is it? See `exfront.auth.portal.Portal.claimed`. Raises `Refused`."""
        began = self.clock.seconds()
        try:
            return await self.portal.claimed(name, message, token, record)
        finally:
            record.steps.authenticate = self.clock.seconds() - began

    async def locate(
        self, record: SessionRecord, identity: Identity, named: Sequence[LookupKey] = (), trace: Trace | None = None
    ) -> Mailbox | None:
        """The mailbox to open: the one `named`, else the identity's own; None for an anonymous request that names none.

        Raises `Refused`.
        """
        began = self.clock.seconds()
        try:
            await self.servers_known()
            mailbox = await self._locate(record, identity, named, trace)
        finally:
            record.steps.locate = self.clock.seconds() - began
        if mailbox is not None:
            record.mailbox = mailbox.shown
        return mailbox

    def route(self, record: SessionRecord, facts: Facts, world: World | None = None) -> Relay | Local:
        """Decide, in `world` or in what is known of the servers now; only a client of HTTP gets `Local` answers.

        Raises `Refused` for a decision that refuses, or that cannot be performed.
        """
        began = self.clock.seconds()
        world = self.world() if world is None else world
        decision: Decision = decide(facts, world)
        record.steps.route = self.clock.seconds() - began
        record.decision = type(decision).__name__
        if isinstance(decision, Refuse) and decision.server:
            record.back_end = decision.server
        performed = perform(decision, proves=world.policy.proves)
        if isinstance(performed, Relay):
            record.back_end = performed.server.name
        return performed

    def route_mail(self, record: SessionRecord, facts: Facts) -> Relay:
        """The same for IMAP4 and POP3, which know no pages. Raises `Refused`."""
        decision = self.route(record, facts)
        if not isinstance(decision, Relay):
            raise Refused(PROTOCOL_NOT_SERVED, f"decision={type(decision).__name__}")
        return decision

    async def moved(self, record: SessionRecord, facts: Facts, named: Sequence[LookupKey] = ()) -> Relay | None:
        """A back end let a proven user not in: where to instead, after one fresh look at the directory (S-ROUTE-10).

        `facts` are those of the first decision, `named` the keys that its mailbox was found by, if it is not the
        user's own. None where the mailbox is where it was: then the back end's answer stands. Raises `Refused` if the
        mailbox is now somewhere that exfront may not go.
        """
        known = facts.mailbox
        if known is None:
            return None
        self.directory.forget(known)
        mailbox = await self._again(record, facts.identity, named)
        if mailbox is None or mailbox.stale or mailbox.account_id != known.account_id:
            return None
        same_server = mailbox.home_server.lower() == known.home_server.lower()
        if not mailbox.home_server or (same_server and mailbox.database == known.database):
            return None
        before = record.back_end
        decision = self.route(record, evolve(facts, mailbox=mailbox))
        if isinstance(decision, Relay):
            return decision if decision.server.name != before else None
        record.decision = Relay.__name__  # the back end's answer stands; the client's next request gets that one
        return None

    def elsewhere(
        self, record: SessionRecord, facts: Facts, relay: Relay, refused: Refused, failed: frozenset[str]
    ) -> Relay | None:
        """Where to instead of `relay`, whose server could not be reached, as those in `failed` before; None where no
        other one has what is asked for, or where nothing says that it would fare better."""
        if not relay.replaceable or refused.reason not in NOT_REACHED:
            return None
        try:
            decision = self.route(record, facts, self.world().without(failed | {relay.server.name}))
        except Refused:
            return None
        return decision if isinstance(decision, Relay) else None

    def another_copy(self, facts: Facts, failed: frozenset[str]) -> Relay | None:
        """Where to instead of the servers in `failed`, which say that they have not what is asked for."""
        decision = decide(facts, self.world().without(failed))
        return decision if isinstance(decision, Relay) else None

    async def _again(self, record: SessionRecord, identity: Identity, named: Sequence[LookupKey]) -> Mailbox | None:
        """None also where that cannot be told now: a worse answer than the back end's is none."""
        try:
            return await look_up(self.directory, named or identity.keys, record)
        except Refused:
            return None

    async def _locate(
        self, record: SessionRecord, identity: Identity, named: Sequence[LookupKey], trace: Trace | None
    ) -> Mailbox | None:
        mailbox = await self._named(record, named, trace) if named else identity.account
        if mailbox is not None and not mailbox.home_server:
            raise Refused(MAILBOX_NOT_FOUND if named else NO_MAILBOX, mailbox.dn)
        return mailbox

    async def _named(self, record: SessionRecord, keys: Sequence[LookupKey], trace: Trace | None) -> Mailbox:
        """Who asks has logged on: two entries are the administrator's fault then, and no secret (S-DIR-12)."""
        try:
            mailbox = await look_up(self.directory, keys, record, trace)
        except Refused as refused:
            if refused.reason is AMBIGUOUS_LOGIN:
                raise Refused(AMBIGUOUS_MAILBOX, refused.detail) from None
            raise
        if mailbox is None:
            raise Refused(MAILBOX_NOT_FOUND)
        return mailbox


def perform(decision: Decision, *, proves: bool) -> Relay | Local:
    """What is done for a decision. To a second Client Access server that takes passwords exfront is like any browser.

    `proves` is the policy's. Raises `Refused` for a decision that refuses, and where that server would need a security
    context (441) that it would not take from us.
    """
    if isinstance(decision, Refuse):
        raise Refused(decision.reason, decision.detail)
    if not isinstance(decision, ProxyToCas):
        return decision
    server, by_context = decision.server, decision.how == "context"
    if by_context and not (proves and decision.service.tls == "implicit"):  # S-AUTH-14: over TLS only
        raise Refused(PROXY_NOT_POSSIBLE, f"server={server.name} url={decision.url}")
    schemes: tuple[Scheme, ...] = ("basic",) if by_context else server.next_hop or ("basic",)
    url = decision.url if by_context else ""
    return Relay(
        server, decision.service, decision.login_as, decision.because, schemes, replaceable=True, proxy_url=url
    )
