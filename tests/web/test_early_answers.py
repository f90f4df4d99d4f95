"""Answers before the request is complete: 100, other interim answers, final ones."""

from __future__ import annotations

from attrs import evolve

from exfront import reasons
from exfront.config.virtual_site import VirtualDirectorySection
from tests.web.conversation import ALICE, OK, SITE, Conversation, read, request
from tests.web.test_proxy import CHUNKED, PIECE, Case


class ContinueTests(Case):
    expects = (ALICE, b"Content-Length: 5\r\n", b"Expect: 100-continue\r\n")

    def test_a_wrong_password_is_401_and_no_100(self) -> None:
        """S-HTTP-15: the body is never asked for."""
        self.talk.send(request(b"PUT /exchange/alice/a", b"Authorization: Basic eDp5\r\n", *self.expects[1:]))
        answer = read(self.talk.wait(1))
        self.assertEqual((answer.status, answer.headers[b"connection"]), (401, b"close"))

    def test_the_back_ends_100_is_relayed_once(self) -> None:
        """S-HTTP-15, S-HTTP-28: after the user and the server are known."""
        self.assertIn(b"Expect: 100-continue\r\n", self.talk.relayed(*self.expects, line=b"PUT /exchange/alice/a"))
        self.assertEqual(self.talk.answer(b"HTTP/1.1 100 Continue\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(self.talk.answer(b"HTTP/1.1 100 Continue\r\n\r\n"), b"")
        self.talk.send(b"hello")
        self.assertEqual(self.talk.back_end().take(), b"hello")
        self.assertEqual(self.talk.answer(), OK)

    def test_a_silent_back_end_leaves_the_100_to_us(self) -> None:
        """S-HTTP-15: after 1 s."""
        self.talk.send(request(b"PUT /exchange/alice/a", *self.expects))
        self.assertEqual(self.talk.wait(0.9, 0.9), b"")
        self.assertEqual(self.talk.wait(0.2, 0.2), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(self.talk.answer(b"HTTP/1.1 100 Continue\r\n\r\n"), b"")
        self.talk.send(b"hello")
        self.assertEqual(self.talk.answer(), OK)

    def test_a_client_that_does_not_wait_gets_none(self) -> None:
        """S-HTTP-15: legal, and so is its body."""
        self.talk.send(request(b"PUT /exchange/alice/a", *self.expects, body=b"hello"))
        self.assertEqual(self.talk.wait(2), b"")
        self.assertEqual(self.talk.answer(b"HTTP/1.1 100 Continue\r\n\r\n" + OK), OK)

    def test_a_refusal_instead_of_100_closes(self) -> None:
        """S-HTTP-15, S-HTTP-17: nobody knows whether the body comes."""
        self.talk.send(request(b"PUT /exchange/alice/a", *self.expects))
        octets = self.talk.answer(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(octets, b"HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.assertTrue(self.talk.client.closed_writing)
        self.assertFalse(self.talk.back_end().connected)


class InterimTests(Case):
    def test_other_interim_answers_pass_filtered(self) -> None:
        """S-HTTP-28, S-HTTP-31: to HTTP/1.1."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        octets = self.talk.answer(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nServer: IIS\r\n\r\n")
        self.assertEqual(octets, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        self.assertEqual(self.talk.answer(), OK)

    def test_http_1_0_gets_none(self) -> None:
        """S-HTTP-28: it does not know them."""
        self.talk.send(b"GET /exchange/ HTTP/1.0\r\n%b\r\n" % ALICE)
        self.assertEqual(self.talk.answer(b"HTTP/1.1 103 Early Hints\r\n\r\n"), b"")
        self.talk.answer()

    def test_an_unasked_100_stays_here(self) -> None:
        """S-HTTP-28: only for a client that awaits it."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(self.talk.answer(b"HTTP/1.1 100 Continue\r\n\r\n"), b"")
        self.assertEqual(self.talk.answer(), OK)

    def test_nine_of_them_are_502(self) -> None:
        """S-HTTP-28: eight are enough."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        octets = self.talk.answer(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9)
        self.assertEqual(octets.count(b"HTTP/1.1 103"), 8)
        self.assertEqual(octets.count(b"HTTP/1.1 502"), 1)

    def test_a_101_that_nobody_asked_for_is_502(self) -> None:
        """S-HTTP-16, S-HTTP-28: no tunnel."""
        sent = self.talk.relayed(ALICE, b"Connection: Upgrade\r\n", b"Upgrade: websocket\r\n")
        self.assertNotIn(b"pgrade", sent)
        octets = self.talk.answer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00")
        self.assertEqual(read(octets).status, 502)
        self.assertTrue(self.talk.back_end().disconnected)


class EarlyAnswerTests(Case):
    def test_a_refusal_within_a_long_upload_is_relayed_whole(self) -> None:
        """S-HTTP-17: with Connection: close; no more goes to the back end, and the client may finish for a moment."""
        self.talk.send(request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 10485760\r\n", body=PIECE))
        octets = self.talk.answer(b"HTTP/1.1 413 No\r\nContent-Length: 3\r\n\r\nbig")
        self.assertEqual(octets, b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
        client = self.talk.client
        self.assertTrue(client.closed_writing)
        self.assertFalse(client.disconnecting)
        self.assertTrue(self.talk.back_end().disconnected)
        self.assertEqual(self.talk.send(PIECE), b"")
        self.talk.wait(2.1)
        self.assertTrue(client.disconnecting)
        self.assertEqual([record.front_end_status for record in self.talk.records], ["413"])

    def test_a_client_that_never_stops_is_closed_after_256_kib(self) -> None:
        """S-HTTP-17: no more of the body is read."""
        self.talk.send(request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 10485760\r\n"))
        self.talk.answer(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
        for _ in range(4):
            self.talk.send(b"x" * 65536)
        self.assertFalse(self.talk.client.disconnecting)
        self.talk.send(b"x")
        self.assertTrue(self.talk.client.disconnecting)

    def test_over_tls_there_is_no_half_close(self) -> None:
        """S-HTTP-17: the rest is read all the same."""
        self.talk = Conversation(secure=True)
        self.talk.send(request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 10485760\r\n"))
        self.talk.answer(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual((self.talk.client.closed_writing, self.talk.client.disconnecting), (False, False))
        self.talk.wait(2.1)
        self.assertTrue(self.talk.client.disconnecting)

    def test_a_short_rest_is_read_and_both_connections_live_on(self) -> None:
        """S-HTTP-17: up to 256 KiB, where the length is known."""
        self.talk.send(request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 2000\r\n", body=PIECE))
        self.assertEqual(self.talk.answer(), OK)
        self.talk.back_end().take()
        self.talk.send(PIECE + request(b"GET /exchange/", ALICE))
        sent = self.talk.back_end().take()
        self.assertTrue(sent.startswith(PIECE + b"GET /exchange/ HTTP/1.1\r\n"), sent)
        self.assertEqual(self.talk.answer(), OK)
        self.assertEqual(len(self.talk.world.dialer.dialled), 1)

    def test_a_short_rest_is_read_also_when_the_back_end_has_gone(self) -> None:
        """S-HTTP-17: the client keeps its connection."""
        self.talk.send(request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 2000\r\n", body=PIECE))
        self.assertEqual(self.talk.answer(), OK)
        self.talk.back_end().peer_closes()
        self.talk.send(PIECE + request(b"GET /exchange/", ALICE))
        self.assertEqual(self.talk.answer(number=1), OK)

    def test_our_own_refusals_leave_short_bodies_and_connections_alone(self) -> None:
        """S-HTTP-17: a 401 to a small POST is followed by the next request on the same connection."""
        octets = self.talk.send(request(b"POST /exchange/", b"Content-Length: 1000\r\n", body=b"x" * 500))
        self.assertNotIn(b"connection", read(octets).headers)
        self.talk.send(b"x" * 500 + request(b"GET /exchange/", ALICE))
        self.assertEqual(self.talk.answer(), OK)

    def test_our_own_refusals_close_on_bodies_of_unknown_length(self) -> None:
        """S-HTTP-17: nobody knows how long they are."""
        octets = self.talk.send(request(b"POST /exchange/", CHUNKED, body=b"3\r\nabc\r\n"))
        self.assertEqual(read(octets).headers[b"connection"], b"close")
        self.assertTrue(self.talk.client.closed_writing)

    def test_an_early_success_lets_the_upload_go_on(self) -> None:
        """S-HTTP-17: both ways at once; the connections end with it."""
        self.talk.send(request(b"POST /exchange/alice/a", ALICE, CHUNKED) + b"3\r\nabc\r\n")
        octets = self.talk.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nABC\r\n")
        self.assertEqual(
            octets, b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nABC\r\n"
        )
        self.talk.back_end().take()
        self.talk.send(b"3\r\ndef\r\n0\r\n\r\n")
        self.assertEqual(self.talk.back_end().take(), b"3\r\ndef\r\n0\r\n\r\n")
        self.assertEqual(self.talk.answer(b"3\r\nDEF\r\n0\r\n\r\n"), b"3\r\nDEF\r\n0\r\n\r\n")
        self.assertTrue(self.talk.client.disconnecting)


class UnfinishedBodyTests(Case):
    def test_a_short_body_over_the_limit_is_413_and_says_that_it_closes(self) -> None:
        """S-HTTP-25: short enough to be read away, but more than the directory takes: the connection ends."""
        small = VirtualDirectorySection("/s", "exchange", require_tls="no", body_octets=10)
        talk = Conversation(sites=(evolve(SITE, virtual_directory=(small,)),))
        answer = talk.ask(b"PUT /s/", ALICE, b"Content-Length: 11\r\n", body=b"hello world")
        self.assertEqual((answer.status, answer.headers[b"connection"]), (413, b"close"))
        self.assertTrue(talk.client.closed_writing)

    def test_an_unfinished_request_does_not_cost_the_answer_before_it(self) -> None:
        """S-HTTP-13, S-HTTP-30: the back end's part is aborted, what was written to the client is not taken back."""
        unfinished = request(b"PUT /exchange/alice/a", ALICE, b"Content-Length: 9\r\n")
        self.talk.send(request(b"GET /exchange/", ALICE) + unfinished)
        self.talk.client.peer_ends_writing()
        self.assertEqual(self.talk.answer(), OK)
        self.assertTrue(self.talk.client.disconnecting)
        self.assertFalse(self.talk.client.disconnected, "aborted: the first answer may not have gone out yet")
        self.assertTrue(self.talk.back_end().disconnected)
        self.assertEqual([record.reason for record in self.talk.records], [None, reasons.CLIENT_GONE])

    def test_an_unfinished_request_cuts_an_early_answer_so_that_the_client_can_tell(self) -> None:
        """S-HTTP-30: to HTTP/1.0 an orderly end would look like the answer's."""
        self.talk.send(b"PUT /exchange/alice/a HTTP/1.0\r\n" + ALICE + b"Content-Length: 900000\r\n\r\nab")
        self.talk.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")
        self.talk.client.peer_ends_writing()
        self.assertTrue(self.talk.client.disconnected)
        self.assertTrue(self.talk.back_end().disconnected)
