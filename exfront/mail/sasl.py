"""What the speakers of IMAP4 and POP3 have in common: an AUTHENTICATE or AUTH from its command to a log-on."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

from exfront.mail.login import Ask, LogOn, Offer, Request, Unsafe, Wrong
from exfront.wire.sasl import BadSasl, Challenge, Credentials, Exchange


@define
class Authenticating:
    """One connection's exchange, if one is under way.

    `bad` gives the answer to a response that is none, `refused` that to a mechanism that is not offered; both take the
    mark of the command.
    """

    bad: Callable[[bytes, str], Wrong]
    refused: Callable[[bytes, str], Wrong]
    _exchange: Exchange | None = None
    _mark: bytes = b""

    def forget(self) -> None:
        """Nothing is under way."""
        self._exchange, self._mark = None, b""

    def begin(self, mark: bytes, mechanism: bytes, initial: bytes | None, offer: Offer) -> Request:
        """The command, with its initial response if there is one."""
        if not offer.passwords:  # S-MAIL-3
            return Unsafe(mark)
        wanted = mechanism.upper().decode("latin-1")
        chosen = next((each for each in offer.mechanisms if each == wanted), None)
        if chosen is None:  # S-MAIL-8: only what is announced
            return self.refused(mark, "This mechanism is not offered.")
        exchange = Exchange(chosen)
        return self._go_on(mark, exchange, lambda: exchange.begin(initial))

    def hear(self, line: bytes) -> Request:
        """The client's response to a challenge."""
        mark, exchange = self._mark, self._exchange
        self.forget()
        if exchange is None or line == b"*":
            return self.bad(mark, "Cancelled.")
        return self._go_on(mark, exchange, lambda: exchange.answer(line))

    def _go_on(self, mark: bytes, exchange: Exchange, step: Callable[[], Challenge | Credentials]) -> Request:
        try:
            result = step()
        except BadSasl:
            return self.bad(mark, "The response is not valid.")
        if isinstance(result, Challenge):
            self._exchange, self._mark = exchange, mark
            return Ask(b"+ %b\r\n" % result.text)
        return LogOn(mark, result.name, result.secret, result.acts_for, result.mechanism)
