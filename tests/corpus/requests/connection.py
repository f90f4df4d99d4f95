"""Fields of one connection only, expectations, upgrades (S-HTTP-14..16)."""

from tests.corpus.entry import (
    PUBLIC_NAME,
    TARGET,
    Answer,
    Entry,
    Outcome,
    Reached,
    chunked,
    passes,
    post,
    refused,
    request,
)

_GET = b"GET " + TARGET + b" HTTP/1.1"
_HOP = "RFC 9110 7.6.1"
_EXPECT = "RFC 9110 10.1.1"
_UPGRADE = "RFC 9110 7.8"
_WAITS = (Answer(200, b"seen " + TARGET, interim=(100,)),)
_WRONG = b"Authorization: Basic bm9ib2R5Onh4eHh4eHg="  # nobody:xxxxxxx


def _drops(name: str, field: bytes, lacks: bytes, why: str, source: str = _HOP, rule: str = "S-HTTP-14") -> Entry:
    return passes(name, request(_GET, field), Reached(lacks=(lacks, b"connection")), rule, source, why)


def _names(name: str, named: bytes, field: bytes, has: tuple[bytes, bytes]) -> Entry:
    octets = request(_GET, b"Connection: " + named, field)
    return passes(
        name, octets, Reached(has=(has,)), "S-HTTP-14", _HOP, "Connection cannot take away what the next hop decides by"
    )


ENTRIES = (
    passes("Connection: close", request(_GET, b"Connection: close"), Reached(lacks=(b"connection",)), "S-HTTP-14", "RFC 9112 9.6", "legal", kept=False),
    passes("Connection: CLOSE", request(_GET, b"Connection: CLOSE"), Reached(), "S-HTTP-14", "RFC 9112 9.6", "legal", kept=False),
    passes("close in a list", request(_GET, b"Connection: keep-alive, ,close"), Reached(), "S-HTTP-14", "RFC 9112 9.6", "legal", kept=False),
    passes("close in a second field", request(_GET, b"Connection: keep-alive", b"Connection: close"), Reached(), "S-HTTP-14", "RFC 9112 9.6", "legal", kept=False),
    passes("Connection: keep-alive", request(_GET, b"Connection: keep-alive", b"Keep-Alive: timeout=300"), Reached(lacks=(b"connection", b"keep-alive")), "S-HTTP-14", _HOP, "legal"),
    passes("empty Connection", request(_GET, b"Connection:"), Reached(), "S-HTTP-14", _HOP, "legal for a recipient"),
    passes("Connection names a field", request(_GET, b"Connection: X-A", b"X-A: 1", b"X-B: 2"), Reached(has=((b"x-b", b"2"),), lacks=(b"x-a",)), "S-HTTP-14", _HOP, "of one connection only"),
    passes("Connection names a field in other case", request(_GET, b"x-a: 1", b"Connection: X-A"), Reached(lacks=(b"x-a",)), "S-HTTP-14", _HOP, "of one connection only"),
    passes("Connection names what is not there", request(_GET, b"Connection: X-A, X-B"), Reached(), "S-HTTP-14", _HOP, "legal"),
    _names("Connection names Host", b"Host", b"X-A: 1", (b"host", PUBLIC_NAME)),
    _names("Connection names Authorization", b"Authorization", b"Authorization: Basic YTpi", (b"authorization", b"Basic YTpi")),
    _names("Connection names Cookie", b"Cookie", b"Cookie: a=b", (b"cookie", b"a=b")),
    _names("Connection names X-Forwarded-Proto", b"X-Forwarded-Proto", b"X-A: 1", (b"x-forwarded-proto", b"http")),
    passes("Connection names Content-Length", post(b"Connection: Content-Length", b"Content-Length: 2", body=b"ab"), Reached(b"POST", body=b"ab"), "S-HTTP-14", "RFC 9110 7.6.1; CVE-2022-31813", "the body keeps its length"),
    passes("Connection names Transfer-Encoding", chunked(b"2\r\nab\r\n0\r\n\r\n", b"Connection: Transfer-Encoding"), Reached(b"POST", body=b"ab"), "S-HTTP-14", _HOP, "the body keeps its framing"),
    passes("Connection names X-Forwarded-For", request(_GET, b"Connection: X-Forwarded-For, Via"), Reached(has=((b"via", b"1.1 exfront"),)), "S-HTTP-14", "RFC 9110 7.6.1; CVE-2022-31813", "Connection cannot take away what the next hop decides by"),
    _drops("Keep-Alive", b"Keep-Alive: 300", b"keep-alive", "of one connection only"),
    _drops("Proxy-Connection", b"Proxy-Connection: keep-alive", b"proxy-connection", "of one connection only", "RFC 9112 C.2.2"),
    _drops("TE", b"TE: trailers, deflate;q=0.5", b"te", "of one connection only"),
    _drops("Trailer", b"Trailer: X-A", b"trailer", "of one connection only"),
    _drops("Proxy-Authorization", b"Proxy-Authorization: Basic YTpi", b"proxy-authorization", "for the proxy, not for the server", "RFC 9110 11.7.2"),
    _drops("Proxy-Authenticate", b"Proxy-Authenticate: Basic", b"proxy-authenticate", "no field of a request", "RFC 9110 11.7.1"),
    _drops("Upgrade without Connection", b"Upgrade: websocket", b"upgrade", "of one connection only", _UPGRADE, "S-HTTP-16"),
    passes("web socket", request(_GET, b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), Reached(lacks=(b"upgrade", b"connection")), "S-HTTP-16", _UPGRADE, "may be ignored: no tunnels here"),
    passes("h2c", request(_GET, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"), Reached(lacks=(b"upgrade", b"http2-settings")), "S-HTTP-16", "RFC 9113 3.1", "a tunnel past all rules"),
    passes("h2c in Upgrade alone", request(_GET, b"Connection: Upgrade", b"Upgrade: h2c"), Reached(lacks=(b"upgrade",)), "S-HTTP-16", "RFC 9113 3.1", "a tunnel past all rules"),
    passes("TLS upgrade", request(_GET, b"Connection: Upgrade", b"Upgrade: TLS/1.0"), Reached(lacks=(b"upgrade",)), "S-HTTP-16", "RFC 2817 3", "may be ignored"),
    passes("upgrade of a POST", post(b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: 2", body=b"ab"), Reached(b"POST", body=b"ab", lacks=(b"upgrade",)), "S-HTTP-16", _UPGRADE, "may be ignored"),
    passes("expectation, and the client waits", post(b"Expect: 100-continue", b"Content-Length: 2"), Reached(b"POST", body=b"ab"), "S-HTTP-15", _EXPECT, "legal", answers=_WAITS, later=b"ab"),
    passes("expectation in other case", post(b"Expect: 100-Continue", b"Content-Length: 2"), Reached(b"POST", body=b"ab"), "S-HTTP-15", _EXPECT, "legal: no case", answers=_WAITS, later=b"ab"),
    passes("expectation before chunks", post(b"Expect: 100-continue", b"Transfer-Encoding: chunked"), Reached(b"POST", body=b"ab"), "S-HTTP-15", _EXPECT, "legal", answers=_WAITS, later=b"2\r\nab\r\n0\r\n\r\n"),
    passes("expectation without a body", request(_GET, b"Expect: 100-continue"), Reached(), "S-HTTP-15", _EXPECT, "nothing to wait for"),
    passes("expectation of an empty body", post(b"Expect: 100-continue", b"Content-Length: 0"), Reached(b"POST"), "S-HTTP-15", _EXPECT, "nothing to wait for"),
    passes("expectation in HTTP/1.0", request(b"POST /public/a HTTP/1.0", b"Expect: 100-continue", b"Content-Length: 2", body=b"ab"), Reached(b"POST", body=b"ab", lacks=(b"expect",)), "S-HTTP-15", _EXPECT, "to be ignored", kept=False),
    passes("unknown expectation in HTTP/1.0", request(b"GET /public/a HTTP/1.0", b"Expect: miracle"), Reached(lacks=(b"expect",)), "S-HTTP-15", _EXPECT, "to be ignored", kept=False),
    refused("unknown expectation", request(_GET, b"Expect: miracle"), 417, "S-HTTP-15", _EXPECT, "not to be met"),
    refused("unknown expectation beside the known one", post(b"Expect: 100-continue, miracle", b"Content-Length: 2"), 417, "S-HTTP-15", _EXPECT, "not to be met"),
    refused("expectation with a value", post(b"Expect: 100-continue=yes", b"Content-Length: 2"), 417, "S-HTTP-15", _EXPECT, "not to be met"),
    refused("expectation of a body over the limit", request(b"POST /small/a HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 5000"), 413, "S-HTTP-25", "RFC 9110 10.1.1", "told instead of a 100", peers=False),
    refused("expectation with a wrong password", request(b"PUT /exchange/user1/a HTTP/1.1", _WRONG, b"Expect: 100-continue", b"Content-Length: 1073741824"), 413, "S-HTTP-25", _EXPECT, "told before anything else", peers=False),
    refused("expectation with a wrong password, short body", request(b"PUT /exchange/user1/a HTTP/1.1", _WRONG, b"Expect: 100-continue", b"Content-Length: 1000000"), 401, "S-HTTP-15", _EXPECT, "no 100 for who has not logged on", peers=False),
    Entry("expectation at a path that is not published", "S-HTTP-15", _EXPECT, "no 100 for what is refused anyway", request(b"POST /x HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 5"), Outcome((Answer(404),)), peers=False),
)  # fmt: skip
