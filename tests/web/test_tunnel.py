"""Web sockets: a tunnel where a virtual directory allows it, and nowhere else (S-HTTP-16)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from exfront.config.virtual_site import VirtualDirectorySection
from tests.web.conversation import ALICE, DIRECTORIES, OK, SITE, Conversation, read, request

CHAT = VirtualDirectorySection("/chat", "exchange", require_tls="no", websocket=True)
ASKS = (b"Connection: keep-alive, Upgrade\r\n", b"Upgrade: WebSocket\r\n", b"Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n")
SWITCHES = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = Conversation(sites=(evolve(SITE, virtual_directory=(*DIRECTORIES, CHAT)),))

    def tearDown(self) -> None:
        self.talk.end()
        self.assertEqual(self.talk.clock.getDelayedCalls(), [])
        for dialled in self.talk.world.dialer.dialled:
            self.assertFalse(dialled.line.connected)
        self.assertEqual(len(self.talk.world.sessions), 0)


class TunnelTests(Case):
    def opened(self) -> None:
        self.talk.relayed(ALICE, *ASKS, line=b"GET /chat/")
        self.talk.answer(SWITCHES)

    def test_the_handshake_is_passed_on_and_the_answer_too(self) -> None:
        """S-HTTP-16: in our own words; the key and its answer are the end points' business."""
        sent = self.talk.relayed(ALICE, *ASKS, line=b"GET /chat/")
        for line in (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="):
            self.assertEqual(sent.count(line + b"\r\n"), 1)
        answer = read(self.talk.answer(SWITCHES))
        self.assertEqual((answer.status, answer.headers[b"upgrade"]), (101, b"websocket"))
        self.assertEqual(answer.headers[b"connection"], b"Upgrade")
        self.assertEqual(answer.headers[b"sec-websocket-accept"], b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")

    def test_octets_pass_both_ways_unseen(self) -> None:
        """S-HTTP-16: also such as look like HTTP."""
        self.opened()
        self.assertEqual(self.talk.send(request(b"GET /exchange/")), b"")
        self.assertEqual(self.talk.back_end().take(), request(b"GET /exchange/"))
        self.assertEqual(self.talk.answer(OK), OK)
        self.assertEqual(self.talk.records, [])

    def test_what_is_sent_too_early_is_not_lost(self) -> None:
        """S-HTTP-16: behind the request, and behind the 101."""
        self.talk.send(request(b"GET /chat/", ALICE, *ASKS) + b"\x81\x02hi")
        self.talk.back_end().take()
        self.assertTrue(self.talk.answer(SWITCHES + b"\x81\x02ho").endswith(b"\r\n\r\n\x81\x02ho"))
        self.assertEqual(self.talk.back_end().take(), b"\x81\x02hi")

    def test_either_side_ends_it_and_the_log_tells(self) -> None:
        for who in ("client", "back end"):
            self.talk = Conversation(sites=(evolve(SITE, virtual_directory=(*DIRECTORIES, CHAT)),))
            self.opened()
            self.talk.send(b"12345")
            (self.talk.client if who == "client" else self.talk.back_end()).peer_closes()
            self.assertFalse(self.talk.client.connected)
            self.assertFalse(self.talk.back_end().connected)
            (record,) = self.talk.records
            self.assertEqual((record.front_end_status, record.back_end_status, record.reason), ("101", "101", None))
            self.assertGreater(record.octets_in, 5)
            self.talk.end()

    def test_silence_ends_it_in_the_end(self) -> None:
        """S-HTTP-26: every wait has an end."""
        self.opened()
        self.talk.wait(14 * 60, step=60)
        self.assertTrue(self.talk.client.connected)
        self.talk.wait(3 * 60, step=60)
        self.assertFalse(self.talk.client.connected)
        self.assertIs(self.talk.records[0].reason, reasons.CLIENT_IDLE)

    def test_it_comes_on_a_connection_of_its_own(self) -> None:
        """S-HTTP-33: one that served before may be kept, but not for this; and it is never kept."""
        self.talk.send(request(b"GET /chat/", ALICE))
        self.talk.answer(OK)
        self.talk.send(request(b"GET /chat/", ALICE, *ASKS))
        self.assertEqual(len(self.talk.world.dialer.dialled), 2)
        self.talk.answer(SWITCHES, 1)
        self.assertEqual(len(self.talk.pool), 1)


class NoTunnelTests(Case):
    def test_an_answer_that_is_no_101_is_an_answer(self) -> None:
        """S-HTTP-16: 200 to a handshake opens nothing."""
        self.talk.relayed(ALICE, *ASKS, line=b"GET /chat/")
        self.assertEqual(self.talk.answer(OK), OK)
        self.talk.relayed(ALICE, line=b"GET /chat/", number=0)
        self.assertEqual(len(self.talk.records), 1)

    def test_where_it_is_not_switched_on_nobody_is_asked(self) -> None:
        """S-HTTP-16: the back end sees no Upgrade; a 101 from it is 502."""
        sent = self.talk.relayed(ALICE, *ASKS)
        self.assertNotIn(b"Upgrade", sent)
        self.assertEqual(read(self.talk.answer(SWITCHES)).status, 502)

    def test_only_a_get_without_a_body_asks(self) -> None:
        """S-HTTP-16: h2c and others are dropped; so is HTTP/1.0's."""
        for line, *fields in (
            (b"POST /chat/", *ASKS), (b"GET /chat/", b"Connection: Upgrade\r\n", b"Upgrade: h2c\r\n"),
            (b"GET /chat/", b"Upgrade: websocket\r\n"), (b"GET /chat/", *ASKS, b"Content-Length: 0\r\n"),
            (b"GET /chat/", ASKS[0], b"Upgrade: websocket, h2c\r\n"),
        ):  # fmt: skip
            talk = Conversation(sites=(evolve(SITE, virtual_directory=(*DIRECTORIES, CHAT)),))
            talk.send(request(line, ALICE, *fields))
            self.assertNotIn(b"Upgrade", talk.back_end().take(), fields)
            talk.end()

    def test_a_101_to_something_else_is_502(self) -> None:
        """S-HTTP-28: the back end switches to what nobody asked for."""
        self.talk.relayed(ALICE, *ASKS, line=b"GET /chat/")
        answer = self.talk.answer(b"HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
        self.assertEqual(read(answer).status, 502)
