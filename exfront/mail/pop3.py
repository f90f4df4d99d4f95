"""How POP3 speaks to a client before login: its commands, capabilities and texts (RFC 1939, RFC 2449, RFC 5034)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from exfront import limits
from exfront.mail.login import (
    Ask,
    Leave,
    LogOn,
    Offer,
    Refusal,
    Request,
    Secure,
    Senseless,
    Tell,
    Unsafe,
    Welcome,
    Wrong,
)
from exfront.reasons import Reason
from exfront.secret import Secret
from exfront.wire.pop3 import BadCommand, Broken, Command, Event, SaslResponse
from exfront.wire.sasl import BadSasl, decode_initial_response, decode_response, read_plain

_NONE = b""  # POP3 has no tags: an answer belongs to the command before it
_NOT_VALID = Wrong(b"-ERR The argument is not valid.\r\n")


class Pop3Speaker:
    """One connection's words; keeps the name that USER gave."""

    failures = limits.POP3_LOGIN_FAILURES

    def __init__(self) -> None:
        self._name = b""

    def request(self, event: Event, offer: Offer) -> Request:
        """What the client wants with `event`."""
        match event:
            case Command(verb, argument):
                handler = self._HANDLERS.get(verb)
                if handler is None:
                    return _bad("Unknown command, or not before a log-on.")
                return handler(self, argument, offer)
            case SaslResponse(line):
                return _bad("Cancelled.") if line == b"*" else _log_on(line, decode_response)
            case BadCommand(text):
                return _bad(text)
            case Broken(text):
                return Senseless(text)

    def forget(self) -> None:
        """Drop all that was said before TLS."""
        self._name = b""

    def greeting(self, offer: Offer) -> bytes:
        """The first line; no version, no host name, no time stamp, as APOP is not offered."""
        return b"+OK exfront ready.\r\n"

    def begin_tls(self, mark: bytes) -> bytes:
        """Go ahead with TLS."""
        return b"+OK Begin TLS now.\r\n"

    def wrong(self, mark: bytes, text: str) -> bytes:
        """The answer to a bad command."""
        return _bad(text).answer

    def refusal(self, mark: bytes, refusal: Refusal) -> bytes:
        """The answer to a log-on that failed."""
        text = refusal.reason.pop3_text()
        if refusal.code:
            text = b"[%b]%b" % (refusal.code, text.partition(b"]")[2])
        return b"-ERR %b\r\n" % text

    def welcome(self, mark: bytes, welcome: Welcome) -> bytes:
        """The answer to a log-on that went through."""
        return b"+OK Logged on.\r\n"

    def bye(self, reason: Reason) -> bytes:
        """What is said unasked before a close."""
        return b"-ERR %b\r\n" % reason.pop3_text()

    def parting(self, reason: Reason) -> bytes:
        """Nothing: each command has one answer."""
        return b""

    def _capa(self, argument: bytes, offer: Offer) -> Request:
        if argument:
            return _NOT_VALID
        # TOP and UIDL are what every back end has after login, and clients ask only once (S-MAIL-4)
        names = [b"TOP", b"UIDL", b"RESP-CODES", b"AUTH-RESP-CODE"]
        if offer.starttls:
            names.append(b"STLS")
        if offer.passwords:
            names += [b"USER", b"SASL PLAIN"]
        return Tell(b"+OK Capability list follows.\r\n%b\r\n.\r\n" % b"\r\n".join(names))

    def _noop(self, argument: bytes, offer: Offer) -> Request:
        return _NOT_VALID if argument else Tell(b"+OK\r\n")

    def _quit(self, argument: bytes, offer: Offer) -> Request:
        return _NOT_VALID if argument else Leave(b"+OK Logging out.\r\n")

    def _stls(self, argument: bytes, offer: Offer) -> Request:
        return _NOT_VALID if argument else Secure(_NONE)

    def _user(self, argument: bytes, offer: Offer) -> Request:
        if not offer.passwords:
            return Unsafe(_NONE, argument)
        if not argument:
            return _NOT_VALID
        self._name = argument
        return Tell(b"+OK\r\n")

    def _pass(self, argument: bytes, offer: Offer) -> Request:
        name, self._name = self._name, b""
        if not name:
            return _bad("USER comes first.")
        return LogOn(_NONE, name, Secret(argument))

    def _auth(self, argument: bytes, offer: Offer) -> Request:
        if not argument:  # older than RFC 5034: which mechanisms are there?
            return Tell(b"+OK\r\nPLAIN\r\n.\r\n" if offer.passwords else b"+OK\r\n.\r\n")
        if not offer.passwords:
            return Unsafe(_NONE)
        mechanism, _, response = argument.partition(b" ")
        if mechanism.upper() != b"PLAIN":
            return _bad("This mechanism is not offered.")
        return _log_on(response, decode_initial_response) if response else Ask(b"+ \r\n")

    _HANDLERS: ClassVar[dict[bytes, Callable[[Pop3Speaker, bytes, Offer], Request]]] = {
        b"CAPA": _capa,
        b"NOOP": _noop,
        b"QUIT": _quit,
        b"STLS": _stls,
        b"USER": _user,
        b"PASS": _pass,
        b"AUTH": _auth,
    }


def _bad(text: str) -> Wrong:
    return Wrong(b"-ERR %b\r\n" % text.encode("ascii"))


def _log_on(response: bytes, decode: Callable[[bytes], bytes]) -> Request:
    try:
        plain = read_plain(decode(response))
    except BadSasl:
        return _bad("The response is not valid.")
    return LogOn(_NONE, plain.name, plain.secret, plain.acts_for)
