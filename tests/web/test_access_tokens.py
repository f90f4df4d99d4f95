"""As the Client Access server before mailbox servers of 2013: the token, what is said beside it, where to instead."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from attrs import evolve
from cryptography import x509
from OpenSSL.crypto import X509
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.config.proxy import ProxySection
from exfront.config.virtual_site import VirtualDirectorySection
from exfront.facts import Policy, World
from exfront.reasons import BACK_END_CERTIFICATE
from exfront.secret import Secret
from exfront.topology import Database, Mailbox, Server, Service, Topology
from exfront.wire.sid import PackedSids, sid_octets
from tests.exchange.token2013 import Token, decode
from tests.routing.test_exchange2013 import node
from tests.support.authority import Authority
from tests.support.directory import MemoryDirectory, mailbox
from tests.support.steps import SmallWorld
from tests.web.conversation import ALICE, BOB, DIRECTORIES, OK, SITE, Conversation, basic, fields_of, read, request
from tests.web.logging_on import Browser
from tests.web.test_headers import UNTRUSTED

_SID, _BOBS = "S-1-5-21-1-2-3-1104", "S-1-5-21-1-2-3-1105"
_ONE, _TWO = "cn=one,cn=databases", "cn=two,cn=databases"
_NOT_HERE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\ngone"
_DENIED = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n"

_SITE = evolve(SITE, virtual_directory=(*DIRECTORIES, VirtualDirectorySection("/EWS", "ews", require_tls="no")))


class TokenCase(SynchronousTestCase):
    """alice's and bob's mailboxes are in a database that houston owns; austin and waco have copies of it."""

    def setUp(self) -> None:
        self.people = [
            mailbox("alice", "houston", database=_ONE, sid=_SID),
            mailbox("bob", "houston", database=_ONE, sid=_BOBS),
            mailbox("carol", "houston", database=_ONE),
        ]
        proxy = ProxySection(server_name="front1.fourthcoffee.com", secret_header="X-CAS-Secret")
        self.small = SmallWorld(
            directory=MemoryDirectory(self.people), proxy=proxy, secret=Secret(b"hush-hush"),
            servers=tuple(node(name, listed=True) for name in ("houston", "austin", "waco")),
        )  # fmt: skip
        self.decide("houston", "austin", "waco")
        self.talk = self.connect()

    def decide(self, *copies: str, servers: tuple[Server, ...] = ()) -> None:
        """`copies` have the database of all, in this order."""
        databases = (Database(_ONE, "One", "houston", copies=copies), Database(_TWO, "Two", "waco"))
        topology = Topology(
            servers or self.small.servers, databases, domains={"FOURTHCOFFEE": "dc=fourthcoffee,dc=com"}
        )
        table = self.small.back_ends
        world = World(topology, Policy(("fourthcoffee.com",), proves=True), table.health, "", table.copies.find)
        self.small.steps.world = lambda: world

    def connect(self) -> Conversation:
        talk = Conversation(world=self.small, sites=(_SITE,))
        self.addCleanup(talk.end)
        return talk

    def servers(self) -> list[str]:
        """Those that were connected to."""
        return [each.relay.server.name for each in self.small.dialer.dialled]

    def token(self, head: bytes) -> Token:
        (value,) = (line[21:] for line in fields_of(head) if line.startswith(b"X-CommonAccessToken: "))
        return decode(value)


class SaidTests(TokenCase):
    def test_what_each_request_says(self) -> None:
        """S-ROUTE-2, S-ROUTE-3: who is proven and his groups, by a token; no password, and the server's own name."""
        sent = self.talk.relayed(ALICE, line=b"GET /owa/?x=1")
        for line in (
            b"Host: houston.fourthcoffee.com:444", b"msExchProxyUri: http://mail.fourthcoffee.com/owa/?x=1",
            b"X-IsFromCafe: 1", b"X-SourceCafeServer: front1.fourthcoffee.com", b"X-FE-ClientIP: 192.0.2.7",
            b"X-Forwarded-Port: 5000", b"X-Forwarded-For: 192.0.2.7", b"X-CAS-Secret: hush-hush",
        ):  # fmt: skip
            self.assertIn(line, fields_of(sent))
        for word in (b"Authorization", b"secret-alice"):
            self.assertNotIn(word, sent)
        groups = tuple((sid, 7) for sid in ("S-1-1-0", "S-1-5-2", "S-1-5-11", "S-1-5-21-1-2-3-513"))
        self.assertEqual(self.token(sent), Token("Basic", "FOURTHCOFFEE\\alice", _SID, groups))
        relay = self.small.dialer.dialled[0].relay
        self.assertEqual((relay.service.tls, relay.token, relay.proves), ("implicit", True, True))
        self.assertEqual(self.talk.answer(), OK)
        (record,) = self.talk.records
        told = (record.decision, record.back_end, record.front_end_status, record.back_end_status, record.detail)
        self.assertEqual(told, ("Relay", "houston", "200", "200", "-"))

    def test_the_url_is_that_of_each_request(self) -> None:
        """On a kept connection too, where nothing else is written anew."""
        for path in (b"/owa/", b"/owa/a?b=c", b"/owa/%C3%A4"):
            sent = self.talk.relayed(ALICE, line=b"GET " + path)
            self.assertTrue(sent.startswith(b"GET %b HTTP/1.1\r\n" % path))
            self.assertIn(b"msExchProxyUri: http://mail.fourthcoffee.com" + path, fields_of(sent))
            self.talk.answer()
        self.assertEqual(self.servers(), ["houston"])

    def test_two_users_never_share_a_connection_or_a_token(self) -> None:
        """S-HTTP-33"""
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.talk.answer()
        sent = self.talk.relayed(BOB, line=b"GET /owa/", number=1)
        self.assertEqual(self.token(sent).sid, _BOBS)

    def test_server_to_server_fields_of_a_client(self) -> None:
        """S-HTTP-18, S-ROUTE-4: in every spelling, as fields and as cookies, none gets through with his value."""
        more = (b"X-BackEndCookie", b"X-BackEndOverrideCookie", b"return-client-request-id", b"X-CAS-Secret")
        for name in (*UNTRUSTED, *more):
            for spelling in (name, name.upper(), name.lower(), name.swapcase()):
                lines = (
                    spelling + b": forged\r\n",
                    name.replace(b"-", b"_") + b": forged\r\n",
                    b"Cookie: a=1; " + spelling + b"=forged\r\n",
                )
                sent = self.talk.relayed(ALICE, *lines, line=b"GET /owa/")
                self.assertNotIn(b"forged", sent, spelling)
                self.assertEqual(self.token(sent).sid, _SID)
                self.talk.answer()

    def test_a_mailbox_that_a_field_names_and_nobody_has(self) -> None:
        """S-HTTP-18: X-AnchorMailbox goes along only where it leads somewhere."""
        for name, passes in ((b"bob@fourthcoffee.com", True), (b"nobody@fourthcoffee.com", False), (b"x/y", False)):
            sent = self.talk.relayed(ALICE, b"X-AnchorMailbox: " + name + b"\r\n", line=b"GET /EWS/Exchange.asmx")
            self.assertEqual(b"X-AnchorMailbox" in sent, passes, name)
            self.talk.answer()

    def test_the_secret_goes_to_servers_of_the_configuration_alone(self) -> None:
        """S-AUTH-14"""
        self.decide("houston", servers=(node("houston"),))
        sent = self.talk.relayed(ALICE, line=b"GET /owa/")
        self.assertNotIn(b"hush", sent)
        self.assertIn(b"X-CommonAccessToken", sent)

    def test_a_site_that_rather_sends_the_password(self) -> None:
        """next_hop of a [[server]]: no token then, and nothing that goes with it."""
        self.decide("houston", servers=(node("houston", listed=True, next_hop=("basic",)),))
        sent = self.talk.relayed(ALICE, line=b"GET /owa/")
        self.assertIn(basic("alice").strip(), fields_of(sent))
        for word in (b"X-CommonAccessToken", b"X-IsFromCafe", b"msExchProxyUri", b"hush"):
            self.assertNotIn(word, sent)
        self.assertFalse(self.small.dialer.dialled[0].relay.proves)

    def test_an_account_without_a_sid(self) -> None:
        answer = read(self.talk.send(request(b"GET /owa/", basic("carol"))))
        self.assertEqual((answer.status, b"XF-CAS-PROXY" in answer.body, self.servers()), (503, True, []))

    def test_more_groups_than_a_token_holds(self) -> None:
        self.small.groups = [f"S-1-5-21-1-2-3-{rid}" for rid in range(limits.CONTEXT_GROUPS)]
        answer = read(self.talk.send(request(b"GET /owa/", ALICE)))
        self.assertEqual((answer.status, self.servers()), (503, []), answer.body)

    def test_over_plain_http_nothing_is_said(self) -> None:
        """S-ROUTE-8: the decision itself refuses it."""
        self.decide("houston", servers=(node("houston", listed=True, http=Service(80)),))
        answer = read(self.talk.send(request(b"GET /owa/", ALICE)))
        self.assertEqual((answer.status, b"XF-CAS-PROXY" in answer.body, self.servers()), (503, True, []))

    def test_a_certificate_of_another_name(self) -> None:
        """S-ROUTE-8: 502, and no other copy is asked: nobody leads us elsewhere by a wrong certificate."""
        self.small.dialer.refuse = BACK_END_CERTIFICATE
        answer = read(self.talk.send(request(b"GET /owa/", ALICE)))
        self.assertEqual((answer.status, b"XF-BE-CERT" in answer.body, self.servers()), (502, True, ["houston"]))


class LoggedOnOtherwiseTests(TokenCase):
    """Who gave no password with the request has a token too: nothing else is needed to name him."""

    def test_by_form(self) -> None:
        """A 401 to the token is not about the user: his log-on stands."""
        browser = Browser(world=self.small)
        self.addCleanup(browser.talk.end)
        browser.log_on()
        sent = browser.sent()
        self.assertEqual(self.token(sent).sid, _SID)
        self.assertNotIn(b"Authorization", sent)
        self.assertNotIn(b"X-ExFront-Logon", sent)
        self.assertEqual(browser.gets(_DENIED).status, 502)
        self.assertEqual(self.token(browser.sent()).sid, _SID)

    def test_by_a_certificate(self) -> None:
        """S-ROUTE-3: it gives no password, and none is needed."""
        folder = Path(self.mktemp())
        folder.mkdir()
        authority = Authority(folder)
        directory = VirtualDirectorySection("/owa", "owa", authentication="certificate", identity="none")
        talk = Conversation((evolve(SITE, virtual_directory=(directory,)),), secure=True, handshake=False,
                            world=self.small)  # fmt: skip
        self.addCleanup(talk.end)
        shown = x509.load_pem_x509_certificates(authority.issue_client("alice").read_bytes())[0]
        talk.client.peer = X509.from_cryptography(shown)
        cast("IHandshakeListener", talk.protocol).handshakeCompleted()
        sent = talk.relayed(line=b"GET /owa/")
        self.assertEqual(self.token(sent).sid, _SID)
        self.assertIn(b"msExchProxyUri: https://mail.fourthcoffee.com/owa/", fields_of(sent))


class HeldTests(TokenCase):
    """A token is written once, and again when the groups, or what they are called by, are others."""

    def setUp(self) -> None:
        super().setUp()
        self.account: Mailbox = self.people[0]
        self.tokens = self.small.cas.tokens
        self.groups = PackedSids.pack([sid_octets("S-1-5-21-1-2-3-513")])
        self.tokens.groups = self.known

    async def known(self, account: Mailbox) -> PackedSids:
        return self.groups

    def written(self, account: Mailbox | None = None) -> bytes:
        return self.successResultOf(Deferred.fromCoroutine(self.tokens.of(account or self.account)))

    def test_as_long_as_the_groups_are(self) -> None:
        first = self.written()
        self.assertIs(self.written(), first)
        self.groups = evolve(self.groups)
        self.assertIsNot(self.written(), first)
        self.assertEqual(self.written(), first)

    def test_not_more_than_so_many(self) -> None:
        for number in range(limits.ACCESS_TOKENS + 5):
            self.written(evolve(self.account, account_id=f"id{number}"))
        self.assertEqual(len(self.tokens), limits.ACCESS_TOKENS)


class InsteadTests(TokenCase):
    """S-ROUTE-10: another copy where the server does not answer or has no active copy; remembered for 5 minutes."""

    def test_a_dead_owner(self) -> None:
        self.small.dialer.dead.add("houston")
        self.assertIn(b"Host: austin.", self.talk.relayed(ALICE, line=b"GET /owa/", number=1))
        self.assertEqual(self.talk.answer(OK, 1), OK)
        self.assertEqual(self.servers(), ["houston", "austin"])
        self.assertEqual(self.small.back_ends.copies.find(_ONE), "austin")
        self.connect().send(request(b"GET /owa/", BOB))  # goes there at once
        self.assertEqual(self.servers(), ["houston", "austin", "austin"])

    def test_it_is_forgotten_after_five_minutes(self) -> None:
        copies = self.small.back_ends.copies
        copies.found(_ONE, "waco")
        self.small.clock.advance(limits.ACTIVE_COPY_TIME - 1)
        self.assertEqual(copies.find(_ONE), "waco")
        self.small.clock.advance(1)
        self.assertEqual(copies.find(_ONE), "")

    def test_503_of_the_owner(self) -> None:
        """One fresh look, as the mailbox may have moved; then the copies in their order, each once."""
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.assertEqual(self.talk.answer(_NOT_HERE), b"")
        self.assertIn(b"Host: austin.", self.talk.back_end(1).take())
        self.assertEqual(self.talk.answer(_NOT_HERE, 1), b"")
        self.assertIn(b"Host: waco.", self.talk.back_end(2).take())
        self.assertEqual(self.talk.answer(OK, 2), OK)
        (record,) = self.talk.records
        self.assertEqual((record.back_end, record.back_end_status, record.detail), ("waco", "200", "another copy"))
        self.assertEqual(self.small.back_ends.copies.find(_ONE), "waco")

    def test_503_where_the_password_is_sent(self) -> None:
        """The same, without tokens."""
        servers = tuple(node(name, listed=True, next_hop=("basic",)) for name in ("houston", "austin"))
        self.decide("houston", "austin", servers=servers)
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.assertEqual(self.talk.answer(_NOT_HERE), b"")
        self.assertIn(basic("alice").strip(), fields_of(self.talk.back_end(1).take()))
        self.assertEqual(self.talk.answer(OK, 1), OK)
        self.assertEqual((self.servers(), self.small.back_ends.copies.find(_ONE)), (["houston", "austin"], "austin"))

    def test_one_that_wants_a_token_after_one_that_does_not(self) -> None:
        servers = (node("houston", listed=True, next_hop=("basic",)), node("austin", listed=True))
        self.decide("houston", "austin", servers=servers)
        self.small.dialer.dead.add("houston")
        self.talk.send(request(b"GET /owa/", ALICE))
        self.assertEqual(self.token(self.talk.back_end(1).take()).sid, _SID)

    def test_an_interim_answer_says_nothing_yet(self) -> None:
        self.small.dialer.dead.add("houston")
        self.talk.relayed(ALICE, line=b"GET /owa/", number=1)
        self.talk.answer(b"HTTP/1.1 103 Early Hints\r\n\r\n", 1)
        self.assertEqual(self.small.back_ends.copies.find(_ONE), "")

    def test_503_of_all(self) -> None:
        """The last answer stands, and nothing is remembered."""
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.talk.answer(_NOT_HERE)
        self.talk.answer(_NOT_HERE, 1)
        self.assertEqual(read(self.talk.answer(_NOT_HERE, 2)).status, 503)
        self.assertEqual(self.small.back_ends.copies.find(_ONE), "")

    def test_503_to_a_request_with_a_body(self) -> None:
        """It is not said twice: the client gets the answer, and the next request goes to another copy."""
        self.talk.relayed(ALICE, b"Content-Length: 2\r\n", line=b"POST /owa/")
        self.talk.send(b"ab")
        self.assertEqual(read(self.talk.answer(_NOT_HERE)).status, 503)
        self.assertIn(b"Host: austin.", self.talk.relayed(ALICE, line=b"GET /owa/", number=1))

    def test_a_mailbox_that_has_moved(self) -> None:
        """S-ROUTE-10: one fresh look-up and one more try, to another database too."""
        self.moves(_NOT_HERE)

    def test_a_mailbox_that_has_moved_by_the_word_of_a_401(self) -> None:
        """S-ROUTE-10"""
        self.moves(_DENIED)

    def moves(self, answer: bytes) -> None:
        self.talk.relayed(ALICE, line=b"GET /owa/")
        asked = len(self.small.directory.asked)
        self.small.directory.entries[0] = evolve(self.people[0], database=_TWO, home_server="waco")
        self.assertEqual(self.talk.answer(answer), b"")
        self.assertEqual(len(self.small.directory.asked), asked + 1)
        self.assertEqual(self.servers(), ["houston", "waco"])
        self.assertIn(b"Host: waco.", self.talk.back_end(1).take())
        self.assertEqual(self.talk.answer(OK, 1), OK)
        self.assertEqual(self.talk.records[-1].detail, "moved")
        self.assertEqual(self.small.back_ends.copies.find(_ONE), "")
        self.assertTrue(self.talk.relayed(ALICE, line=b"GET /owa/2", number=1).startswith(b"GET /owa/2"))  # at once

    def test_a_server_that_does_not_take_the_token(self) -> None:
        """401 is about us: no client is asked for a password that would not help."""
        self.talk.relayed(ALICE, line=b"GET /owa/")
        answer = read(self.talk.answer(_DENIED))
        self.assertEqual((answer.status, b"XF-CSC-LOGIN" in answer.body), (502, True))
        self.assertNotIn(b"www-authenticate", answer.headers)
        (record,) = self.talk.records
        self.assertEqual((record.front_end_status, record.back_end_status), ("502", "401"))

    def test_441_and_241_are_no_answers_to_a_token(self) -> None:
        """S-ROUTE-6: of a target that is not a Client Access server they are 502."""
        for status in (441, 241):
            talk = self.connect()
            talk.send(request(b"GET /owa/", ALICE))
            number = len(self.servers()) - 1
            answer = read(talk.answer(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % status, number))
            self.assertEqual((answer.status, b"XF-CSC-LOOP" in answer.body), (502, True))

    def test_a_client_that_goes_away_within_the_second_look(self) -> None:
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.small.directory.hold = True
        self.talk.answer(_NOT_HERE)
        self.talk.client.peer_closes()
        self.assertEqual([record.front_end_status for record in self.talk.records], ["499"])


class DiagnosisTests(TokenCase):
    """S-HTTP-31: what tells of the servers behind passes only where the switch is on."""

    _ANSWER = OK.replace(b"Content-Length", b"X-BEServer: HOUSTON\r\nServer: IIS\r\nContent-Length")

    def test_off(self) -> None:
        self.talk.relayed(ALICE, line=b"GET /owa/")
        self.assertEqual(self.talk.answer(self._ANSWER), OK)

    def test_on(self) -> None:
        """As Exchange's own front end says it: its short name, the back end's name, its status."""
        context = self.talk.protocol._context
        context.settings = evolve(context.settings, http=evolve(context.settings.http, diagnosis=True))
        self.talk.relayed(ALICE, line=b"GET /owa/")
        found = read(self.talk.answer(self._ANSWER)).headers
        self.assertEqual(
            [found[name] for name in (b"x-feserver", b"x-calculatedbetarget", b"x-backendhttpstatus", b"x-beserver")],
            [b"FRONT1", b"houston.fourthcoffee.com", b"200", b"HOUSTON"],
        )
