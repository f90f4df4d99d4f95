"""A mail user's way through the steps to a back end that let the user in."""

from __future__ import annotations

from typing import cast

from attrs import evolve, frozen
from twisted.internet.interfaces import IReactorTime

from exfront import limits
from exfront.auth.client_certificate import ClientCertificate
from exfront.backends.preface import preface
from exfront.config.limits import LimitsSection
from exfront.decision import Relay, SessionRecord
from exfront.facts import Facts, Identity
from exfront.mail.actions import Authenticate
from exfront.mail.back_end import BackEnd, BackEndFactory
from exfront.mail.back_end_log_on import BackEndRefused, Entry
from exfront.mail.entry import credentials_for, facts_for, find_referred, nameless
from exfront.mail.kinds import Kind
from exfront.mail.outcome import Welcome
from exfront.mail.promises import learned
from exfront.names import BadName, decode, parse_login
from exfront.reasons import (
    AUTHORIZATION_FAILED,
    BACK_END_AUTH_MISMATCH,
    CERTIFICATE_NEEDED,
    WRONG_TOKEN,
    Refused,
)
from exfront.sessions import Session
from exfront.steps import Steps
from exfront.wire.imap4_referral import Referral
from exfront.wire.sasl import TOKEN_MECHANISMS


@frozen
class Entered:
    """A back end's connection, logged on."""

    back_end: BackEnd
    welcome: Welcome


@frozen
class Way:
    """What the log-ons of one `session` need beside the user's words; `settings` is [limits].

    `utf8`: the client has asked for UTF-8 before it logged on.
    """

    kind: Kind
    session: Session
    steps: Steps
    settings: LimitsSection
    clock: IReactorTime
    utf8: bool = False

    async def take(
        self, record: SessionRecord, ask: Authenticate, certificate: ClientCertificate | None = None
    ) -> Entered:
        """Authenticate, locate, route, and log on at the back end as the same user. Raises `Refused`.

        `certificate` is the client's, verified. From then on the session counts for the account.
        """
        try:
            return await self._take(record, ask, certificate)
        except BaseException:
            self.steps.sessions.unseat(record.session_id)
            raise

    async def _take(self, record: SessionRecord, ask: Authenticate, certificate: ClientCertificate | None) -> Entered:
        steps = self.steps
        identity = await self._identify(record, ask, certificate)
        await check_acts_for(self.steps, identity, ask.acts_for)
        if not identity.token:
            steps.sessions.seat(record)
        mailbox = await steps.locate(record, identity, identity.names_mailbox)
        facts = Facts(self.kind.protocol, identity, mailbox, explicit_logon=bool(identity.names_mailbox))
        relay = steps.route_mail(record, facts)
        began = self.clock.seconds()
        try:
            entered = await self._enter_right_one(record, facts, relay)
            if identity.token:
                self._seat_proven(record, entered)
            return entered
        except BackEndRefused as refused:
            if identity.token and refused.reason is BACK_END_AUTH_MISMATCH:
                raise self._wrong_token(identity, record, refused) from None
            raise
        finally:
            record.steps.relay = self.clock.seconds() - began

    async def _identify(
        self, record: SessionRecord, ask: Authenticate, certificate: ClientCertificate | None
    ) -> Identity:
        """Who it is, by what was shown; of a token only who it claims to be."""
        if ask.mechanism != "PLAIN":
            record.scheme_used = ask.mechanism.lower()
        if ask.mechanism == "EXTERNAL":
            if certificate is None:
                raise Refused(CERTIFICATE_NEEDED)
            return await self.steps.trust(record, certificate.name, certificate.keys)
        if ask.mechanism in TOKEN_MECHANISMS:
            return await self.steps.claim(record, ask.name, ask.secret, ask.mechanism)
        return await self.steps.authenticate(record, ask.name, ask.secret)

    def _wrong_token(self, identity: Identity, record: SessionRecord, refused: BackEndRefused) -> BackEndRefused:
        """The first who judges a token is the back end: that is the client's fault, and no alarm."""
        self.steps.portal.token_refused(identity, record)
        self.steps.back_ends.capabilities.token_refusal = refused.challenge
        return BackEndRefused(WRONG_TOKEN, refused.detail, refused.status, challenge=refused.challenge)

    def _seat_proven(self, record: SessionRecord, entered: Entered) -> None:
        """Only now is it known whose token it was: nobody takes another's seats. Raises `Refused`."""
        try:
            self.steps.sessions.seat(record)
        except Refused:
            entered.back_end.abort()
            raise

    async def _enter_right_one(self, record: SessionRecord, facts: Facts, relay: Relay) -> Entered:
        """Log on at `relay`, or where that server, or a fresh look at the directory, says that the mailbox is."""
        try:
            entered = await self._enter_one(record, facts, relay)
        except Refused as refused:
            referral = refused.referral if isinstance(refused, BackEndRefused) else None
            other = self._referred(referral, record, facts) or await self._moved(refused, record, facts)
            if other is None:
                raise
            return await self._enter(other, facts.identity)
        other = self._referred(entered.welcome.referral, record, facts)
        if other is None:
            return entered
        entered.back_end.abort()
        return await self._enter(other, facts.identity)

    def _referred(self, referral: Referral | None, record: SessionRecord, facts: Facts) -> Relay | None:
        """Where a back end sends us, if that is another server that is known and may be used (S-DIR-4); once only.

        Routing judges it as it would a server that the configuration names.
        """
        if referral is None:
            return None
        target = find_referred(referral, self.steps.world().topology)
        if target is None or target.name == record.back_end:
            return None
        back_end = record.back_end
        try:
            return self.steps.route_mail(record, evolve(facts, mailbox=None, named_server=target.name))
        except Refused:
            record.decision, record.back_end = Relay.__name__, back_end
            return None

    async def _enter_one(self, record: SessionRecord, facts: Facts, relay: Relay) -> Entered:
        """Log on at `relay`, or at one that has the same where that cannot be reached; at most three are tried."""
        failed: frozenset[str] = frozenset()
        while True:
            try:
                return await self._enter(relay, facts.identity)
            except Refused as refused:
                other = self.steps.elsewhere(record, facts, relay, refused, failed)
                failed |= {relay.server.name}
                if other is None or len(failed) > limits.OTHER_SERVERS:
                    raise
                relay = other

    async def _moved(self, refused: Refused, record: SessionRecord, facts: Facts) -> Relay | None:
        """Where to instead, if a back end refused who has proven the password because the mailbox has left it."""
        if refused.reason is not BACK_END_AUTH_MISMATCH:
            return None
        if not facts.identity.token:  # of a password nothing was said
            self.steps.portal.forget(facts.identity)
        return await self.steps.moved(record, facts, facts.identity.names_mailbox)

    async def _enter(self, relay: Relay, identity: Identity) -> Entered:
        """Log on there, and tell the table how that went."""
        application = self.steps.back_ends.application(relay.server.name, self.kind.protocol, port=relay.service.port)
        began = self.clock.seconds()
        application.begin()
        try:
            entered = await self._log_on(relay, identity)
        except Refused as refused:
            application.failed(refused, self.clock.seconds())
            raise
        except BaseException:
            application.dropped()
            raise
        now = self.clock.seconds()
        application.answered(0, now - began, now)
        learned(self.steps, relay.server.name, self.kind.protocol, entered.welcome)
        return entered

    async def _log_on(self, relay: Relay, identity: Identity) -> Entered:
        dialer, kind = self.steps.dialer, self.kind
        credentials = credentials_for(relay, identity)
        facts = facts_for(self.session, relay.server)
        dialogue = kind.log_on(
            Entry(
                credentials,
                tls=relay.service.tls == "starttls",
                facts=facts if relay.server.forward_client == "commands" else None,
                asks=self.steps.back_ends.ask_capabilities(relay.server.name, kind.protocol),
                utf8=self.utf8,
            )
        )
        factory = BackEndFactory(kind.new_answer_reader, self.clock)
        first = preface(relay.server, kind.protocol, facts.client, facts.connected) if facts is not None else b""
        back_end = cast(BackEnd, await dialer.dial(relay, kind.protocol, factory, first))
        try:
            welcome = await back_end.log_on(
                dialogue, lambda: dialer.start_tls(relay, back_end), self.settings.back_end_login_time
            )
        except BackEndRefused as refused:
            refused.alerts = nameless(refused.alerts, relay.server)
            raise
        if welcome.alerts:
            welcome = evolve(welcome, alerts=nameless(welcome.alerts, relay.server))
        return Entered(back_end, welcome)


async def check_acts_for(steps: Steps, identity: Identity, acts_for: bytes) -> None:
    """S-MAIL-8: the authorization identity is empty or, however it is spelt, the same account. Raises `Refused`."""
    if not acts_for or acts_for == identity.typed:
        return
    try:
        login = parse_login(decode(acts_for), steps.portal.rules)
    except BadName as why:
        raise Refused(AUTHORIZATION_FAILED, str(why)) from None
    account = await steps.directory.find(login.keys, None)
    same = account is not None and identity.account is not None and account.account_id == identity.account.account_id
    if not same or login.mailbox_keys not in ((), identity.names_mailbox):
        raise Refused(AUTHORIZATION_FAILED)
