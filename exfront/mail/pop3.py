"""How POP3 speaks to a client before login: its commands, capabilities and texts (RFC 1939, RFC 2449, RFC 5034)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar

from attrs import evolve

from exfront import limits
from exfront.mail.offer import Offer
from exfront.mail.outcome import Refusal, Welcome
from exfront.mail.requests import Heard, Leave, LogOn, Request, Secure, Senseless, Tell, Unsafe, Wrong
from exfront.mail.sasl import Sasl, Waiting
from exfront.reasons import Reason
from exfront.secret import Secret
from exfront.wire.client_facts import BadFacts, read_xclient
from exfront.wire.pop3 import BadCommand, Broken, Command, Event, SaslResponse

_NONE = b""  # POP3 has no tags: an answer belongs to the command before it
_NOT_VALID = Wrong(b"-ERR The argument is not valid.\r\n")
# What is promised if all back ends have it, and with the same arguments. LANG is a command before login too, when no
# back end is there to be asked for its languages (RFC 6856 section 3): clients find it after login.
_OF_BACK_ENDS = frozenset((b"PIPELINING", b"EXPIRE", b"LOGIN-DELAY", b"UTF8"))


class Pop3Speaker:
    """One connection's words; keeps the name that USER gave, and whether UTF-8 was asked for."""

    failures = limits.POP3_LOGIN_FAILURES

    def __init__(self) -> None:
        self._name = b""
        self._utf8 = False
        self._waiting: Waiting | None = None

    def request(self, event: Event, offer: Offer) -> Request:
        """What the client wants with `event`."""
        match event:
            case Command(verb, argument):
                handler = self._HANDLERS.get(verb)
                if handler is None:
                    return _UNKNOWN
                return self._marked(handler(self, argument, offer))
            case SaslResponse(line):
                request, self._waiting = _SASL.hear(self._waiting, line)
                return self._marked(request)
            case BadCommand(text):
                return _bad(text)
            case Broken(text):
                return Senseless(text)

    def forget(self) -> None:
        """Drop all that was said before TLS."""
        self._name, self._utf8, self._waiting = b"", False, None

    def greeting(self, offer: Offer) -> bytes:
        """The first line; no version, no host name, no time stamp, as APOP is not offered."""
        return b"+OK [XCLIENT] exfront ready.\r\n" if offer.believes else b"+OK exfront ready.\r\n"

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

    def welcome(self, mark: bytes, welcome: Welcome, offer: Offer) -> bytes:
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
        return Tell(b"+OK Capability list follows.\r\n%b\r\n.\r\n" % b"\r\n".join(_capabilities(offer)))

    def _noop(self, argument: bytes, offer: Offer) -> Request:
        return _NOT_VALID if argument else Tell(b"+OK\r\n")

    def _quit(self, argument: bytes, offer: Offer) -> Request:
        return _NOT_VALID if argument else Leave(b"+OK Logging out.\r\n")

    def _xclient(self, argument: bytes, offer: Offer) -> Request:
        """Dovecot's; nobody else hears of it."""
        if not offer.believes:
            return _UNKNOWN
        try:
            return Heard(b"+OK Updated.\r\n", read_xclient(argument))
        except BadFacts as why:
            return _bad(str(why))

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
            names = [each.encode("ascii") for each in offer.mechanisms]
            return Tell(b"".join(b"%b\r\n" % line for line in (b"+OK", *names, b".")))
        mechanism, space, response = argument.partition(b" ")
        request, self._waiting = _SASL.begin(_NONE, mechanism, response if space else None, offer)
        return request

    def _utf8_mode(self, argument: bytes, offer: Offer) -> Request:
        """Known where all back ends know it: the one that is chosen is told (RFC 6856 section 2.1)."""
        if not any(line.partition(b" ")[0] == b"UTF8" for line in _capabilities(offer)):
            return _UNKNOWN
        if argument:
            return _NOT_VALID
        self._utf8 = True
        return Tell(b"+OK\r\n")

    def _marked(self, request: Request) -> Request:
        return evolve(request, utf8=True) if self._utf8 and isinstance(request, LogOn) else request

    def _apop(self, argument: bytes, offer: Offer) -> Request:
        """It needs passwords that can be read, and no directory gives them (RFC 1939 section 13)."""
        return _bad("APOP is not offered: log on with AUTH, or with USER and PASS.")

    _HANDLERS: ClassVar[dict[bytes, Callable[[Pop3Speaker, bytes, Offer], Request]]] = {
        b"CAPA": _capa,
        b"NOOP": _noop,
        b"QUIT": _quit,
        b"STLS": _stls,
        b"XCLIENT": _xclient,
        b"USER": _user,
        b"PASS": _pass,
        b"AUTH": _auth,
        b"APOP": _apop,
        b"UTF8": _utf8_mode,
    }


def _bad(text: str) -> Wrong:
    return Wrong(b"-ERR %b\r\n" % text.encode("ascii"))


_UNKNOWN = _bad("Unknown command, or not before a log-on.")


def _bad_command(mark: bytes, text: str) -> Wrong:
    return _bad(text)


_SASL = Sasl(_bad_command, _bad_command)


@lru_cache(64)  # a listener has a handful of offers, each as long as no back end changes
def _capabilities(offer: Offer) -> tuple[bytes, ...]:
    """S-MAIL-4: what this dialogue does now, and what all back ends keep after login: clients ask only once."""
    shared = offer.shared
    lines = [name for name in (b"TOP", b"UIDL") if not shared.lacks(name)]
    lines += [b"RESP-CODES", b"AUTH-RESP-CODE"]
    lines += [line.upper() for line in shared.names if line.upper().partition(b" ")[0] in _OF_BACK_ENDS]
    if offer.starttls:
        lines.append(b"STLS")
    if offer.passwords:
        lines.append(b"USER")
    if offer.mechanisms:
        lines.append(b" ".join((b"SASL", *(each.encode("ascii") for each in offer.mechanisms))))
    return tuple(line for line in lines if offer.shows(line.partition(b" ")[0]))
