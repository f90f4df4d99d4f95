"""How exfront logs on at a POP3 back end (RFC 1939, RFC 2595, RFC 5034; S-MAIL-2, -7, -9)."""

from __future__ import annotations

import re
from collections.abc import Generator

from attrs import define

from exfront.mail.back_end_log_on import BackEndRefused, BeginTLS, LogOn, Say, Step, broken, for_the_log
from exfront.mail.login import Welcome
from exfront.reasons import BACK_END_AUTH_MISMATCH, BACK_END_LOGIN_REFUSED
from exfront.secret import Secret
from exfront.wire.pop3 import Line, Malformed, Status, read_capability, read_status
from exfront.wire.sasl import write_plain

# Response codes that tell a client something of its mailbox (RFC 2449 section 8.1, RFC 3206)
_PASSED_ON = frozenset((b"IN-USE", b"LOGIN-DELAY", b"SYS/TEMP", b"SYS/PERM"))
_COMMAND_OCTETS = 255  # RFC 2449 section 4, for an AUTH with its response beside it
_FORBIDDEN = re.compile(rb"[\0\r\n]")
_PLAIN_NAME = re.compile(rb"[!-~]+")
_PLAIN_PASSWORD = re.compile(rb"[ -~]+")

Answer = Line | Malformed


def pop3_log_on(name: bytes, secret: Secret, tls: bool) -> LogOn[Answer]:
    """Log on with `name` and `secret`, after STLS where `tls` says so. Raises `BackEndRefused`.

    Raises ValueError for NUL, CR or LF, which must not come this far.
    """
    if _FORBIDDEN.search(name) or _FORBIDDEN.search(secret.reveal()):
        raise ValueError("NUL, CR or LF in a name or password")
    return _LogOn(name, secret, tls).run()


@define
class _LogOn:
    """One log-on; `_begin_tls` says that the next thing sent must go under TLS."""

    name: bytes
    secret: Secret
    tls: bool
    _begin_tls: bool = False

    def run(self) -> LogOn[Answer]:
        greeting = yield from self._status(Say())
        if not greeting.ok:
            raise self._not_now(greeting)
        if self.tls:
            yield from self._secure()
        plain = _PLAIN_NAME.fullmatch(self.name) and _PLAIN_PASSWORD.fullmatch(self.secret.reveal())
        if not plain and (yield from self._offers_sasl_plain()):
            yield from self._sasl_plain()
        else:
            yield from self._user_and_pass()
        return Welcome()

    def _secure(self) -> Generator[Step, Answer, None]:
        status = yield from self._status(Say(b"STLS\r\n"))
        if not status.ok:
            raise broken("STLS refused")
        self._begin_tls = True

    def _user_and_pass(self) -> Generator[Step, Answer, None]:
        yield from self._must(self._say(b"USER " + self.name))
        yield from self._must(self._say(b"PASS " + self.secret.reveal()))

    def _offers_sasl_plain(self) -> Generator[Step, Answer, bool]:
        """Whether SASL PLAIN carries what USER and PASS might not: spaces in the name, octets beyond ASCII."""
        status = yield from self._status(self._say(b"CAPA"))
        if not status.ok:
            return False
        offers = False
        line = self._text((yield Say()))
        while line != b".":
            name, arguments = read_capability(line)
            offers = offers or (name == b"SASL" and b"PLAIN" in arguments)
            line = self._text((yield Say()))
        return offers

    def _sasl_plain(self) -> Generator[Step, Answer, None]:
        response = write_plain(self.name, self.secret)
        command = b"AUTH PLAIN " + response
        if len(command) + 2 <= _COMMAND_OCTETS:
            yield from self._must(self._say(command))
            return
        prompt = self._text((yield self._say(b"AUTH PLAIN")))
        if prompt.rstrip() == b"+":
            yield from self._must(self._say(response))
            return
        status = read_status(prompt)
        raise broken("no prompt for AUTH PLAIN") if status is None or status.ok else self._refusal(status)

    def _say(self, line: bytes) -> Step:
        begin, self._begin_tls = self._begin_tls, False
        return BeginTLS(line + b"\r\n") if begin else Say(line + b"\r\n")

    def _must(self, step: Step) -> Generator[Step, Answer, None]:
        status = yield from self._status(step)
        if not status.ok:
            raise self._refusal(status)

    def _status(self, step: Step) -> Generator[Step, Answer, Status]:
        status = read_status(self._text((yield step)))
        if status is None:
            raise broken("no status line")
        return status

    def _text(self, answer: Answer) -> bytes:
        if isinstance(answer, Malformed):
            raise broken(answer.why)
        return answer.text

    def _refusal(self, status: Status) -> BackEndRefused:
        """-ERR alone, or with AUTH, means the name or password; with another code: not now."""
        if status.code not in (b"", b"AUTH"):
            return self._not_now(status)
        return BackEndRefused(BACK_END_AUTH_MISMATCH, self._detail(status), "ERR")

    def _not_now(self, status: Status) -> BackEndRefused:
        passed_on = status.code if status.code in _PASSED_ON else b""
        return BackEndRefused(BACK_END_LOGIN_REFUSED, self._detail(status), "ERR", passed_on)

    def _detail(self, status: Status) -> str:
        return for_the_log("ERR", status.code, status.text, self.secret)
