"""exfront logs a connection on at a back end, in memory: what the back end gets, and what comes of its answers."""

from __future__ import annotations

import base64
import struct

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.virtual_site import VirtualDirectorySection
from exfront.facts import World
from exfront.topology import Scheme, Topology
from tests.support.steps import SmallWorld, server
from tests.web.conversation import ALICE, DIRECTORIES, OK, SITE, Conversation, basic, fields_of, read, request
from tests.web.logging_on import Browser

# [MS-NLMP] section 4.2.4.3, the example's CHALLENGE_MESSAGE.
_CHALLENGE = bytes.fromhex(
    "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef0000000000000000240024004400000006007017"
    "0000000f53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000"
)
CHALLENGE = base64.b64encode(_CHALLENGE)
_NAMES = struct.Struct("<28xHHIHHI")  # of an AUTHENTICATE_MESSAGE: domain and user: length, room, offset
NTLM_ONLY = ("Negotiate", "NTLM")


def unauthorized(*challenges: str, more: bytes = b"") -> bytes:
    lines = "".join(f"WWW-Authenticate: {each}\r\n" for each in challenges)
    return b"HTTP/1.1 401 Unauthorized\r\n%b%bContent-Length: 3\r\n\r\nno!" % (lines.encode(), more)


def challenge(scheme: str = "NTLM") -> bytes:
    return unauthorized(f"{scheme} {CHALLENGE.decode()}")


class Case(SynchronousTestCase):
    schemes: tuple[Scheme, ...] = ("negotiate", "ntlm", "basic")

    def setUp(self) -> None:
        self.world = SmallWorld()
        world = World(Topology(tuple(server(name, next_hop=self.schemes) for name in ("chicago", "dallas"))))
        self.world.steps.world = lambda: world
        self.talk = self.new()

    def new(self, *, secure: bool = False) -> Conversation:
        """Another client connection."""
        passes = VirtualDirectorySection("/mapi", "mapi", "passthrough", server="chicago", require_tls="no")
        site = evolve(SITE, virtual_directory=(*DIRECTORIES, passes))
        talk = Conversation(world=self.world, sites=(site,), secure=secure)
        self.addCleanup(talk.client.peer_closes)
        self.addCleanup(talk.pool.stop)
        return talk

    def sent(self, number: int = 0) -> bytes:
        """What a back end's connection got since."""
        return self.talk.back_end(number).take()

    def logged_on(self, *fields: bytes, line: bytes = b"GET /exchange/", body: bytes = b"", number: int = 0) -> bytes:
        """Ask, and let alice in; what the back end gets then."""
        self.talk.send(request(line, ALICE, *fields, body=body))
        self.talk.answer(challenge(), number)
        self.sent(number)
        self.talk.answer(OK, number)
        return self.sent(number)

    @property
    def connections(self) -> int:
        return len(self.world.dialer.dialled)

    def message(self, octets: bytes, scheme: bytes = b"NTLM") -> bytes:
        """The NTLM message in a request."""
        (line,) = [each for each in fields_of(octets) if each.startswith(b"Authorization: ")]
        name, _, token = line.partition(b": ")[2].partition(b" ")
        self.assertEqual(name, scheme)
        return base64.b64decode(token)


class LegTests(Case):
    def test_the_legs(self) -> None:
        """S-HTTP-34: requests of our own on one connection, without a body; then the request without credentials."""
        self.talk.send(request(b"GET /exchange/alice/Inbox/?a", ALICE, b"Cookie: a=b\r\n"))
        first = self.sent()
        self.assertTrue(first.startswith(b"OPTIONS /exchange/ HTTP/1.1\r\nHost: mail.fourthcoffee.com\r\n"), first)
        self.assertIn(b"\r\nContent-Length: 0\r\n", first)
        self.assertNotIn(b"Cookie", first)
        self.assertEqual(self.message(first)[:12], b"NTLMSSP\0\1\0\0\0")
        self.assertEqual(self.talk.answer(challenge()), b"")
        second = self.sent()
        message = self.message(second)
        self.assertEqual(message[:12], b"NTLMSSP\0\3\0\0\0")
        domain_length, _, domain_at, length, _, at = _NAMES.unpack_from(message)
        name = message[domain_at : domain_at + domain_length] + b"\\\0" + message[at : at + length]
        self.assertEqual(name.decode("utf-16-le"), "FOURTHCOFFEE\\alice")
        self.assertEqual(self.talk.answer(OK), b"")
        third = self.sent()
        self.assertTrue(third.startswith(b"GET /exchange/alice/Inbox/?a HTTP/1.1\r\n"), third)
        self.assertIn(b"Cookie: a=b\r\n", third)
        self.assertNotIn(b"Authorization", third)
        self.assertEqual(read(self.talk.answer()).body, b"ok")
        self.assertEqual(self.connections, 1)

    def test_front_end_https(self) -> None:
        """FBG, KB327800: the log-on looks as the request will."""
        self.talk = self.new(secure=True)
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertIn(b"\r\nFront-End-Https: On\r\n", self.sent())

    def test_what_is_logged_on_is_kept_for_its_user(self) -> None:
        """S-HTTP-33: the next request takes it as it is; another user's never does."""
        self.logged_on()
        self.talk.answer()
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertTrue(self.sent().startswith(b"GET /exchange/ "))
        self.talk.answer()
        self.talk = self.new()
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(self.connections, 1)
        self.talk.answer()
        self.talk.send(request(b"GET /exchange/alice/", basic("bob")))
        self.assertEqual((self.connections, self.talk.back_end(0).take()[:3]), (2, b"GET"))
        self.assertTrue(self.talk.back_end(1).take().startswith(b"OPTIONS "))

    def test_a_body_waits(self) -> None:
        """S-HTTP-34: nothing of it goes with the log-on."""
        self.talk.send(request(b"POST /exchange/", ALICE, b"Content-Length: 5\r\n", body=b"he"))
        self.assertNotIn(b"he\r\n", self.sent()[-4:])
        self.talk.answer(challenge())
        self.assertTrue(self.sent().endswith(b"\r\n\r\n"))
        self.talk.answer()
        self.assertTrue(self.sent().endswith(b"\r\nContent-Length: 5\r\n\r\nhe"))
        self.talk.client.receive(b"llo")
        self.assertEqual(self.sent(), b"llo")
        self.assertEqual(read(self.talk.answer()).body, b"ok")

    def test_negotiate_where_that_is_all(self) -> None:
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.sent()
        self.talk.answer(unauthorized("Negotiate"))
        self.assertEqual(self.message(self.sent(), b"Negotiate")[8], 1)
        self.talk.answer(challenge("Negotiate"))
        self.assertEqual(self.message(self.sent(), b"Negotiate")[8], 3)

    def test_options_that_anybody_may_ask(self) -> None:
        """A server that challenges other methods alone is asked by HEAD."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.sent()
        self.talk.answer(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
        self.assertTrue(self.sent().startswith(b"HEAD /exchange/ "))
        self.talk.answer(b"HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM %b\r\nContent-Length: 9\r\n\r\n" % CHALLENGE)
        self.assertEqual(self.message(self.sent())[8], 3)

    def test_the_name_that_the_configuration_wants(self) -> None:
        world = World(Topology((server("chicago", next_hop=("ntlm",), login_as="upn"),)))
        self.world.steps.world = lambda: world
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.sent()
        self.talk.answer(challenge())
        message = self.message(self.sent())
        _, _, _, length, _, at = _NAMES.unpack_from(message)
        self.assertEqual(message[at : at + length].decode("utf-16-le"), "alice@fourthcoffee.com")


class OtherSchemeTests(Case):
    def test_basic_on_the_same_connection(self) -> None:
        """2000/2003 comment 7: "then Basic"; and from then on at once."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.sent()
        self.talk.answer(unauthorized('Basic realm="x"'))
        self.assertIn(b"\r\nAuthorization: Basic ", self.sent())
        self.talk.answer()
        self.talk = self.new()
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertIn(b"\r\nAuthorization: Basic ", self.sent())
        self.assertEqual(self.connections, 1)

    def test_what_was_learned_is_forgotten(self) -> None:
        self.test_basic_on_the_same_connection()
        self.talk.answer()
        self.talk.wait(400.0, 10.0)
        self.talk = self.new()
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertTrue(self.sent(self.connections - 1).startswith(b"OPTIONS "))

    def test_basic_that_is_offered_no_more(self) -> None:
        """What was learned is wrong by now: the same request goes by NTLM, on a connection of its own."""
        self.test_basic_on_the_same_connection()
        self.assertEqual(self.talk.answer(unauthorized("NTLM")), b"")
        self.assertTrue(self.sent(1).startswith(b"OPTIONS "))
        self.talk.answer(challenge(), 1)
        self.talk.answer(OK, 1)
        self.assertEqual(read(self.talk.answer(OK, 1)).body, b"ok")

    def test_a_back_end_that_asks_nobody(self) -> None:
        """It may want to know who asks: Basic tells it, if it may."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.answer(OK)
        self.sent()
        self.talk.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        self.assertIn(b"\r\nAuthorization: Basic ", self.sent())

    def test_a_back_end_that_fails_gets_no_password(self) -> None:
        """S-ROUTE-9: it may offer NTLM again in a moment."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        for _ in range(2):
            answer = self.talk.answer(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(read(answer).status, 503)
        self.assertIn(b"XF-BE-LOGIN-REFUSED", answer)
        self.assertNotIn(b"Basic ", self.sent())

    def test_nothing_that_could_be_used(self) -> None:
        self.talk.send(request(b"GET /exchange/", ALICE))
        answer = read(self.talk.answer(unauthorized('Digest realm="x", nonce="y"')))
        self.assertEqual(answer.status, 401)
        (record,) = self.talk.records
        self.assertEqual(record.detail, "PrxTo:chicago_Error:NTLM+not+on+the+destination+CAS_")
        self.assertEqual((record.back_end_status, record.schemes_offered), ("401", "Basic"))

    def test_ntlm_that_passes_through_to_where_there_is_none(self) -> None:
        self.talk.send(request(b"GET /mapi/", b"Authorization: NTLM TlRMTVNTUAABAAAA\r\n"))
        self.talk.answer(unauthorized('Basic realm="x"'))
        (record,) = self.talk.records
        self.assertEqual(record.reason and record.reason.code, "XF-NO-NTLM")

    def test_ntlm_that_passes_through_to_where_it_is_wrong(self) -> None:
        self.talk.send(request(b"GET /mapi/", b"Authorization: NTLM TlRMTVNTUAABAAAA\r\n"))
        self.talk.answer(unauthorized("NTLM"))
        self.assertIsNone(self.talk.records[0].reason)


class BasicFirstTests(Case):
    schemes = ("basic", "ntlm", "negotiate")

    def test_basic_at_once(self) -> None:
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertIn(b"\r\nAuthorization: Basic ", self.sent())

    def test_ntlm_where_basic_is_not_offered(self) -> None:
        """A Client Access server with Integrated authentication alone."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(self.talk.answer(unauthorized(*NTLM_ONLY)), b"")
        self.talk.answer(challenge(), 1)
        self.talk.answer(OK, 1)
        self.assertEqual(read(self.talk.answer(OK, 1)).body, b"ok")
        self.assertEqual(self.world.passwords.checked, ["alice"])

    def test_a_request_with_a_body_is_not_repeated(self) -> None:
        """S-HTTP-32: its answer stands; the client's next one goes by NTLM."""
        self.talk.send(request(b"POST /exchange/", ALICE, b"Content-Length: 2\r\n", body=b"ab"))
        self.assertEqual(read(self.talk.answer(unauthorized(*NTLM_ONLY))).status, 401)
        self.talk.send(request(b"POST /exchange/", ALICE, b"Content-Length: 2\r\n", body=b"ab"))
        self.assertTrue(self.sent(1).startswith(b"OPTIONS "))

    def test_a_wrong_password_is_not_tried_by_another_scheme(self) -> None:
        self.talk.send(request(b"GET /exchange/", ALICE))
        answer = self.talk.answer(unauthorized(*NTLM_ONLY, 'Basic realm="x"'))
        self.assertEqual((read(answer).status, self.connections), (401, 1))


class RefusedTests(Case):
    def refused(self, number: int = 0) -> int:
        """The status that the client gets where its password is refused."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.answer(challenge(), number)
        return read(self.talk.answer(unauthorized(*NTLM_ONLY), number)).status

    def test_it_is_not_sent_again(self) -> None:
        """S-AUTH-8, S-ROUTE-10: one fresh look, then 401; the same password not again, another one at once."""
        looked = len(self.world.directory.asked)
        self.assertEqual(self.refused(), 401)
        self.assertEqual(len(self.world.directory.asked), looked + 2)  # the log-on, and the look
        record = self.talk.records[0]
        self.assertEqual((record.front_end_status, record.back_end_status), ("401", "401"))
        self.assertFalse(self.talk.back_end().connected)
        self.assertEqual(read(self.talk.send(request(b"GET /exchange/", ALICE))).status, 401)
        self.assertEqual(self.sent(1), b"")
        self.world.passwords.passwords["alice"] = b"new"
        self.talk.send(request(b"GET /exchange/", basic("alice", "new")))
        self.assertTrue(self.sent(2).startswith(b"OPTIONS "))

    def test_after_ten_minutes_it_is(self) -> None:
        self.assertEqual(self.refused(), 401)
        self.talk.wait(601.0, 30.0)
        self.talk = self.new()
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertTrue(self.sent(1).startswith(b"OPTIONS "))

    def test_the_mailbox_has_moved(self) -> None:
        """S-ROUTE-10: logged on and answered where it is now, also with a body: none of it was sent before."""
        self.talk.send(request(b"POST /exchange/", ALICE, b"Content-Length: 2\r\n", body=b"ab"))
        self.world.directory.entries[0] = evolve(self.world.directory.entries[0], home_server="dallas")
        self.talk.answer(challenge())
        self.assertEqual(self.talk.answer(unauthorized(*NTLM_ONLY)), b"")
        self.assertEqual(self.world.dialer.dialled[1].relay.server.name, "dallas")
        self.talk.answer(challenge(), 1)
        self.talk.answer(OK, 1)
        self.assertTrue(self.sent(1).endswith(b"\r\n\r\nab"))
        self.assertEqual(read(self.talk.answer(OK, 1)).body, b"ok")
        self.assertEqual(self.talk.records[0].detail, "moved")

    def test_one_at_a_time_until_one_was_right(self) -> None:
        """S-AUTH-8: two connections of a client at once; the second one waits for the outcome of the first."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        second = self.new()
        second.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(self.sent(1), b"")
        self.talk.answer(challenge())
        self.talk.answer(unauthorized(*NTLM_ONLY))
        self.assertEqual(self.sent(1), b"")
        self.assertEqual(read(second.client.take()).status, 401)

    def test_the_second_goes_on_when_the_first_was_right(self) -> None:
        self.talk.send(request(b"GET /exchange/", ALICE))
        second, third = self.new(), self.new()
        for each in (second, third):
            each.send(request(b"GET /exchange/", ALICE))
        self.assertEqual((self.sent(1), self.sent(2)), (b"", b""))
        self.talk.answer(challenge())
        self.talk.answer(OK)
        for number in (1, 2):
            self.assertTrue(self.sent(number).startswith(b"OPTIONS "), number)

    def test_who_waits_and_leaves(self) -> None:
        self.talk.send(request(b"GET /exchange/", ALICE))
        second = self.new()
        second.send(request(b"GET /exchange/", ALICE))
        second.client.peer_closes()
        self.assertFalse(self.talk.back_end(1).connected)
        self.talk.client.peer_closes()
        self.assertFalse(self.talk.back_end(0).connected)
        self.talk = self.new()
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertTrue(self.sent(2).startswith(b"OPTIONS "))

    def test_who_waits_too_long(self) -> None:
        self.talk.send(request(b"GET /exchange/", ALICE))
        second = self.new()
        second.send(request(b"GET /exchange/", ALICE))
        self.talk.wait(21.0)
        for talk in (self.talk, second):
            self.assertEqual([record.front_end_status for record in talk.records], ["504", "504"])


class FaultTests(Case):
    def fault(self, *answers: bytes) -> str:
        """The code of what the client gets for these answers to the legs, and its status."""
        self.setUp()
        self.talk.send(request(b"GET /exchange/", ALICE))
        for answer in answers:
            self.talk.answer(answer)
        self.assertFalse(self.talk.back_end().connected, answers)
        record = self.talk.records[0]
        assert record.reason is not None
        return f"{record.front_end_status} {record.reason.code}"

    def test_answers_that_are_none(self) -> None:
        """S-HTTP-27..30: nothing of it is passed on, and the connection is not used again."""
        protocol = (
            (b"SSH-2.0-x\r\n\r\n",),
            (unauthorized("NTLM !!!"),),
            (unauthorized("NTLM " + base64.b64encode(b"NTLMSSP\0\2\0\0\0").decode()),),
            (challenge() + b"more",),
            (b"HTTP/1.1 101 No\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",),
            (b"HTTP/1.1 401 No\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 300_000,),
            (challenge(), OK + b"HTTP/1.1 200 OK\r\n"),
        )
        for answers in protocol:
            self.assertEqual(self.fault(*answers), "502 XF-BE-PROTOCOL", answers[-1][:60])
        closing = unauthorized("NTLM " + CHALLENGE.decode(), more=b"Connection: close\r\n")
        self.assertEqual(self.fault(closing), "502 XF-BE-LOGIN-LOST")

    def test_a_connection_that_ends(self) -> None:
        for answers in ((), (challenge(),), (b"HTTP/1.1 401 No\r\nContent-Le",)):
            self.setUp()
            self.talk.send(request(b"GET /exchange/", ALICE))
            for answer in answers:
                self.talk.answer(answer)
            self.talk.back_end().peer_closes()
            self.assertEqual(read(self.talk.client.take()).status, 502)
            self.assertEqual(self.connections, 1, "nothing is repeated")

    def test_silence(self) -> None:
        for answers in ((), (challenge(),)):
            self.setUp()
            self.talk.send(request(b"GET /exchange/", ALICE))
            for answer in answers:
                self.talk.answer(answer)
            self.assertEqual(read(self.talk.wait(21.0)).status, 504)
            self.assertFalse(self.talk.back_end().connected)

    def test_a_client_that_leaves(self) -> None:
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.answer(challenge())
        self.talk.client.peer_closes()
        self.assertFalse(self.talk.back_end().connected)

    def test_the_password_is_in_no_line(self) -> None:
        """S-AUTH-11"""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.answer(challenge())
        self.talk.answer(unauthorized("NTLM"))
        self.assertNotIn("secret-alice", repr(self.talk.records))


class DoubleHopTests(Case):
    def test_schemes_that_leave_no_password(self) -> None:
        """*CASProxy mit Exchange 2007*: Basic is offered, and the page says why."""
        for scheme in (b"NTLM", b"Negotiate", b"kerberos"):
            self.setUp()
            self.talk.send(request(b"GET /exchange/", b"Authorization: %b TlRMTVNTUAAB\r\n" % scheme))
            answer = read(self.talk.wait(5.0))
            self.assertEqual(answer.status, 401)
            self.assertTrue(answer.headers[b"www-authenticate"].startswith(b"Basic "))
            self.assertIn(b"XF-DOUBLE-HOP", answer.body)
        self.talk.send(request(b"GET /exchange/", b"Authorization: Digest x\r\n"))
        self.assertNotIn(b"XF-DOUBLE-HOP", self.talk.wait(5.0))


class FormTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.browser = Browser().log_on()
        talk = self.browser.talk
        self.addCleanup(talk.end)
        world = World(Topology((server("chicago", next_hop=("ntlm",)),)))
        talk.world.steps.world = lambda: world

    def test_a_password_that_is_refused_ends_the_log_on(self) -> None:
        """S-HTTP-37: back to the form; the log tells why."""
        self.assertTrue(self.browser.sent().startswith(b"OPTIONS /owa/ "))
        self.browser.talk.answer(challenge())
        answer = self.browser.gets(unauthorized("NTLM"))
        self.assertEqual(answer.status, 302)
        self.assertIn(b"X-ExFront-Logon=;", answer.headers[b"set-cookie"])
        record = self.browser.talk.records[-1]
        self.assertEqual(
            record.reason and record.reason.cause, "refused by NTLM a password that the directory accepted"
        )
        self.assertEqual(self.browser.get().status, 302)
