"""How IMAP4 speaks to a client before login: its commands, capabilities and texts (RFC 3501, RFC 5530)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar

from exfront import limits
from exfront.mail.offer import Offer
from exfront.mail.outcome import Refusal, Welcome
from exfront.mail.requests import Heard, Leave, LogOn, Request, Secure, Senseless, Tell, Unsafe, Wrong
from exfront.mail.sasl import Sasl, Waiting
from exfront.reasons import Reason
from exfront.secret import Secret
from exfront.wire.client_facts import BadFacts, read_id_facts
from exfront.wire.imap4_commands import (
    Argument,
    Atom,
    BadCommand,
    Broken,
    Command,
    Event,
    LiteralAnnounced,
    SaslResponse,
    String,
)
from exfront.wire.imap4_id import BadId, read_id

# S-MAIL-4: of the back end's list after login. These are about a log-on that is over, would undo it (RFC 8437), or send
# the client elsewhere.
_NOT_AFTER_LOGIN = frozenset(
    (b"STARTTLS", b"LOGINDISABLED", b"LOGIN-REFERRALS", b"MAILBOX-REFERRALS", b"UNAUTHENTICATE")
)
# Commands that clients may give before login too, where this dialogue does not know them (RFC 5255).
_NOT_BEFORE_LOGIN = frozenset((b"LANGUAGE", b"XCLIENT", b"X-PROXY"))

_NOT_VALID = "The arguments are not valid."


class Imap4Speaker:
    """One connection's words."""

    failures = limits.IMAP4_LOGIN_FAILURES

    def __init__(self) -> None:
        self._waiting: Waiting | None = None

    def request(self, event: Event, offer: Offer) -> Request:
        """What the client wants with `event`."""
        match event:
            case Command(tag, name, arguments):
                handler = self._HANDLERS.get(name)
                if handler is None:
                    return _bad(tag, "Unknown command, or not before a log-on.")
                return handler(self, tag, arguments, offer)
            case SaslResponse(line):
                request, self._waiting = _SASL.hear(self._waiting, line)
                return request
            case LiteralAnnounced():
                return Tell(b"+ OK\r\n")
            case BadCommand(tag, text):
                return _bad(tag, text)
            case Broken(text):
                return Senseless(text)

    def forget(self) -> None:
        """Drop all that was said before TLS."""
        self._waiting = None

    def greeting(self, offer: Offer) -> bytes:
        """The first line; no version, no host name."""
        return b"* OK [CAPABILITY %b] exfront ready.\r\n" % _capabilities(offer)

    def begin_tls(self, mark: bytes) -> bytes:
        """Go ahead with TLS."""
        return mark + b" OK Begin TLS now.\r\n"

    def wrong(self, mark: bytes, text: str) -> bytes:
        """The answer to a bad command; untagged where there was no tag."""
        return _bad(mark, text).answer

    def refusal(self, mark: bytes, refusal: Refusal) -> bytes:
        """The answer to a log-on that failed, behind the back end's alerts."""
        text = refusal.reason.imap_text()
        if refusal.code:
            text = b"[%b]%b" % (refusal.code, text.partition(b"]")[2])
        return _alerts(b"NO", refusal.alerts) + b"%b NO %b\r\n" % (mark, text)

    def welcome(self, mark: bytes, welcome: Welcome, offer: Offer) -> bytes:
        """The answer to a log-on that went through, with what the back end can do (S-MAIL-4)."""
        code = _code(welcome.capabilities, offer)
        return _alerts(b"OK", welcome.alerts) + b"%b OK %bLogged on.\r\n" % (mark, code)

    def bye(self, reason: Reason) -> bytes:
        """What is said unasked before a close."""
        return b"* BYE %b\r\n" % reason.imap_text()

    def parting(self, reason: Reason) -> bytes:
        """A BYE comes before every close."""
        return self.bye(reason)

    def _capability(self, tag: bytes, arguments: tuple[Argument, ...], offer: Offer) -> Request:
        if arguments:
            return _bad(tag, _NOT_VALID)
        return Tell(b"* CAPABILITY %b\r\n%b OK CAPABILITY completed.\r\n" % (_capabilities(offer), tag))

    def _noop(self, tag: bytes, arguments: tuple[Argument, ...], offer: Offer) -> Request:
        return _bad(tag, _NOT_VALID) if arguments else Tell(tag + b" OK NOOP completed.\r\n")

    def _logout(self, tag: bytes, arguments: tuple[Argument, ...], offer: Offer) -> Request:
        if arguments:
            return _bad(tag, _NOT_VALID)
        return Leave(b"* BYE Logging out.\r\n%b OK LOGOUT completed.\r\n" % tag)

    def _id(self, tag: bytes, arguments: tuple[Argument, ...], offer: Offer) -> Request:
        answer = b'* ID ("name" "exfront")\r\n%b OK ID completed.\r\n' % tag
        try:
            pairs = read_id(arguments)
            return Heard(answer, read_id_facts(pairs)) if offer.believes else Tell(answer)
        except (BadId, BadFacts) as why:
            return _bad(tag, str(why))

    def _starttls(self, tag: bytes, arguments: tuple[Argument, ...], offer: Offer) -> Request:
        return _bad(tag, _NOT_VALID) if arguments else Secure(tag)

    def _login(self, tag: bytes, arguments: tuple[Argument, ...], offer: Offer) -> Request:
        match arguments:
            case (Atom(name) | String(name), Atom(password) | String(password)):
                return LogOn(tag, name, Secret(password)) if offer.passwords else Unsafe(tag, name)
        return _bad(tag, "LOGIN takes a name and a password.")

    def _authenticate(self, tag: bytes, arguments: tuple[Argument, ...], offer: Offer) -> Request:
        match arguments:
            case (Atom(mechanism),):
                return self._begin(tag, mechanism, None, offer)
            case (Atom(mechanism), Atom(response)):
                return self._begin(tag, mechanism, response, offer)
        return _bad(tag, "AUTHENTICATE takes a mechanism, and perhaps a response.")

    def _begin(self, tag: bytes, mechanism: bytes, initial: bytes | None, offer: Offer) -> Request:
        request, self._waiting = _SASL.begin(tag, mechanism, initial, offer)
        return request

    _HANDLERS: ClassVar[dict[bytes, Callable[[Imap4Speaker, bytes, tuple[Argument, ...], Offer], Request]]] = {
        b"CAPABILITY": _capability,
        b"NOOP": _noop,
        b"LOGOUT": _logout,
        b"ID": _id,
        b"STARTTLS": _starttls,
        b"LOGIN": _login,
        b"AUTHENTICATE": _authenticate,
    }


def _bad(tag: bytes, text: str) -> Wrong:
    return Wrong(b"%b BAD %b\r\n" % (tag, text.encode("ascii")))


def _no(tag: bytes, text: str) -> Wrong:
    return Wrong(b"%b NO %b\r\n" % (tag, text.encode("ascii")))


_SASL = Sasl(_bad, _no)


@lru_cache(64)  # a listener has a handful of offers, each as long as no back end changes
def _capabilities(offer: Offer) -> bytes:
    """S-MAIL-4: what this dialogue does now, and what all back ends keep after login."""
    names = [b"IMAP4rev1", b"SASL-IR", *_literals(offer), *([] if offer.shared.lacks(b"ID") else [b"ID"])]
    if offer.starttls:
        names.append(b"STARTTLS")
    if not offer.passwords:
        names.append(b"LOGINDISABLED")
    names += [b"AUTH=" + mechanism.encode("ascii") for mechanism in offer.mechanisms]
    own = {b"LITERAL+", b"LITERAL-", b"SASL-IR", *map(bytes.upper, names)}
    names += [name for name in offer.shared.names if name.upper() not in own and _may_be_promised(name)]
    return b" ".join(name for name in names if offer.shows(name))


def _literals(offer: Offer) -> list[bytes]:
    """RFC 7888: both kinds are understood here; what is announced must hold behind the log-on too."""
    if not offer.shared.lacks(b"LITERAL+"):
        return [b"LITERAL+"]
    return [] if offer.shared.lacks(b"LITERAL-") else [b"LITERAL-"]


def _may_be_promised(name: bytes) -> bool:
    return not _is_about_log_on(name) and name.upper() not in _NOT_BEFORE_LOGIN


@lru_cache(64)  # a server says the same to everybody
def _code(capabilities: tuple[bytes, ...], offer: Offer) -> bytes:
    """What a back end can do after a log-on, as a response code."""
    names = [name for name in capabilities if not _is_about_log_on(name) and offer.shows(name)]
    return b"[CAPABILITY %b] " % b" ".join(names) if names else b""


def _is_about_log_on(name: bytes) -> bool:
    return name.upper() in _NOT_AFTER_LOGIN or name.upper().startswith(b"AUTH=")


def _alerts(kind: bytes, alerts: tuple[bytes, ...]) -> bytes:
    """A user must see these (RFC 3501 section 7.1), whatever the answer says."""
    return b"".join(b"* %b [ALERT] %b\r\n" % (kind, text) for text in alerts)
