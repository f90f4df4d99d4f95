"""What is written: heads made anew, bodies held to their framing, nothing that could be another message."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.http1.events import (
    CHUNKED,
    END,
    NO_BODY,
    UNTIL_CLOSE,
    Data,
    Framing,
    Headers,
    Length,
    RequestHead,
    ResponseHead,
)  # fmt: skip
from exfront.wire.http1.request import RequestReader
from exfront.wire.http1.response import ResponseReader
from exfront.wire.http1.write import REASON_PHRASES, BodyWriter, FramingError, request_head, response_head
from tests.wire.http1.reading import play

_HEADERS: Headers = ((b"Host", b"a"), (b"X", b"y z"))
_FALSE_FRAMING: Headers = ((b"content-length", b"7"), (b"Transfer-Encoding", b"gzip"))


class RequestHeadTests(SynchronousTestCase):
    def test_a_request_head_is_written_with_its_framing(self) -> None:
        """S-HTTP-13: one Content-Length, one chunked, or neither; never what the headers say of it."""
        for framing, line in (
            (NO_BODY, b""),
            (Length(0), b"Content-Length: 0\r\n"),
            (Length(5), b"Content-Length: 5\r\n"),
            (CHUNKED, b"Transfer-Encoding: chunked\r\n"),
        ):
            written = request_head(b"GET", b"/a?b", _FALSE_FRAMING + _HEADERS, framing)
            self.assertEqual(written, b"GET /a?b HTTP/1.1\r\nHost: a\r\nX: y z\r\n" + line + b"\r\n")

    def test_what_would_make_another_request_is_refused(self) -> None:
        """S-HTTP-40: CR, LF, NUL and other control octets in values, names that are no tokens, raise."""
        for headers in (
            ((b"X", b"a\r\nHost: b"),), ((b"X", b"a\nb"),), ((b"X", b"a\rb"),), ((b"X", b"a\0"),), ((b"X", b"\x1b"),),
            ((b"X: a\r\nY", b"b"),), ((b"X:", b"a"),), ((b"", b"a"),), ((b"X ", b"a"),), ((b"X:a", b"b"),),
            ((b" X", b"a"),), ((b"X", b"a"), (b"Y", b"b\r\n c")), ((b"X", b"a\r\n"), (b"Y", b"b")),
            ((b"X", b"\r\n"),), ((b"X\r\n", b""),),
        ):  # fmt: skip
            self.assertRaises(ValueError, request_head, b"GET", b"/", headers, NO_BODY)
            self.assertRaises(ValueError, response_head, 200, None, headers, Length(0))

    def test_the_error_does_not_hold_the_value(self) -> None:
        """S-AUTH-11: the value may be a password."""
        error = self.assertRaises(ValueError, request_head, b"GET", b"/", ((b"X", b"s3cret\n"),), NO_BODY)
        self.assertNotIn("s3cret", str(error))

    def test_a_method_or_a_target_that_would_make_another_line_is_refused(self) -> None:
        """S-HTTP-13: method and target are checked again."""
        for method, target in (
            (b"GET /", b"/"), (b"", b"/"), (b"GET", b""), (b"GET", b"/ HTTP/1.1\r\n"), (b"GET", b"/a b"),
            (b"GET", b"/\xe9"),
        ):  # fmt: skip
            self.assertRaises(ValueError, request_head, method, target, _HEADERS, NO_BODY)
        self.assertRaises(ValueError, request_head, b"GET", b"/", _HEADERS, UNTIL_CLOSE)


class ResponseHeadTests(SynchronousTestCase):
    def test_a_response_head_is_written_with_its_framing(self) -> None:
        """S-HTTP-13: one Content-Length, one chunked, or neither; never what the headers say of it."""
        for framing, minor, line in (
            (Length(5), 1, b"Content-Length: 5\r\n"),
            (CHUNKED, 1, b"Transfer-Encoding: chunked\r\n"),
            (UNTIL_CLOSE, 0, b""),
        ):
            written = response_head(200, b"Fine", (*_FALSE_FRAMING, (b"X", b"y")), framing, minor)
            self.assertEqual(written, b"HTTP/1.%d 200 Fine\r\nX: y\r\n%b\r\n" % (minor, line))

    def test_a_length_that_only_describes_stays(self) -> None:
        """S-HTTP-29: Content-Length of HEAD and 304 is passed on; 1xx and 204 have none."""
        for status, line in ((200, b"content-length: 7\r\n"), (304, b"content-length: 7\r\n"), (204, b""), (100, b"")):
            written = response_head(status, b"", _FALSE_FRAMING, NO_BODY)
            self.assertEqual(written, b"HTTP/1.1 %d \r\n%b\r\n" % (status, line))

    def test_a_reason_phrase_is_found_for_each_status_in_use(self) -> None:
        self.assertEqual(response_head(440, None, (), Length(0)).split(b"\r\n")[0], b"HTTP/1.1 440 Login Timeout")
        self.assertEqual(response_head(299, None, (), Length(0)).split(b"\r\n")[0], b"HTTP/1.1 299 ")
        needed = {400, 401, 403, 404, 405, 408, 413, 414, 417, 421, 431, 440, 441, 500, 501, 502, 503, 504, 505, 508}
        self.assertEqual(needed - set(REASON_PHRASES), set())

    def test_what_no_client_could_read_is_refused(self) -> None:
        """S-HTTP-30, S-HTTP-40: chunks to HTTP/1.0, bodies with 1xx, 204 and 304, odd statuses and phrases raise."""
        refused: tuple[tuple[int, bytes | None, Framing, int], ...] = (
            (200, None, CHUNKED, 0), (204, None, Length(0), 1), (304, None, CHUNKED, 1), (100, None, UNTIL_CLOSE, 1),
            (99, None, Length(0), 1), (600, None, Length(0), 1), (200, b"a\r\nX: y", Length(0), 1),
            (200, b"\0", Length(0), 1),
        )  # fmt: skip
        for status, reason, framing, minor in refused:
            self.assertRaises(ValueError, response_head, status, reason, (), framing, minor)


class BodyWriterTests(SynchronousTestCase):
    def test_pieces_of_a_body_with_a_length_pass_through_without_a_copy(self) -> None:
        writer, piece = BodyWriter(Length(6)), b"abc"
        self.assertIs(writer.data(piece), piece)
        self.assertEqual([writer.data(b""), writer.data(b"def"), writer.end()], [b"", b"def", b""])

    def test_more_octets_than_declared_raise(self) -> None:
        """S-HTTP-13: body octets equal the declared length, else the caller aborts."""
        for framing, before, more in ((Length(3), b"ab", b"cd"), (Length(3), b"abc", b"d"), (NO_BODY, b"", b"a")):
            writer = BodyWriter(framing)
            writer.data(before)
            self.assertRaises(FramingError, writer.data, more)

    def test_fewer_octets_than_declared_raise_at_the_end(self) -> None:
        """S-HTTP-13, S-HTTP-30: what was cut is never completed."""
        writer = BodyWriter(Length(3))
        writer.data(b"ab")
        self.assertRaises(FramingError, writer.end)

    def test_nothing_is_written_behind_the_end(self) -> None:
        for framing in (Length(0), CHUNKED, NO_BODY, UNTIL_CLOSE):
            writer = BodyWriter(framing)
            writer.end()
            self.assertRaises(FramingError, writer.data, b"a")
            self.assertRaises(FramingError, writer.end)

    def test_chunks_are_written_one_a_piece_and_never_an_early_last_one(self) -> None:
        writer = BodyWriter(CHUNKED)
        written = [writer.data(b"hello"), writer.data(b""), writer.data(b"x" * 300), writer.end()]
        self.assertEqual(written, [b"5\r\nhello\r\n", b"", b"12c\r\n" + b"x" * 300 + b"\r\n", b"0\r\n\r\n"])

    def test_a_body_until_close_is_written_as_it_is(self) -> None:
        writer = BodyWriter(UNTIL_CLOSE)
        self.assertEqual([writer.data(b"abc"), writer.end()], [b"abc", b""])


_TOKEN = st.text("!#$%&'*+-.^_`|~09AZaz", min_size=1, max_size=8).map(str.encode)
_VALUE = st.binary(max_size=12).map(lambda octets: bytes(o for o in octets if o >= 0x20 and o != 0x7F).strip(b" "))
_FIELDS = st.lists(st.tuples(_TOKEN.map(lambda name: b"X" + name), _VALUE), max_size=5).map(tuple)
_TARGET = st.text("/abc?%2f&=.;:@!$'()*+,~_-\\|^`{}\"<>", max_size=12).map(lambda path: b"/" + path.encode())
_PIECES = st.lists(st.binary(min_size=1, max_size=10), max_size=4)


class RoundTripTests(SynchronousTestCase):
    @given(_TOKEN, _TARGET, _FIELDS, _PIECES, st.sampled_from([NO_BODY, Length(0), CHUNKED]))
    @settings(deadline=None, max_examples=200)
    def test_what_is_written_as_a_request_is_read_as_the_same(
        self, method: bytes, target: bytes, headers: Headers, pieces: list[bytes], framing: Framing
    ) -> None:
        octets = b"".join(pieces)
        framing = Length(len(octets)) if isinstance(framing, Length) or (octets and framing == NO_BODY) else framing
        headers = ((b"Host", b"h"), *headers)
        writer = BodyWriter(framing)
        body = b"".join([writer.data(piece) for piece in pieces] + [writer.end()])
        events = play(RequestReader(), [request_head(method, target, headers, framing) + body])
        request = events[0]
        assert isinstance(request, RequestHead)
        self.assertEqual((request.method, request.target, request.framing), (method, target, framing))
        self.assertEqual(request.headers[: len(headers)], headers)
        self.assertEqual(request.path + (b"" if request.query is None else b"?" + request.query), target)
        self.assertEqual(events[1:], [Data(octets), END] if octets else [END])

    @given(st.integers(200, 599), _VALUE, _FIELDS, _PIECES, st.sampled_from([Length(0), CHUNKED, UNTIL_CLOSE]))
    @settings(deadline=None, max_examples=200)
    def test_what_is_written_as_a_response_is_read_as_the_same(
        self, status: int, reason: bytes, headers: Headers, pieces: list[bytes], framing: Framing
    ) -> None:
        octets = b"" if status in (204, 304) else b"".join(pieces)
        framing = Length(len(octets)) if isinstance(framing, Length) else framing
        framing = NO_BODY if status in (204, 304) else framing
        writer = BodyWriter(framing)
        body = writer.data(octets) + writer.end()
        events = play(ResponseReader(b"GET"), [response_head(status, reason, headers, framing) + body], ended=True)
        response = events[0]
        assert isinstance(response, ResponseHead)
        self.assertEqual((response.status, response.reason, response.framing), (status, reason, framing))
        self.assertEqual(response.headers[: len(headers)], headers)
        self.assertEqual(events[1:], [Data(octets), END] if octets else [END])
