"""What a mailbox server may say until it has let somebody in, and what a client may see of it."""

from __future__ import annotations

from tests.mail_corpus.back_end import CAPABILITIES, Script
from tests.mail_corpus.entry import (
    LOGIN,
    NAME,
    OTHER_NAME,
    OTHER_PASSWORD,
    PASS,
    PASSWORD,
    USER,
    Entry,
    Until,
    imap4,
    pop3,
)

_IN = {"logins": ((NAME, PASSWORD),)}
_OTHER = b"a LOGIN user5 password-5\r\n"
_OTHER_IN = {"logins": ((OTHER_NAME, OTHER_PASSWORD),)}
_UNAVAILABLE = "a NO [UNAVAILABLE]"
_HOST = b"be1.corp"


def _greets(name: str, greeting: bytes, source: str, why: str, **more: object) -> Entry:
    return imap4(
        name, LOGIN, _UNAVAILABLE, "S-MAIL-9", source, why, script=Script(greeting=greeting, **more), lacks=(_HOST,)
    )  # type: ignore[arg-type]


def _answers(
    name: str, log_on: bytes, answer: str, source: str, why: str, *, has: tuple[bytes, ...] = (), ending: str = "stay"
) -> Entry:
    script = Script(log_on=log_on, ending=ending)  # type: ignore[arg-type]
    return imap4(
        name, LOGIN, answer, "S-MAIL-9", source, why, script=script, lacks=(_HOST, b"password-4"), has=has, **_IN
    )


def _passed(code: bytes) -> Entry:
    text = code.decode()
    return _answers(
        f"the back end refuses with {text}",
        b"TAG NO [%b] at be1.corp\r\n" % code,
        f"a NO [{text}]",
        "RFC 5530 3",
        "the client learns the code and no host",
    )


def _greets3(name: str, greeting: bytes, source: str, why: str, ending: str = "stay") -> Entry:
    script = Script(greeting=greeting, ending=ending)  # type: ignore[arg-type]
    return pop3(name, USER + PASS, ("+OK", "-ERR [SYS/TEMP]"), "S-MAIL-9", source, why, script=script, lacks=(_HOST,))


def _answers3(name: str, log_on: bytes, answer: str, source: str, why: str, ending: str = "stay") -> Entry:
    script = Script(log_on=log_on, ending=ending)  # type: ignore[arg-type]
    return pop3(
        name, USER + PASS, ("+OK", answer), "S-MAIL-9", source, why, script=script, lacks=(_HOST, b"password-4"), **_IN
    )


ENTRIES = [
    _greets("a greeting that says BYE", b"* BYE be1.corp is full\r\n", "RFC 3501 7.1.5", "unavailable, and no host"),
    _greets("a pre-authenticated greeting", b"* PREAUTH be1.corp ready\r\n", "RFC 3501 7.1.4; CVE-2020-14093", "somebody else's session"),
    _greets("a greeting that says NO", b"* NO be1.corp\r\n", "RFC 3501 7.1", "no greeting"),
    _greets("a greeting of HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n", "RFC 3501 7.1", "another protocol"),
    _greets("a greeting of POP3", b"+OK be1.corp\r\n", "RFC 3501 7.1", "another protocol"),
    _greets("a greeting of SMTP", b"220 be1.corp\r\n", "RFC 3501 7.1", "another protocol"),
    _greets("a tagged greeting", b"a OK be1.corp\r\n", "RFC 3501 7.1", "no greeting"),
    _greets("a greeting of TLS", b"\x16\x03\x01\x00\x05\r\n", "RFC 8446 5.1", "another protocol"),
    _greets("a greeting of 100 kB", b"* OK " + b"x" * 100_000 + b"\r\n", "RFC 2683 3.2.1.5", "nobody needs so much"),
    _greets("a greeting with NUL", b"* OK be1\0corp\r\n", "RFC 3501 9", "no NUL anywhere"),
    _greets("1,000 lines instead of an answer", b"* OK hi\r\n" + b"* 1 EXISTS\r\n" * 1000, "RFC 3501 7", "nobody needs so many"),
    _greets("a greeting, and the end", b"* BYE be1.corp\r\n", "RFC 3501 7.1.5", "unavailable", ending="close"),
    _greets("nothing, and the end", b" ", "RFC 3501 7.1", "unavailable", ending="close"),
    _greets("nothing, and a reset", b" ", "RFC 3501 7.1", "unavailable", ending="reset"),
    _greets("a continuation for a greeting", b"+ be1.corp\r\n", "RFC 3501 7.5", "no greeting"),
    imap4("a greeting in two lines", LOGIN, "a OK", "S-MAIL-9", "RFC 3501 7", "legal: untagged data may come at any time", script=Script(greeting=b"* OK hello\r\n* 3 EXISTS\r\n"), lacks=(b"EXISTS",), **_IN),
    imap4("a greeting without capabilities", LOGIN, "a OK", "S-MAIL-9", "RFC 3501 7.1", "legal: they are asked for", script=Script(greeting=b"* OK hello\r\n"), **_IN),
    imap4("a greeting with LF", LOGIN, "a OK", "S-MAIL-9", "RFC 3501 2.2", "a sloppy server, and no harm", script=Script(greeting=b"* OK hello\n"), **_IN),
    imap4("capabilities with octets that are none", LOGIN, "a OK", "S-MAIL-4", "RFC 3501 9 capability", "left out", script=Script(greeting=b"* OK hello\r\n", capabilities=b'IMAP4rev1 X"Y ID(LE SASL-IR'), lacks=(b'X"Y', b"ID(LE"), **_IN),
    imap4("capabilities that speak of a log-on", LOGIN, "a OK", "S-MAIL-4", "RFC 3501 6.2.3; RFC 2221 3", "nothing of that is true behind a front end", script=Script(capabilities=CAPABILITIES + b" LOGIN-REFERRALS MAILBOX-REFERRALS"), lacks=(b"REFERRALS",), **_IN),
    imap4("a back end with IDLE", (LOGIN, Until(rb"a OK")), "a OK", "S-MAIL-4", "RFC 3501 7.2.1", "the client learns what the back end can do", has=(b"UIDPLUS", b"IDLE"), **_IN),
    _answers("the back end refuses the password", b"TAG NO be1.corp says no\r\n", _UNAVAILABLE, "RFC 5530 3; RFC 3206 4", "the directory took it: a fault, and no wrong password"),
    _answers("the back end refuses with AUTHENTICATIONFAILED", b"TAG NO [AUTHENTICATIONFAILED] be1.corp\r\n", _UNAVAILABLE, "RFC 5530 3; RFC 3206 4", "a client told so throws the right password away"),
    _answers("the back end says BAD", b"TAG BAD be1.corp\r\n", _UNAVAILABLE, "RFC 3501 7.1.3", "a fault"),
    *map(_passed, (b"UNAVAILABLE", b"INUSE", b"LIMIT", b"OVERQUOTA", b"CONTACTADMIN", b"EXPIRED")),
    _answers("the back end refuses with an unknown code", b"TAG NO [XBE1 be1.corp] no\r\n", _UNAVAILABLE, "RFC 3501 7.1", "unknown codes stay inside"),
    _answers("the back end refuses with a referral", b"TAG NO [REFERRAL imap://user4@be1.corp/] go there\r\n", _UNAVAILABLE, "RFC 2221 4.1", "no client is sent past the front end"),
    _answers("the back end lets in with a referral", b"TAG OK [REFERRAL imap://user4@evil.example/] go there\r\n", "a OK|NO", "RFC 2221 4.1", "no client is sent past the front end"),
    _answers("the back end says BYE instead", b"* BYE be1.corp is going down\r\n", _UNAVAILABLE, "RFC 3501 7.1.5", "unavailable, and no host", ending="close"),
    _answers("the back end closes instead", b"* OK wait\r\n", _UNAVAILABLE, "RFC 3501 7.1.5", "unavailable", ending="close"),
    _answers("the back end resets instead", b"* OK wait\r\n", _UNAVAILABLE, "RFC 9293 3.5", "unavailable", ending="reset"),
    _answers("half an answer, and the end", b"TAG O", _UNAVAILABLE, "RFC 3501 2.2.2", "no OK", ending="close"),
    _answers("another tag's OK", b"other OK in\r\n", _UNAVAILABLE, "RFC 3501 2.2.2", "not an answer to ours"),
    _answers("an untagged OK for an answer", b"* OK in\r\n", _UNAVAILABLE, "RFC 3501 2.2.2", "not an answer", ending="close"),
    _answers("an invitation that nothing led to", b"+ more\r\n", _UNAVAILABLE, "RFC 3501 7.5", "nothing was announced", ending="close"),
    _answers("an alert beside a refusal", b"* OK [ALERT] Disk full on Tuesday\r\nTAG NO [UNAVAILABLE] no\r\n", _UNAVAILABLE, "RFC 3501 7.1", "the user must see it", has=(b"[ALERT] Disk full on Tuesday",)),
    _answers("an alert with an escape sequence", b"* OK [ALERT] \x1b[31mred\x08\r\nTAG NO [UNAVAILABLE] no\r\n", _UNAVAILABLE, "RFC 3501 7.1; CVE-2003-0063", "printable or not at all"),
    _answers("a password that comes back", b"TAG NO you said password-4\r\n", _UNAVAILABLE, "RFC 3501 11", "no text of a back end is shown"),
    _answers("an answer of 100 kB", b"TAG NO " + b"x" * 100_000 + b"\r\n", _UNAVAILABLE, "RFC 2683 3.2.1.5", "nobody needs so much"),
    _answers("NUL in an answer", b"TAG NO a\0b\r\n", _UNAVAILABLE, "RFC 3501 9", "no NUL anywhere"),
    _answers("CR in an answer", b"TAG NO a\rb\r\n", _UNAVAILABLE, "RFC 3501 9", "a line end to some"),
    _answers("an answer within an answer", b"* 1 FETCH (BODY {12}\r\na OK got in\r\n)\r\nTAG NO [UNAVAILABLE] no\r\n", _UNAVAILABLE, "RFC 3501 4.3; CVE-2021-38370", "a literal holds no answers"),
    _answers("a literal of 4 GB in an answer", b"* 1 FETCH (BODY {4294967295}\r\nTAG OK in\r\n", _UNAVAILABLE, "RFC 3501 4.3", "more than is read"),
    imap4("untagged data before the OK", LOGIN, "a OK", "S-MAIL-9", "RFC 3501 7", "legal; nothing of it is the client's", script=Script(log_on=b"* 23 EXISTS\r\n* 1 FETCH (FLAGS ())\r\nTAG OK in\r\n"), lacks=(b"EXISTS",), **_IN),
    imap4("an alert before the OK", LOGIN, "a OK", "S-MAIL-9", "RFC 3501 7.1", "the user must see it", script=Script(log_on=b"* OK [ALERT] Moving on Friday\r\nTAG OK in\r\n"), has=(b"[ALERT] Moving on Friday",), **_IN),
    imap4("the back end's words in its OK", LOGIN, "a OK", "S-MAIL-9", "RFC 3501 7.1.1", "no host", script=Script(log_on=b"TAG OK welcome to be1.corp\r\n"), lacks=(_HOST,), **_IN),
    imap4("a log-on at a back end behind STARTTLS", _OTHER, "a OK", "S-MAIL-2", "RFC 3501 6.2.1", "legal", **_OTHER_IN),
    imap4("octets behind the back end's go-ahead", _OTHER, _UNAVAILABLE, "S-MAIL-2", "RFC 3501 6.2.1; CVE-2020-14954", "said in clear, meant to be read as if said under TLS", script=Script(starttls=b"TAG OK go\r\n* CAPABILITY IMAP4rev1\r\n"), splits=False),
    imap4("STARTTLS refused by the back end", _OTHER, _UNAVAILABLE, "S-MAIL-2", "RFC 3501 6.2.1", "never on in the clear", script=Script(starttls=b"TAG NO not today\r\n")),
    imap4("STARTTLS unknown to the back end", _OTHER, _UNAVAILABLE, "S-MAIL-2", "RFC 3501 6.2.1", "never on in the clear", script=Script(starttls=b"TAG BAD what?\r\n")),
    imap4("a pre-authenticated greeting before STARTTLS", _OTHER, _UNAVAILABLE, "S-MAIL-2", "CVE-2020-14093; CVE-2020-15685", "a way round TLS", script=Script(greeting=b"* PREAUTH ready\r\n")),
    imap4("a greeting without STARTTLS", _OTHER, _UNAVAILABLE, "S-MAIL-2", "RFC 3501 6.2.1", "never on in the clear", script=Script(greeting=b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")),
    imap4("a BYE instead of the go-ahead", _OTHER, _UNAVAILABLE, "S-MAIL-2", "RFC 3501 7.1.5", "unavailable", script=Script(starttls=b"* BYE be1.corp\r\n", ending="close"), lacks=(_HOST,)),
    imap4("clear text where a handshake should be", _OTHER, _UNAVAILABLE, "S-MAIL-2", "RFC 3501 6.2.1", "no TLS, no log-on", script=Script(starttls=b"TAG OK go\r\n")),
    imap4("the alerts of the clear part", _OTHER, "a OK", "S-MAIL-2", "RFC 3501 6.2.1", "nothing said before TLS counts", script=Script(greeting=b"* OK [ALERT] call this number\r\n"), lacks=(b"call this number",), **_OTHER_IN),
    _greets3("a greeting that says -ERR", b"-ERR be1.corp is full\r\n", "RFC 1939 4", "unavailable, and no host"),
    _greets3("a POP3 greeting with IN-USE", b"-ERR [SYS/TEMP] be1.corp\r\n", "RFC 3206 3", "unavailable, and no host"),
    _greets3("a POP3 greeting of IMAP4", b"* OK be1.corp\r\n", "RFC 1939 4", "another protocol"),
    _greets3("a POP3 greeting of 100 kB", b"+OK " + b"x" * 100_000 + b"\r\n", "RFC 2449 4", "nobody needs so much"),
    _greets3("a POP3 greeting with NUL", b"+OK be1\0corp\r\n", "RFC 1939 3", "printable characters"),
    _greets3("nothing from POP3, and the end", b" ", "RFC 1939 4", "unavailable", "close"),
    _answers3("POP3 refuses the password", b"-ERR be1.corp says no\r\n", "-ERR [SYS/TEMP]", "RFC 3206 4", "the directory took it: a fault, and no wrong password"),
    _answers3("POP3 refuses with AUTH", b"-ERR [AUTH] be1.corp\r\n", "-ERR [SYS/TEMP]", "RFC 3206 4", "a client told so throws the right password away"),
    _answers3("POP3 refuses with IN-USE", b"-ERR [IN-USE] locked at be1.corp\r\n", "-ERR [IN-USE]", "RFC 2449 8.1.2", "the client learns the code and no host"),
    _answers3("POP3 refuses with LOGIN-DELAY", b"-ERR [LOGIN-DELAY] be1.corp\r\n", "-ERR [LOGIN-DELAY]", "RFC 2449 8.1.1", "the client learns the code and no host"),
    _answers3("POP3 refuses with SYS/PERM", b"-ERR [SYS/PERM] be1.corp\r\n", "-ERR [SYS/PERM]", "RFC 3206 3", "the client learns the code and no host"),
    _answers3("POP3 refuses with an unknown code", b"-ERR [XBE1] be1.corp\r\n", "-ERR [SYS/TEMP]", "RFC 2449 8", "unknown codes stay inside"),
    _answers3("POP3 closes instead of an answer", b"", "-ERR [SYS/TEMP]", "RFC 1939 4", "unavailable", "close"),
    _answers3("POP3 answers nonsense", b"250 be1.corp\r\n", "-ERR [SYS/TEMP]", "RFC 1939 3", "another protocol"),
    _answers3("half a POP3 answer, and the end", b"+O", "-ERR [SYS/TEMP]", "RFC 1939 3", "no +OK", "close"),
    pop3("a POP3 log-on at a back end behind STLS", b"USER user5\r\nPASS password-5\r\n", ("+OK", "+OK"), "S-MAIL-2", "RFC 2595 4", "legal", **_OTHER_IN),
    pop3("octets behind the go-ahead of POP3", b"USER user5\r\nPASS password-5\r\n", ("+OK", "-ERR [SYS/TEMP]"), "S-MAIL-2", "RFC 2595 4; CVE-2020-14954", "said in clear, meant to be read as if said under TLS", script=Script(starttls=b"+OK go\r\n+OK\r\n"), splits=False),
    pop3("STLS refused by the back end", b"USER user5\r\nPASS password-5\r\n", ("+OK", "-ERR [SYS/TEMP]"), "S-MAIL-2", "RFC 2595 4", "never on in the clear", script=Script(starttls=b"-ERR not today\r\n")),
]  # fmt: skip
