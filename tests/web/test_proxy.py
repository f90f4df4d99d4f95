"""Bodies both ways: streaming, framing, back pressure, early answers, and what was cut short."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from exfront.config.virtual_site import VirtualDirectorySection
from tests.web.conversation import ALICE, DIRECTORIES, OK, SITE, Conversation, read, request

CHUNKED = b"Transfer-Encoding: chunked\r\n"
PIECE = b"x" * 1000


def head_of(octets: bytes) -> bytes:
    return octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = Conversation()

    def tearDown(self) -> None:
        self.talk.end()
        self.assertEqual(self.talk.clock.getDelayedCalls(), [], "a timer is left")
        for dialled in self.talk.world.dialer.dialled:
            if dialled.transport is not None:
                self.assertFalse(dialled.transport.connected, "a connection to a back end is left")
        self.assertEqual(len(self.talk.world.sessions), 0)

    def reason(self, number: int = -1) -> object:
        return self.talk.records[number].reason


class UploadTests(Case):
    def test_a_body_goes_on_as_it_comes(self) -> None:
        """S-HTTP-25: each piece at once, none held."""
        self.talk.send(request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 5000\r\n"))
        back_end = self.talk.back_end()
        self.assertIn(b"Content-Length: 5000\r\n", back_end.take())
        for _ in range(5):
            self.talk.send(PIECE)
            self.assertEqual(back_end.take(), PIECE)
        self.assertEqual(self.talk.answer(), OK)

    def test_chunks_are_framed_anew(self) -> None:
        """S-HTTP-11, S-HTTP-12: extensions and trailers stay here."""
        sent = self.talk.relayed(ALICE, CHUNKED, line=b"PUT /exchange/alice/a")
        self.assertEqual(sent.count(b"Transfer-Encoding: chunked\r\n"), 1)
        self.talk.send(b'5;name="v"\r\nhello\r\n')
        self.assertEqual(self.talk.back_end().take(), b"5\r\nhello\r\n")
        self.talk.send(b"0\r\nContent-Length: 3\r\nX-BEServer: x\r\n\r\n")
        self.assertEqual(self.talk.back_end().take(), b"0\r\n\r\n")
        self.assertEqual(self.talk.answer(), OK)

    def test_a_bad_chunk_is_400_and_the_back_end_is_cut_off(self) -> None:
        """S-HTTP-11: what was begun there is never completed.

        Bad input: bad chunk size
        """
        for bad in (b"0x1\r\na\r\n", b"1\na", b"1;a\nb", b"1\r\naXX", b"-1\r\n", b"zz\r\n", b"\r\n", b" 1\r\na\r\n"):
            talk = Conversation()
            talk.send(request(b"PUT /exchange/alice/a", ALICE, CHUNKED) + b"3\r\nabc\r\n")
            back_end = talk.back_end()
            back_end.take()
            answer = read(talk.send(bad))
            self.assertEqual((answer.status, answer.headers[b"connection"]), (400, b"close"), bad)
            self.assertTrue(back_end.disconnected, bad)
            self.assertNotIn(b"0\r\n\r\n", back_end.value())
            self.assertIs(talk.records[0].reason, reasons.BAD_INPUT)
            self.assertEqual(len(talk.records), 1)

    def test_a_body_waits_for_its_back_end(self) -> None:
        """S-HTTP-25: nothing is read ahead over 64 KiB while the user is proven."""
        self.talk.world.passwords.hold = True
        self.talk.send(request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 200000\r\n"))
        self.talk.send(b"x" * 60_000)
        self.assertEqual(self.talk.client.producerState, "producing")
        self.talk.send(b"x" * 10_000)
        self.assertEqual(self.talk.client.producerState, "paused")
        self.talk.world.passwords.held[0].callback("memory")
        self.assertEqual(self.talk.client.producerState, "producing")
        self.assertTrue(self.talk.back_end().take().endswith(b"\r\n\r\n" + b"x" * 70_000))

    def test_a_back_end_that_does_not_read_stops_the_client(self) -> None:
        """S-HTTP-25: back pressure on uploads; the rest goes on when it reads again."""
        self.talk.send(request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 3000\r\n"))
        back_end = self.talk.back_end()
        assert back_end.producer is not None
        back_end.producer.pauseProducing()
        self.assertEqual(self.talk.client.producerState, "paused")
        back_end.take()
        self.talk.send(PIECE)
        self.assertEqual(back_end.take(), b"")
        back_end.producer.resumeProducing()
        self.assertEqual((self.talk.client.producerState, back_end.take()), ("producing", PIECE))
        self.talk.send(PIECE + PIECE)
        self.assertIsNone(back_end.producer)
        self.assertEqual(self.talk.answer(), OK)

    def test_a_back_end_that_never_reads_on_is_given_up(self) -> None:
        """S-HTTP-26: every wait has an end."""
        self.talk.send(request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 3000\r\n"))
        producer = self.talk.back_end().producer
        assert producer is not None
        producer.pauseProducing()
        self.assertEqual(self.talk.wait(119), b"")
        self.assertEqual(read(self.talk.wait(2)).status, 504)

    def test_a_chunked_body_over_the_limit_is_413_and_the_back_end_is_cut_off(self) -> None:
        """S-HTTP-25: counted as it comes."""
        small = VirtualDirectorySection("/s", "exchange", require_tls="no", body_octets=2500)
        self.talk = Conversation(sites=(evolve(SITE, virtual_directory=(*DIRECTORIES, small)),))
        self.talk.send(request(b"PUT /s/alice/a", ALICE, CHUNKED) + b"7d0\r\n" + b"x" * 2000 + b"\r\n")
        answer = read(self.talk.send(b"1f5\r\n" + b"x" * 501 + b"\r\n"))
        self.assertEqual((answer.status, answer.headers[b"connection"]), (413, b"close"))
        self.assertTrue(self.talk.back_end().disconnected)
        self.assertIs(self.reason(), reasons.BODY_TOO_LARGE)

    def test_a_client_that_leaves_within_its_body_completes_nothing(self) -> None:
        """S-HTTP-30: the back end is cut off, not left waiting (client_gone)."""
        for leave in ("peer_closes", "peer_ends_writing"):
            talk = Conversation()
            talk.send(request(b"PUT /exchange/alice/a", ALICE, CHUNKED) + b"3\r\nabc\r\n")
            getattr(talk.client, leave)()
            self.assertTrue(talk.back_end().disconnected, leave)
            self.assertNotIn(b"0\r\n\r\n", talk.back_end().value())
            self.assertEqual([record.front_end_status for record in talk.records], ["499"])
            self.assertEqual(talk.clock.getDelayedCalls(), [])


class DownloadTests(Case):
    def begin(self, head: bytes, line: bytes = b"GET /exchange/alice/a", version: bytes = b"HTTP/1.1") -> bytes:
        self.talk.send(request(line, ALICE).replace(b"HTTP/1.1", version, 1))
        return self.talk.answer(head)

    def test_a_body_goes_on_as_it_comes(self) -> None:
        """S-HTTP-25: each piece at once."""
        self.begin(b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n")
        for _ in range(3):
            self.assertEqual(self.talk.answer(PIECE), PIECE)
        self.assertEqual(len(self.talk.records), 1)

    def test_chunks_are_framed_anew(self) -> None:
        """S-HTTP-11: also a back end's; trailers are dropped."""
        octets = self.begin(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n003;x=y\r\nabc\r\n")
        self.assertEqual(octets, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        self.assertEqual(self.talk.answer(b"0\r\nX: y\r\n\r\n"), b"0\r\n\r\n")

    def test_a_body_until_close_is_chunked_for_http_1_1(self) -> None:
        """S-HTTP-27: an old back end's framing is legal; the client can tell its end."""
        self.assertEqual(
            self.begin(b"HTTP/1.0 200 OK\r\n\r\nabc"),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        )
        self.talk.back_end().peer_closes()
        self.assertEqual(self.talk.client.take(), b"0\r\n\r\n")
        self.assertFalse(self.talk.client.disconnecting)

    def test_chunks_for_http_1_0_end_with_the_connection(self) -> None:
        """S-HTTP-30: HTTP/1.0 knows no chunks."""
        octets = self.begin(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", version=b"HTTP/1.0")
        self.assertEqual(octets, b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nabc")
        self.assertEqual(self.talk.answer(b"0\r\n\r\n"), b"")
        self.assertTrue(self.talk.client.disconnecting)
        self.assertFalse(self.talk.client.disconnected)

    def test_http_1_0_may_keep_its_connection(self) -> None:
        self.talk.send(b"GET /exchange/ HTTP/1.0\r\nConnection: keep-alive\r\n%b\r\n" % ALICE)
        self.assertEqual(
            self.talk.answer(), b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
        )
        self.assertFalse(self.talk.client.disconnecting)

    def test_head_204_and_304_have_no_body(self) -> None:
        """S-HTTP-29: whatever their head says; the connection lives on."""
        for line, response in (
            (b"HEAD /exchange/", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
            (b"GET /exchange/", b"HTTP/1.1 204 No Content\r\n\r\n"),
            (b"GET /exchange/", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"),
        ):
            self.talk.send(request(line, ALICE))
            self.assertEqual(self.talk.answer(response), response)
        self.assertEqual(len(self.talk.records), 3)

    def test_a_client_that_does_not_read_stops_the_back_end(self) -> None:
        """S-HTTP-25: back pressure on downloads; the rest comes when it reads again."""
        self.begin(b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n")
        producer = self.talk.client.producer
        assert producer is not None
        producer.pauseProducing()
        self.assertEqual(self.talk.back_end().producerState, "paused")
        producer.resumeProducing()
        self.assertEqual(self.talk.back_end().producerState, "producing")
        self.assertEqual(self.talk.answer(PIECE * 3), PIECE * 3)

    def test_a_client_that_never_reads_on_is_cut(self) -> None:
        """S-HTTP-24: 60 s without reading; the back end is not blamed for its silence."""
        self.begin(b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n")
        assert self.talk.client.producer is not None
        self.talk.client.producer.pauseProducing()
        self.talk.wait(59)
        self.assertFalse(self.talk.client.disconnected)
        self.talk.wait(2)
        self.assertTrue(self.talk.client.disconnected)
        self.assertIs(self.reason(), reasons.CLIENT_TIMEOUT)
        self.assertEqual(self.talk.records[0].detail, "phase=write")

    def test_what_was_cut_within_its_body_never_looks_complete(self) -> None:
        """S-HTTP-30: no last chunk, no padding, no second status; the client's connection ends.

        Bad input: back end closes within an answer over HTTP
        """
        for head, more in (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"ab"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3\r\nabc\r\n"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3\r\nab"),
        ):
            talk = Conversation()
            talk.send(request(b"GET /exchange/", ALICE))
            talk.answer(head + more)
            talk.back_end().peer_closes()
            self.assertEqual(talk.client.take(), b"", head)
            self.assertTrue(talk.client.disconnecting)
            self.assertIs(talk.records[0].reason, reasons.BACK_END_TRUNCATED)
            self.assertEqual(talk.records[0].front_end_status, "200")

    def test_a_body_until_close_is_whole_only_after_an_orderly_close(self) -> None:
        """S-HTTP-30, S-TLS-7: a reset, or TLS without close_notify, has cut it."""
        self.begin(b"HTTP/1.1 200 OK\r\n\r\nabc")
        self.talk.back_end().peer_closes(ConnectionLost())
        self.assertEqual(self.talk.client.take(), b"")
        self.assertTrue(self.talk.client.disconnecting)
        self.assertIs(self.reason(), reasons.BACK_END_TRUNCATED)

    def test_http_1_0_clients_get_a_reset(self) -> None:
        """S-HTTP-30: an orderly end would look like the body's."""
        self.begin(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", version=b"HTTP/1.0")
        self.talk.back_end().peer_closes()
        self.assertTrue(self.talk.client.disconnected)

    def test_what_was_cut_before_or_within_its_head_is_502(self) -> None:
        """S-HTTP-30: nothing was relayed yet, so the client can be told."""
        for octets, reason in ((b"", reasons.BACK_END_RESET), (b"HTTP/1.1 200 OK\r\nA: b", reasons.BACK_END_TRUNCATED)):
            talk = Conversation()
            talk.send(request(b"GET /exchange/", ALICE))
            if octets:
                self.assertEqual(talk.answer(octets), b"")
            talk.back_end().peer_closes()
            answer = read(talk.client.take())
            self.assertEqual((answer.status, answer.headers.get(b"connection")), (502, None))
            self.assertIs(talk.records[0].reason, reason)

    def test_an_answer_against_the_grammar_is_502(self) -> None:
        """S-HTTP-27: and its connection is not used again.

        Bad input: back end sends garbage over HTTP
        """
        for octets in (
            b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
            b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/7.1 200 OK\r\n\r\n",
            b"HTTP/1.1 99 OK\r\n\r\n",
            b"* OK IMAP4 ready\r\n",
            b"\x15\x03\x01\x00\x02\x02\x46",
        ):
            talk = Conversation()
            talk.send(request(b"GET /exchange/", ALICE))
            answer = read(talk.answer(octets))
            self.assertEqual(answer.status, 502, octets)
            self.assertIn(b"XF-BE-PROTOCOL", answer.body)
            self.assertTrue(talk.back_end().disconnected)
            talk.send(request(b"GET /exchange/", ALICE))
            self.assertEqual(talk.answer(number=1), OK)

    def test_a_bad_chunk_of_a_back_end_cuts_the_client(self) -> None:
        """S-HTTP-11, S-HTTP-30: the head was relayed, so nothing can be said any more."""
        self.begin(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.assertEqual(self.talk.answer(b"zz\r\n"), b"")
        self.assertTrue(self.talk.client.disconnecting)

    def test_octets_behind_the_answer_are_never_the_next_one(self) -> None:
        """S-HTTP-29: the answer stands, the connection is dropped, the next request gets a fresh one."""
        self.assertEqual(self.begin(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), OK)
        self.assertFalse(self.talk.back_end().connected)
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(self.talk.answer(number=1), OK)

    def test_a_silent_back_end_is_504(self) -> None:
        """S-HTTP-26: 120 s after the full request.

        Bad input: back end accepts and says nothing over HTTP
        """
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(self.talk.wait(119), b"")
        answer = read(self.talk.wait(2))
        self.assertEqual(answer.status, 504)
        self.assertIn(b"XF-BE-TIMEOUT", answer.body)
        self.assertEqual(self.talk.records[0].detail, "phase=head")

    def test_owa_may_take_longer(self) -> None:
        """S-HTTP-26: 300 s."""
        self.talk.send(request(b"GET /owa/", ALICE))
        self.assertEqual(self.talk.wait(299), b"")
        self.assertEqual(read(self.talk.wait(2)).status, 504)

    def test_a_back_end_that_stops_within_its_answer_is_cut_off(self) -> None:
        """S-HTTP-26, S-HTTP-30: each piece starts the time anew; then nothing looks complete."""
        self.begin(b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n")
        self.talk.wait(100)
        self.assertEqual(self.talk.answer(PIECE), PIECE)
        self.talk.wait(119)
        self.assertFalse(self.talk.client.disconnecting)
        self.assertEqual(self.talk.wait(2), b"")
        self.assertTrue(self.talk.client.disconnecting)
        self.assertEqual(self.talk.records[0].detail, "phase=body")

    def test_a_client_that_leaves_takes_its_back_end_along(self) -> None:
        """S-HTTP-25: no download goes on for nobody (client_gone)."""
        self.begin(b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n")
        self.talk.client.peer_closes()
        self.assertTrue(self.talk.back_end().disconnected)
        self.assertIs(self.reason(), reasons.CLIENT_GONE)
        self.assertEqual(self.talk.records[0].front_end_status, "200")


class FilterTests(Case):
    def test_a_head_is_written_anew(self) -> None:
        """S-HTTP-14, S-HTTP-31: without what is of one connection or describes the back end."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        octets = self.talk.answer(
            b"HTTP/1.1 302 Moved\r\nServer: Microsoft-IIS/6.0\r\nConnection: X-Y\r\nX-Y: 1\r\n"
            b"Location: http://chicago.fourthcoffee.com/exchange/alice/\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(
            head_of(octets),
            b"HTTP/1.1 302 Moved\r\nLocation: http://mail.fourthcoffee.com/exchange/alice/\r\nSet-Cookie: a=1\r\n"
            b"Content-Length: 0\r\n\r\n",
        )

    def test_over_tls_the_public_url_is_https(self) -> None:
        """S-HTTP-31: as the client came."""
        self.talk = Conversation(secure=True)
        self.talk.send(request(b"GET /exchange/", ALICE))
        octets = self.talk.answer(
            b"HTTP/1.1 302 Moved\r\nLocation: http://chicago:80/exchange/\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(read(octets).headers[b"location"], b"https://mail.fourthcoffee.com/exchange/")

    def test_an_empty_reason_phrase_passes(self) -> None:
        """S-HTTP-27: legal."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(self.talk.answer(b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n")[:14], b"HTTP/1.1 200 \r")
