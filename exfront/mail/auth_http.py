"""Answers an nginx that relays mail itself where each of its clients goes: authenticate, locate, route, and no more."""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable
from secrets import SystemRandom
from typing import Any

from attrs import evolve, frozen
from cryptography import x509
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from exfront import limits
from exfront.auth.client_certificate import read_certificate
from exfront.config.kinds import within
from exfront.config.limits import LimitsSection
from exfront.config.listener import ListenerSection
from exfront.decision import Relay, SessionRecord
from exfront.facts import Facts, Identity
from exfront.mail.entry import credentials_for
from exfront.mail.log_on import check_acts_for
from exfront.mail.protocol import Fault
from exfront.mail.timers import Timers
from exfront.names import decode
from exfront.reasons import (
    ADDRESS_NOT_ALLOWED,
    AUTH_METHOD_NOT_SERVED,
    BACK_END_OUT,
    BAD_INPUT,
    CERTIFICATE_UNKNOWN,
    CLIENT_GONE,
    CLIENT_TIMEOUT,
    DRAINING,
    INTERNAL_ERROR,
    NOT_FOR_NGINX,
    PRIVACY_REQUIRED,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.secret import Secret
from exfront.sessions import Session
from exfront.steps import Steps
from exfront.wire import auth_http
from exfront.wire.auth_http import BadQuestion, NotServed, Question
from exfront.wire.http1.events import NO_BODY, Malformed, RequestHead, first_value
from exfront.wire.http1.request import RequestReader

_SMTP_CODE = b"504 5.7.4"  # RFC 4954 section 4; clients of the other protocols get the text alone


@frozen
class Answers:
    """What is answered at one listener; `settings` is [limits], `key` the secret that nginx must say, if any."""

    steps: Steps
    listener: ListenerSection
    settings: LimitsSection
    clock: IReactorTime
    key: Secret | None = None

    def check_asker(self, address: str, key: bytes | None) -> None:
        """Whoever may ask may try passwords in the name of any client. Raises `Refused`."""
        if not within(address, self.listener.askers):
            raise Refused(ADDRESS_NOT_ALLOWED, "not in askers")
        if self.key is not None and not hmac.compare_digest(self.key.reveal(), key or b""):
            raise Refused(ADDRESS_NOT_ALLOWED, "not the key")

    async def grant(self, record: SessionRecord, question: Question) -> bytes:
        """The answer that sends a client to its mailbox server. Raises `Refused`."""
        record.user = decode(question.name) or "-"
        if not (question.secure or self.listener.allow_plaintext):
            raise Refused(PRIVACY_REQUIRED)
        steps = self.steps
        identity = await self._identify(record, question)
        mailbox = await steps.locate(record, identity, identity.names_mailbox)
        facts = Facts(question.protocol, identity, mailbox, explicit_logon=bool(identity.names_mailbox))
        relay = steps.route_mail(record, facts)
        self._check_reachable(relay, question)
        address = await steps.dialer.address_of(relay)
        return _granted(address, relay, identity, question)

    async def _identify(self, record: SessionRecord, question: Question) -> Identity:
        if not question.certificate:
            return await self.steps.authenticate(record, question.name, question.secret)
        try:
            shown = x509.load_pem_x509_certificate(question.certificate)
        except ValueError:
            raise Refused(CERTIFICATE_UNKNOWN, "not a certificate") from None
        owner = read_certificate(shown, self.steps.portal.rules)
        identity = await self.steps.trust(record, owner.name, owner.keys)
        await check_acts_for(self.steps, identity, question.name)
        return identity

    def wait(self, refused: Refused, question: Question) -> int:
        """Seconds that nginx holds the refusal back, and lets its client try again then; 0: it closes the connection.

        Of wrong credentials it is the guard's (S-MAIL-11).
        """
        if refused.reason.imap_code == "UNAVAILABLE":
            return limits.AUTH_HTTP_WAIT
        most = limits.IMAP4_LOGIN_FAILURES if question.protocol == "imap4" else limits.POP3_LOGIN_FAILURES
        if question.attempt >= most:
            return 0
        if refused.reason.public_code != WRONG_PASSWORD.public_code:
            return limits.AUTH_HTTP_WAIT
        delay = self.steps.portal.failure_delay(question.client) - self.settings.failure_floor
        return max(limits.AUTH_HTTP_WAIT, math.ceil(delay))

    def _check_reachable(self, relay: Relay, question: Question) -> None:
        server, service = relay.server, relay.service
        if service.tls != "none":  # nginx speaks none to mailbox servers
            raise Refused(NOT_FOR_NGINX, f"server={server.name} tls={service.tls}")
        health = self.steps.world().health(server.name, question.protocol, "")
        if health is not None and health.state == "out" and not health.due:
            raise Refused(BACK_END_OUT, f"server={server.name} last: {health.error}")


def _granted(address: str, relay: Relay, identity: Identity, question: Question) -> bytes:
    """With other credentials than the client's where the server wants them (``login_as``, ``master_user``)."""
    shown = credentials_for(relay, identity)
    if shown.acts_for:
        raise Refused(NOT_FOR_NGINX, f"server={relay.server.name} nginx says no authorization identity there")
    name = None if shown.name == question.name else shown.name
    secret = None if shown.secret == question.secret else shown.secret
    try:
        return auth_http.granted(address, relay.service.port, name, secret)
    except ValueError as why:
        raise Refused(NOT_FOR_NGINX, f"server={relay.server.name} name or password: {why}") from None


class AuthHttpProtocol(Protocol):
    """One question of nginx, on a connection of its own."""

    log = Logger()

    def __init__(self, session: Session, answers: Answers) -> None:
        self._session = session
        self._answers = answers
        self._reader = RequestReader()
        self._timers = Timers(answers.clock, self._guard)
        self._asked: float | None = None  # when
        self._under_way: Deferred[None] | None = None
        self._over = False  # answered, or beyond that

    @property
    def _line(self) -> Any:
        return self.transport

    @property
    def _record(self) -> SessionRecord:
        return self._session.record

    # --- events of the transport

    def connectionMade(self) -> None:
        """Wait for the question."""
        self._session.stop = self._session.abort = self._drain
        self._timers.later("head", self._answers.settings.http_head_time, self._too_slow)

    def dataReceived(self, data: bytes) -> None:
        """Octets of nginx; what comes behind the question is not read."""
        if self._asked is None and not self._over:
            self._reader.receive(data)
            self._guard(self._read)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end; without an answer, nginx or its client has given up."""
        self._timers.cancel_all()
        if not self._over:
            self._finish(CLIENT_GONE)
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.cancel()
        self._answers.steps.sessions.close(self._session)

    # --- the question

    def _guard(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception:  # noqa: BLE001 - with the answer's errback the one place: logged, answered, closed
            self._fault(Failure())

    def _read(self) -> None:
        event = self._reader.next_event()
        if event is None:
            return
        self._timers.cancel("head")
        self._asked = self._answers.clock.seconds()
        if isinstance(event, RequestHead):
            self._take(event)
        elif isinstance(event, Malformed):
            self._refuse(BAD_INPUT, event.text, auth_http.not_answered(event.status, b"Not a request.\r\n"))

    def _take(self, head: RequestHead) -> None:
        try:
            self._answers.check_asker(self._session.address, first_value(head.headers, auth_http.KEY_FIELD))
            if head.method != b"GET" or head.framing is not NO_BODY:
                raise BadQuestion("not a GET without a body")
            question = auth_http.read(head.headers)
        except Refused as refused:
            text = refused.reason.text.encode("ascii") + b"\r\n"
            self._refuse(refused.reason, refused.detail, auth_http.not_answered(refused.reason.http_status, text))
        except BadQuestion as bad:
            self._refuse(BAD_INPUT, str(bad), auth_http.not_answered(400, b"Not a question of nginx.\r\n"))
        except NotServed as why:
            answer = auth_http.refused(AUTH_METHOD_NOT_SERVED.imap_text(), code=_SMTP_CODE)
            self._refuse(AUTH_METHOD_NOT_SERVED, str(why), answer)
        else:
            self._ask(question)

    def _ask(self, question: Question) -> None:
        self._session.record = record = evolve(self._record, protocol=question.protocol, client=question.client)
        granting = Deferred.fromCoroutine(self._answers.grant(record, question))
        done = granting.addCallbacks(self._grant, lambda failure: self._not_granted(failure, question))
        self._under_way = done.addErrback(self._fault)

    def _grant(self, answer: bytes) -> None:
        self._under_way = None
        self._finish(None, "OK")
        self._send(answer)

    def _not_granted(self, failure: Failure, question: Question) -> None:
        self._under_way = None
        refused = failure.value
        if isinstance(refused, CancelledError) and self._over:
            return
        if not isinstance(refused, Refused):
            self._fault(failure)
            return
        text = refused.reason.imap_text() if question.protocol == "imap4" else refused.reason.pop3_text()
        answer = auth_http.refused(text, self._answers.wait(refused, question))
        self._record.refuse(refused.reason, refused.detail)
        self._timers.later("answer", self._floor(refused.reason), lambda: self._refuse(refused.reason, "", answer))

    def _floor(self, reason: Reason) -> float:
        """S-AUTH-6: all wrong credentials take the same time, in seconds; the rest of the guard's delay is nginx's."""
        if reason.public_code != WRONG_PASSWORD.public_code or self._asked is None:
            return 0.0
        floor = self._answers.settings.failure_floor + SystemRandom().uniform(0.0, limits.FAILURE_JITTER)
        return max(0.0, floor - (self._answers.clock.seconds() - self._asked))

    # --- the answer, and other ends

    def _refuse(self, reason: Reason, detail: str, answer: bytes) -> None:
        self._finish(reason, "NO", detail)
        self._send(answer)

    def _send(self, answer: bytes) -> None:
        self._timers.later("close", limits.CLIENT_GONE_TIME, self._line.abortConnection)
        self._line.write(answer)
        self._line.loseConnection()

    def _finish(self, reason: Reason | None, status: str = "-", detail: str = "") -> None:
        """The one line in the log."""
        self._over = True
        record, now = self._record, self._answers.clock.seconds()
        if reason is not None:
            record.refuse(reason, detail)
        record.front_end_status = status
        record.duration = now - (self._session.began if self._asked is None else self._asked)
        self._answers.steps.sessions.finished(record)

    def _too_slow(self) -> None:
        self._finish(CLIENT_TIMEOUT, detail="phase=head")
        self._line.abortConnection()

    def _drain(self) -> None:
        """The service stops: nginx tells its client of an internal error, and that one comes back."""
        if not self._over:
            self._finish(DRAINING)
        self._line.abortConnection()

    def _fault(self, failure: Failure) -> None:
        """An exception that nobody foresaw; its text may hold what a user typed (S-AUTH-11)."""
        kind = type(failure.value).__name__
        nameless = Failure(Fault(kind), Fault, failure.getTracebackObject())
        self.log.failure("unexpected {kind} in session {session}", nameless, kind=kind, session=self._session.id)
        if not self._over:
            self._refuse(INTERNAL_ERROR, kind, auth_http.not_answered(500, INTERNAL_ERROR.text.encode() + b"\r\n"))


def auth_http_protocol(session: Session, answers: Answers) -> AuthHttpProtocol:
    """The protocol of an admitted nginx."""
    return AuthHttpProtocol(session, answers)
