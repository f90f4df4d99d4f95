"""The Twisted glue of IMAP4 and POP3: performs what the dialogue says, owns the deadlines, reports to the session."""

from __future__ import annotations

from collections.abc import Callable
from secrets import SystemRandom
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IOpenSSLServerConnectionCreator,
    IReactorTime,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.auth.client_certificate import ClientCertificate, read_certificate
from exfront.backends.certificate import told
from exfront.config.kinds import within
from exfront.config.limits import LimitsSection
from exfront.config.listener import ListenerSection
from exfront.config.mail import MailSection
from exfront.mail.actions import Action, Authenticate, Believe, Close, Join, NoteRefusal, Prompt, Send, StartTLS
from exfront.mail.back_end import BackEnd
from exfront.mail.back_end_log_on import BackEndRefused
from exfront.mail.entry import endpoint_of
from exfront.mail.journal import Journal
from exfront.mail.kinds import IMAP4, POP3, Kind
from exfront.mail.log_on import Entered, Way
from exfront.mail.login import Login, relayed
from exfront.mail.offer import Offer
from exfront.mail.outcome import Refusal
from exfront.mail.promises import promised
from exfront.mail.relayed import Relayed
from exfront.mail.timers import Timers
from exfront.names import decode
from exfront.net.certificates import peer_certificate
from exfront.net.relay import Leg
from exfront.net.slim import SlimProtocol
from exfront.reasons import (
    BAD_INPUT,
    CLIENT_GONE,
    CLIENT_TIMEOUT,
    DRAINING,
    INTERNAL_ERROR,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.sessions import Session
from exfront.steps import Steps
from exfront.wire.client_facts import Told

_AS_USUAL = MailSection()
_RELAYED = {kind.protocol: relayed(kind.new_speaker()) for kind in (IMAP4, POP3)}
_TLS_RECORD = b"\x16"  # RFC 8446 section 5.1: a handshake begins so, and no command does


class Fault(Exception):  # noqa: N818 - stands in the log for another exception
    """An unexpected exception, named by its type: its text may hold what a user typed (S-AUTH-11)."""


@implementer(IHandshakeListener, IHalfCloseableProtocol)
class MailProtocol(SlimProtocol):
    """One client's connection, from greeting to close.

    `settings` is [limits], `mail` is [mail]; `tls` makes the contexts of STARTTLS and STLS, None where they are not
    offered. Once it is joined to a back end, nothing is kept that only a log-on needs.
    """

    __slots__ = (
        "_asks_for_certificate", "_certificate", "_closing", "_gone", "_handshaking", "_journal", "_kind", "_leg",
        "_login", "_paused", "_peer", "_read_ended", "_reader", "_relayed", "_session", "_settings", "_timers", "_tls",
        "_under_way", "_way",
    )  # fmt: skip

    log = Logger()

    def __init__(
        self,
        kind: Kind,
        session: Session,
        steps: Steps,
        listener: ListenerSection,
        settings: LimitsSection,
        clock: IReactorTime,
        tls: IOpenSSLServerConnectionCreator | None,
        mail: MailSection = _AS_USUAL,
    ) -> None:
        super().__init__()
        self._kind = kind
        self._session = session
        self._settings = settings
        self._tls = tls
        self._handshaking = listener.tls == "implicit"
        self._way = Way(kind, session, steps, settings, clock)
        self._journal = Journal(session, steps.sessions, clock)
        self._timers = Timers(clock, self._guard)
        self._asks_for_certificate = listener.client_ca_file is not None
        self._certificate: ClientCertificate | None = None
        starttls = listener.tls == "starttls" and tls is not None and not session.secure
        self._peer = (session.address, session.port)
        believes = within(session.address, listener.trusted_proxies)
        offer = Offer(session.secure, starttls, listener.allow_plaintext, believes=believes)
        self._login: Login[Any] = Login(kind.new_speaker(), promised(offer, kind.protocol, steps, mail))
        self._reader = kind.new_reader()
        self._under_way: Deferred[None] | None = None
        self._relayed: Relayed | None = None
        self._leg: Leg | None = None
        self._paused = False
        self._read_ended = False
        self._closing = False
        self._gone = False

    @property
    def _client(self) -> Any:
        return self.transport

    # --- what Twisted tells us

    def connectionMade(self) -> None:
        """Greet, and begin to count the time until the log-on."""
        if self._session.connected is None:
            self._session.connected = endpoint_of(self._client.getHost())
        self._session.stop = self._stop
        self._session.abort = self._abort
        self._timers.later("login", self._settings.mail_login_time, self._login_too_slow)
        if self._handshaking:
            self._timers.later("handshake", self._settings.tls_handshake_time, self._handshake_too_slow)
        if not (self._handshaking and self._asks_for_certificate):  # else what is offered depends on it
            self._perform(self._login.begin())

    def handshakeCompleted(self) -> None:
        """TLS is up, from the start or after STARTTLS."""
        self._timers.cancel("handshake")
        self._handshaking = False
        self._guard(self._secured)

    def _secured(self) -> None:
        shown = peer_certificate(self._client) if self._asks_for_certificate else None
        if shown is not None:
            self._certificate = read_certificate(shown, self._way.steps.portal.rules)
        if not self._login.offer.secure:
            self._session.secure = True
            self._perform(self._login.secured(certificate=shown is not None))
        elif self._asks_for_certificate:
            self._perform(self._login.begin(certificate=shown is not None))

    def dataReceived(self, data: bytes) -> None:
        """Octets of the client."""
        if self._leg is not None:
            self._leg.received(data)
        elif self._login.over:
            pass  # we said goodbye: nobody reads this
        elif data.startswith(_TLS_RECORD) and not self._login.offer.secure and not self._reader.held:
            self._close(BAD_INPUT, "TLS on a clear port")
        else:
            self._reader.feed(data)
            self._guard(self._read)

    def readConnectionLost(self) -> None:
        """The client sends no more; what it asked behind a log-on under way is still answered."""
        if self._leg is not None:
            self._leg.read_ended()
        elif not self._login.reading and self._reader.held:
            self._read_ended = True
        else:
            self._client.loseConnection()

    def writeConnectionLost(self) -> None:
        """Our end is shut, as we asked."""
        if self._leg is not None:
            self._leg.write_ended()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone, or we closed: the one end of every session."""
        self._gone = True
        self._timers.cancel_all()
        if self._handshaking:
            closed = reason.check(ConnectionDone, ConnectionLost) is not None
            self._journal.record.refuse(
                CLIENT_GONE if closed else BAD_INPUT, f"phase=tls {type(reason.value).__name__}"
            )
        if self._cancel_log_on():
            self._journal.record.refuse(CLIENT_GONE, "phase=login")
        if self._leg is not None:
            self._leg.lost(reason)
        self._journal.end()

    # --- the dialogue

    def _guard(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception:  # noqa: BLE001 - with the log-on's errback the one place: logged, answered, closed
            self._fault(Failure())

    def _read(self) -> None:
        while self._login.reading:
            event = self._reader.next_event()
            if event is None:
                break
            self._perform(self._login.take(event, followed=self._reader.held > 0))
        if self._leg is None and self._reader.held > limits.PIPELINED_OCTETS and not self._paused:
            self._paused = True
            self._client.pauseProducing()
        if self._read_ended and self._login.reading:
            self._client.loseConnection()

    def _perform(self, actions: list[Action], entered: BackEnd | None = None) -> None:
        for action in actions:
            match action:
                case Send(data):
                    self._client.write(data)
                case Believe(told):
                    self._believe(told)
                case Prompt(data):
                    self._client.write(data)
                    self._reader.expect_response()
                case StartTLS():
                    self._start_tls()
                case Authenticate():
                    self._begin_log_on(action)
                case NoteRefusal(reason, name):
                    self._journal.refused_unasked(decode(name), reason, self._kind.refused)
                case Join():
                    assert entered is not None
                    self._join(entered)
                case Close(reason):
                    self._close(reason)

    def _believe(self, told: Told) -> None:
        """The client is who its proxy tells, for logs, limits and the back end (S-MAIL-16)."""
        session = self._session
        if told.hops_left is not None:
            session.hops_left = min(told.hops_left, limits.MAIL_HOPS)
        if told.address is None:
            return
        try:
            self._way.steps.sessions.readdress(session, told.address, told.port or 0)
        except Refused as refused:
            self._journal.note(refused)
            self._perform(self._login.stop(refused.reason))

    def _start_tls(self) -> None:
        if self._login.offer.believes:  # S-MAIL-1: what was told in the clear is void
            self._session.hops_left = limits.MAIL_HOPS
            self._way.steps.sessions.readdress(self._session, *self._peer)
        self._reader = self._kind.new_reader()
        self._handshaking = True
        self._timers.later("handshake", self._settings.tls_handshake_time, self._handshake_too_slow)
        self._client.startTLS(self._tls)

    # --- the log-on

    def _begin_log_on(self, ask: Authenticate) -> None:
        self._journal.attempt()
        take = evolve(self._way, utf8=ask.utf8).take
        way = Deferred.fromCoroutine(take(self._journal.record, ask, self._certificate))
        self._under_way = way.addCallbacks(self._logged_on, self._not_logged_on).addErrback(self._fault)

    def _logged_on(self, entered: Entered) -> None:
        self._under_way = None
        self._perform(self._login.accepted(entered.welcome), entered.back_end)

    def _not_logged_on(self, failure: Failure) -> None:
        self._under_way = None
        refused = failure.value
        if isinstance(refused, Refused | CancelledError) and (self._gone or self._login.over):
            return
        if not isinstance(refused, Refused):
            self._fault(failure)
            return
        self._journal.note(refused, refused.status if isinstance(refused, BackEndRefused) else told(refused))
        wait = self._floor(refused.reason) - self._journal.attempt_age
        self._timers.later("answer", max(wait, 0.0), lambda: self._refuse(refused))

    def _floor(self, reason: Reason) -> float:
        """S-AUTH-6, S-MAIL-11: a wrong name, a wrong password and a locked account take the same time, in seconds."""
        if reason.public_code != WRONG_PASSWORD.public_code:
            return 0.0
        wait = max(self._settings.failure_floor, self._way.steps.portal.failure_delay(self._session.address))
        return wait + SystemRandom().uniform(0.0, limits.FAILURE_JITTER)

    def _refuse(self, refused: Refused) -> None:
        refusal = Refusal(refused.reason, challenge=self._way.steps.back_ends.capabilities.token_refusal)
        if isinstance(refused, BackEndRefused):
            refusal = Refusal(refused.reason, refused.code, refused.alerts, refused.challenge)
        self._journal.refused(self._kind.refused)
        self._perform(self._login.refused(refusal))
        self._resume()
        self._read()

    def _join(self, back_end: BackEnd) -> None:
        """From here no Python of ours reads a line."""
        self._timers.cancel("login")
        self._journal.joined()
        self._resume()
        record = self._journal.record
        self._relayed = Relayed(self._kind, self._client, back_end, record, self._settings, self._timers)
        self._leg = self._relayed.leg
        from_client, from_back_end = self._reader.take_rest(), back_end.take_rest()
        self._login = _RELAYED[self._kind.protocol]
        del self._reader, self._way, self._certificate, self._peer
        self._relayed.start(from_client, from_back_end)
        if self._read_ended:
            self._leg.read_ended()

    def _resume(self) -> None:
        if self._paused and not self._gone and not self._closing:
            self._paused = False
            self._client.resumeProducing()

    def _cancel_log_on(self) -> bool:
        """Give a log-on under way up (S-MAIL-19); whether there was one."""
        under_way, self._under_way = self._under_way, None
        if under_way is None:
            return False
        under_way.cancel()
        return True

    # --- ends

    def _close(self, reason: Reason | None, detail: str = "") -> None:
        """What is written goes out first, to a client that reads it within a while."""
        record = self._journal.record
        record.front_end_status = "OK" if reason is None else self._kind.closed
        if reason is not None:
            record.refuse(reason, detail)
        self._closing = True
        self._timers.cancel("login")
        self._timers.later("close", limits.CLIENT_GONE_TIME, self._client.abortConnection)
        self._client.loseConnection()

    def _fault(self, failure: Failure) -> None:
        """An exception that nobody foresaw ends this connection and no other."""
        kind = type(failure.value).__name__
        nameless = Failure(Fault(kind), Fault, failure.getTracebackObject())
        self.log.failure("unexpected {kind} in session {session}", nameless, kind=kind, session=self._session.id)
        self._journal.record.refuse(INTERNAL_ERROR, kind)
        if self._gone:
            return
        if self._relayed is not None:
            self._relayed.abort()
        else:
            self._perform(self._login.fault())

    def _login_too_slow(self) -> None:
        self._give_up(CLIENT_TIMEOUT, "phase=login", self._login.timed_out())

    def _handshake_too_slow(self) -> None:
        self._journal.record.refuse(CLIENT_TIMEOUT, "phase=tls")
        self._client.abortConnection()

    def _give_up(self, reason: Reason, detail: str, last_words: list[Action]) -> None:
        self._journal.record.refuse(reason, detail)
        self._timers.cancel("answer")
        self._cancel_log_on()
        self._perform(last_words)

    def _stop(self) -> None:
        """The service stops (S-OPS-7)."""
        self._guard(self._drain)

    def _drain(self) -> None:
        if self._relayed is not None:
            self._relayed.drain(self._login.speaker.bye(DRAINING))
        else:
            self._give_up(DRAINING, "", self._login.stop(DRAINING))

    def _abort(self) -> None:
        if self._relayed is not None:
            self._relayed.abort()
        else:
            self._client.abortConnection()
