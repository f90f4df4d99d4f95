"""What clients say of themselves and of others: ID, XCLIENT, PROXY lines (RFC 2971, proxy-protocol.txt)."""

from __future__ import annotations

from tests.mail_corpus.entry import LOGIN, NAME, PASS, PASSWORD, USER, Until, imap4, pop3

_IN = {"logins": ((NAME, PASSWORD),)}
_ID = "RFC 2971 3"


def _pairs(count: int) -> bytes:
    return b"a ID (" + b" ".join(b'"n%d" "v"' % number for number in range(count)) + b")\r\n"


ENTRIES = [
    imap4("ID NIL", b"a ID NIL\r\n", "a OK", "S-MAIL-16", _ID, "legal", has=(b"* ID ",)),
    imap4("ID with an empty list", b"a ID ()\r\n", "a OK", "S-MAIL-16", _ID, "legal by the grammar", peers=False),
    imap4("ID with pairs", b'a ID ("name" "Mail" "version" NIL)\r\n', "a OK", "S-MAIL-16", _ID, "legal", has=(b"* ID ",)),
    imap4("ID with a literal", b'a ID ("name" {4+}\r\nMail)\r\n', "a OK", "S-MAIL-16", "RFC 2971 4", "legal: strings may be literals", peers=False),
    imap4("ID with nil in lower case", b"a ID nil\r\n", "a OK", "S-MAIL-16", "RFC 3501 9 nil", "legal", has=(b"* ID ",)),
    imap4("ID without an argument", b"a ID\r\n", "a BAD", "S-MAIL-16", _ID, "a list or NIL"),
    imap4("ID with an odd number of strings", b'a ID ("name")\r\n', "a BAD", "S-MAIL-16", _ID, "pairs"),
    imap4("ID with an atom for a list", b"a ID name\r\n", "a BAD", "S-MAIL-16", _ID, "a list or NIL"),
    imap4("ID with a list in the list", b'a ID (("name" "a"))\r\n', "a BAD", "S-MAIL-16", _ID, "strings only"),
    imap4("ID with an open list", b'a ID ("name" "a"\r\n', "a BAD", "S-MAIL-16", _ID, "the list is not closed", peers=False),
    imap4("ID with 30 pairs", _pairs(30), "a OK", "S-MAIL-16", "RFC 2971 3.3", "legal: the most there may be", peers=False),
    imap4("ID with 31 pairs", _pairs(31), "a BAD", "S-MAIL-16", "RFC 2971 3.3", "30 at most"),
    imap4("ID with 500 pairs", _pairs(500), "a BAD", "S-MAIL-16", "RFC 2971 3.3", "30 at most"),
    imap4("ID with a field of 31 octets", b'a ID ("' + b"n" * 31 + b'" "v")\r\n', "a BAD", "S-MAIL-16", "RFC 2971 3.3", "30 at most"),
    imap4("ID with a value of 1,025 octets", b'a ID ("n" "' + b"v" * 1025 + b'")\r\n', "a BAD", "S-MAIL-16", "RFC 2971 3.3", "1024 at most"),
    imap4("ID that claims another address", b'a ID ("x-originating-ip" "203.0.113.9")\r\n' + LOGIN.replace(b"a ", b"b "), ("a OK", "b OK"), "S-MAIL-16", "RFC 2971 3.3", "answered, and not believed", **_IN),
    imap4("ID that claims to be a proxy", b'a ID ("x-proxy-ttl" "0" "x-session-id" "abc")\r\n' + LOGIN.replace(b"a ", b"b "), ("a OK", "b OK"), "S-MAIL-16", "RFC 2971 3.3", "answered, and not believed", **_IN),
    imap4("ID with CR LF in a literal", b'a ID ("name" {11+}\r\nx\r\nb LOGOUT)\r\n', "a OK|BAD", "S-MAIL-16", "RFC 2971 4", "text, and no command", lacks=(b"\r\nb ",), peers=False),
    imap4("ID behind the log-on", LOGIN + b'b ID ("name" "a")\r\n', ("a OK", "b OK"), "S-MAIL-10", "RFC 2971 3.1", "the back end's to answer", relayed=b'b ID ("name" "a")\r\n', **_IN),
    imap4("a PROXY line v1", b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 143\r\nb NOOP\r\n", ("PROXY BAD", "b OK"), "S-MAIL-15", "proxy-protocol.txt 2.1; RFC 3501 2.2.1", "an unknown command where no balancer is in front"),
    imap4("a PROXY header v2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\xcb\0\x71\x09\xc0\0\x02\x01\x12\x67\0\x8f" + b"\r\nb NOOP\r\n", ("* BAD", "* BAD", "* BAD", "QUIT BAD", "* BAD", "b OK"), "S-MAIL-15", "proxy-protocol.txt 2.2; RFC 3501 2.2.1", "nonsense where no balancer is in front", peers=False),
    imap4("XCLIENT in IMAP4", b"a XCLIENT ADDR=203.0.113.9\r\n", "a BAD", "S-MAIL-16", "RFC 3501 2.2.1", "not offered, not believed"),
    imap4("ENABLE before the log-on", b"a ENABLE UTF8=ACCEPT\r\n", "a BAD|NO", "S-MAIL-6", "RFC 5161 3.1", "only after a log-on", end="any", peers=False),
    pop3("XCLIENT in POP3", b"XCLIENT ADDR=203.0.113.9 PORT=1\r\n", "-ERR", "S-MAIL-16", "RFC 1939 3", "not offered, not believed"),
    pop3("XCLIENT, and then a log-on", (b"XCLIENT ADDR=203.0.113.9\r\n", Until(rb"[-+]"), USER, Until(rb"\+OK"), PASS), ("-ERR", "+OK", "+OK"), "S-MAIL-16", "RFC 1939 3", "not believed, and no harm", **_IN),
    pop3("a PROXY line in POP3", b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 110\r\n", "-ERR", "S-MAIL-15", "proxy-protocol.txt 2.1; RFC 1939 3", "an unknown command where no balancer is in front"),
    pop3("APOP", b"APOP user4 c4c9334bac560ecc979e58001b3e22fb\r\n", "-ERR", "S-MAIL-17", "RFC 1939 7; CVE-2007-1558", "MD5 of a password that the directory does not hold"),
    pop3("the greeting has no time stamp", b"NOOP\r\n", "+OK|-ERR", "S-MAIL-17", "RFC 1939 7; CVE-2007-1558", "it would be APOP's offer", lacks=(b"@",)),
]  # fmt: skip
