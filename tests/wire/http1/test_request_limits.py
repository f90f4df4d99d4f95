"""The limits of a request's head (S-HTTP-8): each with its status, found without waiting for the end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.http1.events import END, RequestHead
from exfront.wire.http1.request import RequestLimits, RequestReader
from exfront.wire.http1.sections import SectionLimits
from tests.wire.http1.reading import play, refusal, requests

_START = b"GET / HTTP/1.1\r\nHost: a\r\n"


def lines(count: int, octets: int) -> bytes:
    """`count` lines of `octets` each, their CRLF included."""
    return (b"X: " + b"x" * (octets - 5) + b"\r\n") * count


class LimitTests(SynchronousTestCase):
    def accepts(self, octets: bytes) -> None:
        """In one piece and in pieces of 1000 octets it is one request."""
        pieces = [octets[i : i + 1000] for i in range(0, len(octets), 1000)]
        for split in ([octets], pieces):
            events = play(RequestReader(), split)
            self.assertEqual([type(events[0]), *events[1:]], [RequestHead, END])

    def refuses(self, status: int, octets: bytes) -> None:
        """In one piece and in pieces of 1000 octets it is `Malformed` with `status` and nothing else."""
        pieces = [octets[i : i + 1000] for i in range(0, len(octets), 1000)]
        for split in ([octets], pieces):
            events = play(RequestReader(), split)
            self.assertEqual((len(events), refusal(events)), (1, status))

    def test_a_target_of_more_than_8_kib_is_too_long(self) -> None:
        """S-HTTP-8: a target of 8193 octets is 414."""
        for target in (b"/" + b"a" * 8191, b"/?" + b"a" * 8190, b"http://a/" + b"b" * 8183):
            self.accepts(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            self.refuses(414, b"GET " + target + b"b HTTP/1.1\r\nHost: a\r\n\r\n")

    def test_a_target_without_end_is_refused_as_soon_as_it_is_too_long(self) -> None:
        """S-HTTP-8: 20 KB of target without an end are 414."""
        self.refuses(414, b"GET /" + b"a" * 20_000)
        self.assertEqual(requests(b"GET /" + b"a" * 8191), [])

    def test_more_than_200_header_lines_are_too_many(self) -> None:
        """S-HTTP-8: 201 lines are 431, before the end of the head."""
        self.accepts(_START + lines(199, 10) + b"\r\n")
        self.refuses(431, _START + lines(200, 10) + b"\r\n")
        self.refuses(431, _START + lines(200, 10))
        self.refuses(431, _START + lines(5000, 10) + b"\r\n")

    def test_a_header_line_of_more_than_16_kib_is_too_long(self) -> None:
        """S-HTTP-8: a line above 16 KiB is 431, before its end."""
        self.accepts(_START + lines(1, 16_384 + 2) + b"\r\n")
        self.refuses(431, _START + lines(1, 16_384 + 3) + b"\r\n")
        self.refuses(431, _START + b"X: " + b"x" * 16_384)
        self.refuses(431, _START + b"x" * 17_000)

    def test_header_lines_of_more_than_64_kib_together_are_too_long(self) -> None:
        """S-HTTP-8: headers above 64 KiB are 431, before the end of the head."""
        host = len(b"Host: a\r\n")
        self.accepts(_START + lines(6, 10_000) + lines(1, 5536 - host) + b"\r\n")
        self.refuses(431, _START + lines(6, 10_000) + lines(1, 5537 - host) + b"\r\n")
        self.refuses(431, _START + lines(10, 10_000))
        self.refuses(431, _START + lines(199, 16_000) + b"\r\n")

    def test_a_kerberos_token_has_a_limit_of_its_own(self) -> None:
        """S-HTTP-8: the Authorization line may have 65,535 octets and is not in the sum."""
        full = lines(6, 10_000) + lines(1, 5500)
        for name in (b"Authorization: ", b"AUTHORIZATION:"):
            token = name + b"A" * (65_535 - len(name))
            self.accepts(_START + token + b"\r\n" + full + b"\r\n")
            self.accepts(_START + full + token + b"\r\n\r\n")
            self.refuses(431, _START + token + b"A\r\n\r\n")
            self.refuses(431, _START + token + b"AAA")

    def test_only_one_authorization_line_is_out_of_the_sum(self) -> None:
        """S-HTTP-8: a second one has the limits of any line, and is refused anyway."""
        token = b"Authorization: " + b"A" * 50_000 + b"\r\n"
        self.refuses(431, _START + token + token)
        self.refuses(400, _START + token + b"Authorization: b\r\n\r\n")

    def test_the_limits_can_be_set(self) -> None:
        limits = RequestLimits(method=4, target=10, head=SectionLimits(octets=40, line=20, lines=3, authorization=30))
        for octets, status in (
            (b"GET /234567890 HTTP/1.1\r\n\r\n", 400),
            (b"GET /2345678901 HTTP/1.1\r\n\r\n", 414),
            (b"OPTIONS / HTTP/1.1\r\n\r\n", 501),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: 567890123456789012\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nX: y\r\nX: y\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: 4567890123456\r\nX: 4567890123456\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nAuthorization: 789012345678901234\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nAuthorization: 789012345678901\r\n\r\n", None),
        ):
            self.assertEqual(refusal(play(RequestReader(limits), [octets])), status, octets)
