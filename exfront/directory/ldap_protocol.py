"""ldaptor's client protocol, made strict: what comes in is checked before it is decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ldaptor.protocols import pureldap
from ldaptor.protocols.ldap.ldapclient import LDAPClient
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.directory import messages, search_answers, search_request
from exfront.directory.errors import BadCertificate, ConnectionLost, DirectoryError
from exfront.directory.framing import BadFrame, Frames, message_id, operation
from exfront.net import tls
from exfront.secret import Secret

_SEARCH_DONE = 0x65
_LAST_MESSAGE_ID = 2**31 - 1  # RFC 4511 section 4.1.1; ldaptor's own counter passes it after some weeks


@implementer(IHandshakeListener)
class LdapProtocol(LDAPClient):  # type: ignore[misc]  # ldaptor has no types
    """ldaptor's client, but framing, message ids, searches, notices, StartTLS and losses are own."""

    def __init__(self, name: str, lost: Callable[[DirectoryError], None], heard: Callable[[], None]) -> None:
        super().__init__()
        self._name = name
        self._lost = lost
        self._heard = heard
        self._abandoned: set[int] = set()
        self._frames = Frames()
        self._last_id = 0
        self._fault: DirectoryError | None = None
        self._secured = False
        self._upgrading = False
        self._handshake: Deferred[None] | None = None

    @property
    def usable(self) -> bool:
        """Connected, and not about to be closed."""
        return bool(self.connected) and self._fault is None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)

    def dataReceived(self, recd: bytes) -> None:
        self._heard()
        try:
            for message in self._frames.feed(recd):
                if self._upgrading:
                    raise BadFrame("octets behind the StartTLS answer")
                if self._abandoned and message_id(message) in self._abandoned:
                    self._late(message)
                else:
                    self.handle(search_answers.read(message) or messages.decode(message))
                if self._fault is not None:
                    return
            if self._upgrading and self._frames.pending:
                raise BadFrame("octets behind the StartTLS answer")
        except Exception as error:  # noqa: BLE001 - ldaptor's decoder raises anything; the connection ends with it
            text = str(error) if isinstance(error, BadFrame) else type(error).__name__
            self.abort(ConnectionLost(f"{self._name} broke the protocol: {text}"))

    def handle(self, msg: Any) -> None:
        """Give an answer to who waits for it, a `SearchMessage` or ldaptor's; an unknown id breaks the protocol."""
        if msg.id == 0:
            self.unsolicitedNotification(msg.value)
            return
        if msg.id not in self.onwire:
            raise BadFrame("unknown message id")
        answer, _, handler, _, _ = self.onwire[msg.id]
        if handler is None:
            del self.onwire[msg.id]
            answer.callback((msg.value, msg.controls))
        elif handler(msg.value, msg.controls):
            self.onwire.pop(msg.id, None)

    def search(
        self,
        request: bytes,
        controls: search_answers.Controls | None,
        take: Callable[..., bool],
        fail: Callable[[Failure], None],
    ) -> int:
        """Write a search; its message id. `take` gets each answer and its controls, True ends the search."""
        identifier = self._next_id()
        waiting: Deferred[None] = Deferred()
        waiting.addErrback(fail)
        self.onwire[identifier] = (waiting, True, take, (), {})
        self.transport.write(search_request.message(identifier, request, controls))
        return identifier

    def abandon(self, identifier: int) -> None:
        """Tell the server that nobody waits for this answer; what still comes of it is dropped unread.

        There is no answer to this (RFC 4511 section 4.11), and the server need not heed it.
        """
        if self.onwire.pop(identifier, None) is None or not self.usable:
            return
        self._abandoned.add(identifier)
        self.send_noResponse(pureldap.LDAPAbandonRequest(id=identifier))
        if len(self._abandoned) > limits.LDAP_ABANDONED:
            self.abort(ConnectionLost(f"{self._name} closed since too many searches were abandoned"))

    def _late(self, message: bytes) -> None:
        if operation(message) == _SEARCH_DONE:
            self._abandoned.discard(message_id(message))

    def unsolicitedNotification(self, msg: Any) -> None:
        """Notice of disconnection (RFC 4511 section 4.4.1), the only one there is: nothing more is sent here."""
        self.abort(ConnectionLost(f"{self._name} notice of disconnection: {messages.text(msg)}"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        why = self._fault or self._loss(reason)
        self._fault = why
        self._lost(why)
        super().connectionLost(Failure(why))
        if self._handshake is not None:
            waiting, self._handshake = self._handshake, None
            waiting.errback(Failure(why))

    def handshakeCompleted(self) -> None:
        """TLS is up and the certificate verified; the transport tells."""
        self._secured, self._upgrading = True, False
        if self._handshake is not None:
            waiting, self._handshake = self._handshake, None
            waiting.callback(None)

    def handshake(self) -> Deferred[None]:
        """Fires when TLS is up; fails with `DirectoryError`."""
        waiting: Deferred[None] = Deferred()
        if self._secured:
            waiting.callback(None)
        elif self._fault is not None:
            waiting.errback(self._fault)
        else:
            self._handshake = waiting
        return waiting

    def upgrade(self, context: Any) -> Deferred[None]:
        """Begin TLS now; from here on nothing in the clear is taken."""
        self._upgrading = True
        self.transport.startTLS(context)
        return self.handshake()

    def bind_request(self, dn: str, secret: Secret, controls: search_answers.Controls | None = None) -> Deferred[Any]:
        """Write a bind. The password lives in no variable that a traceback could hold."""
        return self.send(  # type: ignore[no-any-return]
            pureldap.LDAPBindRequest(dn=dn.encode("utf-8"), auth=secret.reveal()), controls
        )

    def unbind(self) -> None:
        self._fault = ConnectionLost(f"{self._name} closed here")
        self.send_noResponse(pureldap.LDAPUnbindRequest())
        self.transport.loseConnection()

    def abort(self, why: DirectoryError) -> None:
        """Close at once. A second reason does not replace the first."""
        if self._fault is None:
            self._fault = why
        if self.connected:
            self.transport.abortConnection()

    def _loss(self, reason: Failure) -> DirectoryError:
        fault = tls.certificate_fault(reason, self.transport)
        if fault:
            return BadCertificate(f"{self._name} reason={fault}")
        return ConnectionLost(f"{self._name} lost: {type(reason.value).__name__}")

    def _send(self, op: Any, controls: Any = None) -> Any:
        return pureldap.LDAPMessage(op, controls=controls, id=self._next_id())

    def _next_id(self) -> int:
        self._last_id = self._last_id % _LAST_MESSAGE_ID + 1
        return self._last_id
