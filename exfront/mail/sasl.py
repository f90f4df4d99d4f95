"""What the speakers of IMAP4 and POP3 have in common: an AUTHENTICATE or AUTH from its command to a log-on."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from exfront.mail.offer import Offer
from exfront.mail.requests import Ask, LogOn, Request, Unsafe, Wrong
from exfront.wire.sasl import BadSasl, Challenge, Credentials, Exchange


@frozen
class Waiting:
    """An exchange whose client was asked something; `mark` is that of its command."""

    exchange: Exchange
    mark: bytes


Said = tuple[Request, Waiting | None]  # and what waits for an answer from now on


@frozen
class Sasl:
    """The words of a protocol; what it keeps of a connection is the speaker's.

    `bad` gives the answer to a response that is none, `refused` that to a mechanism that is not offered; both take the
    mark of the command.
    """

    bad: Callable[[bytes, str], Wrong]
    refused: Callable[[bytes, str], Wrong]

    def begin(self, mark: bytes, mechanism: bytes, initial: bytes | None, offer: Offer) -> Said:
        """The command, with its initial response if there is one."""
        if not offer.passwords:  # S-MAIL-3
            return Unsafe(mark), None
        wanted = mechanism.upper().decode("latin-1")
        chosen = next((each for each in offer.mechanisms if each == wanted), None)
        if chosen is None:  # S-MAIL-8: only what is announced
            return self.refused(mark, "This mechanism is not offered."), None
        exchange = Exchange(chosen)
        return self._go_on(Waiting(exchange, mark), lambda: exchange.begin(initial))

    def hear(self, waiting: Waiting | None, line: bytes) -> Said:
        """The client's response to a challenge; None where it is about no exchange any more."""
        if waiting is None or line == b"*":
            return self.bad(b"" if waiting is None else waiting.mark, "Cancelled."), None
        return self._go_on(waiting, lambda: waiting.exchange.answer(line))

    def _go_on(self, waiting: Waiting, step: Callable[[], Challenge | Credentials]) -> Said:
        try:
            result = step()
        except BadSasl:
            return self.bad(waiting.mark, "The response is not valid."), None
        if isinstance(result, Challenge):
            return Ask(b"+ %b\r\n" % result.text), waiting
        return LogOn(waiting.mark, result.name, result.secret, result.acts_for, result.mechanism), None
