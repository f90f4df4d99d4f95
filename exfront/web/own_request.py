"""A request of exfront's own to a back end, and the head of its answer: what logs a connection or a user on there."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from exfront import limits
from exfront.reasons import BACK_END_PROTOCOL, Reason, Refused
from exfront.web.back_end import BackEndConnection
from exfront.wire.http1.events import Data, End, Malformed, ResponseHead, Truncated

_SWITCHING_PROTOCOLS = 101
_FIRST_FINAL = 200


@define(eq=False)
class OwnRequest:
    """A request that no client made, on `connection`; see `back_end.Listener`. What comes as body is dropped.

    `lost` is the Reason where the back end closes before the end of its answer. When that comes late is for the caller
    to say, by `fail`.
    """

    connection: BackEndConnection
    lost: Reason
    waits: bool = True  # for the end of a body; else `whole` says whether that was here with the head
    whole: bool = field(default=False, init=False)
    _done: Deferred[ResponseHead] = field(factory=Deferred, init=False)
    _head: ResponseHead | None = field(default=None, init=False)
    _octets: int = field(default=0, init=False)

    def ask(self, method: bytes, octets: bytes) -> Deferred[ResponseHead]:
        """Send; fires with the answer's head when the answer is complete, or need not be. Fails with `Refused`."""
        if self.connection.alive:
            self.connection.reader.expect(method)
            self.connection.begin(self, octets)
        else:
            self.fail(self.lost, "")
        return self._done

    def fail(self, reason: Reason, detail: str) -> None:
        """It is of no use."""
        if not self._done.called:
            self.connection.finish()
            self._done.errback(Failure(Refused(reason, detail)))

    def received(self, data: bytes) -> None:
        """Octets of the answer."""
        self.connection.reader.receive(data)
        self._read()

    def back_end_ended(self, clean: bool) -> None:
        """No more of them."""
        self.connection.reader.end(clean=clean)
        self._read()
        self.fail(self.lost, "")

    def fault(self, failure: Failure) -> None:
        """A fault of our own."""
        if not self._done.called:
            self._done.errback(failure)

    def _read(self) -> None:
        reader = self.connection.reader
        while not self._done.called:
            event = reader.next_event()
            if event is None:
                if self._head is not None and not self.waits:
                    self._done.callback(self._head)
                return
            if isinstance(event, ResponseHead):
                self._take(event)
            elif isinstance(event, Data):
                self._drop(event)
            elif isinstance(event, End):
                self._finish()
            elif isinstance(event, Malformed):
                self.fail(BACK_END_PROTOCOL, event.text)
            elif isinstance(event, Truncated):
                self.fail(self.lost, "closed within an answer")

    def _take(self, head: ResponseHead) -> None:
        if head.status >= _FIRST_FINAL:
            self._head = head
        elif head.status == _SWITCHING_PROTOCOLS:
            self.fail(BACK_END_PROTOCOL, "a 101 that nobody asked for")

    def _drop(self, data: Data) -> None:
        self._octets += len(data.octets)
        if self._octets > limits.HTTP_DRAIN_OCTETS:
            self.fail(BACK_END_PROTOCOL, "too long an answer to a request of our own")

    def _finish(self) -> None:
        assert self._head is not None
        if self.connection.reader.surplus:
            self.fail(BACK_END_PROTOCOL, "octets behind an answer")
            return
        self.whole = True
        self.connection.finish()
        self._done.callback(self._head)
