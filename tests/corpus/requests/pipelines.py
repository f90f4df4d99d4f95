"""Several requests on one connection: in order, and none that only one reader sees (S-HTTP-13)."""

from tests.corpus.entry import TARGET, Answer, Entry, Outcome, Reached, chunked, passes, post, refused, request

_PIPELINE = "RFC 9112 9.3.2"
_SMUGGLED = b"GET /public/evil HTTP/1.1\r\nHost: mail.fourthcoffee.com\r\n\r\n"
_OK = Answer(200, b"seen " + TARGET)


def _get(name: str, *fields: bytes) -> bytes:
    return request(b"GET /public/" + name.encode() + b" HTTP/1.1", *fields)


def _seen(*names: str) -> tuple[Reached, ...]:
    return tuple(Reached(target=b"/public/" + name.encode()) for name in names)


def _then(
    name: str,
    octets: bytes,
    answers: tuple[Answer, ...],
    reached: tuple[Reached, ...],
    rule: str,
    source: str,
    why: str,
    **more: bool,
) -> Entry:
    return Entry(name, rule, source, why, octets, Outcome(answers, reached, more.pop("kept", False)), **more)


def _smuggles(name: str, octets: bytes, status: int, source: str, why: str) -> Entry:
    return refused(name, octets, status, "S-HTTP-13", source, why)


ENTRIES = (
    passes("three requests", _get("one") + _get("two") + _get("three"), _seen("one", "two", "three"), "S-HTTP-13", _PIPELINE, "legal"),
    passes("forty requests", b"".join(_get(str(n)) for n in range(40)), _seen(*map(str, range(40))), "S-HTTP-13", _PIPELINE, "legal"),
    passes("body between requests", _get("one") + post(b"Content-Length: 3", body=b"abc") + _get("two"), (*_seen("one"), Reached(b"POST", body=b"abc"), *_seen("two")), "S-HTTP-13", _PIPELINE, "legal"),
    passes("chunks between requests", _get("one") + chunked(b"3\r\nabc\r\n0\r\n\r\n") + _get("two"), (*_seen("one"), Reached(b"POST", body=b"abc"), *_seen("two")), "S-HTTP-13", _PIPELINE, "legal"),
    passes("HEAD among others", request(b"HEAD /public/a HTTP/1.1") + _get("two"), (Reached(b"HEAD"), *_seen("two")), "S-HTTP-29", _PIPELINE, "legal"),
    passes("empty line between requests", _get("one") + b"\r\n" + _get("two"), _seen("one", "two"), "S-HTTP-1", "RFC 9112 2.2", "legal: at least one is skipped"),
    passes("empty line behind a body", post(b"Content-Length: 2", body=b"ab\r\n") + _get("two"), (Reached(b"POST", body=b"ab"), *_seen("two")), "S-HTTP-1", "RFC 9112 2.2", "old clients send it; to be skipped"),
    passes("request in the body, and one behind it", post(b"Content-Length: %d" % len(_SMUGGLED), body=_SMUGGLED) + _get("two"), (Reached(b"POST", body=_SMUGGLED), *_seen("two")), "S-HTTP-13", "RFC 9112 6.3", "legal: the body is data"),
    passes("request behind an empty chunked body", chunked(b"0\r\n\r\n") + _get("two"), (Reached(b"POST"), *_seen("two")), "S-HTTP-11", "RFC 9112 7.1", "legal: a request of its own, seen as such"),
    passes("request behind an empty body", post(b"Content-Length: 0") + _get("two"), (Reached(b"POST"), *_seen("two")), "S-HTTP-9", "RFC 9112 6.3", "legal: a request of its own, seen as such"),
    passes("request behind a GET with a body", request(b"GET /public/a HTTP/1.1", b"Content-Length: 2", body=b"ab") + _get("two"), (Reached(body=b"ab"), *_seen("two")), "S-HTTP-9", "RFC 9110 9.3.1", "legal: the body is read, whatever the method"),
    passes("two requests, then the client's end", _get("one") + _get("two"), _seen("one", "two"), "S-HTTP-13", "RFC 9112 9.6", "legal: who sends no more still gets its answers", kept=False, ends=True, answers=(Answer(200, b"seen /public/one"), Answer(200, b"seen /public/two"))),
    _then("request behind close", _get("one", b"Connection: close") + _get("two"), (Answer(200),), _seen("one"), "S-HTTP-13", "RFC 9112 9.6", "nothing counts behind close"),
    _then("request behind HTTP/1.0", request(b"GET /public/a HTTP/1.0") + _get("two"), (_OK,), (Reached(),), "S-HTTP-13", "RFC 9112 9.3", "HTTP/1.0 ends the connection"),
    _then("malformed request behind a good one", _get("one") + b"GET /public/two\r\n\r\n", (Answer(200), Answer(400)), _seen("one"), "S-HTTP-13", _PIPELINE, "the good one is answered first"),
    _then("good request behind a malformed one", b"GET  /public/a HTTP/1.1\r\n\r\n" + _get("two"), (Answer(400),), (), "S-HTTP-13", "RFC 9112 9.3.2, 11.2", "behind a fault nothing is read"),
    _then("good request behind a bad length", post(b"Content-Length: 2, 2", body=b"ab") + _get("two"), (Answer(400),), (), "S-HTTP-13", "RFC 9112 6.3, 11.2", "behind a fault nothing is read"),
    _then("good request behind a bad chunk", chunked(b"2\r\nabX\r\n0\r\n\r\n") + _get("two"), (Answer(400),), (), "S-HTTP-13", "RFC 9112 7.1, 11.2", "behind a fault nothing is read"),
    _then("half a request behind a good one", _get("one") + b"GET /public/tw", (Answer(200),), _seen("one"), "S-HTTP-30", "RFC 9112 8", "incomplete", ends=True),
    _then("half a body behind a good one", _get("one") + post(b"Content-Length: 9", body=b"abc"), (Answer(200),), _seen("one"), "S-HTTP-30", "RFC 9112 8", "incomplete, also for the back end", ends=True),
    _then("request behind a refused path", request(b"GET /x HTTP/1.1") + _get("two"), (Answer(404), Answer(200)), _seen("two"), "S-HTTP-13", _PIPELINE, "legal", kept=True, peers=False),
    _then("request behind OPTIONS *", request(b"OPTIONS * HTTP/1.1") + _get("two"), (Answer(200), Answer(200)), _seen("two"), "S-HTTP-13", _PIPELINE, "legal", kept=True, peers=False),
    _then("request behind an unknown method", request(b"FROB /public/a HTTP/1.1") + _get("two"), (Answer(501), Answer(200)), _seen("two"), "S-HTTP-13", _PIPELINE, "legal", kept=True, peers=False),
    _then("request behind CONNECT", request(b"CONNECT a:443 HTTP/1.1") + _get("two"), (Answer(405),), (), "S-HTTP-7", "RFC 9110 9.3.6", "behind CONNECT a tunnel could be meant"),
    _then("request behind a wrong path, as a body", request(b"GET /public/../x HTTP/1.1") + _get("two"), (Answer(400),), (), "S-HTTP-21", "RFC 3986 5.2.4", "behind a fault nothing is read", peers=False),
    _smuggles("CL.TE", post(b"Content-Length: 6", b"Transfer-Encoding: chunked", body=b"0\r\n\r\nG") + _SMUGGLED, 400, "RFC 9112 6.3, 11.2", "CL.TE: a request that only the back end sees"),
    _smuggles("TE.CL", post(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"3c\r\n" + _SMUGGLED + b"\r\n0\r\n\r\n"), 400, "RFC 9112 6.3, 11.2", "TE.CL: a request that only the back end sees"),
    _smuggles("TE.TE", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: cow", body=b"0\r\n\r\n") + _SMUGGLED, 501, "RFC 9112 6.1, 11.2", "TE.TE: one of two hides the coding"),
    _smuggles("TE.TE in one field", post(b"Transfer-Encoding: chunked, cow", body=b"0\r\n\r\n") + _SMUGGLED, 501, "RFC 9112 6.1, 11.2", "TE.TE: one of two hides the coding"),
    _smuggles("CL.CL", post(b"Content-Length: 0", b"Content-Length: %d" % len(_SMUGGLED), body=_SMUGGLED), 400, "RFC 9112 6.3, 11.2", "two lengths"),
    _smuggles("hidden coding behind LF", post(b"X-A: b\nTransfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n") + _SMUGGLED, 400, "RFC 9112 2.2, 11.2", "a coding that only some see"),
    _smuggles("hidden length in a folded line", post(b"X-A: b\r\n Content-Length: 5", body=b"") + _SMUGGLED, 400, "RFC 9112 5.2, 11.2", "a length that only some see"),
    _smuggles("chunk extension with LF", chunked(b"2;\nxx\r\n30\r\nab\r\n0\r\n\r\n") + _SMUGGLED, 400, "RFC 9112 7.1.1; CVE-2025-55315", "TERM.EXT: a chunk of two lengths"),
    _smuggles("chunk that ends with LF", chunked(b"2\r\nab\n0\r\n\r\n") + _SMUGGLED, 400, "RFC 9112 7.1", "SPILL.TERM: a chunk of two lengths"),
    _smuggles("size over 64 bits", chunked(b"10000000000000000\r\n\r\n") + _SMUGGLED, 400, "RFC 9112 7.1", "0 for who does not look at the overflow"),
    _smuggles("HTTP/1.0 and chunked", request(b"POST /public/a HTTP/1.0", b"Connection: keep-alive", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n") + _SMUGGLED, 400, "RFC 9112 6.1", "a coding that only some see"),
    _smuggles("space before the colon of a length", post(b"Content-Length : %d" % len(_SMUGGLED), body=_SMUGGLED), 400, "RFC 9112 5.1; CVE-2019-16869", "a length that only some see"),
    _smuggles("request in a Host", b"GET /public/a HTTP/1.1\r\nHost: a\rGET /public/evil HTTP/1.1\r\n\r\n", 400, "RFC 9112 2.2", "a bare CR ends a line for some readers"),
)  # fmt: skip
