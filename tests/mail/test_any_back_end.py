"""Log-ons at mailbox servers that say anything in any order: they end well or with a reason, and nothing leaks."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.mail.back_end_log_on import BackEndRefused, BeginTLS, Entry, LogOn
from exfront.mail.imap4_back_end import imap4_log_on
from exfront.mail.outcome import Welcome
from exfront.mail.pop3_back_end import pop3_log_on
from exfront.secret import Secret
from exfront.wire.client_facts import ClientFacts
from exfront.wire.imap4_responses import ResponseReader
from exfront.wire.pop3 import AnswerReader
from exfront.wire.proxy_protocol import Endpoint
from exfront.wire.sasl import Credentials

_PASSWORD = b"s3cret-of-alice"
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_FACTS = ClientFacts(Endpoint("192.0.2.7", 50_001), None, "0123abcd", 4)

_IMAP4 = (
    b"* OK hi", b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN STARTTLS ID] hi", b"* OK [CAPABILITY LOGINDISABLED] hi",
    b"* PREAUTH hi", b"* BYE be1.corp", b"* NO [ALERT] be1.corp\x1b", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN",
    b"* CAPABILITY STARTTLS", b"S OK", b"S NO", b"C OK", b"C BAD", b"I OK", b"I BAD", b"L OK in",
    b"L OK [CAPABILITY IDLE] in", b"L OK [REFERRAL imap://be2.corp/] in", b"L NO no", b"L NO [INUSE] busy",
    b"L NO [REFERRAL imap://be2.corp/] no", b"L BAD " + _PASSWORD, b"+ go", b"+", b"* 3 EXISTS", b"X OK", b"garbage",
    b"* ID NIL", b"* LIST () {3}", b"a\0b",
)  # fmt: skip
_POP3 = (
    b"+OK", b"+OK [XCLIENT] hi", b"-ERR", b"-ERR [AUTH] no", b"-ERR [IN-USE] busy", b"-ERR " + _PASSWORD, b"+ ", b"+",
    b"SASL PLAIN", b"USER", b".", b"garbage", b"-ERR Server Unavailable. 21", b"a\0b",
)  # fmt: skip

_ENTRIES = st.builds(
    Entry,
    st.builds(Credentials, st.sampled_from((b"al", b"al ice", b"\xe9")), st.just(Secret(_PASSWORD)),
              st.sampled_from((b"", b"bob"))),
    st.booleans(),
    st.sampled_from((None, _FACTS)),
)  # fmt: skip


def said(log_on: LogOn[Any], reader: Any, lines: list[bytes]) -> tuple[list[tuple[bytes, bool]], object]:
    """What exfront said, each with whether TLS was begun by then; and how it ended, None where it waits still."""
    steps: list[tuple[bytes, bool]] = []

    def note(step: Any) -> None:
        secure = isinstance(step, BeginTLS) or (bool(steps) and steps[-1][1])
        steps.append((step.then if isinstance(step, BeginTLS) else step.data, secure))

    note(next(log_on))
    try:
        for line in lines:
            reader.feed(line + b"\r\n")
            while (answer := reader.next_event()) is not None:
                note(log_on.send(answer))
    except StopIteration as end:
        return steps, end.value
    except BackEndRefused as refused:
        return steps, refused
    return steps, None


def has_password(octets: bytes) -> bool:
    """As it is, or in base64."""
    words = octets.split()
    return any(_PASSWORD in word for word in words) or any(
        _PASSWORD in b64decode(word) for word in words if len(word) % 4 == 0 and _BASE64.fullmatch(word)
    )


class AnyBackEndTests(SynchronousTestCase):
    def check(
        self, log_on: Callable[[Entry], LogOn[Any]], reader: Callable[[], Any], entry: Entry, lines: list[bytes]
    ) -> None:
        steps, end = said(log_on(entry), reader(), lines)
        passwords = [secure for octets, secure in steps if has_password(octets)]
        self.assertLessEqual(len(passwords), 1, steps)
        if entry.tls:
            self.assertNotIn(False, passwords)
        self.assertIsInstance(end, Welcome | BackEndRefused | None)
        if isinstance(end, Welcome):
            self.assertEqual(len(passwords), 1, steps)
        if isinstance(end, BackEndRefused):
            self.assertNotIn(_PASSWORD.decode(), end.detail)
            self.assertNotIn(b"be2.corp", end.code)
            self.assertTrue(all(alert.isascii() and b"\x1b" not in alert for alert in end.alerts))

    @given(_ENTRIES, st.lists(st.sampled_from(_IMAP4), max_size=12))
    @settings(max_examples=400, deadline=None)
    def test_imap4(self, entry: Entry, lines: list[bytes]) -> None:
        """S-MAIL-2, S-MAIL-9, S-AUTH-11: the password is said once at most, under TLS where that is wanted, and is in
        no log; without it nobody is let in."""
        self.check(imap4_log_on, ResponseReader, entry, lines)

    @given(_ENTRIES, st.lists(st.sampled_from(_POP3), max_size=12))
    @settings(max_examples=400, deadline=None)
    def test_pop3(self, entry: Entry, lines: list[bytes]) -> None:
        """S-MAIL-2, S-MAIL-9, S-AUTH-11: the same."""
        self.check(pop3_log_on, AnswerReader, entry, lines)
