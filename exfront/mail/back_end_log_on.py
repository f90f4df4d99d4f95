"""What the log-on at a back end is made of: steps out, answers in; the words of IMAP4 and POP3 stand beside it.

A log-on is a generator: it yields what to do, is sent the back end's next answer each time, and returns a `Welcome`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from typing import TypeVar

from attrs import frozen

from exfront import limits
from exfront.mail.outcome import Welcome
from exfront.reasons import BACK_END_PROTOCOL, Reason, Refused
from exfront.secret import Secret
from exfront.wire.client_facts import ClientFacts
from exfront.wire.imap4_referral import Referral
from exfront.wire.sasl import Credentials


@frozen
class Entry:
    """What a log-on brings along: `credentials`, whether TLS must be started first (STARTTLS, STLS), and `facts`.

    `facts` are what the back end is told of the client by ID or XCLIENT, None where it is told nothing. Of POP3: `asks`
    what the back end can do, and `utf8`: the client has asked for UTF-8 (RFC 6856).
    """

    credentials: Credentials
    tls: bool = False
    facts: ClientFacts | None = None
    asks: bool = False
    utf8: bool = False


@frozen
class Say:
    """Write this to the back end (perhaps nothing) and wait for its next answer."""

    data: bytes = b""


@frozen
class BeginTLS:
    """Start TLS; when the certificate is verified, write `then` and wait for the next answer."""

    then: bytes


Step = Say | BeginTLS

Answer = TypeVar("Answer")
LogOn = Generator[Step, Answer, Welcome]


class BackEndRefused(Refused):
    """The back end said no, or nothing that makes sense.

    `status` is its word for the log (NO, BAD, BYE, ERR), `code` a response code that the client may see, `alerts` texts
    that its user must see, `challenge` what it said of a token, as in `exfront.mail.outcome.Refusal`, `referral` the
    server that it names instead of itself.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        status: str = "-",
        code: bytes = b"",
        alerts: tuple[bytes, ...] = (),
        challenge: bytes = b"",
        referral: Referral | None = None,
    ) -> None:
        super().__init__(reason, detail)
        self.status = status
        self.code = code
        self.alerts = alerts
        self.challenge = challenge
        self.referral = referral


def broken(why: str) -> BackEndRefused:
    """The back end broke its protocol; `why` is for the log."""
    return BackEndRefused(BACK_END_PROTOCOL, why)


def printable(text: bytes) -> bytes:
    """A back end's text as a client may see it: printable ASCII, cut (S-MAIL-9)."""
    return re.sub(rb"[^ -~]", b"?", text)[: limits.ALERT_CHARACTERS]


def without_names(text: bytes, names: Iterable[str]) -> bytes:
    """A back end's text without what its server is called (S-MAIL-17), in whatever case it says that."""
    for name in names:
        text = re.sub(re.escape(name.encode("ascii", "replace")), b"...", text, flags=re.IGNORECASE)
    return text


def is_temporary(text: bytes) -> bool:
    """Whether a refusal without a code is no word on the password: Exchange 2007 and later say so by the text alone."""
    return text.lower().startswith(b"server unavailable")


def for_the_log(status: str, code: bytes, text: bytes, secret: Secret) -> str:
    """What the back end said, as the detail of a refusal; dropped if it repeats the password (S-AUTH-11)."""
    said = "***" if secret.reveal() in text else printable(text).decode("ascii")
    return f"status={status} code={printable(code).decode('ascii') or '-'} text={said}"
