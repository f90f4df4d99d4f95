"""The chunked coding by S-HTTP-11 and S-HTTP-12, in requests and in responses."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.http1.events import END, TRUNCATED, Data, Event, RequestHead
from exfront.wire.http1.request import RequestReader
from exfront.wire.http1.response import ResponseReader
from tests.wire.http1.reading import drain, play, refusal, requests, responses

_POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def body(octets: bytes, *, ended: bool = False) -> list[Event]:
    """The events of a chunked body; a response's are the same but for the status."""
    events, answer = requests(_POST + octets, ended=ended)[1:], responses(_OK + octets, ended=ended)[1:]
    if refusal(events) is None:
        assert answer == events, (octets, answer, events)
    else:
        assert refusal(answer) == 502, answer
    return events


class ChunkTests(SynchronousTestCase):
    def test_chunks_are_freed_from_their_framing(self) -> None:
        self.assertEqual(
            body(b"5\r\nhello\r\n1\r\n \r\nA\r\nworld\r\nabc\r\n0\r\n\r\n"), [Data(b"hello world\r\nabc"), END]
        )
        self.assertEqual(body(b"0\r\n\r\n"), [END])
        self.assertEqual(body(b"000000000000000a\r\n0123456789\r\n0000\r\n\r\n"), [Data(b"0123456789"), END])

    def test_data_that_looks_like_an_end_is_data(self) -> None:
        self.assertEqual(body(b"7\r\n0\r\n\r\n0\r\r\n0\r\n\r\n"), [Data(b"0\r\n\r\n0\r"), END])

    def test_a_chunk_line_that_is_not_valid_is_refused(self) -> None:
        """S-HTTP-11: `1;a\\nb`, `1\\na`, `0x1`, `1\\r\\naXX`, signs, no digits, over 16 digits: 400.

        Bad input: bad chunk size
        """
        for octets in (
            b"1;a\nb\r\n0\r\n\r\n", b"1\na\r\n0\r\n\r\n", b"0x1\r\na\r\n0\r\n\r\n", b"+1\r\na\r\n", b"-1\r\na\r\n",
            b"g\r\n", b"\r\n", b" 1\r\na\r\n", b"1_0\r\n", b";a\r\n", b"1 1\r\na\r\n", b"00000000000000001\r\na\r\n",
            b"1;a\x00\r\na\r\n", b"1;a\rb\r\na\r\n", b"1;a\x01\r\na\r\n", b"1,a\r\na\r\n", b"\x00", b"1\r1\r\n",
        ):  # fmt: skip
            self.assertEqual(refusal(body(octets)), 400, octets)
            self.assertEqual(len(body(octets)), 1, octets)

    def test_data_that_is_not_followed_by_crlf_is_refused(self) -> None:
        """S-HTTP-11: data must be followed by CRLF; what came before was passed on and is never completed."""
        for octets in (b"1\r\naXX", b"1\r\na\n0\r\n\r\n", b"1\r\na\rX", b"1\r\nab\r\n", b"1\r\na0\r\n\r\n"):
            self.assertEqual(body(octets)[0], Data(b"a"), octets)
            self.assertEqual(refusal(body(octets)), 400, octets)
            self.assertEqual(len(body(octets)), 2, octets)

    def test_a_faulty_chunk_line_is_refused_without_waiting_for_its_end(self) -> None:
        for octets in (b"x", b"12345678901234567", b"5 x", b"5;a\n", b"5" + b" " * 33):
            self.assertEqual(refusal(body(octets)), 400, octets)

    def test_extensions_are_dropped(self) -> None:
        """S-HTTP-11: `5;name="v"` is legal, with white space before it too; sizes that are only padded are read."""
        for line in (b'5;name="v"', b"5 ;a=b", b"5\t ; a", b"5;", b"5;a;b=c;\xe9", b"5  "):
            self.assertEqual(body(line + b"\r\nhello\r\n0" + line[1:] + b"\r\n\r\n"), [Data(b"hello"), END], line)

    def test_extensions_have_a_limit_over_all_chunks(self) -> None:
        """S-HTTP-11: more than 4 KiB of extension octets in a request are 400."""
        for size, count in ((4096, 1), (1024, 4)):
            chunks = (b"1;" + b"e" * (size - 1) + b"\r\nx\r\n") * count
            self.assertEqual(body(chunks + b"0\r\n\r\n"), [Data(b"x" * count), END])
            self.assertEqual(refusal(body(chunks + b"0;\r\n\r\n")), 400)
        self.assertEqual(refusal(body(b"1;" + b"e" * 4096 + b"\r\n")), 400)
        self.assertEqual(refusal(body(b"1;" + b"e" * 5000)), 400)
        self.assertEqual(refusal(body(b"1;" + b"e" * 4095 + b"\r\nx\r\n1;" + b"e" * 60)), 400)

    def test_many_padded_chunks_use_no_extension_octets(self) -> None:
        self.assertEqual(body(b"1  \r\nx\r\n" * 3000 + b"0\r\n\r\n"), [Data(b"x" * 3000), END])

    def test_a_huge_chunk_is_passed_on_as_it_comes(self) -> None:
        """S-HTTP-25: nothing is held but what came."""
        for reader, head in ((RequestReader(), _POST), (ResponseReader(b"GET"), _OK)):
            reader.receive(head + b"ffffffffffffffff\r\n")
            drain(reader)
            for piece in (b"x" * 5000, b"y"):
                reader.receive(piece)
                event = reader.next_event()
                assert isinstance(event, Data)
                self.assertIs(event.octets, piece)
                self.assertEqual(reader.buffered, 0)

    def test_a_body_without_its_last_chunk_is_truncated(self) -> None:
        """S-HTTP-30: a body that was cut never ends."""
        for octets in (b"", b"5", b"5\r\n", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r\n", b"0\r\n", b"0\r\nX: y\r\n"):
            events = body(octets, ended=True)
            self.assertEqual((events[-1], END in events), (TRUNCATED, False), octets)


class TrailerTests(SynchronousTestCase):
    def test_trailers_are_discarded(self) -> None:
        """S-HTTP-12: a trailer `Content-Length: 3` ends the body and changes nothing."""
        for trailer in (b"Content-Length: 3\r\n", b"Host: b\r\nX: y\r\nTransfer-Encoding: gzip\r\n", b"X:\r\n"):
            self.assertEqual(body(b"1\r\nx\r\n0\r\n" + trailer + b"\r\n"), [Data(b"x"), END])

    def test_the_next_request_follows_the_trailers(self) -> None:
        events = requests(_POST + b"0\r\nX: y\r\n\r\n" + _POST)
        self.assertEqual([type(event) for event in events], [RequestHead, type(END), RequestHead])

    def test_a_faulty_trailer_is_refused(self) -> None:
        """S-HTTP-12: trailers keep the rules of headers."""
        for trailer in (
            b"X : y\r\n\r\n",
            b"X: y\r\n z\r\n\r\n",
            b" X: y\r\n\r\n",
            b"X\r\n\r\n",
            b"X: y\n",
            b"X: \0",
            b"\n",
        ):
            self.assertEqual(refusal(body(b"0\r\n" + trailer)), 400, trailer)

    def test_trailers_have_limits(self) -> None:
        """S-HTTP-12: at most 16 KiB and 200 lines."""
        line = b"X: " + b"x" * 8187 + b"\r\n"
        self.assertEqual(body(b"0\r\n" + line + line + b"\r\n"), [END])
        self.assertEqual(refusal(body(b"0\r\n" + line + line + b"X: y\r\n\r\n")), 431)
        self.assertEqual(refusal(body(b"0\r\nX: " + b"x" * 17_000)), 431)
        self.assertEqual(body(b"0\r\n" + b"X:\r\n" * 200 + b"\r\n"), [END])
        self.assertEqual(refusal(body(b"0\r\n" + b"X:\r\n" * 201)), 431)
        self.assertEqual(refusal(play(RequestReader(), [_POST, b"0\r\n", *[b"X: " + b"x" * 9000 + b"\r\n"] * 2])), 431)
