"""Field lines of back ends: malformed ones, and what is taken away (S-HTTP-14, -27, -31)."""

from tests.corpus.entry import Answer, Entry, Pairs, answered, bad_answer

_SYNTAX = "RFC 9112 5.1"
_HOP = "RFC 9110 7.6.1"
_BODY = b"Content-Length: 2\r\n\r\nok"


def _line(line: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + line + b"\r\n" + _BODY


def _bad(name: str, line: bytes, why: str, source: str = _SYNTAX) -> Entry:
    return bad_answer(name + ", in an answer", _line(b"X-Bad: 1\r\n" + line), "S-HTTP-27", source, why)


def _good(
    name: str, line: bytes, has: Pairs, why: str = "legal", source: str = "RFC 9110 5.5", rule: str = "S-HTTP-27"
) -> Entry:
    return answered(name + ", in an answer", _line(line), Answer(200, b"ok", has=has), rule, source, why)


def _lost(line: bytes, source: str = _HOP, rule: str = "S-HTTP-14", why: str = "of one connection only") -> Entry:
    name = line.partition(b":")[0]
    client = Answer(200, b"ok", lacks=(name.lower(),))
    return answered(f"{name.decode()}, in an answer", _line(line), client, rule, source, why)


def _location(name: str, url: bytes, shown: bytes, why: str) -> Entry:
    client = Answer(302, b"ok", has=((b"location", shown),))
    return answered(
        f"Location {name}",
        _line(b"Location: " + url, b"302 Found"),
        client,
        "S-HTTP-31",
        "RFC 9110 10.2.2",
        why,
        peers=False,
    )


_TELLS = "RFC 9110 10.2.4, 17.12"
_COOKIES = ((b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2"), (b"set-cookie", b"a=3; HttpOnly"))

ENTRIES = (
    _bad("space before the colon", b"X-A : 1", "a proxy may mend it; we say who is at fault"),
    _bad("tab before the colon", b"X-A\t: 1", "a proxy may mend it; we say who is at fault"),
    _bad("space before the colon of Content-Length", b"Content-Length : 5", "a length that only some see"),
    _bad("empty name", b": 1", "no field line"),
    _bad("no colon", b"X-A", "no field line"),
    _bad("folded line", b"X-A: 1\r\n b", "obsolete: may be refused with 502", "RFC 9112 5.2"),
    _bad("folded line with a tab", b"X-A: 1\r\n\tb", "obsolete: may be refused with 502", "RFC 9112 5.2"),
    _bad("line of one space", b" ", "a folded line, or the end of the head", "RFC 9112 5.2"),
    _bad("NUL in a value", b"X-A: a\0b", "no control octet", "RFC 9110 5.5"),
    _bad("bare CR in a value", b"X-A: a\rX-B: b", "response splitting for who ends lines there", "RFC 9112 2.2, 11.1"),
    _bad("bare LF in a value", b"X-A: a\nSet-Cookie: b=c", "response splitting", "RFC 9112 2.2, 11.1"),
    _bad("LF behind a field", b"X-A: a\n", "lines end in CR LF", "RFC 9112 2.2"),
    _bad("escape in a value", b"X-A: \x1b]0;x\x07", "no control octet", "RFC 9110 5.5"),
    _bad("DEL in a value", b"X-A: \x7f", "no control octet", "RFC 9110 5.5"),
    _bad("space in a name", b"X A: 1", "a name is a token", "RFC 9110 5.1"),
    _bad("slash in a name", b"X/A: 1", "a name is a token", "RFC 9110 5.1"),
    _bad("UTF-8 in a name", b"X-\xc3\xa4: 1", "a name is a token", "RFC 9110 5.1"),
    _bad("NUL in a name", b"X\0A: 1", "a name is a token", "RFC 9110 5.1"),
    _bad("201 field lines", b"\r\n".join([b"X: 1"] * 200), "over the limit", "RFC 9110 5.4"),
    _bad("field of 140,000 octets", b"X-A: " + b"x" * 140_000, "over the limit", "RFC 9110 5.4"),
    _bad("head of 1 MB", b"\r\n".join([b"X-A: " + b"x" * 10_000] * 100), "over the limit", "RFC 9110 5.4"),
    bad_answer("space before the first field, in an answer", b"HTTP/1.1 200 OK\r\n X-Bad: 1\r\n" + _BODY, "S-HTTP-27", "RFC 9112 2.2", "not to be skipped and not to be taken"),
    bad_answer("LF for the empty line, in an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok", "S-HTTP-27", "RFC 9112 2.2", "lines end in CR LF"),
    bad_answer("head without an end", b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 500, "S-HTTP-27", "RFC 9110 5.4", "told before the head ends"),
    _good("8-bit value", b"X-A: \x80\xff", ((b"x-a", b"\x80\xff"),)),
    _good("empty value", b"X-A:", ((b"x-a", b""),)),
    _good("white space around a value", b"X-A: \t 1 \t", ((b"x-a", b"1"),)),
    _good("every character of a token in a name", b"!#$%&'*+-.^_`|~09aZ: 1", ((b"!#$%&'*+-.^_`|~09az", b"1"),), "legal", "RFC 9110 5.6.2"),
    _good("cookies in their order", b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nset-cookie: a=3; HttpOnly", _COOKIES, "legal, and never joined", "RFC 6265 3"),
    _good("underscore in a name", b"X_A: 1", ((b"x_a", b"1"),), "legal: a back end may", "RFC 9110 5.1"),
    _good("field of 60,000 octets", b"X-A: " + b"x" * 60_000, ((b"x-a", b"x" * 60_000),), "legal: within the limit", "RFC 9110 5.4"),
    _good("199 field lines", b"\r\n".join([b"X: 1"] * 198), ((b"x", b"1"),), "legal: within the limit", "RFC 9110 5.4"),
    _good("fields of MS-ASHTTP", b"MS-Server-ActiveSync: 14.3\r\nMS-ASProtocolVersions: 2.5,14.1", ((b"ms-server-activesync", b"14.3"),), "legal", "MS-ASHTTP 2.2.1.2.2"),
    _good("cache and validators", b'ETag: W/"a,b"\r\nCache-Control: private, max-age=0\r\nVary: *', ((b"etag", b'W/"a,b"'), (b"vary", b"*")), "legal", "RFC 9110 8.8.3"),
    _good("Date of the back end", b"Date: Sun, 06 Nov 1994 08:49:37 GMT", ((b"date", b"Sun, 06 Nov 1994 08:49:37 GMT"),), "legal, and not replaced", "RFC 9110 6.6.1"),
    _good("challenge in an answer without 401", b'WWW-Authenticate: Basic realm="a, b"', ((b"www-authenticate", b'Basic realm="a, b"'),), "legal", "RFC 9110 11.6.1"),
    _good("Content-Encoding", b"Content-Encoding: gzip", ((b"content-encoding", b"gzip"),), "legal, and not looked into", "RFC 9110 8.4"),
    _lost(b"Connection: X-A"),
    _lost(b"Keep-Alive: timeout=5, max=100"),
    _lost(b"Proxy-Connection: keep-alive"),
    _lost(b"Proxy-Authenticate: Basic"),
    _lost(b"Upgrade: h2c"),
    _lost(b"TE: trailers"),
    _lost(b"Trailer: X-A"),
    answered("field that Connection names, in an answer", _line(b"X-A: 1\r\nConnection: x-a\r\nX-B: 2"), Answer(200, b"ok", has=((b"x-b", b"2"),), lacks=(b"x-a",)), "S-HTTP-14", _HOP, "of one connection only"),
    answered("Content-Length that Connection names", _line(b"Connection: Content-Length"), Answer(200, b"ok", has=((b"content-length", b"2"),)), "S-HTTP-14", _HOP, "the body keeps its length"),
    _lost(b"Server: Secret/1.0", _TELLS, "S-HTTP-31", "tells what stands behind"),
    _lost(b"X-Powered-By: ASP.NET", _TELLS, "S-HTTP-31", "tells what stands behind"),
    _lost(b"X-AspNet-Version: 2.0.50727", _TELLS, "S-HTTP-31", "tells what stands behind"),
    _lost(b"X-FEServer: FE1", _TELLS, "S-HTTP-31", "tells what stands behind"),
    _lost(b"X-BEServer: BE1", _TELLS, "S-HTTP-31", "tells what stands behind"),
    _lost(b"X-DiagInfo: BE1", _TELLS, "S-HTTP-31", "tells what stands behind"),
    _lost(b"X-CalculatedBETarget: be1.corp", _TELLS, "S-HTTP-31", "tells what stands behind"),
    _location("of the back end", b"http://chicago.fourthcoffee.com/public/b", b"http://mail.fourthcoffee.com/public/b", "the public name in its place"),
    _location("of the back end with a port", b"http://chicago.fourthcoffee.com:80/public/b?c", b"http://mail.fourthcoffee.com/public/b?c", "the public name in its place"),
    _location("of the back end in upper case", b"HTTP://CHICAGO.FOURTHCOFFEE.COM/public/b", b"http://mail.fourthcoffee.com/public/b", "the public name in its place"),
    _location("of the back end's address", b"http://127.0.0.24/public/b", b"http://mail.fourthcoffee.com/public/b", "the public name in its place"),
    _location("elsewhere", b"https://www.example.com/b", b"https://www.example.com/b", "not ours to change"),
    _location("as a path", b"/public/b", b"/public/b", "not ours to change"),
    _location("of a longer name", b"http://chicago.fourthcoffee.com.evil.example/", b"http://chicago.fourthcoffee.com.evil.example/", "another host"),
    answered("401 with NTLM", _line(b"WWW-Authenticate: NTLM", b"401 Unauthorized"), Answer(401, b"ok", has=((b"www-authenticate", b"NTLM"), (b"proxy-support", b"Session-Based-Authentication"))), "S-HTTP-34", "RFC 4559 6", "the client must know that the connection is its own", peers=False),
    answered("401 with Basic", _line(b"WWW-Authenticate: Basic realm=\"a\"", b"401 Unauthorized"), Answer(401, b"ok", has=((b"www-authenticate", b'Basic realm="a"'),), lacks=(b"proxy-support",)), "S-HTTP-34", "RFC 9110 11.6.1", "legal: relayed from an anonymous directory"),
)  # fmt: skip
