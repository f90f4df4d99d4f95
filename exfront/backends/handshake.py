"""A shim between a back end's transport and the protocol on it, which waits for verified TLS (S-ROUTE-8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.backends.certificate import Verification
from exfront.net.slim import SlimProtocol
from exfront.reasons import (
    BACK_END_CERTIFICATE,
    BACK_END_CONNECT_TIMEOUT,
    BACK_END_LOGIN_LOST,
    BACK_END_LOGIN_TIMEOUT,
    BACK_END_PROTOCOL,
    BACK_END_REFUSED,
    Refused,
)


@implementer(IHandshakeListener, IHalfCloseableProtocol)
class Handshake(SlimProtocol):
    """Passes every event to the protocol that `factory` builds; builds it only when the handshake is through.

    `transport.connect` fires before a certificate was looked at, so "connected" is `handshakeCompleted` here.
    """

    __slots__ = (
        "_clock", "_deadline", "_factory", "_inner", "_lost", "_timed_out", "_verification", "_waiting", "_where",
        "address", "gone",
    )  # fmt: skip

    def __init__(self, factory: IProtocolFactory, clock: IReactorTime, gone: Callable[[], None]) -> None:
        super().__init__()
        self.address: IAddress | None = None
        self.gone = gone  # called at the connection's end, if `ready` has come to its own
        self._factory: IProtocolFactory | None = factory
        self._clock = clock
        self._inner: IProtocol | None = None
        self._waiting: Deferred[None] | None = None
        self._deadline: IDelayedCall | None = None
        self._where = ""
        self._verification: Verification | None = None
        self._timed_out = False
        self._lost: Failure | None = None

    async def ready(self, verification: Verification | None, where: str, preface: bytes = b"") -> IProtocol:
        """The inner protocol on its transport, after the handshake where there is one. Raises `Refused`.

        With a `preface` TLS must not have begun: it goes first, in the clear.
        """
        self._where, self._verification = where, verification
        if preface and self.transport is not None:
            self.transport.write(preface)
        if preface and verification is not None:
            await self.start_tls(verification)
        elif verification is not None:
            await self._wait()
        if self._lost is not None:
            raise Refused(BACK_END_REFUSED, f"{where} error=closed at once")
        assert self._factory is not None and self.address is not None and self.transport is not None
        inner = self._factory.buildProtocol(self.address)
        self._factory = self.address = None  # of no use to a connection that may last for hours
        if inner is None:
            raise Refused(BACK_END_REFUSED, f"{where} error=not wanted any more")
        self._inner = inner
        inner.makeConnection(self.transport)
        return inner

    def start_tls(self, verification: Verification) -> Deferred[None]:
        """Begin TLS now; fires when the certificate was verified, fails with `Refused`."""
        transport: Any = self.transport
        self._verification = verification
        if self._lost is not None:
            return Deferred.fromCoroutine(self._raise_lost())
        transport.startTLS(verification)
        return self._wait()

    def handshakeCompleted(self) -> None:
        """TLS is up, and the peer's certificate and name were accepted."""
        if self._verification is not None:
            self._verification.over()
        self._fire(None)

    def dataReceived(self, data: bytes) -> None:
        """Pass on."""
        if self._inner is not None:
            self._inner.dataReceived(data)

    def readConnectionLost(self) -> None:
        """Pass a half close on; to a protocol that knows none it is the end."""
        if IHalfCloseableProtocol.providedBy(self._inner):
            self._inner.readConnectionLost()
        elif self.transport is not None:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Pass on."""
        if IHalfCloseableProtocol.providedBy(self._inner):
            self._inner.writeConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Pass on; while a handshake is waited for this is its failure."""
        self._lost = reason
        if self._waiting is not None:
            self._fire(self._refusal(reason))
        if self._inner is not None:
            self.gone()
            self._inner.connectionLost(reason)

    def _wait(self) -> Deferred[None]:
        if self._lost is not None:
            return Deferred.fromCoroutine(self._raise_lost())
        self._waiting = Deferred(lambda _: self._give_up())
        self._deadline = self._clock.callLater(limits.BACK_END_TLS_TIME, self._too_slow)
        return self._waiting

    async def _raise_lost(self) -> None:
        assert self._lost is not None
        raise self._refusal(self._lost)

    def _too_slow(self) -> None:
        self._timed_out = True
        self._give_up()

    def _give_up(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()

    def _fire(self, refused: Refused | None) -> None:
        waiting, self._waiting = self._waiting, None
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        if waiting is None or waiting.called:
            return
        if refused is None:
            waiting.callback(None)
        else:
            waiting.errback(refused)

    def _refusal(self, failure: Failure) -> Refused:
        """Why there is no connection, or no TLS on it."""
        fault = "" if self._verification is None else self._verification.fault(failure)
        what = f"{self._where} TLS: {fault or type(failure.value).__name__}"
        if self._timed_out:
            return Refused(BACK_END_CONNECT_TIMEOUT if self._inner is None else BACK_END_LOGIN_TIMEOUT, what)
        if fault:
            return Refused(BACK_END_CERTIFICATE, what)
        return Refused(BACK_END_PROTOCOL if "SSL" in type(failure.value).__module__ else BACK_END_LOGIN_LOST, what)
