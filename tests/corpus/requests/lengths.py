"""Content-Length: one number, and exactly so many octets."""

from tests.corpus.entry import (
    SMALL_BODY,
    Answer,
    Entry,
    Outcome,
    Reached,
    local,
    passes,
    post,
    refused,
    request,
    silent,
)

_LENGTH = "RFC 9110 8.6; RFC 9112 6.3"
_ALL_OCTETS = bytes(range(256))
_LIKE_A_REQUEST = b"GET /public/evil HTTP/1.1\r\nHost: mail.fourthcoffee.com\r\n\r\n"


def _bad(name: str, value: bytes, why: str = "digits and nothing else", source: str = _LENGTH) -> Entry:
    return refused(name, post(b"Content-Length: " + value, body=b"ab"), 400, "S-HTTP-9", source, why)


def _good(name: str, body: bytes, why: str = "legal", length: bytes = b"") -> Entry:
    field = b"Content-Length: " + (length or b"%d" % len(body))
    return passes(name, post(field, body=body), Reached(b"POST", body=body), "S-HTTP-9", _LENGTH, why)


def _small(octets: int) -> bytes:
    return request(b"POST /small/a HTTP/1.1", b"Content-Length: %d" % octets, body=b"x" * octets)


ENTRIES = (
    _bad("length with a plus sign", b"+2", source="RFC 9112 6.3; CVE-2018-7159"),
    _bad("length with a minus sign", b"-2"),
    _bad("length in hexadecimal", b"0x2"),
    _bad("length in hexadecimal digits", b"a"),
    _bad("length with an underscore", b"2_0", "some languages read it as 20"),
    _bad("length with a dot", b"2.0"),
    _bad("length with an exponent", b"2e0"),
    _bad("length with a space", b"2 0"),
    _bad("length with text behind it", b"2;x"),
    _bad("length in quotes", b'"2"'),
    _bad("length in letters", b"two"),
    _bad("empty length", b"", source="RFC 9112 6.3; CVE-2023-40225"),
    _bad("length of fullwidth digits", "２".encode(), "some languages take these for digits"),
    _bad("length of Arabic digits", "٢".encode(), "some languages take these for digits"),
    _bad("length with a no-break space", b"2\xa0"),
    _bad("list of equal lengths", b"2, 2", "may be mended by the RFC, need not be: others do not"),
    _bad("list without a space", b"2,2", "may be mended by the RFC, need not be: others do not"),
    _bad("list of different lengths", b"2, 3", "two readings"),
    _bad("length with a comma", b"2,", "a list"),
    _bad("length behind a comma", b",2", "a list"),
    _bad("length 2^63", b"9223372036854775808", "does not fit into everybody's numbers", "RFC 9110 8.6; CVE-2021-40346"),
    _bad("length 2^64 + 2", b"18446744073709551618", "2 for who does not look at the overflow"),
    _bad("length 2^32 in a thousand digits", b"9" * 1000, "does not fit into everybody's numbers"),
    _bad("chunked as a length", b"chunked"),
    refused("two equal lengths", post(b"Content-Length: 2", b"Content-Length: 2", body=b"ab"), 400, "S-HTTP-9", "RFC 9112 6.3; CVE-2020-10108", "may be mended by the RFC, need not be: others do not"),
    refused("two different lengths", post(b"Content-Length: 2", b"Content-Length: 0", body=b"ab"), 400, "S-HTTP-9", "RFC 9112 6.3; CVE-2020-10108", "two readings"),
    refused("two lengths in other case", post(b"Content-Length: 2", b"content-LENGTH: 0", body=b"ab"), 400, "S-HTTP-9", "RFC 9112 6.3", "two readings"),
    refused("second length is empty", post(b"Content-Length: 2", b"Content-Length:", body=b"ab"), 400, "S-HTTP-9", "RFC 9112 6.3; CVE-2021-40346", "two readings"),
    refused("bad length of a GET", request(b"GET /public/a HTTP/1.1", b"Content-Length: -1"), 400, "S-HTTP-9", _LENGTH, "digits and nothing else"),
    refused("bad length in HTTP/1.0", request(b"POST /public/a HTTP/1.0", b"Content-Length: 2, 2", body=b"ab"), 400, "S-HTTP-9", _LENGTH, "digits and nothing else"),
    silent("fewer octets than announced", post(b"Content-Length: 10", body=b"abc"), "S-HTTP-30", "RFC 9112 8", "incomplete, also for the back end", ends=True),
    silent("no octet of those announced", post(b"Content-Length: 10"), "S-HTTP-30", "RFC 9112 8", "incomplete, also for the back end", ends=True),
    silent("more announced than there will ever be", post(b"Content-Length: 60000000", body=b"x" * 50_000), "S-HTTP-30", "RFC 9112 8", "incomplete, also for the back end", ends=True),
    _good("body of 1 octet", b"x"),
    _good("leading zeros", b"ab", "legal: digits", b"0002"),
    _good("leading zeros of 40 digits", b"ab", "legal: digits", b"2".rjust(40, b"0")),
    _good("white space around the length", b"ab", "legal", b"\t 2 \t"),
    _good("every octet", _ALL_OCTETS),
    _good("body of line ends", b"\r\n\r\n\r\n\n\n"),
    _good("body that looks like a request", _LIKE_A_REQUEST, "legal: data"),
    _good("body that looks like chunks", b"0\r\n\r\n" + _LIKE_A_REQUEST, "legal: data"),
    _good("body of 64 KiB", _ALL_OCTETS * 256),
    _good("body of 1 MiB", _ALL_OCTETS * 4096),
    _good("empty body in many digits", b"", length=b"0000"),
    passes("length in other case", post(b"CONTENT-length: 2", body=b"ab"), Reached(b"POST", body=b"ab"), "S-HTTP-9", "RFC 9110 5.1", "legal"),
    passes("body of the most octets allowed", _small(SMALL_BODY), Reached(b"POST", b"/small/a", b"x" * SMALL_BODY), "S-HTTP-25", "RFC 9110 15.5.14", "legal", peers=False),
    refused("body of one octet more", _small(SMALL_BODY + 1), 413, "S-HTTP-25", "RFC 9110 15.5.14", "over the limit of the directory", peers=False),
    refused("body of 64 MiB and one octet", post(b"Content-Length: 67108865"), 413, "S-HTTP-25", "RFC 9110 15.5.14", "over the limit, told before an octet of it is sent", peers=False),
    refused("body of 2^63 - 1 octets", post(b"Content-Length: 9223372036854775807"), 413, "S-HTTP-25", "RFC 9110 15.5.14", "over the limit, told before an octet of it is sent"),
    Entry("short body of a path that is not published", "S-HTTP-17", "RFC 9112 9.3", "a short body is read, the connection lives on", request(b"POST /x HTTP/1.1", b"Content-Length: 2", body=b"ab"), Outcome((Answer(404),), kept=True), peers=False),
    local("no body where one could be", request(b"POST /x HTTP/1.1", b"Content-Length: 0"), 404, "S-HTTP-22", "RFC 9110 15.5.5", "only what is configured exists", peers=False),
)  # fmt: skip
