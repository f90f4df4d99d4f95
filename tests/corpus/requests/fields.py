"""Field lines of requests."""

from tests.corpus.entry import PUBLIC_NAME, Reached, bare, passes, refused, request

_GET = b"GET /public/a HTTP/1.1"
_SYNTAX = "RFC 9112 5.1"
_VALUE = "RFC 9110 5.5"


def _with(line: bytes) -> bytes:
    return request(_GET, line)


def _has(name: bytes, value: bytes) -> Reached:
    return Reached(has=((name, value),))


ENTRIES = (
    refused("space before the colon", _with(b"X-A : 1"), 400, "S-HTTP-3", "RFC 9112 5.1", "other readers take another name, or none"),
    refused("tab before the colon", _with(b"X-A\t: 1"), 400, "S-HTTP-3", "RFC 9112 5.1", "other readers take another name, or none"),
    refused("space before the colon of Host", bare(_GET, b"Host : " + PUBLIC_NAME), 400, "S-HTTP-3", "RFC 9112 5.1", "other readers take another name, or none"),
    refused("space before the colon of Content-Length", _with(b"Content-Length : 3"), 400, "S-HTTP-3", "RFC 9112 5.1; CVE-2019-16869", "a length that only some see"),
    refused("empty name", _with(b": 1"), 400, "S-HTTP-3", "RFC 9112 5; CVE-2023-25725", "the fields behind it are lost on some readers"),
    refused("empty name before the rest", bare(_GET, b":", b"Host: " + PUBLIC_NAME), 400, "S-HTTP-3", "RFC 9112 5; CVE-2023-25725", "the fields behind it are lost on some readers"),
    refused("no colon", _with(b"X-A"), 400, "S-HTTP-3", _SYNTAX, "no field line"),
    refused("no colon, but an equals sign", _with(b"X-A=1"), 400, "S-HTTP-3", _SYNTAX, "no field line"),
    refused("folded line, with a space", _with(b"X-A: 1\r\n b"), 400, "S-HTTP-3", "RFC 9112 5.2", "obsolete: readers differ in what it belongs to"),
    refused("folded line, with a tab", _with(b"X-A: 1\r\n\tb"), 400, "S-HTTP-3", "RFC 9112 5.2", "obsolete: readers differ in what it belongs to"),
    refused("folded Transfer-Encoding", _with(b"Transfer-Encoding:\r\n chunked"), 400, "S-HTTP-3", "RFC 9112 5.2; CVE-2022-32215", "a coding that only some see"),
    refused("folded Content-Length", _with(b"Content-Length:\r\n 3"), 400, "S-HTTP-3", "RFC 9112 5.2", "a length that only some see"),
    refused("folded line that looks like a field", _with(b"X-A: 1\r\n Host: evil"), 400, "S-HTTP-3", "RFC 9112 5.2", "obsolete: readers differ in what it belongs to"),
    refused("space before the first field", bare(_GET, b" Host: " + PUBLIC_NAME), 400, "S-HTTP-3", "RFC 9112 2.2", "not to be skipped and not to be taken"),
    refused("tab before the first field", bare(_GET, b"\tX: 1", b"Host: " + PUBLIC_NAME), 400, "S-HTTP-3", "RFC 9112 2.2", "not to be skipped and not to be taken"),
    refused("line of one space", _with(b" "), 400, "S-HTTP-3", "RFC 9112 5.2", "a folded line, or the end of the head: readers differ"),
    refused("space in a name", _with(b"X A: 1"), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token"),
    refused("parenthesis in a name", _with(b"X(A: 1"), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token"),
    refused("quote in a name", _with(b'"X-A": 1'), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token"),
    refused("slash in a name", _with(b"X/A: 1"), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token"),
    refused("at sign in a name", _with(b"X@A: 1"), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token"),
    refused("comma in a name", _with(b"X,A: 1"), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token"),
    refused("semicolon in a name", _with(b"X;A: 1"), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token"),
    refused("bracket in a name", _with(b"X[A]: 1"), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token"),
    refused("brace in a name", _with(b"{X}: 1"), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token"),
    refused("backslash in a name", _with(b"X\\A: 1"), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token"),
    refused("UTF-8 in a name", _with(b"X-\xc3\xa4: 1"), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token"),
    refused("Latin-1 in a name", _with(b"Transfer-Encoding\xa0: chunked"), 400, "S-HTTP-3", "RFC 9110 5.1", "a name is a token; some strip this space"),
    refused("NUL in a name", _with(b"X\0A: 1"), 400, "S-HTTP-2", "RFC 9110 5.1", "a name is a token"),
    refused("control octet in a name", _with(b"\x01X: 1"), 400, "S-HTTP-2", "RFC 9110 5.1", "a name is a token"),
    refused("CR before the colon", _with(b"X-A\r: 1"), 400, "S-HTTP-2", "RFC 9112 2.2", "a bare CR ends a line for some readers"),
    refused("NUL in a value", _with(b"X-A: a\0b"), 400, "S-HTTP-2", _VALUE, "some readers end the value there"),
    refused("bare CR in a value", _with(b"X-A: a\rX-B: b"), 400, "S-HTTP-2", "RFC 9112 2.2", "a bare CR ends a line for some readers"),
    refused("bare CR before the line end", _with(b"X-A: a\r"), 400, "S-HTTP-2", "RFC 9112 2.2", "a bare CR ends a line for some readers"),
    refused("bare LF in a value", _with(b"X-A: a\nX-B: b"), 400, "S-HTTP-2", "RFC 9112 2.2", "a field that only some see"),
    refused("bare LF before Transfer-Encoding", _with(b"X-A: a\nTransfer-Encoding: chunked"), 400, "S-HTTP-2", "RFC 9112 2.2; CVE-2022-32214", "a coding that only some see"),
    refused("bare CR before Transfer-Encoding", _with(b"X-A: a\rTransfer-Encoding: chunked"), 400, "S-HTTP-2", "RFC 9112 2.2; CVE-2023-30589", "a coding that only some see"),
    refused("LF behind a field", b"GET /public/a HTTP/1.1\r\nHost: " + PUBLIC_NAME + b"\nX-A: 1\r\n\r\n", 400, "S-HTTP-2", "RFC 9112 2.2", "lines end in CR LF"),
    refused("LF for the empty line", b"GET /public/a HTTP/1.1\r\nHost: " + PUBLIC_NAME + b"\r\n\n", 400, "S-HTTP-2", "RFC 9112 2.2", "lines end in CR LF"),
    refused("LF CR LF at the end", b"GET /public/a HTTP/1.1\r\nHost: " + PUBLIC_NAME + b"\n\r\n", 400, "S-HTTP-2", "RFC 9112 2.2", "lines end in CR LF"),
    refused("CR CR LF at the end", b"GET /public/a HTTP/1.1\r\nHost: " + PUBLIC_NAME + b"\r\n\r\r\n", 400, "S-HTTP-2", "RFC 9112 2.2", "lines end in CR LF"),
    refused("escape in a value", _with(b"X-A: \x1b]0;x\x07"), 400, "S-HTTP-2", _VALUE, "controls have no place in a value; terminals obey them"),
    refused("vertical tab in a value", _with(b"X-A: a\x0bb"), 400, "S-HTTP-2", _VALUE, "controls have no place in a value"),
    refused("form feed before a value", _with(b"Content-Length:\x0c3"), 400, "S-HTTP-2", _VALUE, "white space for some readers only"),
    refused("DEL in a value", _with(b"X-A: a\x7fb"), 400, "S-HTTP-2", _VALUE, "controls have no place in a value"),
    refused("backspace in a value", _with(b"X-A: a\x08b"), 400, "S-HTTP-2", _VALUE, "controls have no place in a value"),
    refused("two Authorizations", _with(b"Authorization: Basic YTpi\r\nAuthorization: Basic Yzpk"), 400, "S-HTTP-13", "RFC 9110 5.3", "which of them counts is anybody's guess"),
    passes("8-bit value", _with(b"X-A: \x80\xff\xe4"), _has(b"x-a", b"\x80\xff\xe4"), "S-HTTP-2", _VALUE, "legal: obs-text passes unchanged"),
    passes("UTF-8 value", _with("X-A: Grüße".encode()), _has(b"x-a", "Grüße".encode()), "S-HTTP-2", _VALUE, "legal: obs-text passes unchanged"),
    passes("empty value", _with(b"X-A:"), _has(b"x-a", b""), "S-HTTP-3", _VALUE, "legal"),
    passes("value of white space", _with(b"X-A: \t "), _has(b"x-a", b""), "S-HTTP-3", _VALUE, "legal: white space around a value is none of it"),
    passes("no space behind the colon", _with(b"X-A:1"), _has(b"x-a", b"1"), "S-HTTP-3", _SYNTAX, "legal"),
    passes("white space around a value", _with(b"X-A: \t 1 \t "), _has(b"x-a", b"1"), "S-HTTP-3", _SYNTAX, "legal"),
    passes("tab within a value", _with(b"X-A: a\tb"), _has(b"x-a", b"a\tb"), "S-HTTP-2", _VALUE, "legal"),
    passes("colons in a value", _with(b"X-A: :a:b:"), _has(b"x-a", b":a:b:"), "S-HTTP-3", _SYNTAX, "legal: the first colon divides"),
    passes("every character of a token in a name", _with(b"!#$%&'*+-.^`|~09aZ: 1"), _has(b"!#$%&'*+-.^`|~09az", b"1"), "S-HTTP-3", "RFC 9110 5.6.2", "legal"),
    passes("name of one character", _with(b"x: 1"), _has(b"x", b"1"), "S-HTTP-3", "RFC 9110 5.1", "legal"),
    passes("name of digits", _with(b"42: 1"), _has(b"42", b"1"), "S-HTTP-3", "RFC 9110 5.1", "legal"),
    passes("name of 200 characters", _with(b"x" * 200 + b": 1"), _has(b"x" * 200, b"1"), "S-HTTP-8", "RFC 9110 5.4", "legal"),
    passes("the same name twice", _with(b"Accept: a/b\r\nAccept: c/d"), Reached(has=((b"accept", b"a/b"), (b"accept", b"c/d"))), "S-HTTP-13", "RFC 9110 5.3", "legal"),
    passes("quoted string with escapes", _with(b'X-A: "a\\"b;,c"'), _has(b"x-a", b'"a\\"b;,c"'), "S-HTTP-13", "RFC 9110 5.6.4", "legal"),
    passes("comment", _with(b"User-Agent: a/1 (x; (y) \\) z)"), _has(b"user-agent", b"a/1 (x; (y) \\) z)"), "S-HTTP-13", "RFC 9110 5.6.5", "legal"),
    passes("cookie with odd characters", _with(b"Cookie: a=\"b\"; c={d}; e=f/g=="), _has(b"cookie", b"a=\"b\"; c={d}; e=f/g=="), "S-HTTP-18", "RFC 6265 5.4", "legal for a server that reads cookies"),
    passes("list of commas", _with(b"Accept: ,,a/b,,"), _has(b"accept", b",,a/b,,"), "S-HTTP-13", "RFC 9110 5.6.1", "legal for a recipient"),
    passes("field that nobody knows", _with(b"Frob-Nicate: yes"), _has(b"frob-nicate", b"yes"), "S-HTTP-13", "RFC 9110 5.1", "legal: unknown fields are forwarded"),
    passes("name in upper case", _with(b"ACCEPT-LANGUAGE: de"), _has(b"accept-language", b"de"), "S-HTTP-13", "RFC 9110 5.1", "legal"),
    passes("100 fields", _with(b"\r\n".join(b"X-%d: %d" % (n, n) for n in range(100))), Reached(has=((b"x-0", b"0"), (b"x-99", b"99"))), "S-HTTP-8", "RFC 9110 5.4", "legal"),
    passes("Range", _with(b"Range: bytes=0-0,5-"), _has(b"range", b"bytes=0-0,5-"), "S-HTTP-13", "RFC 9110 14.2", "legal"),
    passes("conditional request", _with(b'If-None-Match: W/"a", "b"'), _has(b"if-none-match", b'W/"a", "b"'), "S-HTTP-13", "RFC 9110 13.1.2", "legal"),
)  # fmt: skip
