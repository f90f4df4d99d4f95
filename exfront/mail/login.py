"""The dialogue of a line protocol until its user is known: a pure state machine, written once for IMAP4 and POP3.

What a client wants goes in, in no protocol's words (`Request`), and so do results; what must be done comes out
(`Action`). A `Speaker` knows the words. No clock, no sockets, no directory here.
"""

from __future__ import annotations

import base64
from enum import Enum
from typing import Generic, Protocol, TypeVar

from attrs import define, evolve

from exfront import limits
from exfront.mail.actions import Action, Authenticate, Believe, Close, Join, NoteRefusal, Prompt, Send, StartTLS
from exfront.mail.offer import Offer
from exfront.mail.outcome import Refusal, Welcome
from exfront.mail.requests import Ask, Heard, Leave, LogOn, Request, Secure, Senseless, Tell, Unsafe, Wrong
from exfront.reasons import (
    BAD_INPUT,
    CLIENT_TIMEOUT,
    INTERNAL_ERROR,
    PRIVACY_REQUIRED,
    TOO_MANY_COMMANDS,
    TOO_MANY_ERRORS,
    TOO_MANY_FAILURES,
    WRONG_TOKEN,
    Reason,
)
from exfront.wire.sasl import TOKEN_MECHANISMS

Event_contra = TypeVar("Event_contra", contravariant=True)


class Speaker(Protocol[Event_contra]):
    """How one protocol says things to a client. It keeps what one log-on needs over several commands."""

    failures: int  # wrong log-ons on one connection before it is closed (S-MAIL-11)

    def request(self, event: Event_contra, offer: Offer) -> Request:
        """What the client wants with `event`."""

    def forget(self) -> None:
        """Drop all that was said before TLS (S-MAIL-1)."""

    def greeting(self, offer: Offer) -> bytes:
        """The first line."""

    def begin_tls(self, mark: bytes) -> bytes:
        """Go ahead with TLS."""

    def wrong(self, mark: bytes, text: str) -> bytes:
        """The answer to a bad command."""

    def refusal(self, mark: bytes, refusal: Refusal) -> bytes:
        """The answer to a log-on that failed."""

    def welcome(self, mark: bytes, welcome: Welcome, offer: Offer) -> bytes:
        """The answer to a log-on that went through."""

    def bye(self, reason: Reason) -> bytes:
        """What is said unasked before a close."""

    def parting(self, reason: Reason) -> bytes:
        """What is said before a close right behind an answer: nothing where an answer is all that may be said."""


# For a token that was refused by somebody who had no words for it (RFC 7628 section 3.2.2)
_TOKEN_REFUSED = base64.b64encode(b'{"status":"invalid_token"}')
_NOT_THE_CLIENTS_FAULT = 500  # of HTTP, from here on


class _State(Enum):
    TALKING = "between commands"
    CHECKING = "a log-on is under way"
    SECURING = "only TLS is read"
    OVER = "relaying or closed"


Event = TypeVar("Event")


@define
class Login(Generic[Event]):
    """One client's conversation until it is relayed or closed."""

    speaker: Speaker[Event]
    offer: Offer
    _state: _State = _State.TALKING
    _mark: bytes = b""
    _by_token: bool = False
    _told: Refusal | None = None  # a token was refused: the client has to answer the challenge first
    _failures: int = 0
    _bad_commands: int = 0
    _commands: int = 0

    @property
    def reading(self) -> bool:
        """Whether commands are taken now."""
        return self._state is _State.TALKING

    @property
    def over(self) -> bool:
        """Whether nothing more can come of this dialogue."""
        return self._state is _State.OVER

    def begin(self, *, certificate: bool = False) -> list[Action]:
        """The connection is there, with TLS where that comes first; `certificate`: the client has shown one."""
        if certificate:
            self.offer = evolve(self.offer, certificate=True)
        return [Send(self.speaker.greeting(self.offer))]

    def take(self, event: Event, followed: bool) -> list[Action]:
        """What the client said; `followed` when more octets of it are already there."""
        self._commands += 1
        if self._commands > limits.COMMANDS_BEFORE_LOG_ON:
            return self._bye(TOO_MANY_COMMANDS)
        request = self.speaker.request(event, self.offer)
        if self._told is not None and not isinstance(request, Senseless):
            refusal, self._told = self._told, None
            return self._refuse(refusal)
        return self._do(request, followed)

    def _do(self, request: Request, followed: bool) -> list[Action]:
        match request:
            case Tell(answer):
                return [Send(answer)]
            case Heard(answer, told):
                return [Send(answer), Believe(told)]
            case Ask(prompt):
                return [Prompt(prompt)]
            case Leave(answer):
                return [Send(answer), self._close(None)]
            case Secure(mark):
                return self._secure(mark, followed)
            case LogOn(mark, name, secret, acts_for, mechanism, utf8):
                self._state, self._mark = _State.CHECKING, mark
                self._by_token = mechanism in TOKEN_MECHANISMS
                return [Authenticate(name, secret, acts_for, mechanism, utf8)]
            case Unsafe(mark, name):
                refusal = self.speaker.refusal(mark, Refusal(PRIVACY_REQUIRED))
                return [NoteRefusal(PRIVACY_REQUIRED, name), *self._count_bad(refusal)]
            case Wrong(answer):
                return self._count_bad(answer)
            case Senseless():
                return self._bye(BAD_INPUT)

    def secured(self, *, certificate: bool = False) -> list[Action]:
        """The TLS handshake is through; all that was said before it is void (RFC 3501 section 6.2.1)."""
        self._state = _State.TALKING
        self.offer = evolve(self.offer, secure=True, starttls=False, certificate=certificate)
        return []

    def accepted(self, welcome: Welcome) -> list[Action]:
        """The back end let the user in."""
        self._state = _State.OVER
        return [Send(self.speaker.welcome(self._mark, welcome, self.offer)), Join()]

    def refused(self, refusal: Refusal) -> list[Action]:
        """A step, or the back end, said no. Who comes with a token must be told why before (RFC 7628 section 3.2.3)."""
        self._state = _State.TALKING
        if self._by_token and refusal.reason.imap_code == WRONG_TOKEN.imap_code:
            self._told = refusal
            return [Prompt(b"+ %b\r\n" % (refusal.challenge or _TOKEN_REFUSED))]
        return self._refuse(refusal)

    def _refuse(self, refusal: Refusal) -> list[Action]:
        """What is only out of order for now costs the client nothing."""
        answer = Send(self.speaker.refusal(self._mark, refusal))
        if refusal.reason.http_status < _NOT_THE_CLIENTS_FAULT:
            self._failures += 1
        if self._failures >= self.speaker.failures:
            return [answer, *self._part(TOO_MANY_FAILURES)]
        return [answer]

    def timed_out(self) -> list[Action]:
        """The client took too long to log on (S-MAIL-12)."""
        return [self._close(CLIENT_TIMEOUT)] if self._state is _State.SECURING else self._part(CLIENT_TIMEOUT)

    def stop(self, reason: Reason) -> list[Action]:
        """The connection must end; nothing is said while only TLS may be."""
        if self._state is _State.SECURING:
            return [self._close(reason)]
        return [] if self.over else self._bye(reason)

    def fault(self) -> list[Action]:
        """Something broke in exfront: a command under way is answered as unavailable."""
        if self._state is _State.CHECKING:
            answer = self.speaker.refusal(self._mark, Refusal(INTERNAL_ERROR))
            return [Send(answer), *self._part(INTERNAL_ERROR)]
        return self.stop(INTERNAL_ERROR)

    def _secure(self, mark: bytes, followed: bool) -> list[Action]:
        if not self.offer.starttls:
            return self._count_bad(self.speaker.wrong(mark, "TLS cannot be started here."))
        if followed:  # S-MAIL-1: said in clear, meant to be read as if said under TLS
            answer = self.speaker.wrong(mark, "Nothing may follow before TLS.")
            return [Send(answer), *self._part(BAD_INPUT)]
        self._state = _State.SECURING
        self.speaker.forget()
        return [Send(self.speaker.begin_tls(mark)), StartTLS()]

    def _count_bad(self, answer: bytes) -> list[Action]:
        self._bad_commands += 1
        if self._bad_commands >= limits.BAD_COMMANDS:
            return [Send(answer), *self._part(TOO_MANY_ERRORS)]
        return [Send(answer)]

    def _bye(self, reason: Reason) -> list[Action]:
        return [Send(self.speaker.bye(reason)), self._close(reason)]

    def _part(self, reason: Reason) -> list[Action]:
        words = self.speaker.parting(reason)
        return [*([Send(words)] if words else []), self._close(reason)]

    def _close(self, reason: Reason | None) -> Close:
        self._state = _State.OVER
        return Close(reason)


def relayed(speaker: Speaker[Event]) -> Login[Event]:
    """The dialogue of those who are relayed, which is over: one for all of them."""
    return Login(speaker, Offer(secure=False, starttls=False, plaintext=False), _State.OVER)
