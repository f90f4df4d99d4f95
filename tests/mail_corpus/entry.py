"""What an entry of the corpus is, and short ways to write one."""

from __future__ import annotations

import base64
import re
from typing import Literal

from attrs import field, frozen

from tests.mail_corpus.back_end import Script

NAME, PASSWORD = b"user4", b"password-4"
OTHER_NAME, OTHER_PASSWORD = b"user5", b"password-5"  # whose server upgrades to TLS
LOGIN = b"a LOGIN user4 password-4\r\n"
USER, PASS = b"USER user4\r\n", b"PASS password-4\r\n"

Protocol = Literal["imap4", "pop3"]
End = Literal["kept", "closed", "told", "any"]


@frozen
class Until:
    """Wait for a line that begins so, as a regular expression."""

    pattern: bytes


@frozen
class Handshake:
    """Begin TLS."""


@frozen
class Fin:
    """Send no more; no further command will be tried."""


@frozen
class Reset:
    """Be gone at once."""


Step = bytes | Until | Handshake | Fin | Reset
Steps = bytes | tuple[Step, ...]
Answers = str | tuple[str, ...]


@frozen
class Outcome:
    """What must come of a conversation, whoever is in front.

    `answers` are the final ones in their order: ``a BAD``, ``a NO|BAD``, ``b NO [UNAVAILABLE]``, ``* BAD``; in POP3
    ``+OK`` and ``-ERR [AUTH]``. `end`: ``kept`` takes a further command, ``told`` was closed with BYE (IMAP4) or an
    error (POP3) before, ``closed`` just so. `invited`: continuation requests. `logins`: name and password of each
    log-on at the back end; `relayed`: all that it got behind it. `has` and `lacks`: what the client sees.
    """

    answers: tuple[str, ...] = ()
    end: End = "kept"
    invited: int = 0
    logins: tuple[tuple[bytes, bytes], ...] = ()
    relayed: bytes = b""
    has: tuple[bytes, ...] = ()
    lacks: tuple[bytes, ...] = ()


@frozen
class Entry:
    """`steps` of a client; `script` is what its back end says.

    `rule` is the S- rule, `source` the section or CVE that it stands in, `why` the reason in a few words. `listener`
    names what it connects to. Not `splits`: how the octets come together is what it is about. Without `peers` other
    proxies are not asked: the entry is about exfront's own limits or forms of names.
    """

    name: str
    rule: str
    source: str
    why: str
    protocol: Protocol
    steps: tuple[Step, ...]
    outcome: Outcome
    script: Script = field(factory=Script)
    listener: Literal["clear", "starttls", "tls", "proxy"] = "clear"
    splits: bool = True
    peers: bool = True

    @property
    def upgraded(self) -> bool:
        """Whether its back end must be spoken to inside TLS."""
        return any(isinstance(step, bytes) and OTHER_NAME in step for step in self.steps)

    @property
    def legal(self) -> bool:
        """Whether nothing about it is to be refused."""
        return self.outcome.end == "kept" and not re.search(r"BAD|NO|ERR", " ".join(self.outcome.answers))


def plain(name: bytes = NAME, password: bytes = PASSWORD, acts_for: bytes = b"") -> bytes:
    """A SASL PLAIN message in base64."""
    return base64.b64encode(b"\0".join((acts_for, name, password)))


def imap4(
    name: str,
    steps: bytes | tuple[Step, ...],
    answers: str | tuple[str, ...],
    rule: str,
    source: str,
    why: str,
    **more: object,
) -> Entry:
    """A conversation in IMAP4; what `Outcome` takes may stand in `more` too. The greeting is waited for."""
    return _entry("imap4", name, (Until(rb"\* (OK|PREAUTH|BYE)"), *_steps(steps)), answers, rule, source, why, more)


def pop3(
    name: str,
    steps: bytes | tuple[Step, ...],
    answers: str | tuple[str, ...],
    rule: str,
    source: str,
    why: str,
    **more: object,
) -> Entry:
    """The same in POP3; the greeting is no answer."""
    return _entry("pop3", name, (Until(rb"\+OK"), *_steps(steps)), answers, rule, source, why, more)


def proxied(name: str, header: Steps, answers: Answers, source: str, why: str, **more: object) -> Entry:
    """A conversation in IMAP4 with a listener that wants a PROXY header first, in front of the greeting."""
    more = {"listener": "proxy", "peers": False, **more}
    return _entry("imap4", name, _steps(header), answers, "S-MAIL-15", source, why, more)


def _steps(steps: Steps) -> tuple[Step, ...]:
    return (steps,) if isinstance(steps, bytes) else steps


_OUTCOME = ("end", "invited", "logins", "relayed", "has", "lacks")


def _entry(
    protocol: Protocol, name: str, steps: tuple[Step, ...], answers: Answers, rule: str, source: str, why: str,
    more: dict[str, object],
) -> Entry:  # fmt: skip
    several = (answers,) if isinstance(answers, str) else answers
    outcome = Outcome(several, **{key: more.pop(key) for key in _OUTCOME if key in more})  # type: ignore[arg-type]
    return Entry(name, rule, source, why, protocol, steps, outcome, **more)  # type: ignore[arg-type]
