"""How exfront logs on at a POP3 back end (RFC 1939, RFC 2595, RFC 5034; S-MAIL-2, -7, -9)."""

from __future__ import annotations

import re
from collections.abc import Generator

from attrs import define

from exfront.mail.back_end_log_on import (
    BackEndRefused,
    BeginTLS,
    Entry,
    LogOn,
    Say,
    Step,
    broken,
    for_the_log,
    is_temporary,
)
from exfront.mail.outcome import Welcome
from exfront.reasons import BACK_END_AUTH_MISMATCH, BACK_END_LOGIN_REFUSED, MAILBOX_REFUSED
from exfront.wire.client_facts import ClientFacts, write_xclient
from exfront.wire.pop3 import Line, Malformed, Status, read_status, sasl_mechanisms
from exfront.wire.sasl_client import check, give_up, read_challenge, write_response

# Response codes that tell a client something of its mailbox (RFC 2449 section 8.1, RFC 3206)
_OF_THE_MAILBOX = frozenset((b"IN-USE", b"LOGIN-DELAY", b"SYS/PERM"))
_PASSED_ON = _OF_THE_MAILBOX | {b"SYS/TEMP"}
_COMMAND_OCTETS = 255  # RFC 2449 section 4, for an AUTH with its response beside it
_PLAIN_NAME = re.compile(rb"[!-~]+")
_PLAIN_PASSWORD = re.compile(rb"[ -~]+")

Answer = Line | Malformed


def pop3_log_on(entry: Entry) -> LogOn[Answer]:
    """Log on with what `entry` brings. Raises `BackEndRefused`.

    Raises ValueError for NUL, CR or LF, which must not come this far.
    """
    check(entry.credentials)
    return _LogOn(entry).run()


@define
class _LogOn:
    """One log-on; `_begin_tls` says that the next thing sent must go under TLS."""

    entry: Entry
    _begin_tls: bool = False
    _names: tuple[bytes, ...] | None = None
    _mechanisms: frozenset[bytes] | None = None
    _challenge: bytes = b""

    def run(self) -> LogOn[Answer]:
        greeting = yield from self._status(Say())
        if not greeting.ok:
            raise self._not_now(greeting)
        if self.entry.tls:
            yield from self._secure()
        if self.entry.facts is not None and greeting.code == b"XCLIENT":
            yield from self._introduce(self.entry.facts)
        if self.entry.utf8:
            status = yield from self._status(self._say(b"UTF8"))
            if not status.ok:
                raise self._not_now(status)
        if self.entry.asks:
            yield from self._learn()
        yield from self._log_on()
        return Welcome(self._names or (), mechanisms=self._mechanisms)

    def _introduce(self, facts: ClientFacts) -> Generator[Step, Answer, None]:
        """Tell of the client; a server that does not believe us says OK too, and offers it not in its greeting."""
        status = yield from self._status(self._say(write_xclient(facts)))
        if not status.ok:
            raise self._not_now(status)

    def _log_on(self) -> Generator[Step, Answer, None]:
        """By SASL what USER and PASS cannot say, or might not: another identity, a token, octets beyond ASCII."""
        credentials = self.entry.credentials
        sasl_only = bool(credentials.acts_for) or credentials.mechanism != "PLAIN"
        plain = _PLAIN_NAME.fullmatch(credentials.name) and _PLAIN_PASSWORD.fullmatch(credentials.secret.reveal())
        if (sasl_only or not plain) and (yield from self._offers_sasl()):
            yield from self._sasl()
        elif sasl_only:
            raise BackEndRefused(BACK_END_LOGIN_REFUSED, f"it offers no SASL {credentials.mechanism}")
        else:
            yield from self._must(self._say(b"USER " + credentials.name))
            yield from self._must(self._say(b"PASS " + credentials.secret.reveal()))

    def _secure(self) -> Generator[Step, Answer, None]:
        status = yield from self._status(Say(b"STLS\r\n"))
        if not status.ok:
            raise broken("STLS refused")
        self._begin_tls = True

    def _offers_sasl(self) -> Generator[Step, Answer, bool]:
        """Whether the mechanism is there."""
        if self._names is None:
            yield from self._learn()
        return self.entry.credentials.mechanism.encode("ascii") in (self._mechanisms or ())

    def _learn(self) -> Generator[Step, Answer, None]:
        self._names = yield from self._capabilities()
        self._mechanisms = None if self._names is None else sasl_mechanisms(self._names)

    def _capabilities(self) -> Generator[Step, Answer, tuple[bytes, ...] | None]:
        """CAPA's lines; None of a server that does not know it."""
        status = yield from self._status(self._say(b"CAPA"))
        if not status.ok:
            return None
        lines: list[bytes] = []
        while (line := self._text((yield Say()))) != b".":
            lines.append(line)
        return tuple(lines)

    def _sasl(self) -> Generator[Step, Answer, None]:
        credentials = self.entry.credentials
        response = write_response(credentials)
        auth = b"AUTH " + credentials.mechanism.encode("ascii")
        command = auth + b" " + response
        if len(command) + 2 <= _COMMAND_OCTETS:
            answer = self._text((yield self._say(command)))
        else:
            answer = self._text((yield self._say(auth)))
            if answer.rstrip() == b"+":
                answer = self._text((yield self._say(response)))
            elif answer.startswith(b"+OK"):
                raise broken(f"no prompt for AUTH {credentials.mechanism}")
        if answer.startswith(b"+ ") and credentials.mechanism != "PLAIN":  # why the token is refused
            self._challenge = read_challenge(answer[2:])
            answer = self._text((yield self._say(give_up(credentials.mechanism))))
        self._check(answer)

    def _say(self, line: bytes) -> Step:
        begin, self._begin_tls = self._begin_tls, False
        return BeginTLS(line + b"\r\n") if begin else Say(line + b"\r\n")

    def _must(self, step: Step) -> Generator[Step, Answer, None]:
        self._check(self._text((yield step)))

    def _check(self, line: bytes) -> None:
        status = self._read(line)
        if not status.ok:
            raise self._refusal(status)

    def _status(self, step: Step) -> Generator[Step, Answer, Status]:
        return self._read(self._text((yield step)))

    def _read(self, line: bytes) -> Status:
        status = read_status(line)
        if status is None:
            raise broken("no status line")
        return status

    def _text(self, answer: Answer) -> bytes:
        if isinstance(answer, Malformed):
            raise broken(answer.why)
        return answer.text

    def _refusal(self, status: Status) -> BackEndRefused:
        """-ERR alone, or with AUTH, means the name or password; with another code: not now."""
        if status.code not in (b"", b"AUTH") or is_temporary(status.text):
            return self._not_now(status)
        return BackEndRefused(BACK_END_AUTH_MISMATCH, self._detail(status), "ERR", challenge=self._challenge)

    def _not_now(self, status: Status) -> BackEndRefused:
        passed_on = status.code if status.code in _PASSED_ON else b""
        reason = MAILBOX_REFUSED if status.code in _OF_THE_MAILBOX else BACK_END_LOGIN_REFUSED
        return BackEndRefused(reason, self._detail(status), "ERR", passed_on)

    def _detail(self, status: Status) -> str:
        return for_the_log("ERR", status.code, status.text, self.entry.credentials.secret)
