"""AUTHENTICATE and AUTH (RFC 4422, RFC 4616, RFC 4959, RFC 5034)."""

from __future__ import annotations

import base64

from tests.mail_corpus.entry import NAME, PASSWORD, Until, imap4, plain, pop3

_IN = {"logins": ((NAME, PASSWORD),)}
_PLUS = Until(rb"\+")
_B64 = "RFC 4648 3.3; RFC 3501 6.2.2"


def _auth(response: bytes) -> bytes:
    return b"a AUTHENTICATE PLAIN " + response + b"\r\n"


def _b64(text: bytes) -> bytes:
    return base64.b64encode(text)


_BAD_RESPONSES = (
    ("that is no base64", b"!!!!", _B64, "no octets of the alphabet"),
    ("without padding", _b64(b"\0user4\0password")[:-1], _B64, "the padding belongs to it"),
    ("with too much padding", plain() + b"====", _B64, "nothing behind the padding"),
    ("with padding in the middle", b"AHVz=XI0AHBhc3N3b3JkLTQ=", _B64, "padding ends it"),
    (
        "in the alphabet of URLs",
        _b64(b"\0user4\0\xff\xfe\xfd").replace(b"/", b"_").replace(b"+", b"-"),
        "RFC 4648 5",
        "another alphabet",
    ),
    ("without any NUL", _b64(b"user4password-4"), "RFC 4616 2", "no PLAIN message"),
    ("with one NUL", _b64(b"user4\0password-4"), "RFC 4616 2", "no PLAIN message"),
    ("with three NULs", _b64(b"\0user4\0password-4\0"), "RFC 4616 2", "two separators, and no NUL in a part"),
    ("with nothing in it", b"=", "RFC 4959 3", "= is the empty response"),
)

ENTRIES = [
    imap4("PLAIN with an initial response", _auth(plain()), "a OK", "S-MAIL-8", "RFC 4959 3", "legal", **_IN),
    imap4("PLAIN with a prompt", (b"a AUTHENTICATE PLAIN\r\n", _PLUS, plain() + b"\r\n"), "a OK", "S-MAIL-8", "RFC 3501 6.2.2", "legal", invited=1, **_IN),
    imap4("plain in lower case", b"a authenticate plain " + plain() + b"\r\n", "a OK", "S-MAIL-8", "RFC 4422 3.1", "names of mechanisms are upper case; clients write them as they like", **_IN),
    imap4("the same user as authorization identity", _auth(plain(acts_for=NAME)), "a OK", "S-MAIL-8", "RFC 4616 2", "legal: nobody else", **_IN),
    imap4("another user as authorization identity", _auth(plain(acts_for=b"user6")), "a NO [AUTHORIZATIONFAILED]", "S-MAIL-8", "RFC 4616 2; CVE-2021-44538", "nobody acts for another"),
    imap4("an unknown authorization identity", _auth(plain(acts_for=b"nobody")), "a NO [AUTHORIZATIONFAILED]", "S-MAIL-8", "RFC 4616 2", "nobody acts for another"),
    imap4("the authorization identity with a wrong password", _auth(plain(password=b"wrong", acts_for=b"user6")), "a NO [AUTHENTICATIONFAILED]", "S-AUTH-6", "RFC 5530 3", "who has not proven himself learns nothing"),
    imap4("cancelled with a star", (b"a AUTHENTICATE PLAIN\r\n", _PLUS, b"*\r\n"), "a BAD", "S-MAIL-8", "RFC 3501 6.2.2", "BAD, once", invited=1 ),
    imap4("a command instead of the response", (b"a AUTHENTICATE PLAIN\r\n", _PLUS, b"b NOOP\r\n"), "a BAD|NO", "S-MAIL-8", "RFC 3501 6.2.2", "no base64: one answer, to the first tag", invited=1, lacks=(b"\r\nb ",)),
    imap4("an empty line for the response", (b"a AUTHENTICATE PLAIN\r\n", _PLUS, b"\r\n"), "a BAD|NO", "S-MAIL-8", "RFC 4616 2", "an empty response is no PLAIN message", invited=1 ),
    imap4("NUL in the base64", (b"a AUTHENTICATE PLAIN\r\n", _PLUS, b"AHVz\0cjQ=\r\n"), "a BAD|NO", "S-MAIL-8", _B64, "not of the alphabet", invited=1 ),
    imap4("a space in the base64", (b"a AUTHENTICATE PLAIN\r\n", _PLUS, plain()[:8] + b" " + plain()[8:] + b"\r\n"), "a BAD|NO", "S-MAIL-8", _B64, "not of the alphabet", invited=1 ),
    imap4("CR within the base64", (b"a AUTHENTICATE PLAIN\r\n", _PLUS, plain() + b"\r\r\n"), "a BAD|NO", "S-MAIL-8", _B64, "not of the alphabet", invited=1 ),
    imap4("a response over two lines", (b"a AUTHENTICATE PLAIN\r\n", _PLUS, plain()[:8] + b"\r\n", Until(rb"a "), plain()[8:] + b"\r\n"), ("a BAD|NO", plain()[8:].decode() + " BAD"), "S-MAIL-8", _B64, "one line", invited=1, peers=False),
    imap4("unused bits that are set", _auth(plain()[:-2] + b"R="), "a BAD|NO", "S-MAIL-8", "RFC 4648 3.5", "two lines for one password", peers=False),
    imap4("a wrong password in PLAIN", _auth(plain(password=b"wrong")), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-14", "RFC 5530 3", "told so that clients ask anew"),
    imap4("an empty password in PLAIN", _auth(plain(password=b"")), "a NO [AUTHENTICATIONFAILED]", "S-AUTH-1", "RFC 4513 5.1.2", "an empty password binds anonymously"),
    imap4("an empty name in PLAIN", _auth(plain(name=b"")), "a NO [AUTHENTICATIONFAILED]", "S-AUTH-1", "RFC 4616 2", "nobody's name"),
    imap4("CR LF in a name in PLAIN", _auth(plain(name=b"user4\r\nx LOGOUT")), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-7", "CVE-2022-27924", "a command smuggled in a name"),
    imap4("CR LF in a password in PLAIN", _auth(plain(password=b"password-4\r\nx LOGOUT")), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-7", "CVE-2022-27924", "a command smuggled in a password"),
    imap4("a response of 60,000 octets", (b"a AUTHENTICATE PLAIN\r\n", _PLUS, plain(password=b"x" * 45_000) + b"\r\n"), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-6", "RFC 4422 3.5", "below the limit: a wrong password", invited=1, peers=False, splits=False),
    imap4("a response of 100,000 octets", (b"a AUTHENTICATE PLAIN\r\n", _PLUS, b"A" * 100_000 + b"\r\n"), (), "S-MAIL-6", "RFC 4422 3.5", "over the limit: the end", invited=1, end="told", peers=False, splits=False),
    *(imap4(f"a response {name}", _auth(octets), "a BAD|NO", "S-MAIL-8", source, why) for name, octets, source, why in _BAD_RESPONSES),
    *(imap4(f"the mechanism {name.decode()}", b"a AUTHENTICATE " + name + b"\r\n", "a NO|BAD", "S-MAIL-8", "RFC 3501 6.2.2; RFC 4422 3.1", "not offered, so not begun") for name in (b"CRAM-MD5", b"DIGEST-MD5", b"GSSAPI", b"NTLM", b"ANONYMOUS", b"SCRAM-SHA-256", b"KERBEROS_V4", b"X", b"XOAUTH2", b"OAUTHBEARER", b"EXTERNAL")),
    imap4("LOGIN with both prompts", (b"a AUTHENTICATE LOGIN\r\n", _PLUS, _b64(NAME) + b"\r\n", _PLUS, _b64(PASSWORD) + b"\r\n"), "a OK", "S-MAIL-8", "RFC 3501 6.2.2; MS-XLOGIN 2.2", "legal", invited=2, **_IN),
    imap4("LOGIN with an initial response", (b"a AUTHENTICATE LOGIN " + _b64(NAME) + b"\r\n", _PLUS, _b64(PASSWORD) + b"\r\n"), "a OK", "S-MAIL-8", "RFC 4959 3; MS-XLOGIN 2.2", "legal: the name", invited=1, **_IN),
    imap4("LOGIN cancelled at the name", (b"a AUTHENTICATE LOGIN\r\n", _PLUS, b"*\r\n"), "a BAD", "S-MAIL-8", "RFC 3501 6.2.2", "BAD, once", invited=1),
    imap4("LOGIN cancelled at the password", (b"a AUTHENTICATE LOGIN\r\n", _PLUS, _b64(NAME) + b"\r\n", _PLUS, b"*\r\n"), "a BAD", "S-MAIL-8", "RFC 3501 6.2.2", "BAD, once", invited=2),
    imap4("LOGIN with a name that is no base64", (b"a AUTHENTICATE LOGIN\r\n", _PLUS, b"user4\r\n"), "a BAD|NO", "S-MAIL-8", _B64, "not of the alphabet, or padded wrongly", invited=1),
    imap4("LOGIN with a password that is no base64", (b"a AUTHENTICATE LOGIN\r\n", _PLUS, _b64(NAME) + b"\r\n", _PLUS, b"password-4\r\n"), "a BAD|NO", "S-MAIL-8", _B64, "not of the alphabet", invited=2),
    imap4("LOGIN with an empty password", (b"a AUTHENTICATE LOGIN\r\n", _PLUS, _b64(NAME) + b"\r\n", _PLUS, b"\r\n"), "a NO [AUTHENTICATIONFAILED]", "S-AUTH-1", "RFC 4513 5.1.2", "an empty password binds anonymously", invited=2),
    imap4("LOGIN with an empty name", (b"a AUTHENTICATE LOGIN\r\n", _PLUS, b"\r\n", _PLUS, _b64(PASSWORD) + b"\r\n"), "a NO [AUTHENTICATIONFAILED]", "S-AUTH-1", "MS-XLOGIN 2.2", "nobody's name", invited=2),
    imap4("LOGIN with NUL in the name", (b"a AUTHENTICATE LOGIN\r\n", _PLUS, _b64(NAME + b"\0x") + b"\r\n", _PLUS, _b64(PASSWORD) + b"\r\n"), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-7", "RFC 4616 2", "a C string ends there, and was right", invited=2),
    imap4("LOGIN with CR LF in the password", (b"a AUTHENTICATE LOGIN\r\n", _PLUS, _b64(NAME) + b"\r\n", _PLUS, _b64(PASSWORD + b"\r\nx LOGOUT") + b"\r\n"), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-7", "CVE-2022-27924", "a command smuggled in a password", invited=2),
    imap4("LOGIN with a command instead of the password", (b"a AUTHENTICATE LOGIN\r\n", _PLUS, _b64(NAME) + b"\r\n", _PLUS, b"b NOOP\r\n"), "a BAD|NO", "S-MAIL-8", "RFC 3501 6.2.2", "no base64: one answer, to the first tag", invited=2, lacks=(b"\r\nb ",)),
    imap4("LOGIN with all in one segment", b"a AUTHENTICATE LOGIN\r\n" + _b64(NAME) + b"\r\n" + _b64(PASSWORD) + b"\r\nb NOOP\r\n", ("a OK", "b OK"), "S-MAIL-10", "RFC 3501 6.2.2", "impatient; nothing is lost", invited=2, relayed=b"b NOOP\r\n", **_IN),
    imap4("no mechanism", b"a AUTHENTICATE\r\n", "a BAD", "S-MAIL-8", "RFC 3501 6.2.2", "a mechanism there must be"),
    imap4("a quoted mechanism", b'a AUTHENTICATE "PLAIN"\r\n', "a BAD", "S-MAIL-8", "RFC 3501 9 auth-type", "an atom it must be", peers=False),
    imap4("two responses", b"a AUTHENTICATE PLAIN " + plain() + b" " + plain() + b"\r\n", "a BAD", "S-MAIL-8", "RFC 4959 3", "one", peers=False),
    imap4("a quoted response", b'a AUTHENTICATE PLAIN "' + plain() + b'"\r\n', "a BAD", "S-MAIL-8", "RFC 4959 3", "base64 as it is", peers=False),
    imap4("a mechanism's name of 1,000 letters", b"a AUTHENTICATE " + b"X" * 1000 + b"\r\n", "a NO|BAD", "S-MAIL-8", "RFC 4422 3.1", "20 at most"),
    imap4("a log-on after a cancelled one", (b"a AUTHENTICATE PLAIN\r\n", _PLUS, b"*\r\n", Until(rb"a BAD"), b"b AUTHENTICATE PLAIN " + plain() + b"\r\n"), ("a BAD", "b OK"), "S-MAIL-8", "RFC 3501 6.2.2", "legal", invited=1, **_IN),
    imap4("AUTHENTICATE with the response in the same segment", b"a AUTHENTICATE PLAIN\r\n" + plain() + b"\r\n", "a OK", "S-MAIL-8", "RFC 3501 6.2.2", "impatient; the prompt comes late", invited=1, **_IN),
    pop3("AUTH PLAIN with an initial response", b"AUTH PLAIN " + plain() + b"\r\n", "+OK", "S-MAIL-8", "RFC 5034 4", "legal", **_IN),
    pop3("AUTH PLAIN with a prompt", (b"AUTH PLAIN\r\n", _PLUS, plain() + b"\r\n"), "+OK", "S-MAIL-8", "RFC 5034 4", "legal", invited=1, **_IN),
    pop3("AUTH PLAIN cancelled", (b"AUTH PLAIN\r\n", _PLUS, b"*\r\n"), "-ERR", "S-MAIL-8", "RFC 5034 4", "one answer", invited=1 ),
    pop3("AUTH PLAIN with a command for a response", (b"AUTH PLAIN\r\n", _PLUS, b"QUIT\r\n"), "-ERR", "S-MAIL-8", "RFC 5034 4", "QUIT is base64, and no PLAIN message", invited=1 ),
    pop3("AUTH PLAIN for somebody else", b"AUTH PLAIN " + plain(acts_for=b"user6") + b"\r\n", "-ERR [AUTH]", "S-MAIL-8", "RFC 4616 2", "nobody acts for another"),
    pop3("AUTH PLAIN with a wrong password", b"AUTH PLAIN " + plain(password=b"wrong") + b"\r\n", "-ERR [AUTH]", "S-MAIL-14", "RFC 3206 4", "told so that clients ask anew"),
    pop3("AUTH LOGIN", (b"AUTH LOGIN\r\n", _PLUS, _b64(NAME) + b"\r\n", _PLUS, _b64(PASSWORD) + b"\r\n"), "+OK", "S-MAIL-8", "RFC 5034 4; MS-XLOGIN 2.2", "legal", invited=2, **_IN),
    pop3("AUTH LOGIN cancelled at the password", (b"AUTH LOGIN\r\n", _PLUS, _b64(NAME) + b"\r\n", _PLUS, b"*\r\n"), "-ERR", "S-MAIL-8", "RFC 5034 4", "one answer", invited=2),
    pop3("AUTH LOGIN with QUIT for the password", (b"AUTH LOGIN\r\n", _PLUS, _b64(NAME) + b"\r\n", _PLUS, b"QUIT\r\n"), "-ERR", "S-MAIL-8", "RFC 5034 4", "base64 it is, and a wrong password", invited=2),
    pop3("AUTH XOAUTH2 that nobody offers", b"AUTH XOAUTH2 dXNlcj11c2VyNA==\r\n", "-ERR", "S-MAIL-8", "RFC 5034 4", "not offered, so not begun"),
    pop3("AUTH EXTERNAL without a certificate", b"AUTH EXTERNAL =\r\n", "-ERR", "S-MAIL-8", "RFC 4422 A", "not offered, so not begun"),
    pop3("AUTH without a mechanism", (b"AUTH\r\n", Until(rb"\.\r?$|-ERR")), "+OK|-ERR", "S-MAIL-8", "RFC 1734 2; MS-POP3 2.2", "older clients ask for the list so"),
    pop3("AUTH with an unknown mechanism", b"AUTH CRAM-MD5\r\n", "-ERR", "S-MAIL-8", "RFC 5034 4", "not offered, so not begun"),
    pop3("AUTH PLAIN with CR LF in a password", b"AUTH PLAIN " + plain(password=b"password-4\r\nDELE 1") + b"\r\n", "-ERR [AUTH]", "S-MAIL-7", "CVE-2022-27924", "a command smuggled in a password"),
    *(pop3(f"a POP3 response {name}", b"AUTH PLAIN " + octets + b"\r\n", "-ERR", "S-MAIL-8", source, why) for name, octets, source, why in _BAD_RESPONSES),
]  # fmt: skip
