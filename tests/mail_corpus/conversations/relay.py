"""After the log-on: octets both ways, cuts, half closes, resets. No answer is ever invented."""

from __future__ import annotations

from tests.mail_corpus.back_end import Script
from tests.mail_corpus.entry import (
    LOGIN,
    NAME,
    PASS,
    PASSWORD,
    USER,
    Entry,
    Fin,
    Reset,
    Step,
    Until,
    imap4,
    pop3,
)

_IN = {"logins": ((NAME, PASSWORD),)}
_FETCH = b"b FETCH 1 BODY[]\r\n"
_CUT, _CUT3 = "RFC 3501 2.2.2", "RFC 1939 3"
_ENTERED = (LOGIN, Until(rb"a OK"))
_ENTERED3 = (USER, Until(rb"\+OK"), PASS, Until(rb"\+OK"))


def _behind(
    name: str, said: bytes, source: str, why: str, ending: str = "close", rule: str = "S-MAIL-18", **more: object
) -> Entry:
    """The back end says this to the FETCH, and goes."""
    script = Script(relayed=said, ending=ending)  # type: ignore[arg-type]
    steps: tuple[Step, ...] = (*_ENTERED, _FETCH)
    return imap4(
        name,
        steps,
        more.pop("answers", ("a OK",)),
        rule,
        source,
        why,
        script=script,
        relayed=_FETCH,
        end="closed",
        **_IN,
        **more,
    )  # type: ignore[arg-type]


def _behind3(name: str, said: bytes, answers: tuple[str, ...], why: str, ending: str = "close") -> Entry:
    script = Script(relayed=said, ending=ending)  # type: ignore[arg-type]
    return pop3(
        name,
        (*_ENTERED3, b"RETR 1\r\n"),
        answers,
        "S-MAIL-18",
        _CUT3,
        why,
        script=script,
        relayed=b"RETR 1\r\n",
        end="closed",
        has=(said,) if said.strip() else (),
        **_IN,
    )


_HALF = b"* 1 FETCH (BODY[] {1000}\r\n" + b"x" * 400

ENTRIES = [
    imap4("octets behind the back end's OK", LOGIN, "a OK", "S-MAIL-10", "RFC 3501 7", "they are the client's", script=Script(behind=b"* 7 EXISTS\r\n* OK more\r\n"), has=(b"* 7 EXISTS\r\n* OK more\r\n",), **_IN),
    imap4("an octet behind the back end's OK", LOGIN, "a OK", "S-MAIL-10", "RFC 3501 7", "the halves come together", script=Script(behind=b"*"), end="any", **_IN),
    _behind("cut within a literal", _HALF, _CUT, "a cut mail must not look whole", has=(b"{1000}\r\n" + b"x" * 400,), lacks=(b"BYE", b"b OK", b"b NO")),
    _behind("cut within a line", b"* 1 FETCH (FLAG", _CUT, "no end is invented", lacks=(b"BYE", b"b OK", b"b NO")),
    _behind("cut within the tagged answer", b"* 1 FETCH (FLAGS ())\r\nb O", _CUT, "no end is invented", lacks=(b"BYE",)),
    _behind("cut between lines", b"* 1 FETCH (FLAGS ())\r\n", _CUT, "at most a BYE, and no answer", lacks=(b"b OK", b"b NO")),
    _behind("reset within a literal", _HALF, "RFC 9293 3.5", "a cut mail must not look whole", "reset", lacks=(b"BYE", b"b OK", b"b NO")),
    _behind("the back end says BYE and goes", b"* BYE going down\r\n", "RFC 3501 7.1.5", "its word is passed on", has=(b"* BYE going down\r\n",)),
    _behind("an answer, and the end", b"* 1 FETCH (FLAGS ())\r\nb OK done\r\n", _CUT, "the answer is whole", answers=("a OK", "b OK"), has=(b"b OK done\r\n",)),
    _behind("NUL and bare LF in a literal", b"* 1 FETCH (BODY[] {8}\r\n\0\n\r\n\xff\xfe\0\x1a)\r\nb OK done\r\n", "RFC 3501 4.3; RFC 3516 4.4", "octet for octet", answers=("a OK", "b OK"), has=(b"{8}\r\n\0\n\r\n\xff\xfe\0\x1a)\r\n",), rule="S-MAIL-20"),
    _behind("a tagged answer within a literal", b"* 1 FETCH (BODY[] {12}\r\nb OK fooled\r\n)\r\n", "RFC 3501 4.3", "octet for octet; the relay reads no lines", has=(b"b OK fooled\r\n)\r\n",), rule="S-MAIL-20"),
    _behind("an answer of 1 MB", b"* 1 FETCH (BODY[] {1000000}\r\n" + b"y" * 1_000_000 + b")\r\nb OK done\r\n", "RFC 3501 4.3", "octet for octet", answers=("a OK", "b OK"), has=(b"y" * 1_000_000 + b")\r\nb OK",), rule="S-MAIL-20", splits=False),
    _behind("a line of 200 kB", b"* SEARCH " + b"1 " * 100_000 + b"\r\nb OK done\r\n", "RFC 2683 3.2.1.5", "no limit after the log-on", answers=("a OK", "b OK"), rule="S-MAIL-20", splits=False),
    _behind("the back end's own CAPABILITY", b"* CAPABILITY IMAP4rev1 X-OWN STARTTLS\r\nb OK done\r\n", "RFC 3501 6.1.1", "its own answer, as it is", answers=("a OK", "b OK"), has=(b"X-OWN",), rule="S-MAIL-4"),
    _behind("nothing, and a reset after the log-on", b"\r\n", "RFC 9293 3.5", "no answer is invented", "reset", lacks=(b"b OK", b"b NO")),
    imap4("the back end goes right behind its OK", LOGIN, "a OK", "S-MAIL-18", _CUT, "at most a BYE", script=Script(behind=b"* OK hi\r\n", ending="close"), end="closed", **_IN),
    imap4("IDLE, data, DONE", (*_ENTERED, b"b IDLE\r\n", Until(rb"\+ idling"), b"DONE\r\n"), ("a OK", "DONE OK"), "S-MAIL-10", "RFC 2177 3", "the back end's to answer; this one reads lines", script=Script(relayed=b"+ idling\r\n* 8 EXISTS\r\n"), invited=1, has=(b"* 8 EXISTS\r\n",), relayed=b"b IDLE\r\nDONE\r\n", **_IN),
    imap4("COMPRESS", (*_ENTERED, b"b COMPRESS DEFLATE\r\n", Until(rb"b OK"), b"\x12\x34\x00\xff\n"), ("a OK", "b OK"), "S-MAIL-4", "RFC 4978 3", "left to the end points: octets are octets", relayed=b"b COMPRESS DEFLATE\r\n\x12\x34\x00\xff\n", end="any", splits=False, peers=False, **_IN),
    imap4("a client that stops sending", (*_ENTERED, b"b LOGOUT\r\n", Fin()), ("a OK", "b OK"), "S-MAIL-19", "RFC 9293 3.6", "it still gets its answer", end="any", relayed=b"b LOGOUT\r\n", **_IN),
    imap4("a client that stops in a literal", (*_ENTERED, b"b APPEND INBOX {100}\r\nhalf\r\n", Until(rb"half|b OK"), Fin()), ("a OK", "b OK", "half OK"), "S-MAIL-19", "RFC 3501 6.3.11", "the half that came is passed on, and no more", end="any", relayed=b"b APPEND INBOX {100}\r\nhalf\r\n", peers=False, **_IN),
    imap4("a client that is gone at once", (*_ENTERED, Reset()), ("a OK",), "S-MAIL-19", "RFC 9293 3.5", "the back end is left too", end="any", **_IN),
    imap4("a client that is gone within a log-on", (LOGIN, Reset()), (), "S-MAIL-19", "RFC 9293 3.5", "nothing is left behind", end="any", peers=False, logins=(), script=Script(greeting=b"* OK hi\r\n")),
    imap4("a client that leaves before the greeting", (Reset(),), (), "S-MAIL-19", "RFC 9293 3.5", "nothing is left behind", end="any"),
    imap4("a client that stops sending at once", (Fin(),), (), "S-MAIL-19", "RFC 9293 3.6", "the end, and no error", end="closed"),
    imap4("a client that stops within a command", (b"a LOGIN us", Fin()), (), "S-MAIL-19", "RFC 9293 3.6", "half a command is none", end="closed"),
    imap4("a client that stops within a literal before the log-on", (b"a LOGIN {5}\r\n", Until(rb"\+"), b"us", Fin()), (), "S-MAIL-19", "RFC 9293 3.6", "half a command is none", end="closed", invited=1 ),
    imap4("1 MB to the back end", (*_ENTERED, b"b X " + b"z" * 1_000_000 + b"\r\n"), ("a OK", "b OK"), "S-MAIL-20", "RFC 3501 4.3", "octet for octet", relayed=b"b X " + b"z" * 1_000_000 + b"\r\n", splits=False, **_IN),
    _behind3("POP3 cut within a mail", b"+OK 1000 octets\r\nSubject: a\r\n\r\nhalf", ("+OK", "+OK", "+OK"), "no final dot is invented"),
    _behind3("POP3 cut before the final dot", b"+OK\r\nSubject: a\r\n\r\nall\r\n", ("+OK", "+OK", "+OK"), "no final dot is invented"),
    _behind3("POP3 cut within the final dot", b"+OK\r\nSubject: a\r\n\r\nall\r\n.", ("+OK", "+OK", "+OK"), "no line end is invented"),
    _behind3("POP3 reset within a mail", b"+OK 1000 octets\r\nSubject: a\r\n\r\nhalf", ("+OK", "+OK", "+OK"), "no final dot is invented", "reset"),
    _behind3("a POP3 mail with 8 bits, NUL and dots", b"+OK\r\n..\r\n\0\xff\x80\r\n.\r\n", ("+OK", "+OK", "+OK"), "octet for octet"),
    _behind3("POP3 goes without a word", b"\r\n", ("+OK", "+OK"), "nothing is invented"),
    pop3("a lost QUIT", (*_ENTERED3, b"DELE 1\r\n", Until(rb"\+OK"), Fin()), ("+OK",) * 3, "S-MAIL-19", "RFC 1939 6", "no QUIT is invented: nothing is deleted", end="any", relayed=b"DELE 1\r\n", **_IN),
    pop3("a POP3 client that is gone at once", (*_ENTERED3, Reset()), ("+OK",) * 2, "S-MAIL-19", "RFC 1939 3", "the back end is left too: its lock is to go", end="any", **_IN),
    pop3("STLS after the log-on", (*_ENTERED3, b"STLS\r\n"), ("+OK",) * 3, "S-MAIL-1", "RFC 2595 4", "the back end's to answer; no handshake follows here", relayed=b"STLS\r\n", **_IN),
    pop3("LANG and UTF8 after the log-on", (*_ENTERED3, b"LANG *\r\nUTF8\r\n"), ("+OK",) * 4, "S-MAIL-10", "RFC 6856 2", "the back end's to answer", relayed=b"LANG *\r\nUTF8\r\n", **_IN),
]  # fmt: skip
