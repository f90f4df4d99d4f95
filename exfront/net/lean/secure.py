"""TLS on a lean transport's own socket: no copies through memory BIOs (OpenSSL's SSL_read(3), SSL_write(3)).

The loop watches the socket by level, not by edges: OpenSSL takes one record at a time, and what it left in the kernel
reports itself again. The only octets that no event tells of are those of a record begun (`pending`), and those are read
before a turn ends.
"""

from __future__ import annotations

import socket
from select import EPOLLET, EPOLLIN, EPOLLOUT
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    INegotiated,
    IOpenSSLContextFactory,
    ISSLTransport,
    ITLSTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.net.lean import splice
from exfront.net.lean.loop import EDGES, Flags
from exfront.net.lean.stream import ABORTED, DONE, LOST, LeanTransport, Piece
from exfront.net.transports import Counter, IPassesOn

_RECORD = 16384  # octets of plain text in one record at most (RFC 8446 section 5.1)
_GATHERED = 4 * _RECORD  # passed on as one piece (S-MAIL-20)
_Blocked = (SSL.WantReadError, SSL.WantWriteError)


class Wire:
    """What a TLS transport knows beside its socket."""

    __slots__ = ("connection", "fault", "flags", "impatient", "notified", "sent", "shaking", "timer", "wants_write")

    def __init__(self, connection: SSL.Connection, flags: Flags) -> None:
        self.connection = connection
        self.flags = flags  # as the loop has them
        self.shaking = True  # the handshake is not over
        self.wants_write = False  # reading, or the handshake, has something to send first
        self.notified = False  # our close_notify is out: the peer's is waited for
        self.fault: Failure | None = None  # the verdict on the peer's certificate
        self.sent = 0  # octets, to see progress
        self.impatient = False  # the peer did not read for `TLS_UNREAD_TIME`
        self.timer: IDelayedCall | None = None


@implementer(ISSLTransport, INegotiated)
class SecureTransport(LeanTransport):
    """A lean transport that speaks TLS, from its first octet or from `startTLS` on."""

    __slots__ = ()

    def start_secure(self, protocol: Any, connection: SSL.Connection) -> None:
        """Connect `protocol`, which may write at once: that waits for the handshake."""
        connection.set_app_data(self)
        self._tls = Wire(connection, EDGES)
        self.start(protocol)
        if self._socket is not None:
            self._adjust()
            self._later()

    def secure(self, connection: SSL.Connection) -> None:
        """Begin the handshake, which goes on as events come."""
        connection.set_app_data(self)
        self._tls = Wire(connection, EDGES)
        self._readable = False  # what the plain transport knew
        self._adjust()
        self._later()

    # --- ISSLTransport, INegotiated, and what callbacks of OpenSSL call

    def getPeerCertificate(self) -> Any:
        """The peer's certificate, None where it showed none."""
        return None if self._tls is None else self._tls.connection.get_peer_certificate()

    @property
    def negotiatedProtocol(self) -> bytes | None:
        """What ALPN chose, None for nothing."""
        return (self._tls.connection.get_alpn_proto_negotiated() or None) if self._tls is not None else None

    def getHandle(self) -> Any:
        """The TLS connection, which has the socket's methods too. Raises `OSError` when there is none any more."""
        super().getHandle()
        return self._tls.connection

    def failVerification(self, reason: Failure) -> None:
        """The peer's certificate is not good: `reason` is what the protocol hears as the end."""
        self._tls.fault = reason

    def write(self, data: bytes) -> None:
        """Send; what has to wait is watched for."""
        waited = self._out is not None
        super().write(data)
        if not waited and self._out is not None:
            self._later()

    def resumeProducing(self) -> None:
        """Read again; OpenSSL may hold octets that make no event."""
        if self._socket is not None and not (self._closing or self._aborted or self._reading):
            self._reading = True
            self._later()

    # --- for the loop

    def event(self, flags: Flags) -> None:
        """Either call of OpenSSL's may need the other direction: on any event both are tried."""
        self._progress()

    def again(self) -> None:
        """What was put off, and reading on."""
        self._asked = False
        if self._socket is None:
            return
        if self._aborted:
            self._lose(ABORTED)
        elif self._why is not None:
            self._lose(self._why)
        else:
            if self._out is None:
                self._drained()
            self._progress()

    def _progress(self) -> None:
        wire = self._tls
        if wire.shaking:
            self._shake(wire)
        if not wire.shaking and self._why is None:
            if self._out is not None:
                self._flush()
            if self._out is None:
                wire.impatient = False
            if self._may_read(wire):
                self._read()
            elif wire.notified:
                self._await_notify(wire)
        if self._why is not None:
            self._lose(self._why)
        else:
            self._adjust()

    def _may_read(self, wire: Wire) -> bool:
        """Nothing is read while a record waits to go out: OpenSSL fails where it reads a request for new keys then.

        A peer that writes and does not read might wait for us to read: so only for a while.
        """
        if self._out is None or wire.impatient:
            return self._reading
        if wire.timer is None:
            wire.timer = self._loop.clock.callLater(limits.TLS_UNREAD_TIME, self._look_at_peer, wire, wire.sent)
        return False

    def _look_at_peer(self, wire: Wire, sent: int) -> None:
        wire.timer = None
        if self._out is not None:
            wire.impatient = wire.sent == sent
            self._later()

    def _adjust(self) -> None:
        """Let the loop watch for what is waited for; a reset that is not waited for is told once, not for ever."""
        if self._socket is None:
            return
        wire = self._tls
        reading = self._reading and (self._out is None or wire.impatient)
        flags = EPOLLIN if reading or wire.shaking or wire.notified else 0
        if wire.wants_write or (self._out is not None and not wire.shaking):
            flags |= EPOLLOUT
        flags = flags or EPOLLET
        if flags != wire.flags:
            wire.flags = flags
            self._loop.change(self._fd, flags)

    # --- the handshake

    def _shake(self, wire: Wire) -> None:
        wire.wants_write = False
        try:
            wire.connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.WantWriteError:
            wire.wants_write = True
            return
        except SSL.Error as error:
            self._broken(error)
            return
        wire.shaking = False
        if IHandshakeListener.providedBy(self.protocol):
            self.protocol.handshakeCompleted()
        if self._out is None:
            self._drained()

    # --- reading and writing

    def _has_more(self) -> bool:
        return True

    def _read(self) -> None:
        """Pass on what came.

        Ends when OpenSSL has no more of a record that is begun, since later ones report themselves; after `_GATHERED`
        octets for the sake of others: then the socket still reports, unless the rest is in OpenSSL, which `again` sees.
        """
        data, error = self._gather(self._tls)
        if data:
            self.protocol.dataReceived(data)
        if error is not None and self._socket is not None and self._why is None:
            self._ended_by(error)
        elif self._socket is not None and self._reading and self._tls.connection.pending():
            self._later()

    def _gather(self, wire: Wire) -> tuple[bytes, SSL.Error | None]:
        """Several records as one piece, and the error that stands behind them.

        Ends at an error, which WantRead is too; when a record came short and OpenSSL holds no more, as later ones
        report themselves; and after `_GATHERED` octets.
        """
        wire.wants_write = False
        pieces: list[bytes] = []
        recv = wire.connection.recv
        for _ in range(_GATHERED // _RECORD):
            try:
                piece = recv(_RECORD)
            except SSL.Error as error:
                return b"".join(pieces), error
            pieces.append(piece)
            if len(piece) < _RECORD and not wire.connection.pending():
                break
        return (pieces[0] if len(pieces) == 1 else b"".join(pieces)), None

    def _ended_by(self, error: SSL.Error) -> None:
        """WantRead is no end; close_notify is a clean one, everything else is not (S-TLS-7)."""
        if isinstance(error, SSL.WantWriteError):
            self._tls.wants_write = True
        elif isinstance(error, SSL.ZeroReturnError):
            self._notify(self._tls)
            self._give_up(DONE)
        elif not isinstance(error, SSL.WantReadError):
            self._broken(error)

    def _send(self, data: Piece) -> int:
        """A record at a time; ends when all went out, or when OpenSSL takes no more: the same octets are offered again
        then, by `_flush`, as it demands (SSL_write(3))."""
        wire = self._tls
        if wire.shaking:
            return 0
        sent, send, view = 0, wire.connection.send, memoryview(data)
        while sent < len(data):
            try:
                sent += send(view[sent : sent + _RECORD])
            except _Blocked:
                break
            except SSL.Error as error:
                self._broken(error)
                return len(data)
        wire.sent += sent
        return sent

    # --- ends

    def _broken(self, error: SSL.Error) -> None:
        """The end that `error` means: the verdict on a certificate, a lost connection, or what OpenSSL says."""
        if self._tls.fault is not None:
            self._give_up(self._tls.fault)
        elif isinstance(error, SSL.SysCallError) or not error.args or not error.args[0]:
            self._give_up(LOST)
        else:
            self._give_up(Failure(error))

    def _finish(self) -> None:
        """close_notify goes out after the last octet; the peer's is waited for, by the owner's deadline."""
        wire = self._tls
        if wire.shaking:
            self._aborted = True  # there is no TLS to be closed
            self._give_up(ABORTED)
        elif not wire.notified:
            wire.notified = True
            if self._notify(wire):
                self._give_up(DONE)

    def _shut_down(self) -> None:
        """The end of our side is a close_notify (RFC 8446 section 6.1)."""
        self._shut = True
        if not self._tls.shaking:
            self._notify(self._tls)

    def _notify(self, wire: Wire) -> bool:
        """Send close_notify; True when the peer's has come, or none can come any more."""
        try:
            return wire.connection.shutdown()
        except _Blocked:
            return False
        except SSL.Error:
            return True

    def _await_notify(self, wire: Wire) -> None:
        """Drop what still comes; ends with the stream, or when there is no more for now."""
        _, error = self._gather(wire)
        if error is not None and not isinstance(error, _Blocked):
            self._give_up(DONE)

    def _lose(self, why: Failure) -> None:
        try:
            super()._lose(why)
        finally:
            if self._socket is None and self._tls is not None:
                if self._tls.timer is not None:
                    self._tls.timer.cancel()
                self._tls = None


@implementer(ITLSTransport, IPassesOn)
class PlainTransport(LeanTransport):
    """A lean transport that speaks no TLS yet."""

    __slots__ = ()

    def pass_on(self, sink: object, counter: Counter) -> None:
        """See `IPassesOn`."""
        if isinstance(sink, PlainTransport) and splice.POSSIBLE:
            self._sink = (sink, counter)

    def startTLS(self, contextFactory: Any, normal: bool = True) -> None:
        """Speak TLS from now on: as a client where we called, the other way round unless `normal`.

        What the kernel has already is taken for the peer's handshake. Raises `RuntimeError` while octets in the clear
        still wait to be sent: they would get mixed up with it.
        """
        if self._out is not None:
            raise RuntimeError("octets in the clear are not sent yet")
        if self._socket is None:
            return
        connected: Any = self._socket
        self.__class__ = SecureTransport  # type: ignore[assignment]  # same slots; protocols keep their transport
        secure: Any = self
        client = self._calls == bool(normal)
        secure.secure(calling(contextFactory, secure, connected) if client else accepting(contextFactory, connected))


def accepting(contexts: IOpenSSLContextFactory, connected: socket.SocketType) -> SSL.Connection:
    """The server's side of TLS on a socket."""
    connection = SSL.Connection(contexts.getContext(), connected)  # type: ignore[arg-type]
    connection.set_accept_state()
    return connection


def calling(tls: Any, transport: SecureTransport, connected: socket.SocketType) -> SSL.Connection:
    """The client's side, as `exfront.net.tls.ClientTLS` verifies the server."""
    connection: SSL.Connection = tls.client_connection(transport, connected)
    connection.set_connect_state()
    return connection
