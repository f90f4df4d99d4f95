"""One proxy log-on at a second Client Access server: a request of our own, and what became of it (S-ROUTE-6)."""

from __future__ import annotations

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from exfront import limits
from exfront.reasons import BACK_END_ANSWER_TIMEOUT, BACK_END_PROTOCOL, BACK_END_RESET, Reason, Refused
from exfront.web.back_end import BackEndConnection
from exfront.web.deadline import Deadline
from exfront.wire.http1.events import Malformed, ResponseHead, Truncated

_FIRST_FINAL = 200


@frozen
class Answered:
    """`reusable`: the connection may take another request."""

    head: ResponseHead
    reusable: bool


@define(eq=False)
class CasLogOn:
    """Sends a whole request and waits for the head of its answer; the connection is closed unless it is reusable."""

    connection: BackEndConnection
    clock: IReactorTime
    _done: Deferred[Answered] = field(init=False)
    _deadline: Deadline = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._done = Deferred(lambda _: self._end())
        self._deadline = Deadline(self.clock)

    def send(self, octets: bytes) -> Deferred[Answered]:
        """Fails with `Refused` where no answer comes."""
        self.connection.reader.expect(b"POST")
        self._deadline.set(limits.CAS_LOG_ON_TIME, self._too_late)
        self.connection.begin(self, octets)
        return self._done

    def received(self, data: bytes) -> None:
        """See `Listener`."""
        self.connection.reader.receive(data)
        self._read()

    def back_end_ended(self, clean: bool) -> None:
        """See `Listener`."""
        self.connection.reader.end(clean=clean)
        self._read()
        self._fail(BACK_END_RESET, "within a proxy log-on")

    def fault(self, failure: Failure) -> None:
        """See `Listener`."""
        self._end()
        if not self._done.called:
            self._done.errback(failure)

    def _read(self) -> None:
        while not self._done.called:
            event = self.connection.reader.next_event()
            if event is None:
                return
            if isinstance(event, Truncated):
                self._fail(BACK_END_RESET, "within a proxy log-on")
            elif isinstance(event, Malformed):
                self._fail(BACK_END_PROTOCOL, "the answer to a proxy log-on")
            elif isinstance(event, ResponseHead) and event.status >= _FIRST_FINAL:
                self._answered(event)

    def _answered(self, head: ResponseHead) -> None:
        """Its body means nothing; if it is not here already it is not waited for."""
        connection = self.connection
        whole = connection.reader.whole_body() is not None and not connection.reader.surplus
        reusable = whole and head.keep_alive and connection.alive
        if reusable:
            self._deadline.stop()
            connection.finish()
        else:
            self._end()
        self._done.callback(Answered(head, reusable))

    def _too_late(self) -> None:
        self._fail(BACK_END_ANSWER_TIMEOUT, "within a proxy log-on")

    def _fail(self, reason: Reason, detail: str) -> None:
        if not self._done.called:
            self._end()
            self._done.errback(Refused(reason, detail))

    def _end(self) -> None:
        self._deadline.stop()
        self.connection.abort()
