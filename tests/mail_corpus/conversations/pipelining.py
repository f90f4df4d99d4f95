"""What comes behind a command in one segment (RFC 3501 section 5.5, RFC 2449 section 6.6)."""

from __future__ import annotations

from tests.mail_corpus.entry import LOGIN, NAME, PASS, PASSWORD, USER, Fin, Until, imap4, plain, pop3

_IN = {"logins": ((NAME, PASSWORD),)}
_ORDER, _ORDER3 = "RFC 3501 5.5", "RFC 2449 6.6"
_WRONG = b"a LOGIN user4 wrong\r\n"
_SELECT = b"b SELECT INBOX\r\n"

ENTRIES = [
    imap4("commands behind a log-on", LOGIN + _SELECT + b"c NOOP\r\n", ("a OK", "b OK", "c OK"), "S-MAIL-10", _ORDER, "nothing lost, nothing doubled", relayed=_SELECT + b"c NOOP\r\n", **_IN),
    imap4("half a command behind a log-on", (LOGIN + b"b SEL", Until(rb"a OK"), b"ECT INBOX\r\n"), ("a OK", "b OK"), "S-MAIL-10", _ORDER, "the halves come together", relayed=_SELECT, **_IN),
    imap4("a literal behind a log-on", (LOGIN + b"b APPEND INBOX {5+}\r\nhello\r\n",), ("a OK", "b OK", "hello OK"), "S-MAIL-10", "RFC 7888 4", "octets are octets; this back end reads lines", end="any", relayed=b"b APPEND INBOX {5+}\r\nhello\r\n", peers=False, **_IN),
    imap4("NUL and 8 bits behind a log-on", LOGIN + b"b X \0\xff\x80\r\n", ("a OK", "b OK"), "S-MAIL-10", _ORDER, "after the log-on the relay is transparent", relayed=b"b X \0\xff\x80\r\n", **_IN),
    imap4("bare LF behind a log-on", LOGIN + b"b NOOP\n", ("a OK", "b OK"), "S-MAIL-10", _ORDER, "after the log-on the relay is transparent", relayed=b"b NOOP\n", **_IN),
    imap4("a second log-on behind the first", LOGIN + b"b LOGIN user6 password-6\r\n", ("a OK", "b OK"), "S-MAIL-10", "RFC 3501 3.2", "the back end's to answer", relayed=b"b LOGIN user6 password-6\r\n", **_IN),
    imap4("40 kB behind a log-on", LOGIN + b"b NOOP " + b"x" * 40_000 + b"\r\n", ("a OK", "b OK"), "S-MAIL-10", _ORDER, "held until the back end has let in", relayed=b"b NOOP " + b"x" * 40_000 + b"\r\n", splits=False, **_IN),
    imap4("200 kB behind a log-on", LOGIN + b"b NOOP " + b"x" * 200_000 + b"\r\n", ("a OK", "b OK"), "S-MAIL-10", _ORDER, "more than is held: reading stops for a while", relayed=b"b NOOP " + b"x" * 200_000 + b"\r\n", splits=False, **_IN),
    imap4("500 commands behind a log-on", LOGIN + b"b NOOP\r\n" * 500, ("a OK", *("b OK",) * 500), "S-MAIL-10", _ORDER, "nothing lost, nothing doubled", relayed=b"b NOOP\r\n" * 500, splits=False, **_IN),
    imap4("commands before a log-on", b"n NOOP\r\nm CAPABILITY\r\n" + LOGIN, ("n OK", "m OK", "a OK"), "S-MAIL-10", _ORDER, "in order", **_IN),
    imap4("commands behind a log-on that fails", _WRONG + _SELECT + b"c NOOP\r\n", ("a NO [AUTHENTICATIONFAILED]", "b BAD|NO", "c OK"), "S-MAIL-10", _ORDER, "answered here, and none of it at a back end"),
    imap4("a good log-on behind a wrong one", _WRONG + b"b LOGIN user4 password-4\r\nc NOOP\r\n", ("a NO", "b OK", "c OK"), "S-MAIL-10", _ORDER, "the second counts", relayed=b"c NOOP\r\n", **_IN),
    imap4("LOGOUT behind a log-on", LOGIN + b"b LOGOUT\r\n", ("a OK", "b OK"), "S-MAIL-10", "RFC 3501 6.1.3", "the back end says farewell", end="told", relayed=b"b LOGOUT\r\n", **_IN),
    imap4("LOGOUT with a command behind it", b"a LOGOUT\r\nb NOOP\r\n", "a OK", "S-MAIL-10", "RFC 3501 6.1.3", "nothing is read any more", end="told"),
    imap4("a log-on and the client's end", (LOGIN + b"b LOGOUT\r\n", Fin()), ("a OK", "b OK"), "S-MAIL-19", "RFC 9293 3.6", "who only stopped sending still gets an answer", end="any", relayed=b"b LOGOUT\r\n", **_IN),
    imap4("five wrong log-ons", b"".join(b"%d LOGIN user4 wrong-%d\r\n" % (number, number) for number in range(5)), tuple(f"{number} NO" for number in range(5)), "S-MAIL-11", "RFC 5530 3", "who guesses is sent away", end="told", peers=False),
    imap4("AUTHENTICATE with commands behind its response", b"a AUTHENTICATE PLAIN " + plain() + b"\r\n" + _SELECT, ("a OK", "b OK"), "S-MAIL-10", "RFC 4959 3", "nothing lost, nothing doubled", relayed=_SELECT, **_IN),
    imap4("two tags that are the same", b"a NOOP\r\na NOOP\r\n", ("a OK", "a OK"), "S-MAIL-10", "RFC 3501 2.2.1", "each has its answer"),
    pop3("USER and PASS in one segment", USER + PASS, ("+OK", "+OK"), "S-MAIL-10", _ORDER3, "in order", **_IN),
    pop3("commands behind PASS", USER + PASS + b"STAT\r\nLIST\r\n", ("+OK",) * 4, "S-MAIL-10", _ORDER3, "nothing lost, nothing doubled", relayed=b"STAT\r\nLIST\r\n", **_IN),
    pop3("QUIT behind PASS", USER + PASS + b"QUIT\r\n", ("+OK",) * 3, "S-MAIL-10", "RFC 1939 6", "the back end's to answer: its lock is to go", end="closed", relayed=b"", **_IN),
    pop3("commands behind a wrong PASS", USER + b"PASS wrong\r\nSTAT\r\n", ("+OK", "-ERR [AUTH]", "-ERR"), "S-MAIL-10", _ORDER3, "answered here, and none of it at a back end"),
    pop3("a good log-on behind a wrong one in POP3", USER + b"PASS wrong\r\n" + USER + PASS, ("+OK", "-ERR", "+OK", "+OK"), "S-MAIL-10", _ORDER3, "the second counts", **_IN),
    pop3("half a command behind PASS", (USER + PASS + b"ST", Until(rb"\+OK"), Until(rb"\+OK"), b"AT\r\n"), ("+OK",) * 3, "S-MAIL-10", _ORDER3, "the halves come together", relayed=b"STAT\r\n", **_IN),
    pop3("200 commands behind PASS", USER + PASS + b"NOOP\r\n" * 200, ("+OK",) * 202, "S-MAIL-10", _ORDER3, "nothing lost, nothing doubled", relayed=b"NOOP\r\n" * 200, splits=False, **_IN),
    pop3("three wrong log-ons in POP3", (USER + b"PASS wrong\r\n") * 3, ("+OK", "-ERR") * 3, "S-MAIL-11", "RFC 3206 4", "who guesses is sent away", end="told", peers=False),
    pop3("a log-on and the client's end in POP3", (USER + PASS + b"QUIT\r\n", Fin()), ("+OK",) * 3, "S-MAIL-19", "RFC 9293 3.6", "who only stopped sending still gets an answer", end="any", **_IN),
    pop3("QUIT with a command behind it", b"QUIT\r\nCAPA\r\n", "+OK", "S-MAIL-10", "RFC 1939 4", "nothing is read any more", end="closed"),
    pop3("PASS before USER", PASS, "-ERR", "S-MAIL-17", "RFC 1939 7", "USER comes first"),
    pop3("USER twice", (b"USER user6\r\n", Until(rb"\+OK"), USER, Until(rb"\+OK"), PASS), ("+OK",) * 3, "S-MAIL-17", "RFC 1939 7", "the last one counts", peers=False, **_IN),
    pop3("PASS twice", (USER + b"PASS wrong\r\n", Until(rb"-ERR"), PASS), ("+OK", "-ERR", "-ERR"), "S-MAIL-17", "RFC 1939 7", "a USER before each PASS"),
    pop3("USER of nobody", b"USER nobody-here\r\n", "+OK", "S-MAIL-17", "RFC 1939 13", "USER tells nobody who is there"),
    pop3("USER without a name", b"USER\r\n", "-ERR", "S-MAIL-17", "RFC 1939 7", "a name there must be"),
    pop3("PASS without a password", (USER, Until(rb"\+OK"), b"PASS\r\n"), ("+OK", "-ERR"), "S-AUTH-1", "RFC 4513 5.1.2", "an empty password binds anonymously"),
    pop3("PASS with spaces in it", (b"USER spaces\r\n", Until(rb"\+OK"), b"PASS   two  spaces  \r\n"), ("+OK", "+OK"), "S-MAIL-7", "RFC 1939 7", "a password keeps its spaces", logins=((b"spaces", b"  two  spaces  "),)),
    pop3("CAPA", (b"CAPA\r\n", Until(rb"\.\r?$")), "+OK", "S-MAIL-4", "RFC 2449 5", "legal", has=(b"\r\nUSER\r\n",)),
    pop3("CAPA with an argument", b"CAPA all\r\n", "-ERR", "S-MAIL-6", "RFC 2449 5", "it takes none", peers=False),
]  # fmt: skip
