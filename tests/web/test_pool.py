"""Kept connections to back ends: who may use them again, and when a request is sent twice."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from exfront.config.limits import LimitsSection
from tests.support.steps import SmallWorld
from tests.web.conversation import ALICE, BOB, OK, Conversation, basic, read, request

CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
NTLM = b"HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
TYPE_1 = b"Authorization: NTLM TlRMTVNTUAABAAAA\r\n"
TYPE_3 = b"Authorization: NTLM TlRMTVNTUAADAAAA\r\n"


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = Conversation()

    def ask(
        self, *fields: bytes, line: bytes = b"GET /exchange/", number: int = 0, answer: bytes = OK, dialled: int = 0
    ) -> bytes:
        """A request that must come on the connection `number` of `dialled`; what the back end got."""
        self.talk.send(request(line, *fields))
        self.assertEqual(len(self.talk.world.dialer.dialled), dialled or number + 1)
        sent = self.talk.back_end(number).take()
        self.assertTrue(sent.startswith(line), sent)
        self.talk.answer(answer, number)
        return sent

    def tearDown(self) -> None:
        self.talk.end()
        self.assertEqual(self.talk.clock.getDelayedCalls(), [])
        for dialled in self.talk.world.dialer.dialled:
            self.assertFalse(dialled.line.connected)


class KeptTests(Case):
    def test_requests_of_one_user_follow_each_other_on_one_connection(self) -> None:
        """S-HTTP-33: same server, same account."""
        for _ in range(3):
            self.ask(ALICE)

    def test_another_users_request_comes_on_another_connection(self) -> None:
        """S-HTTP-33: A, then B on the same client connection: on A's connection nothing of B is seen."""
        self.talk.world.directory.entries[1] = self.talk.world.directory.entries[1].__class__(
            "cn=bob", "id-bob", "bob", "bob@fourthcoffee.com", "bob", ("bob@fourthcoffee.com",), "chicago"
        )
        self.assertIn(ALICE, self.ask(ALICE))
        self.assertIn(BOB, self.ask(BOB, number=1))
        self.assertEqual(self.talk.back_end(0).take(), b"")
        self.assertEqual(self.talk.world.dialer.dialled[1].relay.server.name, "chicago")

    def test_a_user_finds_his_connection_again_from_another_device(self) -> None:
        """S-HTTP-33: kept by account; who has not proven to be him never gets it."""
        self.ask(ALICE)
        other = Conversation(world=self.talk.world)
        other.send(request(b"GET /exchange/", basic("alice", "wrong")))
        self.assertEqual(read(other.wait(1)).status, 401)
        other.send(request(b"GET /exchange/", BOB))
        self.assertEqual(self.talk.back_end(0).take(), b"")
        other.answer(OK, 1)
        other.send(request(b"GET /exchange/", ALICE))
        self.assertIn(ALICE, self.talk.back_end(0).take())
        other.client.peer_closes()
        self.assertFalse(self.talk.back_end(0).connected)
        self.assertTrue(self.talk.back_end(1).connected)

    def test_requests_at_the_same_time_use_several(self) -> None:
        """S-HTTP-33: one answer at a time on each."""
        other = Conversation(world=self.talk.world)
        self.talk.send(request(b"GET /exchange/", ALICE))
        other.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(len(self.talk.world.dialer.dialled), 2)
        for number, talk in enumerate((self.talk, other)):
            self.assertEqual(talk.answer(OK, number), OK)
        self.assertEqual(len(self.talk.pool), 2)
        other.client.peer_closes()

    def test_a_user_keeps_eight_at_most(self) -> None:
        """S-HTTP-33: what is over that is closed."""
        talks = [Conversation(world=self.talk.world) for _ in range(10)]
        for talk in talks:
            talk.send(request(b"GET /exchange/", ALICE))
        for number, talk in enumerate(talks):
            talk.answer(OK, number)
            talk.client.peer_closes()
        self.assertEqual(len(self.talk.pool), 8)
        self.assertEqual([self.talk.back_end(number).connected for number in range(10)], [True] * 8 + [False] * 2)

    def test_spellings_of_one_account_are_one_user(self) -> None:
        """S-AUTH-4, S-HTTP-33: the key is the account, not the name typed."""
        self.ask(ALICE)
        self.ask(basic("alice@fourthcoffee.com", "secret-alice"))

    def test_another_server_is_another_connection(self) -> None:
        """S-HTTP-33: explicit logon moves the request to the other mailbox's server."""
        self.ask(ALICE)
        self.ask(ALICE, line=b"GET /exchange/bob/", number=1)
        self.ask(ALICE, number=0, dialled=2)

    def test_an_anonymous_request_never_rides_on_a_users_connection(self) -> None:
        """S-HTTP-33: nor the other way round."""
        self.ask(ALICE)
        self.ask(line=b"GET /public/", number=1)
        self.ask(ALICE, number=0, dialled=2)
        self.ask(line=b"GET /public/", number=1)

    def test_passed_credentials_keep_their_connection_to_themselves(self) -> None:
        """S-HTTP-33: exfront does not know who they are, only that they differ."""
        self.ask(ALICE, line=b"GET /public/")
        self.ask(ALICE, line=b"GET /public/")
        self.ask(BOB, line=b"GET /public/", number=1)

    def test_after_close_by_the_back_end_a_new_one_is_made(self) -> None:
        self.ask(ALICE, answer=CLOSING)
        self.assertFalse(self.talk.back_end(0).connected)
        self.ask(ALICE, number=1)

    def test_octets_on_an_idle_connection_close_it_unread(self) -> None:
        """S-HTTP-29, S-HTTP-33: they answer no question."""
        self.ask(ALICE)
        self.assertEqual(self.talk.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), b"")
        self.assertFalse(self.talk.back_end(0).connected)
        self.ask(ALICE, number=1)

    def test_an_idle_connection_that_the_back_end_closes_is_forgotten(self) -> None:
        self.ask(ALICE)
        self.talk.back_end(0).peer_ends_writing()
        self.assertFalse(self.talk.back_end(0).connected)
        self.ask(ALICE, number=1)

    def test_an_idle_connection_makes_room_at_a_server_that_is_full(self) -> None:
        """S-OPS-4: one of that server, however it is spelt; one that is in use stays."""
        self.ask(ALICE)
        self.ask(BOB, number=1)
        self.assertFalse(self.talk.pool.reclaim("boston"))
        self.assertTrue(self.talk.pool.reclaim("CHICAGO"))
        self.assertEqual([self.talk.back_end(number).connected for number in (0, 1)], [False, True])
        self.talk.send(request(b"GET /exchange/", BOB))
        self.assertFalse(self.talk.pool.reclaim("dallas"))
        self.assertEqual(self.talk.answer(OK, 1), OK)

    def test_an_idle_connection_is_closed_after_55_seconds(self) -> None:
        """S-HTTP-33: before the back end does it; each use starts the time anew."""
        self.ask(ALICE)
        self.talk.wait(50)
        self.ask(ALICE)
        self.talk.wait(54)
        self.assertTrue(self.talk.back_end(0).connected)
        self.talk.wait(6)  # one look each five seconds
        self.assertFalse(self.talk.back_end(0).connected)


class PinnedTests(Case):
    def test_a_connection_that_is_logged_on_belongs_to_its_client(self) -> None:
        """S-HTTP-33, S-HTTP-34: from the first challenge on all three legs come on one connection, and what follows."""
        self.talk.send(request(b"GET /public/"))
        self.talk.back_end().take()
        octets = self.talk.answer(NTLM)
        self.assertEqual(read(octets).headers[b"proxy-support"], b"Session-Based-Authentication")
        self.ask(TYPE_1, line=b"GET /public/", answer=NTLM)
        self.ask(TYPE_3, line=b"GET /public/")
        self.assertNotIn(b"Authorization", self.ask(line=b"GET /public/"))

    def test_it_ends_with_the_client_and_nobody_inherits_it(self) -> None:
        """S-HTTP-33: a stranger's request comes on another connection, also while the user is there."""
        self.ask(TYPE_3, line=b"GET /public/")
        for number in (1, 2):
            stranger = Conversation(world=self.talk.world)
            stranger.send(request(b"GET /public/"))
            self.assertEqual(len(self.talk.world.dialer.dialled), number + 1)
            self.assertEqual(self.talk.back_end(0).take(), b"")
            stranger.client.peer_closes()
            self.talk.client.peer_closes()
            self.assertFalse(self.talk.back_end(0).connected)

    def test_it_ends_the_client_when_the_back_end_ends_it(self) -> None:
        """S-HTTP-33: until either closes; a client that believes to be logged on must see that it is not."""
        for ending in ("peer_closes", "peer_ends_writing"):
            self.talk = Conversation()
            self.ask(TYPE_3, line=b"GET /public/")
            getattr(self.talk.back_end(0), ending)()
            self.assertFalse(self.talk.client.connected)

    def test_an_answer_that_ends_it_tells_the_client(self) -> None:
        """S-HTTP-33: Connection: close of the back end becomes ours."""
        self.talk.send(request(b"GET /public/", TYPE_3))
        self.assertEqual(read(self.talk.answer(CLOSING)).headers[b"connection"], b"close")
        self.assertFalse(self.talk.client.connected)

    def test_first_request_negotiate_pins_too(self) -> None:
        """S-HTTP-33: the scheme does it, without any challenge."""
        self.ask(line=b"GET /public/")
        self.ask(b"Authorization: Negotiate YII=\r\n", line=b"GET /public/", number=1)
        self.ask(line=b"GET /public/", number=1)

    def test_basic_never_rides_on_a_logged_on_connection(self) -> None:
        """S-HTTP-33, S-HTTP-34: authenticated as A, Basic for B is only B."""
        self.ask(TYPE_3, line=b"GET /public/")
        self.ask(BOB, line=b"GET /public/", number=1)
        self.assertFalse(self.talk.back_end(0).connected)
        self.ask(line=b"GET /public/", number=2)

    def test_a_proven_user_never_rides_on_it_either(self) -> None:
        """S-HTTP-33: same server, but exfront's own log-on."""
        self.ask(TYPE_3, line=b"GET /public/")
        self.ask(ALICE, number=1)


class RetryTests(Case):
    def dies(self, line: bytes, *fields: bytes) -> bytes:
        """The kept connection ends under a request; what the client got."""
        self.ask(ALICE)
        self.talk.client.take()
        self.talk.send(request(line, ALICE, *fields))
        self.talk.back_end(0).peer_closes()
        return self.talk.client.take()

    def test_a_question_is_asked_again_on_a_new_connection(self) -> None:
        """S-HTTP-32: unseen by the client."""
        for method in (b"GET", b"HEAD", b"OPTIONS", b"PROPFIND", b"SEARCH"):
            self.talk = Conversation()
            self.assertEqual(self.dies(method + b" /exchange/"), b"", method)
            self.assertIn(method + b" /exchange/ HTTP/1.1\r\n", self.talk.back_end(1).take())
            self.talk.answer(b"HTTP/1.1 204 OK\r\n\r\n", 1)
            self.assertEqual([record.front_end_status for record in self.talk.records], ["200", "204"])
            self.talk.end()

    def test_what_changes_something_is_sent_once(self) -> None:
        """S-HTTP-32: 502 instead."""
        for method in (b"POST", b"PUT", b"DELETE", b"MOVE", b"BMOVE", b"LOCK", b"PROPPATCH"):
            self.talk = Conversation()
            self.assertEqual(read(self.dies(method + b" /exchange/")).status, 502, method)
            self.assertEqual(len(self.talk.world.dialer.dialled), 1)
            self.assertIs(self.talk.records[1].reason, reasons.BACK_END_RESET)
            self.talk.end()

    def test_a_question_with_a_body_is_sent_once(self) -> None:
        """S-HTTP-32: the body is not held."""
        self.assertEqual(read(self.dies(b"PROPFIND /exchange/", b"Content-Length: 5\r\n")).status, 502)

    def test_a_new_connection_that_dies_is_not_tried_again(self) -> None:
        """S-HTTP-32: at most once, and only behind a kept one."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.back_end(0).peer_closes()
        self.assertEqual(read(self.talk.client.take()).status, 502)
        self.assertEqual(self.dies_again(), 502)

    def dies_again(self) -> int:
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.answer(OK, 1)
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.back_end(1).peer_closes()
        self.assertEqual(self.talk.client.take(), b"")
        self.talk.back_end(2).peer_closes()
        return read(self.talk.client.take()).status

    def test_an_answer_that_has_begun_is_not_asked_for_again(self) -> None:
        """S-HTTP-32: after the first octet."""
        self.ask(ALICE)
        self.talk.client.take()
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.answer(b"HTTP/1.1 2")
        self.talk.back_end(0).peer_closes()
        self.assertEqual(read(self.talk.client.take()).status, 502)
        self.assertEqual(len(self.talk.world.dialer.dialled), 1)

    def test_a_connection_log_on_is_not_repeated(self) -> None:
        """S-HTTP-32, S-HTTP-33: its message belongs to the connection that died."""
        self.ask(TYPE_1, line=b"GET /public/", answer=NTLM)
        self.talk.client.take()
        self.talk.send(request(b"GET /public/", TYPE_3))
        self.talk.back_end(0).peer_closes()
        self.assertEqual(read(self.talk.client.take()).status, 502)


class SettingsTests(Case):
    def setUp(self) -> None:
        self.talk = Conversation(world=SmallWorld(limits=LimitsSection(http_back_end_idle_time=0.0)))

    def test_nothing_is_kept_where_that_is_switched_off(self) -> None:
        self.ask(ALICE)
        self.assertFalse(self.talk.back_end(0).connected)
        self.ask(ALICE, number=1)
