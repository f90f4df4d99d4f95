"""Trailer sections: read by the rules, then dropped (S-HTTP-12)."""

from tests.corpus.entry import PUBLIC_NAME, Entry, Reached, chunked, passes, refused, silent

_TRAILER = "RFC 9112 7.1.2"
_MERGE = "RFC 9110 6.5.1"
_BODY = b"5\r\nabcde\r\n0\r\n"


def _bad(name: str, trailer: bytes, why: str, source: str = _TRAILER) -> Entry:
    return refused(name, chunked(_BODY + trailer + b"\r\n"), 400, "S-HTTP-12", source, why)


def _good(
    name: str, trailer: bytes, lacks: tuple[bytes | tuple[bytes, bytes], ...], why: str, source: str = _MERGE
) -> Entry:
    return passes(
        name, chunked(_BODY + trailer + b"\r\n"), Reached(b"POST", body=b"abcde", lacks=lacks), "S-HTTP-12", source, why
    )


ENTRIES = (
    _bad("folded trailer", b"X-A: 1\r\n b\r\n", "no field line"),
    _bad("space before the colon in a trailer", b"X-A : 1\r\n", "no field line"),
    _bad("trailer without a colon", b"X-A\r\n", "no field line"),
    _bad("trailer without a name", b": 1\r\n", "no field line"),
    _bad("NUL in a trailer", b"X-A: \0\r\n", "no control octet"),
    _bad("bare CR in a trailer", b"X-A: a\rb\r\n", "a bare CR ends a line for some readers"),
    _bad("bare LF in a trailer", b"X-A: a\nb: c\r\n", "lines end in CR LF", "RFC 9112 2.2"),
    _bad("escape in a trailer", b"X-A: \x1b\r\n", "no control octet"),
    _bad("UTF-8 in a trailer's name", b"X-\xc3\xa4: 1\r\n", "a name is a token"),
    _bad("request line for a trailer", b"GET /public/evil HTTP/1.1\r\n", "no field line"),
    _bad("trailer line of 17,000 octets", b"X-A: " + b"x" * 17_000 + b"\r\n", "over the limit", "RFC 9110 5.4"),
    _bad("trailers of 20,000 octets", b"X-A: 12345\r\n" * 1700, "over the limit", "RFC 9110 5.4"),
    _bad("201 trailers", b"A: 1\r\n" * 201, "over the limit", "RFC 9110 5.4"),
    silent("client ends within the trailers", chunked(_BODY + b"X-A: 1\r\n"), "S-HTTP-30", "RFC 9112 8", "incomplete, also for the back end", ends=True),
    silent("client ends within a trailer", chunked(_BODY + b"X-A: "), "S-HTTP-30", "RFC 9112 8", "incomplete, also for the back end", ends=True),
    _good("trailer", b"X-A: 1\r\n", (b"x-a",), "legal, and dropped"),
    _good("Content-Length as a trailer", b"Content-Length: 3\r\n", (b"content-length",), "may be dropped, must not be merged"),
    _good("Host as a trailer", b"Host: evil.example\r\n", ((b"host", b"evil.example"),), "must not be merged"),
    _good("Transfer-Encoding as a trailer", b"Transfer-Encoding: identity\r\n", ((b"transfer-encoding", b"identity"),), "must not be merged"),
    _good("Authorization as a trailer", b"Authorization: Basic YTpi\r\n", (b"authorization",), "must not be merged"),
    _good("Cookie as a trailer", b"Cookie: a=b\r\n", (b"cookie",), "must not be merged"),
    _good("X-Forwarded-For as a trailer", b"X-Forwarded-For: 10.0.0.1\r\n", ((b"x-forwarded-for", b"10.0.0.1"),), "must not be merged"),
    _good("ten trailers", b"X-A: 1\r\n" * 10, (b"x-a",), "legal, and dropped"),
    _good("8-bit trailer", b"X-A: \xe4\r\n", (b"x-a",), "legal, and dropped"),
    _good("empty trailer", b"X-A:\r\n", (b"x-a",), "legal, and dropped"),
    passes("announced trailer", chunked(_BODY + b"X-A: 1\r\n\r\n", b"Trailer: X-A", b"TE: trailers"), Reached(b"POST", body=b"abcde", has=((b"host", PUBLIC_NAME),), lacks=(b"x-a", b"trailer", b"te")), "S-HTTP-14", _MERGE, "legal, and dropped"),
)  # fmt: skip
