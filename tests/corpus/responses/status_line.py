"""Status lines of back ends, and what comes instead of one (S-HTTP-27)."""

from tests.corpus.entry import TARGET, Answer, Entry, answered, bad_answer, request

_LINE = "RFC 9112 4"
_HEAD = request(b"HEAD " + TARGET + b" HTTP/1.1")
_POST = request(b"POST " + TARGET + b" HTTP/1.1")
_REST = b"\r\nContent-Length: 2\r\nX-Bad: 1\r\n\r\nok"


def _bad(name: str, line: bytes, why: str, source: str = _LINE) -> Entry:
    return bad_answer(name, line + _REST, "S-HTTP-27", source, why)


def _good(name: str, line: bytes, status: int, why: str = "legal", source: str = _LINE) -> Entry:
    return answered(name, line + b"\r\nContent-Length: 2\r\n\r\nok", Answer(status, b"ok"), "S-HTTP-27", source, why)


ENTRIES = (
    _bad("answer in HTTP/7.1", b"HTTP/7.1 200 OK", "another major version", "RFC 9112 2.3"),
    _bad("answer in HTTP/2", b"HTTP/2 200 OK", "another major version", "RFC 9112 2.3"),
    _bad("answer in HTTP/1.2", b"HTTP/1.2 200 OK", "no such version, and none that we asked for", "RFC 9110 2.5"),
    _bad("answer in HTTP/1.10", b"HTTP/1.10 200 OK", "one digit each", "RFC 9112 2.3"),
    _bad("answer in HTTP/1", b"HTTP/1 200 OK", "one digit each", "RFC 9112 2.3"),
    _bad("answer in http/1.1", b"http/1.1 200 OK", "the name has upper-case letters", "RFC 9112 2.3"),
    _bad("answer in HTTPS/1.1", b"HTTPS/1.1 200 OK", "the name is HTTP", "RFC 9112 2.3"),
    _bad("ICY", b"ICY 200 OK", "another protocol", "RFC 9112 2.3"),
    _bad("status 99", b"HTTP/1.1 99 Low", "three digits"),
    _bad("status 099", b"HTTP/1.1 099 Low", "100 to 599", "RFC 9110 15"),
    _bad("status 000", b"HTTP/1.1 000 Zero", "100 to 599", "RFC 9110 15"),
    _bad("status 600", b"HTTP/1.1 600 High", "100 to 599", "RFC 9110 15"),
    _bad("status 999", b"HTTP/1.1 999 High", "100 to 599", "RFC 9110 15"),
    _bad("status 1000", b"HTTP/1.1 1000 Long", "three digits"),
    _bad("status 20", b"HTTP/1.1 20 OK", "three digits"),
    _bad("status of letters", b"HTTP/1.1 abc OK", "three digits"),
    _bad("status in hexadecimal", b"HTTP/1.1 0xC OK", "three digits"),
    _bad("negative status", b"HTTP/1.1 -20 OK", "three digits"),
    _bad("status with a plus sign", b"HTTP/1.1 +20 OK", "three digits"),
    _bad("status with a dot", b"HTTP/1.1 200.0 OK", "three digits"),
    _bad("status in fullwidth digits", "HTTP/1.1 ２００ OK".encode(), "three digits"),
    _bad("no status", b"HTTP/1.1", "three parts"),
    _bad("no space before the status", b"HTTP/1.1200 OK", "one space each"),
    _bad("two spaces before the status", b"HTTP/1.1  200 OK", "one space each"),
    _bad("tab before the status", b"HTTP/1.1\t200 OK", "a space, no other white space"),
    _bad("no space behind the status", b"HTTP/1.1 200OK", "one space each"),
    _bad("tab behind the status", b"HTTP/1.1 200\tOK", "a space, no other white space"),
    _bad("space before the version", b" HTTP/1.1 200 OK", "begins with the version"),
    _bad("empty line before the answer", b"\r\nHTTP/1.1 200 OK", "only requests may have one before", "RFC 9112 2.2"),
    _bad("NUL in the reason", b"HTTP/1.1 200 O\0K", "no control octet"),
    _bad("bare CR in the reason", b"HTTP/1.1 200 O\rX-A: b", "a field that only some see", "RFC 9112 2.2, 11.1"),
    _bad("bare LF in the reason", b"HTTP/1.1 200 O\nX-A: b", "a field that only some see", "RFC 9112 2.2, 11.1"),
    _bad("escape in the reason", b"HTTP/1.1 200 \x1b[2J", "no control octet"),
    bad_answer("LF for every line end of an answer", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "S-HTTP-27", "RFC 9112 2.2", "lines end in CR LF"),
    bad_answer("LF behind the status line", b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok", "S-HTTP-27", "RFC 9112 2.2", "lines end in CR LF"),
    bad_answer("a page without a head", b"<html>HTTP/0.9</html>\r\n", "S-HTTP-27", "RFC 9112 2.3", "HTTP/0.9 cannot tell an error from a page", ending="close"),
    bad_answer("a request as an answer", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "S-HTTP-27", _LINE, "a server sends responses"),
    bad_answer("SMTP greeting as an answer", b"220 mail ESMTP\r\n", "S-HTTP-27", _LINE, "another protocol"),
    bad_answer("TLS alert as an answer", b"\x15\x03\x01\x00\x02\x02\x28", "S-HTTP-27", _LINE, "the back end speaks TLS there", ending="close"),
    bad_answer("reason of 140,000 octets", b"HTTP/1.1 200 " + b"x" * 140_000 + _REST, "S-HTTP-27", "RFC 9110 5.4", "over the limit"),
    answered("no answer at all", b"", Answer(502), "S-HTTP-30", "RFC 9112 8", "incomplete; a POST is not sent again", _POST, ending="close", reuses=False),
    answered("reset for an answer", b"", Answer(502), "S-HTTP-30", "RFC 9112 8", "incomplete; a POST is not sent again", _POST, ending="reset", reuses=False),
    answered("half a status line", b"HTTP/1.1 20", Answer(502), "S-HTTP-30", "RFC 9112 8", "incomplete", ending="close", reuses=False),
    answered("status line alone", b"HTTP/1.1 200 OK\r\n", Answer(502), "S-HTTP-30", "RFC 9112 8", "incomplete", ending="close", reuses=False),
    answered("half a head", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", Answer(502), "S-HTTP-30", "RFC 9112 8", "incomplete", ending="close", reuses=False),
    answered("half a head, then a reset", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", Answer(502), "S-HTTP-30", "RFC 9112 8", "incomplete", ending="reset", reuses=False),
    _good("empty reason", b"HTTP/1.1 200 ", 200),
    _good("no reason and no space", b"HTTP/1.1 200", 200, "old servers leave the space out"),
    _good("reason of several words", b"HTTP/1.1 200 Everything is fine", 200),
    _good("reason with 8-bit octets", b"HTTP/1.1 200 Gr\xfc\xdfe", 200, "legal: obs-text"),
    _good("reason with a tab", b"HTTP/1.1 200 a\tb", 200),
    _good("reason of digits", b"HTTP/1.1 200 404", 200),
    _good("status 207", b"HTTP/1.1 207 Multi-Status", 207, "legal", "RFC 4918 11.1"),
    _good("status 299", b"HTTP/1.1 299 Odd", 299, "legal: read as 200", "RFC 9110 15"),
    _good("status 404", b"HTTP/1.1 404 Not Found", 404, "legal: relayed"),
    _good("status 418", b"HTTP/1.1 418 Teapot", 418, "legal: relayed"),
    _good("status 440", b"HTTP/1.1 440 Login Timeout", 440, "legal: Exchange's own", "RFC 9110 15"),
    _good("status 449", b"HTTP/1.1 449 Retry", 449, "legal: ActiveSync's own", "MS-ASHTTP 2.2.1.2.1"),
    _good("status 500", b"HTTP/1.1 500 Internal", 500, "legal: relayed"),
    _good("status 503", b"HTTP/1.1 503 Busy", 503, "legal: relayed"),
    _good("status 599", b"HTTP/1.1 599 Odd", 599, "legal: relayed", "RFC 9110 15"),
    _good("answer in HTTP/1.0", b"HTTP/1.0 200 OK", 200, "legal", "RFC 9112 2.3"),
    _good("redirect", b"HTTP/1.1 302 Found", 302, "legal: not followed"),
    answered("answer to HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Answer(200, b"", has=((b"content-length", b"2"),)), "S-HTTP-29", "RFC 9110 9.3.2", "legal: the length of what GET would give", _HEAD),
)  # fmt: skip
