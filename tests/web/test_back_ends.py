"""What the table of back ends learns of HTTP requests: per application, and exactly once for each request."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from exfront.backends.health import Application
from tests.web.conversation import ALICE, OK, Conversation, request

BROKEN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class CountingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = Conversation()

    def application(self, name: str = "exchange") -> Application:
        return self.talk.world.back_ends.application("chicago", "http", name, port=80)

    def counters(self, name: str = "exchange") -> tuple[int, int, int]:
        found = self.application(name)
        return found.in_flight, found.requests, found.failures

    def test_an_answered_request(self) -> None:
        """Latency is the time until the answer's head; what follows of the body is the size's."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(self.counters(), (1, 1, 0))
        self.talk.clock.advance(0.25)
        self.talk.answer(OK[:-2])
        self.assertEqual(self.counters(), (1, 1, 0))
        self.talk.clock.advance(5.0)
        self.talk.answer(OK[-2:])
        self.assertEqual(self.counters(), (0, 1, 0))
        self.assertEqual(self.application().latency, 0.25)

    def test_owa_broken_is_not_exchange_broken(self) -> None:
        """S-ROUTE-12: five 503 in a row degrade the application that they came from, and the answers pass."""
        for _ in range(5):
            self.talk.send(request(b"GET /owa/", ALICE))
            self.assertTrue(self.talk.answer(BROKEN).startswith(b"HTTP/1.1 503 "))
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.answer()
        self.assertEqual((self.counters("owa"), self.counters()), ((0, 5, 5), (0, 1, 0)))
        self.assertEqual(self.application("owa").health.state, "degraded")
        self.assertEqual(self.application().health.state, "healthy")

    def test_what_goes_wrong_ends_each_request_once(self) -> None:
        """A reset, a time-out, a server that was not reached, a client that left."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.back_end().peer_closes()
        self.assertEqual(self.counters(), (0, 1, 1))
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.wait(121)
        self.assertEqual(self.counters(), (0, 2, 2))
        self.assertIn("phase=head", self.application().error)
        self.talk = Conversation(world=self.talk.world)
        self.talk.world.dialer.refuse = reasons.BACK_END_REFUSED
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(self.counters(), (0, 3, 3))
        self.talk.world.dialer.refuse = None
        self.talk = Conversation(world=self.talk.world)
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.client.peer_closes()
        self.assertEqual(self.counters(), (0, 4, 3))

    def test_a_local_answer_is_no_request(self) -> None:
        self.talk.send(request(b"GET /nowhere"))
        self.assertEqual(self.talk.world.back_ends.states(), ())

    def test_a_back_end_that_is_left_alone_or_full(self) -> None:
        """S-ROUTE-12, S-OPS-4: 502 and 503, both with Retry-After, and the codes of the table."""
        cases = (
            (reasons.BACK_END_OUT, b"502 ", b"XF-BE-REFUSED"),
            (reasons.TOO_MANY_AT_BACK_END, b"503 ", b"XF-LIMIT"),
        )
        for reason, status, code in cases:
            talk = Conversation()
            talk.world.dialer.refuse = reason
            answer = talk.send(request(b"GET /exchange/", ALICE))
            self.assertTrue(answer.startswith(b"HTTP/1.1 " + status), answer)
            self.assertIn(b"\r\nRetry-After: 10\r\n", answer)
            self.assertIn(code, answer)
