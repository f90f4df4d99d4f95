"""A mail user's way through the steps to a back end that let the user in."""

from __future__ import annotations

from typing import cast

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from exfront import limits
from exfront.auth.next_hop import login_name
from exfront.config.limits import LimitsSection
from exfront.decision import Relay, SessionRecord
from exfront.facts import Facts, Identity
from exfront.mail.back_end import BackEnd, BackEndFactory
from exfront.mail.kinds import Kind
from exfront.mail.login import Authenticate, Welcome
from exfront.names import BadName, decode, parse_login
from exfront.reasons import AUTHORIZATION_FAILED, BACK_END_AUTH_MISMATCH, Refused
from exfront.secret import Secret
from exfront.steps import Steps


@frozen
class Entered:
    """A back end's connection, logged on."""

    back_end: BackEnd
    welcome: Welcome


@frozen
class Way:
    """What a log-on needs beside the user's words; `settings` is [limits]."""

    kind: Kind
    steps: Steps
    settings: LimitsSection
    clock: IReactorTime

    async def take(self, record: SessionRecord, ask: Authenticate) -> Entered:
        """Authenticate, locate, route, and log on at the back end with the same secret. Raises `Refused`."""
        steps = self.steps
        identity = await steps.authenticate(record, ask.name, ask.secret)
        await self._check_acts_for(identity, ask.acts_for)
        mailbox = await steps.locate(record, identity, identity.names_mailbox)
        facts = Facts(self.kind.protocol, identity, mailbox, explicit_logon=bool(identity.names_mailbox))
        relay = steps.route_mail(record, facts)
        began = self.clock.seconds()
        try:
            return await self._enter_one(record, facts, relay, ask.secret)
        except Refused as refused:
            moved = await self._moved(refused, record, facts)
            if moved is None:
                raise
            return await self._enter(moved, identity, ask.secret)
        finally:
            record.steps["relay"] = self.clock.seconds() - began

    async def _enter_one(self, record: SessionRecord, facts: Facts, relay: Relay, secret: Secret) -> Entered:
        """Log on at `relay`, or at one that has the same where that cannot be reached; at most three are tried."""
        failed: frozenset[str] = frozenset()
        while True:
            try:
                return await self._enter(relay, facts.identity, secret)
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
        self.steps.portal.forget(facts.identity)
        return await self.steps.moved(record, facts, facts.identity.names_mailbox)

    async def _enter(self, relay: Relay, identity: Identity, secret: Secret) -> Entered:
        """Log on there, and tell the table how that went."""
        application = self.steps.back_ends.application(relay.server.name, self.kind.protocol, port=relay.service.port)
        began = self.clock.seconds()
        application.begin()
        try:
            entered = await self._log_on(relay, identity, secret)
        except Refused as refused:
            application.failed(refused, self.clock.seconds())
            raise
        except BaseException:
            application.dropped()
            raise
        now = self.clock.seconds()
        application.answered(0, now - began, now)
        return entered

    async def _log_on(self, relay: Relay, identity: Identity, secret: Secret) -> Entered:
        name = login_name(identity, relay.login_as)
        dialer, kind = self.steps.dialer, self.kind
        dialogue = kind.log_on(name, secret, relay.service.tls == "starttls")
        factory = BackEndFactory(kind.new_answer_reader, self.clock)
        back_end = cast(BackEnd, await dialer.dial(relay, kind.protocol, factory))
        welcome = await back_end.log_on(
            dialogue, lambda: dialer.start_tls(relay, back_end), self.settings.back_end_login_time
        )
        return Entered(back_end, welcome)

    async def _check_acts_for(self, identity: Identity, acts_for: bytes) -> None:
        """S-MAIL-8: the authorization identity is empty or, however it is spelt, the same account."""
        if not acts_for or acts_for == identity.typed:
            return
        try:
            login = parse_login(decode(acts_for), self.steps.portal.rules)
        except BadName as why:
            raise Refused(AUTHORIZATION_FAILED, str(why)) from None
        account = await self.steps.directory.find(login.keys, None)
        same = (
            account is not None and identity.account is not None and account.account_id == identity.account.account_id
        )
        if not same or login.mailbox_keys not in ((), identity.names_mailbox):
            raise Refused(AUTHORIZATION_FAILED)
