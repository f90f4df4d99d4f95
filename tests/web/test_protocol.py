"""A client's connection: order, deadlines, limits, its end."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from exfront import reasons
from exfront.config.limits import LimitsSection
from exfront.operate.access_log import AccessLog, w3c_line
from exfront.sessions import SessionTable
from tests.support.steps import SmallWorld
from tests.web.conversation import ALICE, BOB, OK, Conversation, basic, read, request


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = Conversation()

    def tearDown(self) -> None:
        self.talk.end()
        self.assertEqual(self.talk.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.talk.world.sessions), 0)


def _pieces(octets: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(octets[:size])
        octets = octets[size:]
    return [piece for piece in (*pieces, octets) if piece]


class OrderTests(Case):
    def test_the_interfaces_are_provided(self) -> None:
        verifyObject(IHalfCloseableProtocol, self.talk.protocol)
        verifyObject(IHandshakeListener, self.talk.protocol)

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        """S-HTTP-13: the first one slow; the others wait."""
        octets = b"".join(request(b"GET /exchange/%d" % number, ALICE) for number in (1, 2, 3)).replace(
            b"/exchange/", b"/exchange/alice/"
        )
        self.assertEqual(self.talk.send(octets), b"")
        for number in (1, 2, 3):
            sent = self.talk.back_end().take()
            self.assertTrue(sent.startswith(b"GET /exchange/alice/%d " % number))
            self.assertEqual(sent.count(b"GET "), 1)
            body = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number
            self.assertEqual(self.talk.answer(body), body)

    def test_pipelined_requests_of_two_users_keep_to_their_own(self) -> None:
        """S-HTTP-33: A and B in one segment."""
        self.talk.send(request(b"GET /exchange/", ALICE) + request(b"GET /exchange/", BOB))
        self.assertIn(ALICE, self.talk.back_end(0).take())
        self.assertEqual(self.talk.answer(), OK)
        self.assertIn(BOB, self.talk.back_end(1).take())
        self.assertEqual(self.talk.answer(number=1), OK)

    def test_a_request_may_come_octet_by_octet(self) -> None:
        for octet in request(b"POST /exchange/", ALICE, b"Content-Length: 3\r\n", body=b"abc"):
            self.talk.send(bytes((octet,)))
        self.assertTrue(self.talk.back_end().take().endswith(b"\r\n\r\nabc"))
        self.assertEqual(self.talk.answer(), OK)

    @given(st.lists(st.integers(1, 60), max_size=40))
    @settings(deadline=None, max_examples=60)
    def test_any_split_of_the_octets_is_the_same_conversation(self, sizes: list[int]) -> None:
        """S-HTTP-13: of the client's and of the back end's."""
        asked = request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 5\r\n", body=b"hello")
        asked += request(b"GET /exchange/alice/b", ALICE)
        talk = Conversation()
        for piece in _pieces(asked, sizes):
            talk.send(piece)
        back_end = talk.back_end()
        told = b"".join(talk.answer(piece) for piece in _pieces(OK, sizes))
        self.assertEqual(told, OK)
        told = b"".join(talk.answer(piece) for piece in _pieces(OK, sizes))
        self.assertEqual(told, OK)
        heads = back_end.take()
        self.assertEqual((heads.count(b"HTTP/1.1\r\n"), heads.count(b"\r\n\r\nhello")), (2, 1))
        self.assertEqual(len(talk.records), 2)
        talk.client.peer_closes()

    def test_reading_stops_behind_64_kib_of_waiting_requests(self) -> None:
        """S-HTTP-13, S-HTTP-25: no more than that is read ahead."""
        one = request(b"GET /exchange/", ALICE)
        self.talk.send(one * (65536 // len(one)))
        self.assertEqual(self.talk.client.producerState, "producing")
        self.talk.send(one * 3)
        self.assertEqual(self.talk.client.producerState, "paused")
        self.assertEqual(len(self.talk.world.dialer.dialled), 1)
        for _ in range(3):
            self.talk.answer()
        self.assertEqual(self.talk.client.producerState, "producing")

    def test_answers_to_a_client_that_does_not_read_do_not_pile_up(self) -> None:
        """S-HTTP-25: the next request waits until the client has read."""
        assert self.talk.client.producer is not None
        self.talk.client.producer.pauseProducing()
        self.assertEqual(self.talk.send(request(b"GET /nothing") * 3), b"")
        self.assertEqual(self.talk.records, [])
        self.talk.client.producer.resumeProducing()
        self.assertEqual(self.talk.client.take().count(b"HTTP/1.1 404"), 3)

    def test_connection_close_is_kept_to(self) -> None:
        self.talk.send(request(b"GET /exchange/", ALICE, b"Connection: close\r\n") + request(b"GET /exchange/", ALICE))
        self.assertIn(b"Connection: close\r\n", self.talk.answer())
        self.assertTrue(self.talk.client.disconnecting)
        self.assertEqual(len(self.talk.records), 1)


class BadInputTests(SynchronousTestCase):
    def answers(self, octets: bytes, status: int) -> None:
        talk = Conversation()
        answer = read(talk.send(octets))
        self.assertEqual((answer.status, answer.headers[b"connection"]), (status, b"close"), octets[:60])
        self.assertEqual(answer.headers[b"content-type"], b"text/plain; charset=utf-8")
        self.assertEqual((talk.world.directory.asked, talk.world.dialer.dialled), ([], []))
        (record,) = talk.records
        self.assertEqual((record.reason, record.front_end_status), (reasons.BAD_INPUT, str(status)))
        self.assertEqual(talk.send(request(b"GET /exchange/", ALICE)), b"", "nothing is answered any more")
        talk.client.peer_closes()
        self.assertEqual((talk.clock.getDelayedCalls(), len(talk.world.sessions)), ([], 0))

    def test_bad_request_lines(self) -> None:
        """S-HTTP-1, S-HTTP-6: one line of text, then the end."""
        for line in (b"GET  / HTTP/1.1", b"GET\t/ HTTP/1.1", b"GET /a b HTTP/1.1", b"GET /", b"GET / HTTP/1.10",
                     b"GET /a#b HTTP/1.1", b"GET * HTTP/1.1", b"GET ftp://a/ HTTP/1.1"):  # fmt: skip
            self.answers(line + b"\r\nHost: a\r\n\r\n", 400)
        self.answers(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)

    def test_two_framings(self) -> None:
        """S-HTTP-10: both of them, in either order.

        Bad input: both Content-Length and Transfer-Encoding
        """
        fields = [ALICE, b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"]
        self.answers(request(b"POST /exchange/", *fields, body=b"0\r\n\r\n"), 400)
        self.answers(request(b"POST /exchange/", *reversed(fields), body=b"0\r\n\r\n"), 400)

    def test_bad_framings(self) -> None:
        """S-HTTP-9, S-HTTP-10: numbers that are none, two of them, unknown codings."""
        for value in (b"+2", b"0x2", b"2, 2", b"1_0", b"", b"-1"):
            self.answers(request(b"POST /exchange/", ALICE, b"Content-Length: " + value + b"\r\n"), 400)
        self.answers(request(b"POST /exchange/", b"Content-Length: 2\r\n" * 2), 400)
        for value in (b"gzip, chunked", b"identity", b"xchunked", b"chunked, chunked"):
            self.answers(request(b"POST /exchange/", ALICE, b"Transfer-Encoding: " + value + b"\r\n"), 501)

    def test_no_host(self) -> None:
        """S-HTTP-4: HTTP/1.1 needs one.

        Bad input: no Host
        """
        self.answers(b"GET /exchange/ HTTP/1.1\r\n" + ALICE + b"\r\n", 400)

    def test_two_hosts(self) -> None:
        """S-HTTP-4: also equal ones.

        Bad input: two Hosts
        """
        self.answers(request(b"GET /exchange/", ALICE, b"Host: mail.fourthcoffee.com\r\n"), 400)

    def test_bare_lf(self) -> None:
        """S-HTTP-2: at once, without waiting for more.

        Bad input: bare LF
        """
        self.answers(b"GET / HTTP/1.1\n", 400)
        self.answers(b"GET / HTTP/1.1\r\nHost: a\n\n", 400)
        self.answers(b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n", 400)

    def test_heads_over_the_limits(self) -> None:
        """S-HTTP-8: with a reply, then close."""
        self.answers(b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\n", 414)
        self.answers(request(b"GET /", *[b"X: y\r\n"] * 201), 431)
        self.answers(request(b"GET /", b"X: " + b"y" * 20_000 + b"\r\n"), 431)

    def test_an_unknown_expectation(self) -> None:
        """S-HTTP-15: 417."""
        self.answers(request(b"POST /exchange/", b"Expect: foo\r\n"), 417)

    def test_a_tls_client_on_a_clear_port_is_closed_in_silence(self) -> None:
        """S-TLS-6: after its first record; it leaves a line."""
        talk = Conversation()
        self.assertEqual(talk.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), b"")
        self.assertTrue(talk.client.disconnected)
        self.assertEqual([record.reason for record in talk.records], [reasons.BAD_INPUT])


class DeadlineTests(Case):
    def test_a_head_has_20_seconds_from_its_first_octet(self) -> None:
        """S-HTTP-24: also when it trickles; 408 and close."""
        self.talk.wait(50)
        trickle = request(b"GET /exchange/", ALICE)
        for octet in trickle[:10]:
            self.assertEqual(self.talk.send(bytes((octet,))), b"")
            self.talk.clock.advance(1.99)
        self.assertEqual(self.talk.client.value(), b"")
        answer = read(self.talk.wait(0.2, 0.2))
        self.assertEqual((answer.status, answer.headers[b"connection"]), (408, b"close"))
        self.assertEqual([record.detail for record in self.talk.records], ["phase=head"])

    def test_a_silent_connection_ends_after_65_seconds_without_a_line(self) -> None:
        """S-HTTP-24: before the first request and between requests."""
        self.talk.wait(64)
        self.assertFalse(self.talk.client.disconnecting)
        self.talk.ask(b"GET /nothing")
        self.talk.wait(64)
        self.assertFalse(self.talk.client.disconnecting)
        self.assertEqual(self.talk.wait(2), b"")
        self.assertTrue(self.talk.client.disconnecting)
        self.assertEqual(len(self.talk.records), 1)

    def test_a_body_must_not_trickle(self) -> None:
        """S-HTTP-24: one octet a second is 408, and the back end is cut off."""
        self.talk.send(request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 1000000\r\n"))
        for _ in range(39):
            self.assertEqual(self.talk.send(b"x"), b"")
            self.talk.clock.advance(1)
        answer = read(self.talk.wait(2))
        self.assertEqual((answer.status, answer.headers[b"connection"]), (408, b"close"))
        self.assertTrue(self.talk.back_end().disconnected)
        self.assertEqual(self.talk.records[0].detail, "phase=body")

    def test_a_slow_body_may_take_its_time(self) -> None:
        """S-HTTP-24: 300 octets a second."""
        self.talk.send(request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 180000\r\n"))
        for _ in range(600):
            self.talk.send(b"x" * 300)
            self.talk.clock.advance(1)
        self.assertEqual(self.talk.answer(), OK)

    def test_the_rest_of_a_refused_body_must_not_trickle_either(self) -> None:
        """S-HTTP-24: the connection ends."""
        self.talk.send(request(b"PUT /exchange/alice/a", b"Content-Length: 100\r\n"))
        self.talk.wait(41)
        self.assertTrue(self.talk.client.closed_writing)

    def test_the_handshake_has_10_seconds(self) -> None:
        """S-HTTP-24: then the connection ends, and leaves a line."""
        world = SmallWorld()
        talk = Conversation(world=world, secure=True, limits=LimitsSection())
        other = Conversation(world=world, secure=True, handshake=False)
        world.clock.advance(10)
        self.assertFalse(talk.client.disconnected)
        self.assertTrue(other.client.disconnected)
        self.assertEqual([record.detail for record in talk.records], ["phase=handshake"])
        talk.client.peer_closes()
        self.assertEqual(world.clock.getDelayedCalls(), [])

    def test_a_client_that_shuts_its_side_still_gets_its_answer(self) -> None:
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.client.peer_ends_writing()
        self.talk.wait(4)
        self.assertEqual(self.talk.answer(), OK)
        self.assertTrue(self.talk.client.disconnecting)

    def test_a_client_that_vanished_costs_the_back_end_five_seconds(self) -> None:
        """S-HTTP-24: nobody waits for its answer any more (client_gone)."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.client.peer_ends_writing()
        self.talk.wait(6)
        self.assertTrue(self.talk.back_end().disconnected)
        self.assertEqual([record.front_end_status for record in self.talk.records], ["499"])

    def test_a_client_that_shuts_its_side_while_idle_is_closed(self) -> None:
        self.talk.ask(b"GET /nothing")
        self.talk.client.peer_ends_writing()
        self.assertTrue(self.talk.client.disconnecting)

    def test_a_close_that_the_client_does_not_let_happen_is_forced(self) -> None:
        """S-HTTP-24: what waits to be written does not hold a connection for ever."""
        self.talk.client.loseConnection = lambda connDone=None: None  # type: ignore[method-assign]
        self.talk.wait(66)
        self.assertFalse(self.talk.client.disconnected)
        self.talk.wait(61)
        self.assertTrue(self.talk.client.disconnected)


class DrainTests(Case):
    def test_an_idle_connection_ends_at_once(self) -> None:
        """S-OPS-7: keep-alives do not hold the drain up."""
        self.talk.ask(b"GET /nothing")
        self.talk.session.stop()
        self.assertTrue(self.talk.client.disconnecting)

    def test_a_running_request_is_the_last_one(self) -> None:
        """S-OPS-7: answered whole, with Connection: close."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.session.stop()
        self.assertIn(b"Connection: close\r\n", self.talk.answer())
        self.assertTrue(self.talk.client.disconnecting)

    def test_a_running_download_ends_whole(self) -> None:
        """S-OPS-7: its head has gone out already."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        self.talk.session.stop()
        self.assertFalse(self.talk.client.disconnecting)
        self.assertEqual(self.talk.answer(b"cd"), b"cd")
        self.assertTrue(self.talk.client.disconnecting)

    def test_a_head_that_has_begun_may_be_finished(self) -> None:
        """S-OPS-7: it is answered, and that is the end."""
        octets = request(b"GET /nothing")
        self.talk.send(octets[:10])
        self.talk.session.stop()
        self.assertEqual(read(self.talk.send(octets[10:])).headers[b"connection"], b"close")

    def test_what_is_left_is_cut(self) -> None:
        """S-OPS-7: after the drain time; the line says why."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.session.abort()
        self.assertTrue(self.talk.client.disconnected)
        self.assertEqual([record.reason for record in self.talk.records], [reasons.DRAINING])
        self.assertTrue(self.talk.back_end().disconnected)


class LogTests(SynchronousTestCase):
    def test_nothing_of_a_client_breaks_a_log_line(self) -> None:
        """S-HTTP-40: one request, one line, no control octet, no secret."""
        out = io.StringIO()
        world = SmallWorld()
        log = AccessLog(out, world.clock, w3c_line)
        world.sessions = SessionTable(world.limits, world.clock, (log,))
        world.steps.sessions = world.sessions
        talk = Conversation(world=world)
        talk.send(request(b'GET /x"?a=\\&token=s3cret', b"User-Agent: \xe4\r\n"))
        talk.send(request(b"GET /exchange/", basic("al\x1b]0;x\x07\n9999 forged", "x")))
        talk.wait(1)
        log.flush()
        lines = out.getvalue().splitlines()
        self.assertEqual(len(lines), 2)
        self.assertNotIn("s3cret", out.getvalue())
        self.assertNotRegex(out.getvalue(), "[\x00-\x09\x0b-\x1f\x7f]")
        self.assertIn("\\x1b]0;x\\x07\\x0a9999+forged", lines[1])
        talk.client.peer_closes()

    def test_a_connection_without_a_request_leaves_no_line(self) -> None:
        talk = Conversation()
        talk.client.peer_closes()
        self.assertEqual(talk.records, [])
        self.assertEqual(len(talk.world.sessions), 0)
