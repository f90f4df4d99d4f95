"""Literals, synchronizing and not (RFC 3501 section 4.3, RFC 7888)."""

from __future__ import annotations

from tests.mail_corpus.entry import LOGIN, NAME, PASSWORD, Until, imap4

_IN = {"logins": ((NAME, PASSWORD),)}
_PLUS = Until(rb"\+")
_FORM = "RFC 3501 4.3"
_PLUS_FORM = "RFC 7888 4"


def _login(name: bytes = NAME, password: bytes = PASSWORD, plus: bytes = b"+") -> bytes:
    return b"a LOGIN {%d%b}\r\n%b {%d%b}\r\n%b\r\n" % (len(name), plus, name, len(password), plus, password)


ENTRIES = [
    imap4("both words as literals", (b"a LOGIN {5}\r\n", _PLUS, b"user4 {10}\r\n", _PLUS, b"password-4\r\n"), "a OK", "S-MAIL-5", _FORM, "legal", invited=2, **_IN),
    imap4("both words as non-synchronizing literals", _login(), "a OK", "S-MAIL-5", _PLUS_FORM, "legal", **_IN),
    imap4("a literal and a quoted string", (b"a LOGIN {5}\r\n", _PLUS, b'user4 "password-4"\r\n'), "a OK", "S-MAIL-5", _FORM, "legal", invited=1, **_IN),
    imap4("an atom and a literal", (b"a LOGIN user4 {10}\r\n", _PLUS, b"password-4\r\n"), "a OK", "S-MAIL-5", _FORM, "legal", invited=1, **_IN),
    imap4("a synchronizing and a non-synchronizing literal", (b"a LOGIN {5}\r\n", _PLUS, b"user4 {10+}\r\npassword-4\r\n"), "a OK", "S-MAIL-5", _PLUS_FORM, "legal", invited=1, **_IN),
    imap4("a synchronizing literal sent without waiting", b"a LOGIN {5}\r\nuser4 {10}\r\npassword-4\r\n", "a OK", "S-MAIL-5", _FORM, "impatient clients do it; the invitation comes late", invited=2, **_IN),
    imap4("leading zeros in the size", (b"a LOGIN {0005}\r\n", _PLUS, b"user4 {10}\r\n", _PLUS, b"password-4\r\n"), "a OK", "S-MAIL-5", "RFC 3501 9 number", "digits they are", invited=2, **_IN),
    imap4("an empty literal for the password", (b"a LOGIN user4 {0}\r\n", _PLUS, b"\r\n"), "a NO [AUTHENTICATIONFAILED]", "S-AUTH-1", "RFC 4513 5.1.2", "an empty password binds anonymously", invited=1 ),
    imap4("an empty literal for the name", b"a LOGIN {0+}\r\n {10+}\r\npassword-4\r\n", "a NO [AUTHENTICATIONFAILED]", "S-AUTH-1", "RFC 4513 5.1.2", "nobody's name"),
    imap4("a literal that holds what looks like the end of a command", _login(b"user4\r\na OK x"), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-7", "CVE-2022-27924", "CR LF in a name never leaves the front end"),
    imap4("a literal with a command for the back end", _login(b"user4\r\nx LOGOUT"), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-7", "CVE-2022-27924", "a command smuggled in a name"),
    imap4("a password with a command for the back end", _login(NAME, b"password-4\r\nx DELETE INBOX"), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-7", "CVE-2022-27924", "a command smuggled in a password"),
    imap4("a password with a bare CR", _login(NAME, b"pass\rword"), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-7", "RFC 3501 9 CHAR8", "a line end to some"),
    imap4("a password with a bare LF", _login(NAME, b"pass\nword"), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-7", "RFC 3501 9 CHAR8", "a line end to some"),
    imap4("a name with NUL in a literal", _login(b"user4\0"), "a NO|BAD", "S-MAIL-7", "RFC 3501 4.3", "a literal holds no NUL, and a C string ends at it"),
    imap4("a password with NUL in a literal", _login(NAME, b"password-4\0x"), "a NO|BAD", "S-MAIL-7", "RFC 3501 4.3", "a password that is right up to NUL"),
    imap4("a negative size", b"a LOGIN {-1}\r\n", "a BAD", "S-MAIL-5", _FORM, "digits only; no invitation"),
    imap4("a size with a sign", b"a LOGIN {+5}\r\n", "a BAD", "S-MAIL-5", _FORM, "digits only; no invitation"),
    imap4("a size with letters", b"a LOGIN {1x}\r\n", "a BAD", "S-MAIL-5", _FORM, "digits only; no invitation"),
    imap4("a size in hexadecimal", b"a LOGIN {0x5}\r\n", "a BAD", "S-MAIL-5", _FORM, "digits only; no invitation"),
    imap4("no size", b"a LOGIN {}\r\n", "a BAD", "S-MAIL-5", _FORM, "digits there must be"),
    imap4("spaces in the size", b"a LOGIN { 5}\r\n", "a BAD", "S-MAIL-5", _FORM, "digits only; no invitation"),
    imap4("a size of twelve digits", b"a LOGIN {999999999999}\r\n", "a BAD", "S-MAIL-5", "RFC 3501 4.3; CVE-2006-1255", "more than a number of 32 bits holds"),
    imap4("a size of 30 digits", b"a LOGIN {" + b"9" * 30 + b"}\r\n", "a BAD", "S-MAIL-5", "RFC 3501 4.3; CVE-2006-1255", "an overflow somewhere"),
    imap4("a size of 2^32", b"a LOGIN {4294967296}\r\n", "a BAD", "S-MAIL-5", "RFC 3501 4.3; CVE-2006-1255", "nil in 32 bits"),
    imap4("a size of 2^31", b"a LOGIN {2147483648}\r\n", "a BAD", "S-MAIL-5", "RFC 3501 4.3", "negative in 32 bits"),
    imap4("a size of 10 MB", b"a LOGIN {10000000}\r\n", "a BAD", "S-MAIL-5", "RFC 7888 4", "no name is so long: no invitation to fill the memory"),
    imap4("a size of 8193", b"a LOGIN {8193}\r\n", "a BAD", "S-MAIL-5", "RFC 7888 4", "one more than the limit", peers=False),
    imap4("a size of 8192", (b"a LOGIN {8192}\r\n", _PLUS, b"u" * 8192 + b" x\r\n"), "a NO [AUTHENTICATIONFAILED]", "S-MAIL-5", "RFC 7888 4", "the limit itself; nobody has such a name", invited=1, peers=False),
    imap4("a big non-synchronizing literal", b"a LOGIN {9000+}\r\n" + b"NOOP\r\n" * 1500, (), "S-MAIL-5", "RFC 7888 4", "what follows is not to be read as commands", end="told", lacks=(b"NOOP completed",)),
    imap4("a huge non-synchronizing literal", b"a LOGIN {4294967295+}\r\nb NOOP\r\n", (), "S-MAIL-5", "RFC 7888 4", "what follows is not to be read as commands", end="told", lacks=(b"\r\nb ",)),
    imap4("a malformed command with a non-synchronizing literal", b"a LOGIN (( {4+}\r\nb NOOP\r\n", "a BAD", "S-MAIL-5", "RFC 7888 4", "the literal is read over", lacks=(b"\r\nb ",), peers=False),
    imap4("an unknown command with a non-synchronizing literal", b"a XYZZY {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n", ("a BAD", "c OK"), "S-MAIL-5", "RFC 7888 4", "the literal belongs to the command, whatever that is"),
    imap4("an unknown command with a literal", (b"a XYZZY {3}\r\n", Until(rb"\+|a BAD"), b"abc\r\n"), ("a BAD",), "S-MAIL-5", "RFC 3501 4.3", "either is right: an invitation, or BAD at once", end="any", invited=1, peers=False),
    imap4("three literals", (b"a LOGIN {5}\r\n", _PLUS, b"user4 {10}\r\n", _PLUS, b"password-4 {3}\r\n"), "a BAD", "S-MAIL-5", "RFC 3501 6.2.3", "LOGIN takes two words: no third invitation", invited=2 ),
    imap4("three non-synchronizing literals", b"a LOGIN {5+}\r\nuser4 {10+}\r\npassword-4 {6+}\r\nb NOOP\r\n", (), "S-MAIL-5", "RFC 3501 6.2.3", "LOGIN takes two words", end="told", peers=False),
    imap4("no space before a literal", b"a LOGIN user4{10}\r\n", "a BAD", "S-MAIL-5", "RFC 3501 9", "one space between arguments", peers=False),
    imap4("no space behind a literal", (b"a LOGIN {5}\r\n", _PLUS, b"user4password-4\r\n"), "a BAD", "S-MAIL-5", "RFC 3501 9", "one space between arguments", invited=1 ),
    imap4("a literal with a minus", b"a LOGIN {5-}\r\n", "a BAD", "S-MAIL-5", "RFC 7888 5", "LITERAL- is a capability, not a form"),
    imap4("a literal8", b"a LOGIN ~{5}\r\n", "a BAD", "S-MAIL-5", "RFC 3516 4.4", "not in a log-on"),
    imap4("braces within an atom", b"a LOGIN user4 pass{3}word\r\n", "a BAD", "S-MAIL-5", "RFC 3501 9 atom-specials", "{ begins a literal, which ends a line"),
    imap4("braces within a quoted string", b'a LOGIN "user4" "{3}"\r\n', "a NO [AUTHENTICATIONFAILED]", "S-MAIL-5", "RFC 3501 4.3", "in quotes they are text"),
    imap4("a literal as the tag", b"{1}\r\n", "* BAD", "S-MAIL-6", "RFC 3501 9 tag", "no tag may hold {", peers=False),
    imap4("a literal as the mechanism", (b"a AUTHENTICATE {5}\r\n", _PLUS, b"PLAIN\r\n"), "a BAD", "S-MAIL-5", "RFC 3501 9 auth-type", "an atom it must be", invited=1, peers=False),
    imap4("a name in a literal, then a good log-on", (b"a LOGIN {8}\r\n", _PLUS, b"user4\r\nx y\r\n", Until(rb"a "), LOGIN.replace(b"a ", b"b ")), ("a NO|BAD", "b OK"), "S-MAIL-5", _FORM, "after a mistake the next command counts", invited=1, **_IN),
]  # fmt: skip
