"""HTTP on a client's connection: requests one after the other, their deadlines, and the connection's end.

The rules stand elsewhere; this joins transport, reader, request and clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IProtocol,
    IReactorTime,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.auth.client_certificate import read_certificate
from exfront.auth.forms import FormLogOns
from exfront.config.listener import ListenerSection
from exfront.config.settings import Settings
from exfront.decision import SessionRecord
from exfront.net.certificates import names_of, peer_certificate, server_name
from exfront.net.slim import SlimProtocol
from exfront.reasons import BAD_INPUT, CLIENT_GONE, CLIENT_TIMEOUT, DRAINING, Reason, Refused
from exfront.sessions import Session
from exfront.steps import Steps
from exfront.web.answer import Answer
from exfront.web.back_end import BackEndConnection
from exfront.web.body import NOTHING, RequestBody
from exfront.web.context import Cas, ClientContext
from exfront.web.devices import Devices
from exfront.web.journal import Journal
from exfront.web.outlet import Outlet
from exfront.web.pace import Pace, Phase
from exfront.web.pages import Pages, error_text
from exfront.web.passthrough import RouteCookies
from exfront.web.pool import Pool
from exfront.web.request import Request
from exfront.web.tunnel import Tunnel
from exfront.web.virtual_sites import ListenerSites
from exfront.wire.http1.events import NO_BODY, Data, End, Event, Malformed, RequestHead
from exfront.wire.http1.request import TLS_HANDSHAKE, RequestReader


def http_protocol(
    session: Session,
    steps: Steps,
    sites: ListenerSites,
    listener: ListenerSection,
    settings: Settings,
    clock: IReactorTime,
    pool: Pool,
    cookies: RouteCookies,
    devices: Devices,
    forms: FormLogOns,
    pages: Pages,
    cas: Cas,
) -> IProtocol:
    """The protocol of one client connection; `session` is closed when the connection ends."""
    context = ClientContext(
        session, steps, sites, listener, settings, clock, pool, cookies, devices, forms, pages, cas
    )  # fmt: skip
    return HttpProtocol(context)


_NOTHING_TO_READ = (Phase.CLOSING, Phase.HANDSHAKE)


@implementer(IHandshakeListener, IHalfCloseableProtocol)
class HttpProtocol(SlimProtocol):
    """One client connection.

    The next request's head is read only when the former answer is complete and the client reads; no more than 64 KiB
    are read ahead (S-HTTP-13, S-HTTP-25).
    """

    __slots__ = (
        "_clock", "_context", "_dropped", "_journal", "_limits", "_line", "_outlet", "_pace", "_pumping", "_read_ended",
        "_reader", "_reading", "_request", "_serving", "_stopping", "_tunnel",
    )  # fmt: skip

    _outlet: Outlet
    _journal: Journal
    _line: Any

    def __init__(self, context: ClientContext) -> None:
        super().__init__()
        self._context = context
        self._limits = context.settings.limits
        self._clock = context.clock
        self._pace = Pace(self, self._limits, context.clock)
        self._reader = RequestReader()
        self._request: Request | None = None  # until its answer and its body are both through
        self._serving = False  # until its answer is
        self._tunnel: Tunnel | None = None
        self._pumping = False
        self._reading = True
        self._read_ended = False
        self._stopping = False
        self._dropped = 0  # octets that came after the last answer

    # --- events of the transport

    def connectionMade(self) -> None:
        """Wait for the handshake, or for a request."""
        context, self._line = self._context, self.transport
        if context.published.by_address:
            told = context.session.connected
            context.came_in_at(str(getattr(self._line.getHost(), "host", "")) if told is None else told.address)
        self._outlet = Outlet(self._line, self._limits.http_write_time, self._not_read, self._pump, self._clock)
        self._journal = Journal(context.session, context.steps.sessions, self._outlet, self._clock)
        context.session.stop, context.session.abort = self._stop, self._abort
        context.unpinned, context.tunnel = self._unpinned, self._switch
        self._pace.enter(Phase.HANDSHAKE if context.session.secure else Phase.IDLE)

    def handshakeCompleted(self) -> None:
        """TLS is up, where it is spoken."""
        self._context.server_name = server_name(self._line)
        certificate = peer_certificate(self._line)
        if certificate is not None:
            self._context.certificate = read_certificate(certificate, self._context.steps.portal.rules)
            self._context.peer_names = names_of(certificate)
        self._pace.enter(Phase.IDLE)

    def dataReceived(self, data: bytes) -> None:
        """Octets of the client."""
        if self._tunnel is not None:
            self._tunnel.client.received(data)
            return
        if self._pace.phase is Phase.CLOSING:
            self._dropped += len(data)
            if self._dropped > limits.HTTP_DRAIN_OCTETS:
                self._outlet.close()
            return
        self._reader.receive(data)
        self._pump()

    def readConnectionLost(self) -> None:
        """The client sends no more; who has asked may still wait for the answer, but not long if it does not come."""
        self._read_ended = True
        if self._tunnel is not None:
            self._tunnel.client.read_ended()
            return
        if self._pace.phase is Phase.CLOSING:
            self._outlet.close()
            return
        self._reader.end()
        self._pump()
        if self._pace.phase is Phase.ANSWER:
            self._pace.deadline.set(limits.CLIENT_GONE_TIME, self._gone)

    def writeConnectionLost(self) -> None:
        """As asked, after the last answer."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone: so is all that was done for it."""
        self._pace.enter(Phase.CLOSING)
        self._pace.deadline.stop()
        self._outlet.gone()
        if self._tunnel is not None:
            self._tunnel.client.lost(reason)  # the end of the tunnel is that of its request
        elif self._serving and self._request is not None:
            self._note(CLIENT_GONE)
            self._serving = False
            self._request.cancel()
            self._journal.finish(self._request.record)
        self._context.end()
        self._context.steps.sessions.close(self._context.session)

    # --- requests, one after the other

    def _pump(self) -> None:
        """Read on as far as the running request, the client and the buffers let us."""
        if self._pumping or self._pace.phase in _NOTHING_TO_READ:
            return
        self._pumping = True
        try:
            while self._step():
                pass
        except Exception:  # noqa: BLE001 - the one place of this connection, with _served
            self._broke(Failure())
        finally:
            self._pumping = False
        request = self._request
        if request is None or not request.body.ended or self._reader.buffered or not self._reading:
            self._look()

    def _step(self) -> bool:
        """One event of the reader; False when there is none to take now."""
        request = self._request
        if request is not None:
            return request.body.wanted and self._take_body(request)
        if self._outlet.blocked or self._pace.phase is Phase.CLOSING:
            return False
        return (self._reader.buffered > 0 or self._read_ended) and self._take_head()

    def _take_head(self) -> bool:
        event = self._reader.next_event()
        if event is None:
            return False
        if isinstance(event, RequestHead):
            self._start(event, self._reader.head_octets)
            request = self._request
            return request is None or request.body.wanted
        elif isinstance(event, Malformed):
            self._malformed(event)
        else:
            self._close()  # the end of the input, within a head
        return True

    def _take_body(self, request: Request) -> bool:
        buffered = self._reader.buffered
        event = self._reader.next_event()
        request.record.octets_in += buffered - self._reader.buffered
        if event is None:
            return False
        try:
            self._give(request, event)
        except Refused as refused:
            self._give_up(request, refused.reason, refused.detail)
        return True

    def _give(self, request: Request, event: Event) -> None:
        """A part of the body to whoever takes it. Raises `Refused`."""
        if isinstance(event, Data):
            request.body.data(event.octets)
        elif isinstance(event, End):
            request.body.end()
            if not self._serving:
                self._request = None
        elif isinstance(event, Malformed):
            raise Refused(BAD_INPUT, event.text)
        else:
            self._note(CLIENT_GONE)
            self._cut(request.answer)  # the back end's part is aborted with the connection

    def _start(self, head: RequestHead, octets: int) -> None:
        record = self._journal.begin(octets)
        answer = Answer(self._outlet, record, head.minor, head.fields.keep_alive and not self._stopping)
        framing = head.fields.framing
        body = NOTHING if framing is NO_BODY else RequestBody(framing, changed=self._pump)
        self._request = request = Request(self._context, head, answer, body, record, self._served)
        if body.ended:
            self._reader.no_body()
        self._pace.enter(Phase.ANSWER)
        self._serving = True
        request.serve()

    def _served(self, request: Request, failure: Failure | None = None) -> None:
        """The answer is through, or as much of it as there is."""
        if not self._serving:
            return  # nobody is left to be answered
        if failure is not None:
            self._broke(failure)
            return
        self._serving = False
        self._journal.finish(request.record)
        answer, body = request.answer, request.body
        if self._pace.phase is Phase.CLOSING:
            return
        if not answer.ended:
            self._cut(answer)
        elif not answer.keep_alive or self._stopping:
            self._close(linger=not body.ended)
        elif not body.ended:
            body.discard()
        else:
            self._request = None
            if self._reader.buffered or self._read_ended:
                self._pump()
            elif self._outlet.blocked or not self._reading:
                self._look()
            else:
                self._pace.enter(Phase.IDLE)

    def _broke(self, failure: Failure) -> None:
        """A fault of our own: it ends this connection and no other (S-OPS-8)."""
        _log.failure("a fault in session {session}", failure, session=self._context.session.id)
        request = self._request
        if request is None or not self._serving:
            self._line.abortConnection()
            return
        request.cancel()
        request.broke()
        self._served(request)

    def _switch(self, connection: BackEndConnection, record: SessionRecord, ended: Callable[[], None]) -> None:
        """From now on octets pass to and from `connection` (S-HTTP-16)."""
        self._pace.enter(Phase.ANSWER)
        self._read(True)
        self._outlet.hand_over()
        self._tunnel = Tunnel(connection, record, ended)
        self._tunnel.start(self._line, self._reader.rest, self._clock)

    def _unpinned(self) -> None:
        """The back end has ended the connection that a log-on of this one was for."""
        if self._pace.phase is Phase.IDLE:
            self._close()

    def _give_up(self, request: Request, reason: Reason, detail: str) -> None:
        """The rest of a body is not wanted, or did not come."""
        if self._serving:
            request.fail(reason, detail)
        else:
            self._close(linger=True)

    def _malformed(self, event: Malformed) -> None:
        if event == TLS_HANDSHAKE:
            self._refuse(BAD_INPUT, event.text, 0)  # nobody there reads an answer (S-TLS-6)
        else:
            self._refuse(BAD_INPUT, event.text, event.status)

    def _refuse(self, reason: Reason, detail: str, status: int) -> None:
        """End the connection before there was a request: with a line of text, or (`status` 0) in silence."""
        record = self._journal.begin()
        record.refuse(reason, detail)
        if status:
            page = error_text(status, reason, self._context.session.id)
            answer = Answer(self._outlet, record, 1, keep_alive=False)
            answer.whole(status, page.headers, page.body)
        self._journal.finish(record)
        if status:
            self._close(linger=True)
        else:
            self._line.abortConnection()

    # --- deadlines and flow

    def _look(self) -> None:
        """Which deadline runs now, and whether to read."""
        pace, request = self._pace, self._request
        if pace.phase is Phase.CLOSING:
            return
        if request is not None:
            phase = Phase.BODY if request.body.wanted else Phase.ANSWER
        elif self._outlet.blocked:
            phase = Phase.ANSWER
        elif self._read_ended:
            self._close()
            return
        else:
            phase = Phase.HEAD if self._reader.buffered else Phase.IDLE
        if phase is not pace.phase:
            pace.enter(phase)
        wanted = self._reader.buffered <= limits.BUFFER_OCTETS and not (request is not None and request.body.paused)
        if wanted is not self._reading:
            self._read(wanted)

    def _read(self, wanted: bool) -> None:
        if wanted and not self._reading:
            self._reading = True
            self._line.resumeProducing()
        elif self._reading and not wanted:
            self._reading = False
            self._line.pauseProducing()

    def idle_too_long(self) -> None:
        """See `Watched`."""
        self._close()

    def too_slow(self, phase: Phase) -> None:
        """See `Watched`."""
        if phase is Phase.BODY and self._request is not None:
            self._give_up(self._request, CLIENT_TIMEOUT, "phase=body")
        else:
            status = CLIENT_TIMEOUT.http_status if phase is Phase.HEAD else 0
            self._refuse(CLIENT_TIMEOUT, f"phase={phase.value}", status)

    def body_received(self) -> int:
        """See `Watched`."""
        return self._request.body.received if self._request is not None else 0

    def body_idle(self) -> float:
        """See `Watched`."""
        return self._request.body_idle if self._request is not None else 0.0

    def _not_read(self) -> None:
        self._note(CLIENT_TIMEOUT, "phase=write")
        self._line.abortConnection()

    def _gone(self) -> None:
        if self._request is not None and not self._request.answer.begun:
            self._abort_for(CLIENT_GONE)

    # --- the end

    def _stop(self) -> None:
        """The service drains: the running request is the last one (S-OPS-7)."""
        self._stopping = True
        if self._pace.phase in (Phase.IDLE, Phase.HANDSHAKE):
            self._close()
        elif self._request is not None and not self._request.answer.begun:
            self._request.answer.keep_alive = False

    def _abort(self) -> None:
        self._abort_for(DRAINING)

    def _abort_for(self, reason: Reason) -> None:
        self._note(reason)
        self._line.abortConnection()

    def _note(self, reason: Reason, detail: str = "") -> None:
        """Why the running request ends without, or within, its answer."""
        if self._request is None or not self._serving:
            return
        record = self._request.record
        record.refuse(reason, detail)
        if not self._request.answer.begun:
            record.front_end_status = str(reason.http_status)

    def _cut(self, answer: Answer) -> None:
        """What was begun cannot be ended: the client must be able to tell (S-HTTP-30)."""
        if answer.until_close:
            self._line.abortConnection()  # an orderly end would look like the answer's end
        else:
            self._close()

    def _close(self, linger: bool = False) -> None:
        """End the connection when all is written.

        With `linger` the client is still writing: without reading on for a moment it might never see what was written,
        for a close with unread input resets the connection (RFC 9112 section 9.6).
        """
        self._pace.enter(Phase.CLOSING)
        if not linger or self._read_ended:
            self._outlet.close()
            return
        self._read(True)
        self._pace.deadline.set(limits.HTTP_DRAIN_TIME, self._outlet.close)
        if not self._context.session.secure:  # TLS has no half close
            self._outlet.close_writing()


_log = Logger()
