"""As the second Client Access server: whom a first one may log on, and for whom it may ask; nobody else may."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.config.kinds import read_network
from exfront.config.proxy import ProxySection
from exfront.config.virtual_site import VirtualDirectorySection
from exfront.directory.dn import normalised
from exfront.facts import Policy, World
from exfront.secret import Secret
from exfront.topology import Topology
from exfront.wire.security_context import SecurityContext, write
from tests.routing.test_owa2007 import cas, owa
from tests.support.directory import MemoryDirectory, mailbox
from tests.support.steps import SmallWorld
from tests.web.conversation import ALICE, OK, SITE, Conversation, Response, fields_of, read, request

_SID, _NOBODY, _DISABLED = (f"S-1-5-21-1-2-3-{number}" for number in (1104, 9999, 1106))
_PROXY = ProxySection(
    sid_header="X-CAS-Sid", secret_header="X-CAS-Secret", peer_networks=(read_network("192.0.2.0/24"),)
)
_BY_NAME = ProxySection(peer_names=("cas1.fourthcoffee.com",), sid_header="X-CAS-Sid")
_HUSH = Secret(b"hush-hush")
_SECRET = b"X-CAS-Secret: hush-hush\r\n"
_XML = b"Content-Type: text/xml; charset=utf-8\r\n"
_OWA = VirtualDirectorySection("/owa", "owa", identity="header", header_servers=("chicago",), require_tls="no")
_SITE = evolve(SITE, virtual_directory=(*(one for one in SITE.virtual_directory if one.path != "/owa"), _OWA))


def context(sid: str = _SID, name: str = "FOURTHCOFFEE\\alice") -> bytes:
    return write(SecurityContext(sid, name, "Basic"))


def asks_for(sid: str) -> bytes:
    return b"X-CAS-Sid: %b\r\n" % sid.encode()


class PeerCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = self.connect()

    def connect(self, proxy: ProxySection = _PROXY, secret: Secret | None = _HUSH, **more: object) -> Conversation:
        people = [mailbox("alice", sid=_SID), mailbox("dora", sid=_DISABLED, disabled=True)]
        small = SmallWorld(directory=MemoryDirectory(people), proxy=proxy, secret=secret)
        values: dict[str, object] = {"sites": (_SITE,), "proxy_peers": True, "world": small, **more}
        talk = Conversation(**values)  # type: ignore[arg-type]
        self.addCleanup(talk.end)
        return talk

    def log_on(self, body: bytes, *fields: bytes, path: bytes = b"/owa/proxyLogon.owa") -> Response:
        length = b"Content-Length: %d\r\n" % len(body)
        return self.talk.ask(b"POST " + path, _XML, length, *fields, body=body)


class LogOnTests(PeerCase):
    def test_441_then_241_then_the_page(self) -> None:
        """2007 OWA step 5, and the back end sees the user (S-ROUTE-3)."""
        answer = self.talk.ask(b"GET /owa/", _SECRET, asks_for(_SID))
        self.assertEqual((answer.status, answer.body), (441, b""))
        self.assertEqual(self.talk.world.dialer.dialled, [])
        answer = self.log_on(context(), _SECRET, asks_for(_SID))
        self.assertEqual((answer.status, answer.body), (241, b""))
        sent = self.talk.relayed(_SECRET, asks_for(_SID), b"X-ExFront-Hop: 1\r\n", b"X-Forwarded-For: 198.51.100.9\r\n",
                                 line=b"GET /owa/")  # fmt: skip
        fields = fields_of(sent)
        for line in (b"X-Forwarded-User: alice", b"X-ExFront-Hop: 2", b"X-Forwarded-For: 198.51.100.9"):
            self.assertIn(line, fields)
        for word in (b"hush", b"X-CAS", _SID.encode(), b"Authorization"):
            self.assertNotIn(word, sent)
        self.assertEqual(self.talk.answer(), OK)
        told = [(one.front_end_status, one.reason and one.reason.code, one.user) for one in self.talk.records]
        alice = "FOURTHCOFFEE\\alice"
        self.assertEqual(told, [("441", "XF-CSC-NEEDED", "-"), ("241", None, alice), ("200", None, alice)])
        self.assertEqual(self.talk.records[1].detail, "peer=secret groups=0")

    def test_another_user_is_not_known_by_it(self) -> None:
        self.log_on(context(), _SECRET)
        self.assertEqual(self.talk.ask(b"GET /owa/", _SECRET, asks_for(_NOBODY)).status, 441)

    def test_it_lives_for_a_while(self) -> None:
        self.log_on(context(), _SECRET)
        self.talk.world.clock.advance(limits.CONTEXT_TIME)
        talk = self.talk = Conversation(sites=(_SITE,), proxy_peers=True, world=self.talk.world)
        self.assertEqual(talk.ask(b"GET /owa/", _SECRET, asks_for(_SID)).status, 441)

    def test_an_account_that_is_gone_denied_or_disabled(self) -> None:
        """S-AUTH-14: the context names it, the directory decides."""
        service = _DISABLED.replace("1106", "1107")
        self.talk.world.directory.entries.append(mailbox("exfront", sid=service))
        self.talk.world.steps.portal.denied = frozenset({normalised(mailbox("exfront").dn)})
        for sid, cause in ((_NOBODY, "unknown user"), (_DISABLED, "account disabled"), (service, "service account")):
            self.assertEqual(self.log_on(context(sid), _SECRET).status, 241)
            answer = self.talk.ask(b"GET /owa/", _SECRET, asks_for(sid))
            self.assertEqual((answer.status, b"XF-CSC-ACCOUNT" in answer.body), (403, True))
            self.assertIn(cause, self.talk.records[-1].detail)

    def test_without_a_trusted_header_there_is_no_way_on(self) -> None:
        self.log_on(context(), _SECRET)
        answer = self.talk.ask(b"GET /exchange/", _SECRET, asks_for(_SID))
        self.assertEqual(answer.status, 503)
        self.assertIn("has no password", self.talk.records[-1].detail)

    def test_a_requests_own_password_does_not_count(self) -> None:
        self.log_on(context(), _SECRET)
        self.assertNotIn(b"Authorization", self.talk.relayed(_SECRET, asks_for(_SID), ALICE, line=b"GET /owa/"))


class WhoTests(PeerCase):
    """S-AUTH-14: a proxy log-on from anybody else is 403, and his fields mean nothing (S-HTTP-18)."""

    def assert_nobody(self, *fields: bytes) -> None:
        self.assertEqual(self.log_on(context(), *fields).status, 403)
        self.assertEqual(len(self.talk.world.cas.peer.contexts), 0)
        self.assertEqual(self.talk.ask(b"GET /owa/", asks_for(_SID), *fields).status, 401)
        sent = self.talk.relayed(ALICE, asks_for(_NOBODY), line=b"GET /owa/")
        self.assertNotIn(_NOBODY.encode(), sent)
        self.assertIn(b"X-Forwarded-User: alice", fields_of(sent))

    def test_without_the_secret_with_a_wrong_one_and_with_two(self) -> None:
        self.assert_nobody()
        for fields in ((b"X-CAS-Secret: hush\r\n",), (_SECRET, _SECRET), (b"X-CAS-Secret:\r\n",)):
            self.talk = self.connect()
            self.assert_nobody(*fields)

    def test_a_user_with_a_password(self) -> None:
        self.assertEqual(self.log_on(context(), ALICE).status, 403)
        self.assertEqual(len(self.talk.world.cas.peer.contexts), 0)

    def test_the_secret_from_another_network(self) -> None:
        self.talk = self.connect(evolve(_PROXY, peer_networks=(read_network("198.51.100.0/24"),)))
        self.assert_nobody(_SECRET)

    def test_a_listener_that_is_not_for_them(self) -> None:
        """Off by default."""
        self.talk = self.connect(proxy_peers=False)
        self.assert_nobody(_SECRET)

    def test_no_secret_is_no_proof(self) -> None:
        self.talk = self.connect(secret=None)
        self.assert_nobody(b"X-CAS-Secret:\r\n")

    def test_by_the_name_in_a_verified_certificate(self) -> None:
        self.talk = self.connect(_BY_NAME, secret=None)
        self.talk.protocol._context.peer_names = ("mail.fourthcoffee.com",)
        self.assert_nobody(_SECRET)
        self.talk = self.connect(_BY_NAME, secret=None)
        self.talk.protocol._context.peer_names = ("mail.fourthcoffee.com", "cas1.fourthcoffee.com")
        self.assertEqual(self.log_on(context()).status, 241)
        self.assertEqual(self.talk.records[0].detail, "peer=cas1.fourthcoffee.com groups=0")

    def test_a_name_from_elsewhere(self) -> None:
        both = evolve(_BY_NAME, peer_networks=(read_network("198.51.100.0/24"),))
        self.talk = self.connect(both, secret=None)
        self.talk.protocol._context.peer_names = ("cas1.fourthcoffee.com",)
        self.assert_nobody()


class MalformedTests(PeerCase):
    def test_contexts_that_are_none(self) -> None:
        for body in (b"", b"<r>", context()[:-1], b"\0" * 100, context().replace(b"<r ", b"<!DOCTYPE r []><r ")):
            answer = self.log_on(body, _SECRET)
            self.assertEqual((answer.status, b"XF-CSC-BAD" in answer.body), (400, True), body)
        self.assertEqual(len(self.talk.world.cas.peer.contexts), 0)

    def test_one_that_is_too_large(self) -> None:
        """S-HTTP-25: declared, or by the chunk."""
        length = b"Content-Length: %d\r\n" % (limits.CONTEXT_OCTETS + 1)
        answer = read(self.talk.send(request(b"POST /owa/proxyLogon.owa", _XML, length, _SECRET)))
        self.assertEqual(answer.status, 413)
        self.talk = self.connect()
        chunk = b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000)
        head = request(b"POST /owa/proxyLogon.owa", _XML, b"Transfer-Encoding: chunked\r\n", _SECRET)
        self.assertEqual(read(self.talk.send(head + chunk + chunk)).status, 413)

    def test_one_that_comes_in_pieces(self) -> None:
        body = context()
        head = request(b"POST /owa/ProxyLogon.OWA", _XML, b"Content-Length: %d\r\n" % len(body), _SECRET)
        for number in range(len(body)):
            self.assertEqual(self.talk.send(head + body[:1] if not number else body[number : number + 1]) == b"",
                             number < len(body) - 1)  # fmt: skip
        self.assertEqual(len(self.talk.world.cas.peer.contexts), 1)

    def test_one_that_does_not_come(self) -> None:
        """S-HTTP-24"""
        self.talk.send(request(b"POST /owa/proxyLogon.owa", _XML, b"Content-Length: 100\r\n", _SECRET))
        self.assertEqual(read(self.talk.wait(60)).status, 408)

    def test_other_types_methods_and_users(self) -> None:
        body = context()
        length = b"Content-Length: %d\r\n" % len(body)
        post = b"POST /owa/proxyLogon.owa"
        self.assertEqual(self.talk.ask(post, length, _SECRET, body=body).status, 400)
        self.assertEqual(self.talk.ask(b"GET /owa/proxyLogon.owa", _SECRET).status, 405)
        self.assertEqual(self.log_on(body, _SECRET, asks_for(_NOBODY)).status, 400)
        self.assertEqual(len(self.talk.world.cas.peer.contexts), 0)

    def test_sids_that_are_none(self) -> None:
        for value in (b"X-CAS-Sid: BA\r\n", b"X-CAS-Sid:\r\n", asks_for(_SID) * 2, asks_for(f"{_SID}, {_NOBODY}")):
            self.assertEqual(self.talk.ask(b"GET /owa/", _SECRET, value).status, 400)
            self.talk = self.connect()

    def test_it_is_never_relayed(self) -> None:
        """Not even with a password: what is for servers is not for users."""
        for path in (b"/owa/proxyLogon.owa", b"/OWA/PROXYLOGON.OWA", b"/owa/proxyLogon.ecp", b"/owa/proxyLogon%2eowa"):
            self.assertEqual(self.log_on(context(), ALICE, path=path).status, 403)
        self.assertEqual(self.talk.world.dialer.dialled, [])


class LoopTests(PeerCase):
    """S-ROUTE-5"""

    def setUp(self) -> None:
        super().setUp()
        self.log_on(context(), _SECRET)

    def test_what_was_proxied_is_not_proxied_again(self) -> None:
        """Two servers that each take the other for the right one."""
        topology = Topology(
            (cas("chicago", roles=frozenset({"mailbox"})), cas("dallas")), virtual_directories=(owa("dallas"),)
        )
        world = World(topology, policy=Policy(("fourthcoffee.com",), proves=True), site="Illinois")
        self.talk.world.steps.world = lambda: world
        self.assertEqual(self.talk.ask(b"GET /owa/", _SECRET, asks_for(_SID)).status, 508)
        self.assertEqual(self.talk.world.dialer.dialled, [])

    def test_too_many_hops(self) -> None:
        answer = self.talk.ask(b"GET /owa/", _SECRET, asks_for(_SID), b"X-ExFront-Hop: 3\r\n")
        self.assertEqual(answer.status, 508)

    def test_a_client_with_our_own_name_in_via(self) -> None:
        answer = self.talk.ask(b"GET /owa/", ALICE, b"Via: 1.1 exfront\r\n")
        self.assertEqual(answer.status, 508)
