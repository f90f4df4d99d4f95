"""Limits of a head: the last size that passes and the first that does not (S-HTTP-8)."""

from tests.corpus.entry import PUBLIC_NAME, Reached, bare, passes, refused, request

_GET = b"GET /public/a HTTP/1.1"
_LIMIT = "RFC 9110 5.4; RFC 6585 5"
_HOST_LINE = len(b"Host: " + PUBLIC_NAME + b"\r\n")


def _target(octets: int) -> bytes:
    return b"/public/" + b"a" * (octets - len(b"/public/"))


def _field(octets: int, name: bytes = b"X-A") -> bytes:
    """A line of so many octets, without its CR LF."""
    return name + b": " + b"x" * (octets - len(name) - 2)


def _lines(count: int) -> list[bytes]:
    return [b"X: 1"] * (count - 1)  # Host is one too


def _section(octets: int) -> list[bytes]:
    """Fields that make, with Host, a section of so many octets."""
    left = octets - _HOST_LINE
    lines = []
    while left > 10_000:
        lines.append(_field(8_000 - 2))
        left -= 8_000
    return [*lines, _field(left - 2)]


ENTRIES = (
    passes("target of 8192 octets", request(b"GET " + _target(8192) + b" HTTP/1.1"), Reached(target=_target(8192)), "S-HTTP-8", "RFC 9112 3", "legal: 8000 octets are recommended"),
    refused("target of 8193 octets", request(b"GET " + _target(8193) + b" HTTP/1.1"), 414, "S-HTTP-8", "RFC 9112 3", "over the limit, and told so"),
    refused("target of 100,000 octets", request(b"GET " + _target(100_000) + b" HTTP/1.1"), 414, "S-HTTP-8", "RFC 9112 3", "over the limit, and told so"),
    refused("target without an end", b"GET /" + b"a" * 9_000, 414, "S-HTTP-8", "RFC 9112 3", "told before the line ends"),
    passes("query of 8000 octets", request(b"GET /public/a?" + b"q" * 8_000 + b" HTTP/1.1"), Reached(target=b"/public/a?" + b"q" * 8_000), "S-HTTP-8", "RFC 9112 3", "legal: 8000 octets are recommended"),
    passes("field line of 16,384 octets", request(_GET, _field(16_384)), Reached(has=((b"x-a", b"x" * (16_384 - 5)),)), "S-HTTP-8", _LIMIT, "legal: within the limit"),
    refused("field line of 16,385 octets", request(_GET, _field(16_385)), 431, "S-HTTP-8", _LIMIT, "over the limit, and told so"),
    refused("field line without an end", bare(_GET, b"X-A: " + b"x" * 20_000)[:-4], 431, "S-HTTP-8", _LIMIT, "told before the line ends"),
    refused("name of 20,000 octets", bare(_GET, b"x" * 20_000), 431, "S-HTTP-8", _LIMIT, "over the limit, and told so"),
    passes("200 field lines", request(_GET, *_lines(200)), Reached(has=((b"x", b"1"),)), "S-HTTP-8", _LIMIT, "legal: within the limit"),
    refused("201 field lines", request(_GET, *_lines(201)), 431, "S-HTTP-8", _LIMIT, "over the limit, and told so"),
    refused("5000 field lines", request(_GET, *_lines(5000)), 431, "S-HTTP-8", _LIMIT, "over the limit, and told so"),
    refused("field lines without an end", b"GET /public/a HTTP/1.1\r\n" + b"X: 1\r\n" * 300, 431, "S-HTTP-8", _LIMIT, "told before the head ends"),
    passes("fields of 65,536 octets", request(_GET, *_section(65_536)), Reached(), "S-HTTP-8", _LIMIT, "legal: within the limit"),
    refused("fields of 65,537 octets", request(_GET, *_section(65_537)), 431, "S-HTTP-8", _LIMIT, "over the limit, and told so"),
    refused("fields of 1 MB", request(_GET, *_section(1_000_000)), 431, "S-HTTP-8", _LIMIT, "over the limit, and told so"),
    passes("Kerberos ticket of 48,000 octets", request(_GET, b"Authorization: Negotiate " + b"Y" * 64_000), Reached(has=((b"authorization", b"Negotiate " + b"Y" * 64_000),)), "S-HTTP-8", "RFC 4559 4.1; KB 327825", "legal: Windows' MaxTokenSize, in base64"),
    passes("Kerberos ticket beside 60,000 octets", request(_GET, *_section(60_000), b"Authorization: Negotiate " + b"Y" * 60_000), Reached(), "S-HTTP-8", "RFC 4559 4.1; KB 327825", "legal: not in the sum"),
    refused("Authorization of 70,000 octets", request(_GET, b"Authorization: Negotiate " + b"Y" * 70_000), 431, "S-HTTP-8", "KB 327825", "more than any ticket"),
    refused("cookie of 17,000 octets", request(_GET, b"Cookie: a=" + b"x" * 17_000), 431, "S-HTTP-8", _LIMIT, "over the limit, and told so"),
    passes("cookie of 16,000 octets", request(_GET, b"Cookie: a=" + b"x" * 16_000), Reached(has=((b"cookie", b"a=" + b"x" * 16_000),)), "S-HTTP-8", _LIMIT, "legal: within the limit"),
    refused("80,000 octets of empty lines", b"\r\n" * 40_000 + request(), 431, "S-HTTP-8", "RFC 9112 2.2", "skipped, but counted"),
    passes("16,000 octets of empty lines", b"\r\n" * 8_000 + request(), Reached(), "S-HTTP-8", "RFC 9112 2.2", "skipped, but counted"),
)  # fmt: skip
