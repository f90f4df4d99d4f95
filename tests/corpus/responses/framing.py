"""How long an answer is; answers that end too early (S-HTTP-27, -29, -30)."""

from tests.corpus.entry import TARGET, Answer, Entry, answered, bad_answer, cut_answer, request

_BODY_LENGTH = "RFC 9112 6.3"
_CUT = "RFC 9112 8"
_INCOMPLETE = "what was cut must not look complete"
_GET10 = request(b"GET " + TARGET + b" HTTP/1.0")
_HEAD = request(b"HEAD " + TARGET + b" HTTP/1.1")
_CHUNKS = b"5\r\nabcde\r\n0\r\n\r\n"


def _ok(*fields: bytes, body: bytes = b"", status: bytes = b"200 OK", minor: bytes = b"1") -> bytes:
    return b"\r\n".join((b"HTTP/1." + minor + b" " + status, *fields, b"", body))


def _chunked(body: bytes) -> bytes:
    return _ok(b"Transfer-Encoding: chunked", body=body)


def _bad(
    name: str,
    *fields: bytes,
    why: str = "two readings",
    source: str = _BODY_LENGTH,
    body: bytes = b"ok",
    minor: bytes = b"1",
) -> Entry:
    return bad_answer(
        name + ", in an answer", _ok(b"X-Bad: 1", *fields, body=body, minor=minor), "S-HTTP-27", source, why
    )


def _length(name: str, value: bytes, why: str = "digits and nothing else") -> Entry:
    return _bad(f"length {name}", b"Content-Length: " + value, why=why)


def _bad_chunk(
    name: str, body: bytes, got: bytes, why: str = "hexadecimal digits and CR LF", source: str = "RFC 9112 7.1"
) -> Entry:
    return cut_answer(name + ", in an answer", _chunked(body), got, "S-HTTP-27", source, why)


def _cut(name: str, answer: bytes, body: bytes, why: str = _INCOMPLETE, **more: str | bytes) -> Entry:
    return cut_answer(name, answer, body, "S-HTTP-30", _CUT, why, **more)


def _good(
    name: str, answer: bytes, body: bytes, why: str = "legal", source: str = _BODY_LENGTH, **more: str | bytes | bool
) -> Entry:
    return answered(name, answer, Answer(200, body), "S-HTTP-27", source, why, **more)  # type: ignore[arg-type]


def _none(
    name: str,
    status: bytes,
    *fields: bytes,
    octets: bytes = request(),
    why: str = "legal: there is no body, whatever the head says",
    body: bytes = b"",
) -> Entry:
    client = Answer(int(status[:3]), b"")
    return answered(
        name, _ok(*fields, status=status, body=body), client, "S-HTTP-29", "RFC 9112 6.3", why, octets, reuses=not body
    )


ENTRIES = (
    _bad("two equal lengths", b"Content-Length: 2", b"Content-Length: 2", why="may be mended, need not be"),
    _bad("two different lengths", b"Content-Length: 2", b"Content-Length: 5"),
    _bad("two lengths in other case", b"Content-Length: 2", b"CONTENT-LENGTH: 5"),
    _bad("length and chunked", b"Content-Length: 2", b"Transfer-Encoding: chunked", body=_CHUNKS, source="RFC 9112 6.1, 6.3"),
    _bad("chunked and length", b"Transfer-Encoding: chunked", b"Content-Length: 2", body=_CHUNKS, source="RFC 9112 6.1, 6.3"),
    _bad("identity", b"Transfer-Encoding: identity", why="a coding that is not known", source="RFC 9112 6.1"),
    _bad("gzip, chunked", b"Transfer-Encoding: gzip, chunked", body=_CHUNKS, why="a coding that we did not ask for", source="RFC 9112 6.1"),
    _bad("chunked, gzip", b"Transfer-Encoding: chunked, gzip", body=_CHUNKS, why="a coding that is not known", source="RFC 9112 6.1"),
    _bad("chunked twice", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=_CHUNKS, why="no coding is applied twice", source="RFC 9112 7.1"),
    _bad("xchunked", b"Transfer-Encoding: xchunked", body=_CHUNKS, why="a coding that is not known", source="RFC 9112 6.1"),
    _bad("empty coding", b"Transfer-Encoding:", why="no coding", source="RFC 9112 6.1"),
    _bad("chunked in HTTP/1.0", b"Transfer-Encoding: chunked", body=_CHUNKS, minor=b"0", why="HTTP/1.0 has no chunks", source="RFC 9112 6.1"),
    _bad("vertical tab before chunked", b"Transfer-Encoding: \x0bchunked", body=_CHUNKS, why="white space for some readers only", source="CVE-2019-18277"),
    _length("with a plus sign", b"+2"),
    _length("with a minus sign", b"-2"),
    _length("in hexadecimal", b"0x2"),
    _length("with text behind it", b"2 octets"),
    _length("in a list of equals", b"2, 2", "may be mended, need not be"),
    _length("in a list of two", b"2, 3", "two readings"),
    _length("that is empty", b""),
    _length("of 2^63", b"9223372036854775808", "does not fit into everybody's numbers"),
    _length("of 2^64 + 2", b"18446744073709551618", "2 for who does not look at the overflow"),
    _length("with an underscore", b"2_0"),
    _bad_chunk("bad size", b"5\r\nabcde\r\nx\r\n", b"abcde"),
    _bad_chunk("bad first size", b"0x5\r\nabcde\r\n0\r\n\r\n", b""),
    _bad_chunk("LF behind a size", b"5\nabcde\r\n0\r\n\r\n", b"", "lines end in CR LF"),
    _bad_chunk("LF in an extension", b"5;a\nabcde\r\n0\r\n\r\n", b"", "an extension for some, a line end for others", "RFC 9112 7.1.1; CVE-2025-55315"),
    _bad_chunk("text behind a chunk", b"5\r\nabcdeXX\r\n0\r\n\r\n", b"abcde", "a chunk of two lengths"),
    _bad_chunk("LF behind a chunk", b"5\r\nabcde\n0\r\n\r\n", b"abcde", "lines end in CR LF"),
    _bad_chunk("size of 17 digits", b"5\r\nabcde\r\n00000000000000005\r\n", b"abcde", "more digits than 64 bits have"),
    _bad_chunk("empty size", b"5\r\nabcde\r\n\r\n", b"abcde"),
    _bad_chunk("size with a minus sign", b"5\r\nabcde\r\n-5\r\n", b"abcde"),
    _bad_chunk("extension of 5000 octets", b"5\r\nabcde\r\n5;" + b"a" * 5000 + b"\r\n", b"abcde", "work without data", "CVE-2023-39326"),
    _bad_chunk("folded trailer", b"5\r\nabcde\r\n0\r\nX-A: 1\r\n b\r\n\r\n", b"abcde", "no field line", "RFC 9112 7.1.2"),
    _bad_chunk("trailers of 20,000 octets", b"5\r\nabcde\r\n0\r\n" + b"X-A: 12345\r\n" * 1700 + b"\r\n", b"abcde", "over the limit", "RFC 9112 7.1.2"),
    _cut("length of 10, and 2 octets", _ok(b"Content-Length: 10", body=b"ab"), b"ab", ending="close"),
    _cut("length of 10, and none", _ok(b"Content-Length: 10"), b"", ending="close"),
    _cut("length of 10, 2 octets and a reset", _ok(b"Content-Length: 10", body=b"ab"), b"ab", ending="reset"),
    _cut("no last chunk", _chunked(b"5\r\nabcde\r\n"), b"abcde", ending="close"),
    _cut("end within a chunk", _chunked(b"5\r\nab"), b"ab", ending="close"),
    _cut("end within a size", _chunked(b"5\r\nabcde\r\n1"), b"abcde", ending="close"),
    _cut("end behind the last size", _chunked(b"5\r\nabcde\r\n0\r\n"), b"abcde", ending="close"),
    _cut("end within the trailers", _chunked(b"5\r\nabcde\r\n0\r\nX-A: 1\r\n"), b"abcde", ending="close"),
    _cut("chunks and a reset", _chunked(b"5\r\nabcde\r\n"), b"abcde", ending="reset"),
    _cut("no length, and a reset", _ok(body=b"abcde"), b"abcde", ending="reset"),
    _cut("length of 10, 2 octets, to HTTP/1.0", _ok(b"Content-Length: 10", body=b"ab"), b"ab", octets=_GET10, ending="close"),
    _cut("no last chunk, to HTTP/1.0", _chunked(b"5\r\nabcde\r\n"), b"abcde", "an end would look complete: a reset", octets=_GET10, ending="close"),
    _cut("no length and a reset, to HTTP/1.0", _ok(body=b"abcde"), b"abcde", "an end would look complete: a reset", octets=_GET10, ending="reset"),
    _cut("answer of 1 MB, half of it", _ok(b"Content-Length: 1000000", body=b"x" * 500_000), b"x" * 500_000, ending="close"),
    _cut("bad chunk, to HTTP/1.0", _chunked(b"5\r\nabcde\r\nx\r\n"), b"abcde", "an end would look complete: a reset", octets=_GET10),
    _good("answer with a length", _ok(b"Content-Length: 5", body=b"abcde"), b"abcde"),
    _good("empty answer", _ok(b"Content-Length: 0"), b""),
    _good("length with leading zeros, in an answer", _ok(b"Content-Length: 0005", body=b"abcde"), b"abcde"),
    _good("answer of every octet", _ok(b"Content-Length: 256", body=bytes(range(256))), bytes(range(256))),
    _good("answer of 1 MiB", _ok(b"Content-Length: 1048576", body=b"x" * 1048576), b"x" * 1048576),
    _good("answer that looks like two", _ok(b"Content-Length: 38", body=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "legal: data"),
    _good("answer in chunks", _chunked(_CHUNKS), b"abcde"),
    _good("empty answer in chunks", _chunked(b"0\r\n\r\n"), b""),
    _good("chunks with extensions, in an answer", _chunked(b'5;a="b;c"\r\nabcde\r\n0;d\r\n\r\n'), b"abcde", "legal, and dropped"),
    _good("chunks with a trailer, in an answer", _chunked(b"5\r\nabcde\r\n0\r\nX-A: 1\r\nContent-Length: 3\r\n\r\n"), b"abcde", "legal, and dropped"),
    _good("a thousand chunks of one octet, in an answer", _chunked(b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n"), b"x" * 1000),
    _good("padded sizes, in an answer", _chunked(b"5  \r\nabcde\r\n0  \r\n\r\n"), b"abcde", "old servers pad their sizes"),
    _good("CHUNKED in upper case, in an answer", _ok(b"TRANSFER-encoding: CHUNKED", body=_CHUNKS), b"abcde"),
    _good("answer that ends with the connection", _ok(body=b"abcde"), b"abcde", ending="close"),
    _good("empty answer that ends with the connection", _ok(), b"", ending="close"),
    _good("answer in HTTP/1.0 that ends with the connection", _ok(body=b"abcde", minor=b"0"), b"abcde", ending="close"),
    _good("answer with Connection: close", _ok(b"Connection: close", b"Content-Length: 5", body=b"abcde"), b"abcde", ending="close", reuses=False),
    _good("answer in HTTP/1.0 with keep-alive", _ok(b"Connection: keep-alive", b"Content-Length: 5", body=b"abcde", minor=b"0"), b"abcde"),
    _good("answer in chunks, to HTTP/1.0", _chunked(_CHUNKS), b"abcde", octets=_GET10, kept=False),
    _good("answer with a length, to HTTP/1.0", _ok(b"Content-Length: 5", body=b"abcde"), b"abcde", octets=_GET10, kept=False),
    _good("answer that ends with the connection, to HTTP/1.0", _ok(body=b"abcde"), b"abcde", octets=_GET10, kept=False, ending="close"),
    _none("204", b"204 No Content"),
    _none("204 with a length", b"204 No Content", b"Content-Length: 5"),
    _none("204 with chunked", b"204 No Content", b"Transfer-Encoding: chunked"),
    _none("204 with a body", b"204 No Content", body=b"abcde", why="what follows is no answer to anything: the connection ends"),
    _none("304", b"304 Not Modified", b'ETag: "a"'),
    _none("304 with a length", b"304 Not Modified", b"Content-Length: 500"),
    _none("304 with a body", b"304 Not Modified", b"Content-Length: 5", body=b"abcde", why="what follows is no answer to anything: the connection ends"),
    _none("HEAD with a length", b"200 OK", b"Content-Length: 500", octets=_HEAD),
    _none("HEAD with chunked", b"200 OK", b"Transfer-Encoding: chunked", octets=_HEAD),
    _none("HEAD without a length", b"200 OK", octets=_HEAD),
    _none("HEAD with a body", b"200 OK", b"Content-Length: 5", octets=_HEAD, body=b"abcde", why="what follows is no answer to anything: the connection ends"),
    _none("205", b"205 Reset Content", b"Content-Length: 0"),
)  # fmt: skip
