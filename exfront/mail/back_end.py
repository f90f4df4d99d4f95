"""The back end's side of a mail session: drives a log-on over a connection, then hands events to the relay's leg."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IHalfCloseableProtocol, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront.mail.back_end_log_on import BeginTLS, LogOn, Step, broken
from exfront.mail.outcome import Welcome
from exfront.net.relay import Leg
from exfront.net.slim import SlimProtocol
from exfront.reasons import BACK_END_LOGIN_LOST, BACK_END_LOGIN_TIMEOUT, Refused


class Reader(Protocol):
    """What the readers of wire/ have in common."""

    @property
    def held(self) -> int:
        """How many octets wait to be read."""

    def feed(self, data: bytes) -> None:
        """Take what came."""

    def next_event(self) -> Any:
        """The next event, None until more octets came."""

    def take_rest(self) -> bytes:
        """What came behind the last event."""


@implementer(IHalfCloseableProtocol)
class BackEnd(SlimProtocol):
    """One connection to a back end. `leg` is set once it is relayed; `new_reader` reads its answers until then."""

    __slots__ = ("_clock", "_failed", "_new_reader", "_reader", "_waiting", "leg")

    def __init__(self, new_reader: Callable[[], Reader], clock: IReactorTime) -> None:
        super().__init__()
        self.leg: Leg | None = None
        self._new_reader = new_reader
        self._reader = new_reader()
        self._clock = clock
        self._waiting: Deferred[None] | None = None
        self._failed: Refused | None = None

    async def log_on(self, dialogue: LogOn[Any], start_tls: Callable[[], Deferred[None]], seconds: float) -> Welcome:
        """Carry `dialogue` through within `seconds`; the connection is aborted unless that comes to its end.

        Raises `Refused`.
        """
        deadline = self._clock.callLater(seconds, self._fail, Refused(BACK_END_LOGIN_TIMEOUT))
        welcome: Welcome | None = None
        try:
            welcome = await self._carry(dialogue, start_tls)
        finally:
            _cancel(deadline)
            if welcome is None:
                self.abort()
        return welcome

    def take_rest(self) -> bytes:
        """What came behind the end of the log-on; no more is read here."""
        rest = self._reader.take_rest()
        del self._reader
        return rest

    def abort(self) -> None:
        """Close now."""
        transport: Any = self.transport
        transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """Octets of the back end."""
        if self.leg is not None:
            self.leg.received(data)
            return
        self._reader.feed(data)
        self._wake()

    def readConnectionLost(self) -> None:
        """The back end sends no more."""
        if self.leg is not None:
            self.leg.read_ended()
        else:
            self._fail(Refused(BACK_END_LOGIN_LOST, "half closed"))

    def writeConnectionLost(self) -> None:
        """Our end is shut, as we asked."""
        if self.leg is not None:
            self.leg.write_ended()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The back end is gone."""
        if self.leg is not None:
            self.leg.lost(reason)
        else:
            self._fail(Refused(BACK_END_LOGIN_LOST, type(reason.value).__name__))

    async def _carry(self, dialogue: LogOn[Any], start_tls: Callable[[], Deferred[None]]) -> Welcome:
        step = next(dialogue)
        while True:
            await self._perform(step, start_tls)
            answer = await self._next_answer()
            try:
                step = dialogue.send(answer)
            except StopIteration as end:
                welcome: Welcome = end.value
                return welcome

    async def _perform(self, step: Step, start_tls: Callable[[], Deferred[None]]) -> None:
        if isinstance(step, BeginTLS):
            if self._reader.held:  # S-MAIL-2: said in clear, meant to be read as if said under TLS
                raise broken("octets behind the go-ahead for TLS")
            self._reader = self._new_reader()
            await start_tls()
            self._write(step.then)
        elif step.data:
            self._write(step.data)

    def _write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    async def _next_answer(self) -> Any:
        while (answer := self._reader.next_event()) is None:
            if self._failed is not None:
                raise self._failed
            self._waiting = Deferred()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return answer

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def _fail(self, refused: Refused) -> None:
        """The first failure counts; whoever waits for an answer hears of it."""
        self._failed = self._failed or refused
        self._wake()


class BackEndFactory(Factory):
    """Builds the protocol of one connection."""

    noisy = False

    def __init__(self, new_reader: Callable[[], Reader], clock: IReactorTime) -> None:
        self._new_reader = new_reader
        self._clock = clock

    def buildProtocol(self, addr: IAddress | None) -> BackEnd:  # type: ignore[override]
        """See `twisted.internet.interfaces.IProtocolFactory`."""
        return BackEnd(self._new_reader, self._clock)


def _cancel(timer: IDelayedCall) -> None:
    if timer.active():
        timer.cancel()
