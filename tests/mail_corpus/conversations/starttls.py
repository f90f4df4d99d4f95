"""The way into TLS on the client's side, and what is said in the clear before it."""

from __future__ import annotations

from tests.mail_corpus.entry import LOGIN, PASS, USER, Handshake, Until, imap4, plain, pop3

_GO = Until(rb"s OK")
_GO3 = Until(rb"\+OK")
_INJECTION = "RFC 3501 6.2.1; CVE-2011-0411"
_INJECTION3 = "RFC 2595 4; CVE-2011-0411"
_CLEAR = {"listener": "starttls"}
_ONCE = {"listener": "starttls", "splits": False}

ENTRIES = [
    imap4("STARTTLS with a NOOP behind it", b"s STARTTLS\r\nb NOOP\r\n", "s BAD", "S-MAIL-1", _INJECTION, "said in the clear, meant to be read as if said under TLS", end="told", **_ONCE),
    imap4("STARTTLS with a LOGIN behind it", b"s STARTTLS\r\n" + LOGIN, "s BAD", "S-MAIL-1", "RFC 3501 6.2.1; CVE-2021-33515", "a log-on injected before TLS", end="told", **_ONCE),
    imap4("STARTTLS with one octet behind it", b"s STARTTLS\r\nx", "s BAD", "S-MAIL-1", _INJECTION, "half a command is one too", end="told", **_ONCE),
    imap4("STARTTLS with an empty line behind it", b"s STARTTLS\r\n\r\n", "s BAD", "S-MAIL-1", _INJECTION, "nothing at all may follow", end="told", **_ONCE),
    imap4("STARTTLS ended by LF with a command behind it", b"s STARTTLS\nb NOOP\n", "s BAD", "S-MAIL-1", _INJECTION, "the same with bare LF", end="told", **_ONCE),
    imap4("STARTTLS behind a NOOP in one segment", (b"n NOOP\r\ns STARTTLS\r\n", _GO, Handshake(), b"a NOOP\r\n"), ("n OK", "s OK", "a OK"), "S-MAIL-1", "RFC 3501 6.2.1", "what stands before it is of the clear part", **_ONCE),
    imap4("log-on under STARTTLS", (b"s STARTTLS\r\n", _GO, Handshake(), LOGIN), ("s OK", "a OK"), "S-MAIL-1", "RFC 3501 6.2.1", "legal", logins=((b"user4", b"password-4"),), **_CLEAR),
    imap4("STARTTLS in lower case", (b"s starttls\r\n", _GO, Handshake(), b"a NOOP\r\n"), ("s OK", "a OK"), "S-MAIL-1", "RFC 3501 9", "commands know no case", **_CLEAR),
    imap4("capabilities under TLS", (b"s STARTTLS\r\n", _GO, Handshake(), b"a CAPABILITY\r\n", Until(rb"a OK")), ("s OK", "a OK"), "S-MAIL-4", "RFC 3501 6.2.1", "a client asks anew under TLS", has=(b"AUTH=PLAIN",), **_CLEAR),
    imap4("a second STARTTLS under TLS", (b"s STARTTLS\r\n", _GO, Handshake(), b"t STARTTLS\r\n"), ("s OK", "t BAD"), "S-MAIL-1", "RFC 3501 6.2.1", "once is enough", **_CLEAR),
    imap4("STARTTLS inside implicit TLS", b"s STARTTLS\r\n", "s BAD", "S-MAIL-1", "RFC 3501 6.2.1", "TLS is there", listener="tls"),
    imap4("STARTTLS where there is no TLS", b"s STARTTLS\r\n", "s BAD", "S-MAIL-1", "RFC 3501 6.2.1", "it was not offered"),
    imap4("STARTTLS with an argument", b"s STARTTLS now\r\n", "s BAD", "S-MAIL-1", "RFC 3501 9", "it takes none", **_CLEAR),
    imap4("clear text instead of a handshake", (b"s STARTTLS\r\n", _GO, b"a NOOP\r\n"), "s OK", "S-MAIL-1", "RFC 3501 6.2.1", "behind the OK only TLS is read", end="closed", **_CLEAR),
    imap4("LOGIN without TLS", LOGIN, "a NO|BAD", "S-MAIL-3", "RFC 3501 6.2.3; RFC 5530 3", "PRIVACYREQUIRED: no password in the clear", **_CLEAR),
    imap4("LOGIN without TLS says why", LOGIN, "a NO [PRIVACYREQUIRED]", "S-MAIL-3", "RFC 5530 3", "the client can tell it from a wrong password", **_CLEAR),
    imap4("AUTHENTICATE PLAIN without TLS", b"a AUTHENTICATE PLAIN\r\n", "a NO [PRIVACYREQUIRED]", "S-MAIL-3", "RFC 3501 6.2.2", "no prompt for a password in the clear", **_CLEAR),
    imap4("AUTHENTICATE PLAIN with a response without TLS", b"a AUTHENTICATE PLAIN " + plain() + b"\r\n", "a NO [PRIVACYREQUIRED]", "S-MAIL-3", "RFC 4959 3", "no password in the clear", **_CLEAR),
    imap4("the greeting without TLS", b"n NOOP\r\n", "n OK", "S-MAIL-3", "RFC 3501 7.2.1", "LOGINDISABLED, and no mechanism", has=(b"LOGINDISABLED", b"STARTTLS"), lacks=(b"AUTH=",), **_CLEAR),
    imap4("an AUTHENTICATE begun in the clear is forgotten", (b"a AUTHENTICATE PLAIN\r\n", Until(rb"a "), b"s STARTTLS\r\n", _GO, Handshake(), plain() + b"\r\n"), ("a NO|BAD", "s OK", plain().decode() + " BAD"), "S-MAIL-1", "RFC 3501 6.2.1", "nothing said before TLS counts", **_CLEAR),
    imap4("an ID said in the clear", (b'i ID ("name" "a")\r\n', Until(rb"i OK"), b"s STARTTLS\r\n", _GO, Handshake(), LOGIN), ("i OK", "s OK", "a OK"), "S-MAIL-1", "RFC 2971 3.1", "legal: it counts for nothing", logins=((b"user4", b"password-4"),), **_CLEAR),
    imap4("STARTTLS after the log-on", (b"s STARTTLS\r\n", _GO, Handshake(), LOGIN, Until(rb"a OK"), b"t STARTTLS\r\n"), ("s OK", "a OK", "t OK|BAD|NO"), "S-MAIL-1", "RFC 3501 6.2.1", "it is the back end's to answer; no handshake follows here", logins=((b"user4", b"password-4"),), relayed=b"t STARTTLS\r\n", **_CLEAR),
    pop3("STLS with a CAPA behind it", b"STLS\r\nCAPA\r\n", "-ERR", "S-MAIL-1", _INJECTION3, "said in the clear, meant to be read as if said under TLS", end="told", **_ONCE),
    pop3("STLS with a USER behind it", b"STLS\r\n" + USER, "-ERR", "S-MAIL-1", _INJECTION3, "a name injected before TLS", end="told", **_ONCE),
    pop3("STLS with one octet behind it", b"STLS\r\nx", "-ERR", "S-MAIL-1", _INJECTION3, "half a command is one too", end="told", **_ONCE),
    pop3("STLS ended by LF with a command behind it", b"STLS\nNOOP\n", "-ERR", "S-MAIL-1", _INJECTION3, "the same with bare LF", end="told", **_ONCE),
    pop3("log-on under STLS", (b"STLS\r\n", _GO3, Handshake(), USER, _GO3, PASS), ("+OK", "+OK", "+OK"), "S-MAIL-1", "RFC 2595 4", "legal", logins=((b"user4", b"password-4"),), **_CLEAR),
    pop3("a name said in the clear", (USER, Until(rb"-ERR"), b"STLS\r\n", _GO3, Handshake(), PASS), ("-ERR", "+OK", "-ERR"), "S-MAIL-1", "RFC 2595 4; CVE-2011-0411", "PASS under TLS has no USER before it", **_CLEAR),
    pop3("a second STLS under TLS", (b"STLS\r\n", _GO3, Handshake(), b"STLS\r\n"), ("+OK", "-ERR"), "S-MAIL-1", "RFC 2595 4", "once is enough", **_CLEAR),
    pop3("STLS inside implicit TLS", b"STLS\r\n", "-ERR", "S-MAIL-1", "RFC 2595 4", "TLS is there", listener="tls"),
    pop3("STLS where there is no TLS", b"STLS\r\n", "-ERR", "S-MAIL-1", "RFC 2595 4", "it was not offered"),
    pop3("STLS with an argument", b"STLS now\r\n", "-ERR", "S-MAIL-1", "RFC 2595 4", "it takes none", **_CLEAR),
    pop3("clear text instead of a handshake after STLS", (b"STLS\r\n", _GO3, b"CAPA\r\n"), "+OK", "S-MAIL-1", "RFC 2595 4", "behind the +OK only TLS is read", end="closed", **_CLEAR),
    pop3("USER without TLS", USER, "-ERR", "S-MAIL-3", "RFC 2595 2.1; RFC 8314 3", "no log-on in the clear", **_CLEAR),
    pop3("AUTH PLAIN without TLS", b"AUTH PLAIN " + plain() + b"\r\n", "-ERR", "S-MAIL-3", "RFC 5034 4", "no password in the clear", **_CLEAR),
    pop3("PASS without USER and without TLS", PASS, "-ERR", "S-MAIL-3", "RFC 1939 7", "no password in the clear", **_CLEAR),
    pop3("CAPA without TLS", (b"CAPA\r\n", Until(rb"\.\r?$")), "+OK", "S-MAIL-3", "RFC 2595 4; RFC 2449 6.3", "STLS, and neither USER nor SASL", has=(b"\r\nSTLS\r\n",), lacks=(b"\r\nUSER\r\n", b"PLAIN"), **_CLEAR),
    imap4("TLS on a clear port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 32, (), "S-TLS-6", "RFC 8446 5.1", "a handshake, and no command", end="any", **_ONCE),
    pop3("TLS on a clear POP3 port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 32, (), "S-TLS-6", "RFC 8446 5.1", "a handshake, and no command", end="any", **_ONCE),
]  # fmt: skip
