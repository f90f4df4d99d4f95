"""Lists of tokens, and the header fields that end with a connection."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.http1.events import Headers
from exfront.wire.http1.fields import end_to_end, gather, tokens


def names(headers: Headers) -> list[bytes]:
    return [name for name, _ in headers]


class EndToEndTests(SynchronousTestCase):
    def test_the_fields_of_one_connection_are_removed_in_any_case(self) -> None:
        """S-HTTP-14, S-HTTP-16: Connection, what it names, and the listed fields; HTTP2-Settings always."""
        dropped: Headers = (
            (b"CONNECTION", b"X-One , x-two"), (b"Keep-Alive", b"5"), (b"Proxy-Connection", b"close"),
            (b"TE", b"trailers"), (b"Trailer", b"X"), (b"upgrade", b"h2c"), (b"Proxy-Authenticate", b"Basic"),
            (b"Proxy-Authorization", b"Basic x"),
            (b"Transfer-Encoding", b"chunked"), (b"HTTP2-Settings", b"AAMA"), (b"x-ONE", b"1"), (b"X-Two", b"2"),
            (b"x-three", b"3"), (b"connection", b"X-Three"),
        )  # fmt: skip
        kept: Headers = ((b"Host", b"a"), (b"X-Four", b"4"), (b"Content-Length", b"0"))
        self.assertEqual(end_to_end(kept[:1] + dropped + kept[1:]), kept)

    def test_connection_cannot_take_protected_fields_away(self) -> None:
        """S-HTTP-14: `Connection: X-Forwarded-For, Host` leaves both; so Content-Length, Authorization and Cookie."""
        headers: Headers = (
            (b"Connection", b"X-Forwarded-For, Host, content-length, AUTHORIZATION, Cookie, Via, Front-End-Https, X"),
            (b"X-Forwarded-For", b"1.2.3.4"), (b"Host", b"a"), (b"Content-Length", b"3"), (b"Authorization", b"x"),
            (b"Cookie", b"c"), (b"via", b"v"), (b"Front-End-Https", b"On"), (b"X", b"y"),
        )  # fmt: skip
        self.assertEqual(names(end_to_end(headers)), names(headers[1:-1]))

    def test_what_is_protected_can_be_set(self) -> None:
        """S-HTTP-14: the fields that a caller adds are protected by its own list."""
        headers: Headers = ((b"Connection", b"Host, X-Session"), (b"Host", b"a"), (b"X-Session", b"1"))
        self.assertEqual(names(end_to_end(headers, frozenset({b"x-session"}))), [b"X-Session"])

    def test_headers_without_connection_keep_their_order(self) -> None:
        headers: Headers = ((b"B", b"1"), (b"A", b"2"), (b"B", b"3"))
        self.assertEqual(end_to_end(headers), headers)


class ListTests(SynchronousTestCase):
    def test_tokens_are_lower_case_and_without_empty_ones(self) -> None:
        self.assertEqual(tokens([b"Close, ,\tKeep-Alive ", b"", b"x,y"]), [b"close", b"keep-alive", b"x", b"y"])

    def test_gather_finds_names_in_any_case_in_their_order(self) -> None:
        headers: Headers = ((b"A", b"1"), (b"b", b"2"), (b"a", b"3"), (b"c", b"4"))
        self.assertEqual(gather(headers, frozenset({b"a", b"c", b"d"})), {b"a": [b"1", b"3"], b"c": [b"4"]})
