"""One request at a back end: head and body there, the answer back, both streaming (S-HTTP-13, -15, -17, -25..32).

No body is held: a piece goes on as it comes, and a reader that does not read stops its writer. The request is written
anew from parsed values, the answer too. What was cut short never looks complete.
"""

from __future__ import annotations

from typing import Protocol

from attrs import define, field, frozen
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.reasons import (
    BACK_END_ANSWER_TIMEOUT,
    BACK_END_PROTOCOL,
    BACK_END_RESET,
    BACK_END_TRUNCATED,
    Reason,
    Refused,
)
from exfront.web.answer import Answer
from exfront.web.back_end import BackEndConnection
from exfront.web.body import RequestBody
from exfront.web.deadline import Deadline
from exfront.wire.http1.events import Data, End, Framing, Malformed, ResponseHead, Truncated
from exfront.wire.http1.response import ResponseReader
from exfront.wire.http1.write import BodyWriter

_CONTINUE = 100
_SWITCHING_PROTOCOLS = 101
_FIRST_FINAL = 200
_FIRST_ERROR = 400
_RECONSIDERED = frozenset({241, 401, 441, 503})  # not to be passed on without a second look


@frozen
class Terms:
    """How requests alike are spoken of with a back end.

    `answer_time` is what the back end has for each wait, in seconds. With `upgrade` the request asks for a web socket.
    With `alone` no other request was or will be on its connection (S-HTTP-26).
    """

    method: bytes
    framing: Framing
    expect_continue: bool
    answer_time: float
    upgrade: bool = False
    alone: bool = False


class Caller(Protocol):
    """Who sent the request, and hears what comes of it."""

    def edit(self, head: ResponseHead) -> bytes:
        """The field lines of a response head as the client gets them; the last one it sees is the final head."""
        ...

    def reconsiders(self, head: ResponseHead) -> bool:
        """Whether this head of a 401, 441, 241 or 503 is not to be passed on yet, or not at all.

        `go_on`, `take_back`, or the exchange's end follows.
        """
        ...

    def over(self, refused: Refused | None) -> None:
        """The exchange is at its end: the answer is complete, or will never be."""
        ...

    def broke(self, failure: Failure) -> None:
        """A fault of our own."""
        ...


@implementer(IPushProducer)
@define(eq=False)
class Exchange:
    """Sends `octets`, a request's head by `terms`, on `connection`, and what belongs to it.

    `first` is how the body begins, where that was read before; `body` has the rest.
    `deadline` is free while the exchange runs, and so is the client's outlet, whose source it is.
    """

    connection: BackEndConnection
    terms: Terms
    body: RequestBody
    answer: Answer
    caller: Caller
    deadline: Deadline
    first: bytes = field(default=b"", repr=False)
    touched: bool = field(default=False, init=False)  # an octet of an answer came
    reusable: bool = field(default=False, init=False)  # the connection may take another request
    switched: bool = field(default=False, init=False)  # the connection is a tunnel from here on
    _reader: ResponseReader = field(init=False)
    _writer: BodyWriter | None = field(default=None, init=False)
    _over: bool = field(default=False, init=False)
    _paused: bool = field(default=False, init=False)
    _awaits_continue: bool = field(default=False, init=False)
    _awaiting: bool = field(default=False, init=False)  # the back end is to do something within the answer time
    _keep_alive: bool = field(default=False, init=False)
    _early_answer: bool = field(default=False, init=False)  # the back end may not have read the request
    _held: ResponseHead | None = field(default=None, init=False)  # reconsidered

    def start(self, octets: bytes) -> None:
        """Begin; the caller hears of the end."""
        connection, terms = self.connection, self.terms
        self._reader = connection.reader
        self._reader.expect(terms.method)
        if not connection.alive:
            self.fail(BACK_END_RESET, "closed before the request")
            return
        self.answer.outlet.feed_from(self)
        if self.first:
            octets += self._begun_body()
        connection.begin(self, octets)
        if self.body.ended:
            self._await()
        else:
            self._start_body()

    def _begun_body(self) -> bytes:
        self._writer = writer = BodyWriter(self.terms.framing)
        octets = writer.data(self.first) + (writer.end() if self.body.ended else b"")
        self.first = b""  # the answer may come in an hour
        return octets

    def _start_body(self) -> None:
        begun = self._writer is not None  # and a 100 was sent
        self._writer = self._writer or BodyWriter(self.terms.framing)
        self.connection.feed_from(self.body)
        self._awaits_continue = self.terms.expect_continue and not begun
        if self._awaits_continue:
            self.deadline.set(limits.HTTP_CONTINUE_TIME, self._continue)
        self.body.forward(self)

    # --- from the client

    def send(self, octets: bytes) -> None:
        """A piece of the request's body."""
        if self._awaits_continue:  # the client did not wait
            self._awaits_continue = False
            self.deadline.clear()
        assert self._writer is not None
        self.connection.write(self._writer.data(octets))

    def waits(self, waiting: bool) -> None:
        """The back end does not read: it has as long for that as for an answer; or it reads again."""
        if waiting:
            self._await()
        elif not self.answer.begun:
            self._awaiting = False
            self.deadline.clear()

    def sent_all(self) -> None:
        """The request is complete."""
        assert self._writer is not None
        last = self._writer.end()
        if last:
            self.connection.write(last)
        self.connection.unfeed()
        if self.answer.ended:
            self._finish()
        else:
            self._await()

    def fail(self, reason: Reason, detail: str) -> None:
        """It is no use: the back end's connection ends now, and so does the request."""
        if not self._over:
            self._end()
            self.caller.over(Refused(reason, detail))

    def cancel(self) -> None:
        """Nobody wants it any more: the back end's connection ends, and the caller hears nothing."""
        if not self._over:
            self._end()

    def go_on(self) -> None:
        """The head that was reconsidered is passed on after all."""
        head, self._held = self._held, None
        if head is not None and not self._over:
            self._pass_on(head)
            self.connection.resume()
            self._read()

    def take_back(self) -> bool:
        """The head that is reconsidered is for nobody: whether the connection may take another request now.

        If not, it is closed. The caller hears no more of the exchange.
        """
        self._held = None
        whole = self._reader.whole_body() is not None and not self._reader.surplus
        if not (whole and self._keep_alive and self.body.ended):
            self._end()
            return False
        self._leave()
        self.connection.finish()
        if self._paused:
            self.connection.resume()
        return True

    def pauseProducing(self) -> None:
        """The client does not read: the back end is not read either, and not blamed for its silence."""
        self._paused = True
        self.deadline.clear()
        self.connection.pause()

    def resumeProducing(self) -> None:
        """The client reads again."""
        if self._paused:
            self._paused = False
            if self._awaiting:
                self._await()
            self.connection.resume()

    def stopProducing(self) -> None:
        """The client is gone: the protocol cancels the request."""

    # --- from the back end

    def received(self, data: bytes) -> None:
        """Octets of the answer."""
        self.touched = True
        self._reader.receive(data)
        self._read()
        if self._over:
            return
        if self.answer.ended and self._reader.surplus:
            self._finish()
        elif self._awaiting:
            self._await()

    def back_end_ended(self, clean: bool) -> None:
        """The back end sends no more."""
        self._keep_alive = False
        if not self.answer.ended:
            self._reader.end(clean=clean)
            if self._held is not None:
                return
            self._read()
        if not self._over:
            self._finish()

    def fault(self, failure: Failure) -> None:
        """A fault of our own on the back end's side: it is the request's."""
        self.cancel()
        self.caller.broke(failure)

    def _read(self) -> None:
        while not self._over and self._held is None:
            event = self._reader.next_event()
            if event is None:
                break
            if isinstance(event, Data):
                self.answer.data(event.octets)
            elif isinstance(event, ResponseHead):
                self._head(event)
            elif isinstance(event, End):
                self.answer.end()
                self._answered()
            elif isinstance(event, Malformed):
                self.fail(BACK_END_PROTOCOL, event.text)
            elif isinstance(event, Truncated):
                self._cut_short()
        if not self.answer.ended:
            self.answer.flush()

    def _head(self, head: ResponseHead) -> None:
        if head.status >= _FIRST_FINAL:
            self._final(head)
        elif head.status == _SWITCHING_PROTOCOLS:
            self._switch(head)
        elif head.status != _CONTINUE:
            self.answer.interim(head.status, head.reason, self.caller.edit(head))
        elif self._awaits_continue:
            self._continue()
        elif self.terms.alone and not self.terms.upgrade:  # IIS says it unasked on RPC channels, and some clients wait
            self.answer.interim(_CONTINUE)

    def _continue(self) -> None:
        self._awaits_continue = False
        self.deadline.clear()
        self.answer.interim(_CONTINUE)

    def _switch(self, head: ResponseHead) -> None:
        """S-HTTP-16: a tunnel begins only where it was asked for, and to what was asked for."""
        upgrade = head.get(b"upgrade")
        if not self.terms.upgrade or upgrade is None or upgrade.lower() != b"websocket":
            self.fail(BACK_END_PROTOCOL, "a 101 that nobody asked for")
            return
        self.answer.switch(self.caller.edit(head) + b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
        self.switched = True
        self._leave()
        self.caller.over(None)

    def _final(self, head: ResponseHead) -> None:
        self._keep_alive = head.keep_alive and self.connection.alive
        if head.status not in _RECONSIDERED:
            self._pass_on(head)
            return
        self._held = head
        if not self.caller.reconsiders(head):
            self._held = None
            self._pass_on(head)
        elif self._held is not None and not self._over:
            self.deadline.clear()
            self._awaiting = False
            self.connection.pause()

    def _pass_on(self, head: ResponseHead) -> None:
        if not self.body.ended:
            self._early(head)
        lines = self.caller.edit(head)
        if self.connection.pinned and not head.keep_alive:
            self.answer.keep_alive = False  # who is logged on there must see that it ends
        octets = self._reader.whole_body()
        if octets is None:
            self.answer.begin(head.status, head.reason, lines, head.framing)
        else:  # it came together with its head, as nearly all short ones do
            self.answer.complete(head.status, head.reason, lines, head.framing, octets)
            self._answered()

    def _early(self, head: ResponseHead) -> None:
        """The answer comes before the request is complete (S-HTTP-17).

        A short rest is read to its end, so that both connections live on. Else both end after the answer; a back end
        that answers with an error, or will close, gets no more of the body.
        """
        if self.body.short and not self._awaits_continue and head.keep_alive:
            return
        self.answer.keep_alive = self.answer.keep_alive and self.body.short and not self._awaits_continue
        self._keep_alive, self._early_answer = False, True
        if head.status >= _FIRST_ERROR or not head.keep_alive or self._awaits_continue:
            self.body.hold()
            self.connection.unfeed()
            self._await()

    def _answered(self) -> None:
        self._awaiting = False
        self._keep_alive = self._keep_alive and not self._reader.surplus
        if self.body.ended or not self._keep_alive:
            self._finish()
        else:
            self.deadline.clear()  # a short rest of the request follows, watched by the client's own

    def _cut_short(self) -> None:
        if self.answer.begun:
            self.fail(BACK_END_TRUNCATED, "closed within the body")
        elif self.touched:
            self.fail(BACK_END_TRUNCATED, "closed within the head")
        else:
            self.fail(BACK_END_RESET, "")

    # --- its end

    def _await(self) -> None:
        self._awaiting = True
        if not self._paused:
            self.deadline.set(self.terms.answer_time, self._too_late)

    def _too_late(self) -> None:
        self.fail(BACK_END_ANSWER_TIMEOUT, "phase=body" if self.answer.begun else "phase=head")

    def _finish(self) -> None:
        self.reusable = self._keep_alive and self.body.ended and not self._reader.surplus
        if self._early_answer or not self.body.ended:
            self._end()
        else:
            self._leave()
            self.connection.finish()
            if self._paused:
                self.connection.resume()
        self.caller.over(None)

    def _end(self) -> None:
        self._leave()
        self.connection.unfeed()
        self.connection.abort()

    def _leave(self) -> None:
        self._over = True
        self.deadline.clear()
        self.answer.outlet.feed_from(None)
        if not self.body.ended:
            self.body.hold()
