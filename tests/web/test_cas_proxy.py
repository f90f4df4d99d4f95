"""As the first Client Access server: 441, one proxy log-on, 241, the request once more; and all that goes wrong."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.config.proxy import ProxySection
from exfront.facts import Policy, World
from exfront.secret import Secret
from exfront.topology import Service, Topology
from exfront.wire.security_context import read as read_context
from tests.routing.test_owa2007 import cas, owa
from tests.support.directory import MemoryDirectory, mailbox
from tests.support.steps import SmallWorld
from tests.web.conversation import ALICE, BOB, OK, Conversation, fields_of, read, request

_SID, _BOBS = "S-1-5-21-1-2-3-1104", "S-1-5-21-1-2-3-1105"
_PROXY = ProxySection(sid_header="X-CAS-Sid", secret_header="X-CAS-Secret")
_NEED = b"HTTP/1.1 441 Need Identity\r\nContent-Length: 0\r\n\r\n"
_ACCEPTED = b"HTTP/1.1 241 OK\r\nContent-Length: 0\r\n\r\n"


class CasCase(SynchronousTestCase):
    """alice's and bob's mailboxes are on chicago in Texas; dallas is the Client Access server there."""

    def setUp(self) -> None:
        people = [mailbox("alice", sid=_SID), mailbox("bob", sid=_BOBS), mailbox("carol")]
        self.small = SmallWorld(directory=MemoryDirectory(people), proxy=_PROXY, secret=Secret(b"hush-hush"))
        self.server = cas("dallas", listed=True, http=Service(443, "implicit"))
        self.decide(self.server)
        self.talk = self.connect()

    def decide(self, *servers: object) -> None:
        policy = Policy(("fourthcoffee.com",), ("fourthcoffee.com",), proves=True)
        topology = Topology(
            (cas("chicago", roles=frozenset({"mailbox"})), *servers),  # type: ignore[arg-type]
            virtual_directories=(owa("dallas"),),
            domains={"FOURTHCOFFEE": "dc=fourthcoffee,dc=com"},
        )
        world = World(topology, policy=policy, health=self.small.back_ends.health, site="Illinois")
        self.small.steps.world = lambda: world

    def connect(self) -> Conversation:
        talk = Conversation(world=self.small)
        self.addCleanup(talk.end)
        return talk

    def sent(self, number: int = 0) -> bytes:
        return self.talk.back_end(number).take()

    def log_on(self, number: int = 0) -> bytes:
        """The back end has asked who it is, and takes the log-on; what it got for that."""
        self.assertEqual(self.talk.answer(_NEED, number), b"")
        posted = self.sent(number)
        self.assertEqual(self.talk.answer(_ACCEPTED, number), b"")
        return posted


class LogOnTests(CasCase):
    def test_one_log_on_and_the_request_once_more(self) -> None:
        """2007 OWA step 5, S-ROUTE-6: on the connection that is there already."""
        first = self.talk.relayed(ALICE, line=b"GET /owa/")
        posted = self.log_on()
        self.assertEqual(self.sent(), first)
        self.assertEqual(self.talk.answer(), OK)
        head, _, body = posted.partition(b"\r\n\r\n")
        self.assertEqual(head.partition(b"\r\n")[0], b"POST /owa/proxyLogon.owa HTTP/1.1")
        self.assertIn(b"Content-Type: text/xml; charset=utf-8", fields_of(posted))
        context = read_context(body)
        self.assertEqual((context.user, context.logon_name), (_SID, "FOURTHCOFFEE\\alice"))
        self.assertEqual(
            [group.sid for group in context.groups], ["S-1-1-0", "S-1-5-2", "S-1-5-11", "S-1-5-21-1-2-3-513"]
        )
        self.assertEqual(len(self.small.dialer.dialled), 1)
        (record,) = self.talk.records
        told = (record.decision, record.back_end, record.front_end_status, record.back_end_status, record.detail)
        self.assertEqual(told, ("ProxyToCas", "dallas", "200", "200", "csc_login"))

    def test_what_each_request_says(self) -> None:
        """S-AUTH-14: user, URL, version and secret over verified TLS; no password, and the second server's name."""
        sent = self.talk.relayed(ALICE, b"Cookie: a=b\r\n", line=b"GET /owa/?x=1")
        fields = fields_of(sent)
        for line in (
            b"X-CAS-Sid: S-1-5-21-1-2-3-1104", b"X-ExFront-Uri: http://mail.fourthcoffee.com/owa",
            b"X-CAS-Secret: hush-hush", b"Host: dallas.fourthcoffee.com", b"Cookie: a=b", b"X-ExFront-Hop: 1",
        ):  # fmt: skip
            self.assertIn(line, fields)
        self.assertNotIn(b"Authorization", sent)
        relay = self.small.dialer.dialled[0].relay
        self.assertEqual((relay.service.tls, relay.proxy_url), ("implicit", "https://dallas.fourthcoffee.com/owa"))

    def test_who_has_logged_on_is_not_logged_on_again(self) -> None:
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.log_on()
        self.talk.answer()
        self.sent()
        self.assertTrue(self.talk.relayed(ALICE, line=b"GET /owa/2").startswith(b"GET /owa/2"))
        self.assertEqual(self.talk.answer(), OK)

    def test_a_server_that_has_forgotten_is_told_again(self) -> None:
        """A restart of the second server heals itself."""
        for _ in range(2):
            self.talk.relayed(ALICE, line=b"GET /owa/")
            self.assertIn(b"proxyLogon.owa", self.log_on())
            self.sent()
            self.assertEqual(self.talk.answer(), OK)

    def test_the_secret_goes_to_servers_of_the_configuration_alone(self) -> None:
        """S-AUTH-14: not to one that the directory names, whoever wrote it there."""
        self.decide(evolve(self.server, listed=False))
        self.assertNotIn(b"hush", self.talk.relayed(ALICE, line=b"GET /owa/"))
        self.assertNotIn(b"hush", self.log_on())

    def test_server_to_server_fields_of_a_client(self) -> None:
        """S-HTTP-18: none gets through with the client's value."""
        lines = (b"X-CAS-Sid: S-1-5-18\r\n", b"x-cas-secret: mine\r\n", b"X-ExFront-Uri: x\r\n", b"X-BEResource: y\r\n",
                 b"Cookie: X-BEResource=be9/x~1; X-CAS-Sid=S-1-5-18\r\n")  # fmt: skip
        sent = self.talk.relayed(ALICE, *lines, line=b"GET /owa/")
        for word in (b"S-1-5-18", b"mine", b": x\r\n", b"BEResource"):
            self.assertNotIn(word, sent)
        self.assertEqual(sent.count(b"X-CAS-Sid"), 1)

    def test_connections_that_close_after_each_answer(self) -> None:
        self.talk.relayed(ALICE, line=b"GET /owa/")
        close = b"Connection: close\r\nContent-Length: 0"
        self.talk.answer(_NEED.replace(b"Content-Length: 0", close))
        self.assertIn(b"proxyLogon.owa", self.sent(1))
        self.talk.answer(_ACCEPTED.replace(b"Content-Length: 0", close), 1)
        self.assertTrue(self.sent(2).startswith(b"GET /owa/ "))
        self.assertEqual(self.talk.answer(OK, 2), OK)

    def test_bodies_of_the_two_answers_are_never_seen(self) -> None:
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.assertEqual(self.talk.answer(b"HTTP/1.1 441 x\r\nContent-Length: 6\r\n\r\nsec"), b"")
        self.assertEqual(self.talk.answer(b"HTTP/1.1 241 x\r\nContent-Length: 6\r\n\r\nret", 1), b"")
        self.assertEqual(self.talk.answer(OK, 2), OK)

    def test_equal_log_ons_are_one(self) -> None:
        """S-ROUTE-6: one in flight; the others wait for it, and who was asked late does not log on again."""
        others = [self.connect() for _ in range(2)]
        self.talk.relayed(ALICE, line=b"GET /owa/0")
        for number, other in enumerate(others, 1):
            other.send(request(b"GET /owa/%d" % number, ALICE))
            other.back_end(number).take()
        self.talk.answer(_NEED)
        self.assertEqual(others[0].answer(_NEED, 1), b"")
        self.assertEqual([b"proxyLogon" in self.sent(number) for number in range(3)], [True, False, False])
        self.talk.answer(_ACCEPTED)
        again = [self.sent(number).partition(b" HTTP")[0] for number in (0, 1)]
        self.assertEqual(sorted(again), [b"GET /owa/0", b"GET /owa/1"])
        others[1].answer(_NEED, 2)  # asked after the log-on that came since it was sent
        self.assertEqual(self.sent(2).partition(b" HTTP")[0], b"GET /owa/2")
        self.assertEqual(others[1].answer(OK, 2), OK)
        self.assertEqual(len(self.small.dialer.dialled), 3)

    def test_two_users_log_on_each_for_himself(self) -> None:
        """S-HTTP-33: on connections of their own."""
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.log_on()
        self.talk.answer()
        other = self.connect()
        other.send(request(b"GET /owa/", BOB))
        self.assertIn(_BOBS.encode(), other.back_end(1).take())
        other.answer(_NEED, 1)
        posted = other.back_end(1).take()
        self.assertIn(b"<s>" + _BOBS.encode() + b"</s>", posted)
        self.assertNotIn(_SID.encode(), posted)

    def test_a_client_that_goes_away_within_the_log_on(self) -> None:
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.talk.answer(_NEED)
        self.assertIn(b"proxyLogon", self.sent())
        self.talk.client.peer_closes()
        self.talk.back_end().receive(_ACCEPTED)  # the others may have waited for it
        self.assertEqual(self.sent(), b"")
        self.assertEqual([record.front_end_status for record in self.talk.records], ["499"])


class CookieTests(CasCase):
    def test_they_stay_here_and_belong_to_one_user(self) -> None:
        """2007 OWA: the second server's cookies are never shown to the client."""
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.talk.answer(_NEED)
        self.sent()
        cookies = b"Set-Cookie: UserContext=alices; path=/owa\r\n"
        self.talk.answer(_ACCEPTED.replace(b"Content-Length", cookies + b"Content-Length"))
        self.assertIn(b"Cookie: UserContext=alices", fields_of(self.sent()))
        answer = self.talk.answer(OK.replace(b"Content-Length", b"Set-Cookie: page=1; path=/owa\r\nContent-Length"))
        self.assertEqual(answer, OK)
        sent = self.talk.relayed(ALICE, b"Cookie: UserContext=forged; own=1\r\n", line=b"GET /owa/x")
        self.assertIn(b"Cookie: own=1; UserContext=alices; page=1", fields_of(sent))
        self.talk.answer()
        self.talk.send(request(b"GET /owa/", BOB))
        self.assertNotIn(b"Cookie", self.sent(1))


class BodyTests(CasCase):
    """S-ROUTE-6: no body is lost silently."""

    def post(self, size: int, *fields: bytes) -> None:
        self.talk.send(request(b"POST /owa/", ALICE, b"Content-Length: %d\r\n" % size, *fields))

    def test_a_short_one_is_said_twice(self) -> None:
        self.post(limits.CAS_HELD_OCTETS)
        body = b"x" * limits.CAS_HELD_OCTETS
        self.assertEqual(self.small.dialer.dialled, [])
        self.talk.send(body[:1000])
        self.talk.send(body[1000:])
        first = self.sent()
        self.assertTrue(first.startswith(b"POST /owa/ ") and first.endswith(b"\r\n\r\n" + body))
        self.log_on()
        self.assertEqual(self.sent(), first)
        self.assertEqual(self.talk.answer(), OK)

    def test_before_a_longer_one_the_log_on_is_sent(self) -> None:
        size = limits.CAS_HELD_OCTETS + 1
        self.post(size)
        self.assertIn(b"proxyLogon", self.sent())
        self.talk.answer(_ACCEPTED)
        self.talk.send(b"x" * size)
        self.assertTrue(self.sent().endswith(b"\r\n\r\n" + b"x" * size))
        self.assertEqual(self.talk.answer(), OK)

    def test_before_one_of_unknown_length_too(self) -> None:
        self.talk.send(request(b"POST /owa/", ALICE, b"Transfer-Encoding: chunked\r\n") + b"2\r\nhi\r\n0\r\n\r\n")
        self.assertIn(b"proxyLogon", self.sent())
        self.talk.answer(_ACCEPTED)
        self.assertTrue(self.sent().endswith(b"2\r\nhi\r\n0\r\n\r\n"))
        self.assertEqual(self.talk.answer(), OK)

    def test_a_441_to_a_long_one_is_an_error(self) -> None:
        self.post(limits.CAS_HELD_OCTETS + 1)
        self.sent()
        self.talk.answer(_ACCEPTED)
        self.assertEqual(read(self.talk.answer(_NEED)).status, 502)

    def test_a_client_that_waits_for_100(self) -> None:
        self.talk.send(request(b"POST /owa/", ALICE, b"Content-Length: 2\r\n", b"Expect: 100-continue\r\n"))
        self.assertEqual(self.talk.send(b"hi"), b"")
        self.assertTrue(self.sent().endswith(b"hi"))
        self.assertEqual(self.talk.answer(), OK)

    def test_a_short_one_that_does_not_come(self) -> None:
        """S-HTTP-24"""
        self.post(1000)
        answer = read(self.talk.wait(60))
        self.assertEqual(answer.status, 408)
        self.assertEqual(self.small.dialer.dialled, [])

    def test_a_client_that_leaves_within_a_short_one(self) -> None:
        self.post(1000)
        self.talk.client.peer_closes()
        self.assertEqual(len(self.talk.records), 1)


class LoopTests(CasCase):
    """S-ROUTE-6: 502 and csc_loop in the log; neither status ever reaches a client."""

    def assert_loop(self, answer: bytes, status: int = 502, code: bytes = b"XF-CSC-LOOP") -> None:
        read_answer = read(answer)
        self.assertEqual(read_answer.status, status)
        self.assertIn(code, read_answer.body)
        self.assertIn(b"Client Access servers in the target", read_answer.body)
        answer = answer.replace(self.talk.session.id.encode(), b"")  # which may hold any digits
        for word in (b"441", b"241", b"dallas", _SID.encode(), b"hush"):
            self.assertNotIn(word, answer)

    def test_441_for_ever(self) -> None:
        """Two originals and one log-on."""
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.log_on()
        self.assertTrue(self.sent().startswith(b"GET /owa/ "))
        self.assert_loop(self.talk.answer(_NEED))
        self.assertEqual(len(self.small.dialer.dialled), 1)
        (record,) = self.talk.records
        self.assertEqual(record.reason and record.reason.code, "XF-CSC-LOOP")
        self.assertEqual(record.detail, "server=dallas status=441")

    def test_241_without_441(self) -> None:
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.assert_loop(self.talk.answer(_ACCEPTED))

    def test_a_log_on_that_is_not_taken(self) -> None:
        for status, code in (
            (403, b"XF-CSC-LOGIN"),
            (401, b"XF-CSC-LOGIN"),
            (441, b"XF-CSC-LOOP"),
            (200, b"XF-CSC-LOOP"),
        ):
            self.talk = self.connect()
            self.talk.send(request(b"GET /owa/", ALICE))
            number = len(self.small.dialer.dialled) - 1
            self.talk.answer(_NEED, number)
            self.sent(number)
            answer = b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % status
            self.assert_loop(self.talk.answer(answer, number), code=code)
            self.small.pool.stop()

    def test_a_server_that_does_not_know_us(self) -> None:
        """401 is about the connection between the two servers: the client is not asked for another password."""
        self.talk.relayed(ALICE, line=b"GET /owa/")
        answer = self.talk.answer(b"HTTP/1.1 401 x\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n")
        self.assert_loop(answer, code=b"XF-CSC-LOGIN")
        self.assertNotIn(b"WWW-Authenticate", answer)

    def test_441_and_241_of_who_is_no_client_access_server(self) -> None:
        for number, answer in enumerate((_NEED, _ACCEPTED)):
            talk = Conversation()
            talk.relayed(ALICE)
            got = read(talk.answer(answer))
            self.assertEqual((got.status, b"XF-CSC-LOOP" in got.body), (502, True), number)
            talk.end()

    def test_a_log_on_that_is_not_answered(self) -> None:
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.talk.answer(_NEED)
        self.assertEqual(read(self.talk.wait(limits.CAS_LOG_ON_TIME + 1)).status, 504)

    def test_a_log_on_whose_answer_is_no_http(self) -> None:
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.talk.answer(_NEED)
        self.assertEqual(read(self.talk.answer(b"SMTP ready\r\n\r\n")).status, 502)

    def test_a_kept_connection_that_died_is_replaced(self) -> None:
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.talk.answer(_NEED)
        self.talk.back_end().peer_closes()
        self.assertIn(b"proxyLogon", self.sent(1))

    def test_an_account_without_a_sid(self) -> None:
        answer = self.talk.ask(b"GET /owa/", b"Authorization: Basic Y2Fyb2w6c2VjcmV0LWNhcm9s\r\n")
        self.assertEqual(answer.status, 503)
        self.assertIn(b"XF-CAS-PROXY", answer.body)

    def test_more_groups_than_a_token_holds(self) -> None:
        self.small.groups = [f"S-1-5-21-1-2-3-{number}" for number in range(10_000)]
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.assertEqual(read(self.talk.answer(_NEED)).status, 503)
