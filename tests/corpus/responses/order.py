"""Interim answers, answers that come early, and octets behind an answer (S-HTTP-17, -28, -29)."""

from tests.corpus.entry import TARGET, Answer, Entry, Outcome, Reached, answered, bad_answer, post, request

_INTERIM = "RFC 9110 15.2"
_GET10 = request(b"GET " + TARGET + b" HTTP/1.0")
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
_WEB_SOCKET = request(
    b"GET " + TARGET + b" HTTP/1.1",
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
_BIG = post(b"Content-Length: 10000000", body=b"x" * 10_000_000)
_SHORT = post(b"Content-Length: 1000", body=b"x" * 1000)
_EXPECTS = post(b"Expect: 100-continue", b"Content-Length: 2")
_DROPPED = "no answer to anything: the connection to the back end ends"


def _interim(
    name: str, answer: bytes, interim: tuple[int, ...], why: str, octets: bytes = request(), kept: bool = True
) -> Entry:
    return answered(
        name, answer + _OK, Answer(200, b"ok", interim=interim), "S-HTTP-28", _INTERIM, why, octets, kept=kept
    )


def _surplus(
    name: str,
    answer: bytes,
    body: bytes = b"ok",
    source: str = "RFC 9112 6.3; CVE-2026-1642",
    late: bytes = b"",
    status: int = 200,
    octets: bytes = request(),
) -> Entry:
    return answered(name, answer, Answer(status, body), "S-HTTP-29", source, _DROPPED, octets, reuses=False, late=late)


def _early(
    name: str,
    answer: bytes,
    client: Answer,
    why: str,
    octets: bytes = _BIG,
    kept: bool = False,
    whole: bool = False,
    ending: str = "stay",
) -> Entry:
    body = octets.partition(b"\r\n\r\n")[2]
    reached = (Reached(b"POST", body=body),) if whole else ()
    return Entry(
        name,
        "S-HTTP-17",
        "RFC 9112 9.3, 9.6; RFC 9110 10.1.1",
        why,
        octets,
        Outcome((client,), reached, kept),
        answer=answer,
        early=True,
        ending=ending,
    )  # type: ignore[arg-type]


ENTRIES = (
    _interim("103 before the answer", _HINTS, (103,), "legal: relayed"),
    _interim("102 before the answer", b"HTTP/1.1 102 Processing\r\n\r\n", (102,), "legal: relayed"),
    _interim("199 before the answer", b"HTTP/1.1 199 Odd\r\n\r\n", (199,), "legal: relayed"),
    _interim("eight 103 before the answer", _HINTS * 8, (103,) * 8, "legal: relayed"),
    _interim("103 with a length", b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", (103,), "no interim answer has a body"),
    _interim("103 to HTTP/1.0", _HINTS, (), "HTTP/1.0 knows no interim answers", _GET10, kept=False),
    _interim("100 that nobody asked for", _CONTINUE, (), "may be dropped: the client did not ask"),
    _interim("several 100 that nobody asked for", _CONTINUE * 3, (), "may be dropped: the client did not ask"),
    Entry(
        "nine 103", "S-HTTP-28", _INTERIM, "over the limit", request(),
        Outcome((Answer(502, interim=(103,) * 8),), (Reached(),), kept=True), answer=_HINTS * 9 + _OK, reuses=False,
    ),
    bad_answer("101 that nobody asked for", _SWITCH, "S-HTTP-28", "RFC 9110 7.8, 15.2.2", "a tunnel that nobody asked for"),
    bad_answer("101 to a web socket that was not forwarded", _SWITCH + b"\x81\x02hi", "S-HTTP-16", "RFC 9110 7.8", "a tunnel that nobody asked for", octets=_WEB_SOCKET),
    bad_answer("101, and an answer behind it", _SWITCH + _OK, "S-HTTP-28", "RFC 9110 15.2.2", "a tunnel that nobody asked for"),
    bad_answer("malformed 103", b"HTTP/1.1 103 Early Hints\r\nLink : a\r\n\r\n" + _OK, "S-HTTP-27", "RFC 9112 5.1", "no field line"),
    Entry("103, then the end", "S-HTTP-30", "RFC 9112 8", "incomplete", request(), Outcome((Answer(502, interim=(103,)),), (Reached(),), kept=True), answer=_HINTS, ending="close", reuses=False),
    Entry("100 of the back end to who waits", "S-HTTP-15", "RFC 9110 10.1.1", "legal: relayed", _EXPECTS, Outcome((Answer(200, b"ok", interim=(100,)),), (Reached(b"POST", body=b"ab"),), kept=True), later=b"ab", answer=_CONTINUE + _OK, early=True),
    Entry("refusal of the back end to who waits", "S-HTTP-15", "RFC 9110 10.1.1", "legal: no 100, and the body is not sent", _EXPECTS, Outcome((Answer(403, b"no"),)), answer=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", early=True),
    _surplus("a second answer", _OK + _SECOND),
    _surplus("garbage behind an answer", _OK + b"\0\xff garbage"),
    _surplus("an empty line behind an answer", _OK + b"\r\n"),
    _surplus("one octet behind an answer", _OK + b"x"),
    _surplus("a second answer behind chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + _SECOND),
    _surplus("a second answer behind 204", b"HTTP/1.1 204 No Content\r\n\r\n" + _SECOND, b"", status=204),
    _surplus("a second answer behind 304", b"HTTP/1.1 304 Not Modified\r\n\r\n" + _SECOND, b"", status=304),
    _surplus("an answer a moment later", _OK, late=_SECOND),
    _surplus("408 of the back end a moment later", _OK, late=b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    _surplus("two answers to HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + _SECOND, b"", octets=request(b"HEAD " + TARGET + b" HTTP/1.1")),
    _early("413 before the body", b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", Answer(413, b"no"), "legal: relayed whole, and the connection ends"),
    _early("401 before the body", b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"\r\nContent-Length: 2\r\n\r\nno", Answer(401, b"no"), "legal: relayed whole, and the connection ends"),
    _early("413 before the body, and close", b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", Answer(413, b"no"), "legal: relayed whole, and the connection ends", ending="close"),
    _early("413 in chunks before the body", b"HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", Answer(413, b"no"), "legal: relayed whole, and the connection ends"),
    _early("200 before a long body", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Answer(200, b"ok"), "legal: relayed whole, and the connection ends"),
    _early("200 in chunks before a long body", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", Answer(200, b"ok"), "legal: relayed whole, and the connection ends"),
    _early("two answers before a long body", _OK + _SECOND, Answer(200, b"ok"), "legal: the first one is relayed, and the connection ends"),
    _early("200 before a short body", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Answer(200, b"ok"), "legal: the rest is short, and the connection lives on", _SHORT, kept=True, whole=True),
    _early("404 before a short body", b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", Answer(404, b"no"), "legal: the rest is short, and the connection lives on", _SHORT, kept=True, whole=True),
    Entry(
        "cut answer before the body", "S-HTTP-30", "RFC 9112 8", "what was cut must not look complete", _BIG,
        Outcome((Answer(200, b"ab", complete=False),)), answer=b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab", early=True, ending="close",
    ),
)  # fmt: skip
