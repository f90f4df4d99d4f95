"""Responses by S-HTTP-27 to S-HTTP-30: each listed input gives its stated outcome."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.http1.events import CHUNKED, END, NO_BODY, TRUNCATED, UNTIL_CLOSE, Data, Length, ResponseHead
from exfront.wire.http1.response import ResponseLimits, ResponseReader
from tests.wire.http1.reading import drain, play, refusal, responses


def answer(status: bytes = b"200 OK", *lines: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    """The head of a response."""
    return b"".join(line + b"\r\n" for line in (version + b" " + status, *lines, b""))


def head(octets: bytes, method: bytes = b"GET") -> ResponseHead:
    """The head of the first response in `octets`."""
    event = responses(octets, method)[0]
    assert isinstance(event, ResponseHead), event
    return event


class GrammarTests(SynchronousTestCase):
    def refuses(self, *inputs: bytes) -> None:
        """Each of `inputs` gives 502 and nothing else."""
        for octets in inputs:
            events = responses(octets)
            self.assertEqual((len(events), refusal(events)), (1, 502), octets)

    def test_a_status_line_by_other_rules_is_refused(self) -> None:
        """S-HTTP-27: HTTP/1.[01], three digits, 100-599; `HTTP/7.1` and status 99 are 502."""
        self.refuses(answer(version=b"HTTP/7.1"), answer(version=b"HTTP/1.2"), answer(version=b"http/1.1"))
        statuses = (b"99", b"099 X", b"1000 OK", b"600 X", b"999 X", b"20x OK", b"", b" 200 OK", b"200OK", b"+20 OK")
        self.refuses(*(answer(status) for status in statuses))
        self.refuses(b"\r\n" + answer(), b"ICY 200 OK\r\n", b"<html>\r\n", b"200 OK\r\n")

    def test_an_lf_head_or_a_control_octet_is_refused_at_once(self) -> None:
        """S-HTTP-27, S-HTTP-2: bare LF, bare CR, NUL: 502 without waiting for the rest."""
        self.refuses(b"HTTP/1.1 200 OK\n", b"HTTP/1.1 200 O\0", b"HTTP/1.1 200 O\rK", answer()[:-2] + b"X: a\n")
        self.refuses(answer()[:-2] + b"X: \x7f", answer(b"200 OK", b"X: a\0"), b"\x16\x03", b"\x15\x03")

    def test_a_header_line_by_other_rules_is_refused(self) -> None:
        """S-HTTP-27, S-HTTP-3: space before the colon, no name, no colon, folds: 502."""
        self.refuses(*(answer(b"200 OK", line) for line in (b"X : y", b": y", b"X", b"X: y\r\n z", b" X: y", b"X@: y")))

    def test_two_or_odd_lengths_are_refused(self) -> None:
        """S-HTTP-27, S-HTTP-9: two Content-Length, signs, lists, hex: 502; also where no body can be."""
        for value in (b"+2", b"0x2", b"2, 2", b"1_0", b"", b"-1", b"9223372036854775808"):
            self.refuses(answer(b"200 OK", b"Content-Length: " + value))
        self.refuses(answer(b"200 OK", b"Content-Length: 2", b"Content-Length: 2"))
        self.refuses(answer(b"304 OK", b"Content-Length: 2", b"Content-Length: 3"))

    def test_transfer_encodings_but_chunked_are_refused(self) -> None:
        """S-HTTP-27, S-HTTP-10: with Content-Length, in HTTP/1.0, another value: 502."""
        chunked = b"Transfer-Encoding: chunked"
        self.refuses(answer(b"200 OK", b"Content-Length: 2", chunked), answer(b"200 OK", chunked, chunked))
        self.refuses(answer(b"200 OK", chunked, version=b"HTTP/1.0"))
        self.refuses(*(answer(b"200 OK", b"Transfer-Encoding: " + value) for value in (b"gzip", b"identity", b"")))

    def test_a_head_has_at_most_128_kib_and_200_lines(self) -> None:
        """S-HTTP-27: longer heads are 502, before their end."""
        line = b"X: " + b"x" * 9995 + b"\r\n"
        self.assertIsInstance(responses(answer()[:-2] + line * 13 + b"\r\n")[0], ResponseHead)
        self.refuses(
            answer()[:-2] + line * 14 + b"\r\n", answer()[:-2] + b"x" * 140_000, b"HTTP/1.1 200 " + b"x" * 140_000
        )
        self.assertIsInstance(responses(answer(b"200 OK", *[b"X: y"] * 200))[0], ResponseHead)
        self.refuses(answer(b"200 OK", *[b"X: y"] * 201), answer(b"200 OK", *[b"X: y"] * 5000))

    def test_a_status_line_is_taken_apart(self) -> None:
        """S-HTTP-27: an empty reason phrase is legal, and one that is missing with its space is understood."""
        for status, number, reason in ((b"200 Success", 200, b"Success"), (b"440 ", 440, b""), (b"503", 503, b"")):
            found = head(answer(status, b"Content-Length: 0", b"X: y"))
            self.assertEqual((found.status, found.reason, found.minor), (number, reason, 1))
            self.assertEqual((found.get(b"x"), found.get(b"y"), found.get_all(b"X")), (b"y", None, [b"y"]))
        self.assertEqual(head(answer(b"599 \xe9\t!", version=b"HTTP/1.0")).reason, b"\xe9\t!")

    def test_no_secret_is_in_the_repr_of_a_head(self) -> None:
        """S-AUTH-11: a cookie stays out of reprs."""
        self.assertNotIn("s3cret", repr(head(answer(b"200 OK", b"Set-Cookie: s3cret"))))

    def test_the_limits_can_be_set(self) -> None:
        reader = ResponseReader(b"GET", ResponseLimits(interim_responses=0))
        self.assertEqual(refusal(play(reader, [answer(b"100 Continue")])), 502)


class InterimTests(SynchronousTestCase):
    def test_interim_responses_come_before_the_final_one_and_have_no_end(self) -> None:
        """S-HTTP-28: 1xx heads are reported; what follows is another head."""
        events = responses(answer(b"100 Continue") + answer(b"103 Early Hints", b"Link: x") + answer(b"204 No Content"))
        statuses = [event.status if isinstance(event, ResponseHead) else event for event in events]
        self.assertEqual(statuses, [100, 103, 204, END])

    def test_more_than_eight_interim_responses_are_too_many(self) -> None:
        """S-HTTP-28: nine 103 are 502."""
        early = answer(b"103 Early Hints")
        self.assertIsNone(refusal(responses(early * 8 + answer(b"204 No Content"))))
        self.assertEqual(refusal(responses(early * 9)), 502)
        self.assertEqual(refusal(responses(early * 2000)), 502)

    def test_nothing_is_read_behind_a_101(self) -> None:
        """S-HTTP-28, S-HTTP-16: the caller decides; the octets behind it are the tunnel's."""
        reader = ResponseReader(b"GET")
        events = play(reader, [answer(b"101 Switching Protocols", b"Upgrade: websocket") + b"\x81\n\0", b"more"])
        self.assertEqual([event.status for event in events if isinstance(event, ResponseHead)], [101])
        self.assertEqual((len(events), reader.rest, reader.surplus), (1, b"\x81\n\0more", False))


class BodyTests(SynchronousTestCase):
    def test_head_204_and_304_have_no_body_whatever_the_head_says(self) -> None:
        """S-HTTP-29: HEAD, 204 and 304 end with their head."""
        for method, status in ((b"HEAD", b"200 OK"), (b"GET", b"204 No Content"), (b"GET", b"304 Not Modified")):
            for line in (b"Content-Length: 5", b"Transfer-Encoding: chunked", b"X: y"):
                events = responses(answer(status, line), method)
                self.assertEqual((head(answer(status, line), method).framing, events[1:]), (NO_BODY, [END]))
        self.assertEqual(head(answer(b"200 OK", b"Content-Length: 5"), b"HEAD").get(b"content-length"), b"5")

    def test_octets_behind_the_declared_end_are_surplus(self) -> None:
        """S-HTTP-29: `CL: 2`, `ok` and a second response: the first one stands, the connection is to be dropped."""
        reader = ResponseReader(b"GET")
        two = answer(b"200 OK", b"Content-Length: 2") + b"ok"
        self.assertEqual(play(reader, [two + two])[1:], [Data(b"ok"), END])
        self.assertTrue(reader.surplus)
        self.assertEqual((reader.buffered, drain(reader)), (0, []))

    def test_octets_that_come_later_are_surplus_too(self) -> None:
        """S-HTTP-29: also those that come in a piece of their own, and the body of a 304 or of HEAD."""
        for method, octets in (
            (b"GET", answer(b"200 OK", b"Content-Length: 2") + b"ok"),
            (b"GET", answer(b"200 OK", b"Transfer-Encoding: chunked") + b"0\r\n\r\n"),
            (b"GET", answer(b"304 Not Modified", b"Content-Length: 5")),
            (b"HEAD", answer(b"200 OK", b"Content-Length: 5")),
        ):
            reader = ResponseReader(method)
            self.assertEqual(play(reader, [octets])[-1], END)
            self.assertFalse(reader.surplus)
            reader.receive(b"")
            self.assertFalse(reader.surplus)
            reader.receive(b"hello")
            self.assertEqual((reader.surplus, reader.buffered, drain(reader)), (True, 0, []))

    def test_a_response_without_a_length_goes_on_until_the_close(self) -> None:
        """S-HTTP-27: read-until-close bodies are legal."""
        for version in (b"HTTP/1.0", b"HTTP/1.1"):
            octets = answer(b"200 OK", b"Connection: keep-alive", version=version) + b"abc"
            found = head(octets)
            self.assertEqual((found.framing, found.keep_alive), (UNTIL_CLOSE, False))
            self.assertEqual(responses(octets, ended=True)[1:], [Data(b"abc"), END])
            self.assertEqual(responses(octets)[1:], [Data(b"abc")])

    def test_a_close_that_tls_did_not_announce_ends_no_body(self) -> None:
        """S-TLS-7, S-HTTP-30: without close_notify a body without a length is truncated; one with a length is whole."""
        for octets, last in (
            (answer() + b"abc", TRUNCATED),
            (answer(), TRUNCATED),
            (answer(b"200 OK", b"Content-Length: 3") + b"abc", END),
        ):
            reader = ResponseReader(b"GET")
            reader.receive(octets)
            reader.end(clean=False)
            self.assertEqual(drain(reader)[-1], last)

    def test_a_response_that_was_cut_is_truncated(self) -> None:
        """S-HTTP-30: cut before the head's end or within the body, it never looks complete."""
        for octets in (
            b"", b"HTTP/1.1 200 O", answer()[:-2], answer(b"100 Continue"),
            answer(b"200 OK", b"Content-Length: 10"), answer(b"200 OK", b"Content-Length: 10") + b"ab",
            answer(b"200 OK", b"Transfer-Encoding: chunked") + b"1\r\nx",
        ):  # fmt: skip
            events = responses(octets, ended=True)
            self.assertEqual((events[-1], END in events), (TRUNCATED, False), octets)

    def test_framings_and_the_life_of_the_connection(self) -> None:
        for lines, framing, keep_alive in (
            ((b"Content-Length: 3",), Length(3), True),
            ((b"Content-Length: 0", b"Connection: Close"), Length(0), False),
            ((b"transfer-encoding: CHUNKED",), CHUNKED, True),
            ((b"Content-Length: 3", b"Connection: Keep-Alive"), Length(3), True),
        ):
            found = head(answer(b"200 OK", *lines))
            self.assertEqual((found.framing, found.keep_alive), (framing, keep_alive))
        old = head(answer(b"200 OK", b"Content-Length: 3", version=b"HTTP/1.0"))
        self.assertEqual((old.minor, old.keep_alive), (0, False))
        kept = head(answer(b"200 OK", b"Content-Length: 3", b"Connection: keep-alive", version=b"HTTP/1.0"))
        self.assertTrue(kept.keep_alive)

    def test_pieces_of_a_body_pass_through_without_a_copy(self) -> None:
        """S-HTTP-25: no body is collected."""
        for lines in ((b"Content-Length: 9000000",), ()):
            reader = ResponseReader(b"GET")
            reader.receive(answer(b"200 OK", *lines))
            drain(reader)
            for piece in (b"x" * 65_536, b"y" * 10):
                reader.receive(piece)
                event = reader.next_event()
                assert isinstance(event, Data)
                self.assertIs(event.octets, piece)
                self.assertEqual(reader.buffered, 0)
