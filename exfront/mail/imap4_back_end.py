"""How exfront logs on at an IMAP4 back end (RFC 3501; S-MAIL-2, -7, -9)."""

from __future__ import annotations

from collections.abc import Generator

from attrs import define, field

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
    printable,
)
from exfront.mail.outcome import Welcome
from exfront.reasons import BACK_END_AUTH_MISMATCH, BACK_END_LOGIN_REFUSED, MAILBOX_REFUSED
from exfront.wire.client_facts import write_id
from exfront.wire.imap4_log_on import LoginDisabled, write_log_on
from exfront.wire.imap4_referral import Referral, read_referral
from exfront.wire.imap4_responses import (
    Code,
    Continuation,
    Malformed,
    Response,
    Tagged,
    Untagged,
    capabilities,
    mechanisms,
)
from exfront.wire.sasl_client import give_up, read_challenge

# Response codes that tell a client something of its mailbox, and nothing of our servers (S-MAIL-9, RFC 5530)
_OF_THE_MAILBOX = frozenset(
    (b"INUSE", b"LIMIT", b"OVERQUOTA", b"CONTACTADMIN", b"AUTHORIZATIONFAILED", b"EXPIRED", b"NOPERM")
)
_PASSED_ON = _OF_THE_MAILBOX | {b"UNAVAILABLE"}
_CAPABILITY = b"C CAPABILITY\r\n"

Awaiting = Generator[Step, Response, Tagged]
Doing = Generator[Step, Response, None]


def imap4_log_on(entry: Entry) -> LogOn[Response]:
    """Log on with what `entry` brings. Raises `BackEndRefused`."""
    return _LogOn(entry).run()


@define
class _LogOn:
    """One log-on; keeps what untagged responses said."""

    entry: Entry
    _capabilities: tuple[bytes, ...] | None = None
    _alerts: list[bytes] = field(factory=list)
    _mechanisms: frozenset[bytes] = frozenset()
    _challenge: bytes = b""
    _referral: Referral | None = None

    def run(self) -> LogOn[Response]:
        self._greet((yield Say()))
        announces = self._capabilities is not None
        if self.entry.tls:
            yield from self._secure()
        elif not announces:
            self._note_capabilities((yield from self._await(b"C", Say(_CAPABILITY))))
        yield from self._log_on(announces)
        return Welcome(self._capabilities or (), tuple(self._alerts), self._mechanisms, self._referral)

    def _greet(self, greeting: Response) -> None:
        """PREAUTH would relay somebody else's session, and cannot go on to TLS (S-MAIL-2)."""
        self._note(greeting)
        if not isinstance(greeting, Untagged) or greeting.kind != b"OK":
            raise broken("no OK as greeting")

    def _secure(self) -> Doing:
        """STARTTLS; the capabilities said in clear are void (S-MAIL-2)."""
        if self._capabilities is not None and b"STARTTLS" not in map(bytes.upper, self._capabilities):
            raise broken("STARTTLS is not offered")
        answer = yield from self._await(b"S", Say(b"S STARTTLS\r\n"))
        if answer.status != b"OK":
            raise broken(f"STARTTLS refused: {answer.status.decode('ascii')}")
        self._capabilities = None
        self._alerts.clear()
        self._note_capabilities((yield from self._await(b"C", BeginTLS(_CAPABILITY))))

    def _log_on(self, announces: bool) -> Doing:
        """A server that announces in its greeting does so in its OK; of others we ask at once, in the same packet."""
        first, *others = self._pieces()
        asks = not announces and not others
        self._mechanisms = mechanisms(self._capabilities or ())
        self._capabilities = None
        step = yield from self._introduce(first + _CAPABILITY if asks else first)
        answer = yield from self._await(b"L", step, others)
        if answer.status != b"OK":
            raise self._refusal(answer)
        if asks:
            self._note_capabilities((yield from self._await(b"C", Say())))
        elif self._capabilities is None:
            self._note_capabilities((yield from self._await(b"C", Say(_CAPABILITY))))

    def _introduce(self, log_on: bytes) -> Generator[Step, Response, Say]:
        """Tell of the client, in the same packet as the log-on; the answer does not tell whether we are believed."""
        if self.entry.facts is None:
            return Say(log_on)
        yield from self._await(b"I", Say(write_id(b"I", self.entry.facts) + log_on))
        return Say()

    def _pieces(self) -> tuple[bytes, ...]:
        """A server that refuses a token explains that first, and waits for an answer."""
        credentials = self.entry.credentials
        try:
            pieces = write_log_on(b"L", credentials, self._capabilities or ())
        except LoginDisabled as why:
            raise BackEndRefused(BACK_END_LOGIN_REFUSED, f"it takes this log-on not here: {why}") from None
        bearer = credentials.mechanism != "PLAIN"
        return (*pieces, give_up(credentials.mechanism) + b"\r\n") if bearer else pieces

    def _await(self, tag: bytes, step: Step, others: list[bytes] | None = None) -> Awaiting:
        """Do `step`, and wait for the answer to `tag`; `others` are sent one by one when asked for."""
        waiting = list(others or ())
        response = yield step
        while not isinstance(response, Tagged):
            if isinstance(response, Continuation):
                if not waiting:
                    raise broken("a continuation request that nothing led to")
                self._challenge = read_challenge(response.text)
                response = yield Say(waiting.pop(0))
            else:
                self._note(response)
                response = yield Say()
        if response.tag != tag:
            raise broken("an answer to a tag that is not ours")
        self._note_code(response.code, response.text)
        return response

    def _note(self, response: Response) -> None:
        if isinstance(response, Malformed):
            raise broken(response.why)
        if not isinstance(response, Untagged):
            return
        self._note_code(response.code, response.text)
        if response.kind == b"CAPABILITY":
            self._capabilities = capabilities(response.text)
        if response.kind == b"BYE":
            raise self._refusal(response)

    def _note_code(self, code: Code | None, text: bytes) -> None:
        if code is None:
            return
        if code.name == b"CAPABILITY":
            self._capabilities = capabilities(code.argument)
        if code.name == b"ALERT":
            self._alerts.append(printable(text))
        if code.name == b"REFERRAL":
            self._referral = read_referral(code.argument)

    def _note_capabilities(self, answer: Tagged) -> None:
        """A server that does not know CAPABILITY has none."""
        if answer.status != b"OK" or self._capabilities is None:
            self._capabilities = ()

    def _refusal(self, answer: Tagged | Untagged) -> BackEndRefused:
        """NO alone means the password (RFC 3501 section 6.2.3); with another code, BAD or BYE: not now."""
        word = answer.status if isinstance(answer, Tagged) else answer.kind
        code = answer.code.name if answer.code is not None else b""
        status = word.decode("ascii")
        detail = for_the_log(status, code, answer.text, self.entry.credentials.secret)
        if word == b"NO" and code in (b"", b"AUTHENTICATIONFAILED") and not is_temporary(answer.text):
            return BackEndRefused(
                BACK_END_AUTH_MISMATCH, detail, status, alerts=tuple(self._alerts), challenge=self._challenge
            )
        passed_on = code if code in _PASSED_ON else b""
        detail += f" referral={self._referral.host}" if self._referral is not None else ""
        reason = MAILBOX_REFUSED if code in _OF_THE_MAILBOX else BACK_END_LOGIN_REFUSED
        return BackEndRefused(reason, detail, status, passed_on, tuple(self._alerts), referral=self._referral)
