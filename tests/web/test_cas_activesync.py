"""ActiveSync between sites: 451, the proxy to Proxy/default.eas with its log-on, the second server, and the log."""

from __future__ import annotations

import base64

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.kinds import read_network
from exfront.config.proxy import ProxySection
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.facts import Policy, World
from exfront.operate.access_log import _NAMES, w3c_line
from exfront.secret import Secret
from exfront.topology import Server, Service, Topology, VirtualDirectory
from exfront.wire.security_context import read as read_context
from tests.routing.test_activesync import mobile
from tests.routing.test_exchange2003 import old
from tests.routing.test_owa2007 import cas
from tests.support.directory import MemoryDirectory, MemoryPasswords, mailbox
from tests.support.steps import SmallWorld
from tests.support.wbxml import encode
from tests.web.conversation import ALICE, OK, Conversation, fields_of, read, request
from tests.web.test_cas_peer import asks_for, context

_SID = "S-1-5-21-1-2-3-1104"
_PATH = b"/Microsoft-Server-ActiveSync"
_INNER = _PATH + b"/Proxy/default.eas"
_QUERY = b"?User=testUser&DeviceId=xxx&DeviceType=PocketPC"
_COMMAND = _QUERY + b"&Cmd=FolderSync"
_URL = "https://west.fourthcoffee.com/Microsoft-Server-ActiveSync"
_NEED = b"HTTP/1.1 441 Need Identity\r\nContent-Length: 0\r\n\r\n"
_INTEGRATED_ONLY = frozenset({"integrated", "ntlm"})
_PROXY = ProxySection(
    sid_header="X-CAS-Sid", secret_header="X-CAS-Secret", peer_networks=(read_network("192.0.2.0/24"),)
)
_SECRET = b"X-CAS-Secret: hush-hush\r\n"


class ActiveSyncCase(SynchronousTestCase):
    """alice's mailbox is on chicago in Texas; dallas is the Client Access server there; we are in Illinois."""

    def setUp(self) -> None:
        people = [mailbox("alice", sid=_SID), mailbox("testUser", "backend", sid=_SID.replace("1104", "1105"))]
        passwords = MemoryPasswords({"alice": b"secret-alice", "testUser": b"secret"})
        self.small = SmallWorld(
            directory=MemoryDirectory(people), passwords=passwords, proxy=_PROXY, secret=Secret(b"hush-hush")
        )
        self.decide(mobile("dallas", internal_authentication=_INTEGRATED_ONLY))
        self.talk = self.connect()

    def decide(self, *directories: VirtualDirectory, site: str = "Illinois", **policy: object) -> None:
        values: dict[str, object] = {"proves": True, **policy}
        told = Policy(("fourthcoffee.com",), ("fourthcoffee.com",), **values)  # type: ignore[arg-type]
        servers: tuple[Server, ...] = (
            cas("chicago", roles=frozenset({"mailbox"})), cas("dallas", listed=True, http=Service(443, "implicit")),
            old("backend", host="backend.msxfaq.de", listed=True, next_hop=("negotiate", "ntlm")),
        )  # fmt: skip
        topology = Topology(servers, virtual_directories=directories)
        world = World(topology, policy=told, health=self.small.back_ends.health, site=site)
        self.small.steps.world = lambda: world

    def connect(self, **more: object) -> Conversation:
        directory = VirtualDirectorySection(_PATH.decode(), "activesync", require_tls="no")
        if more:
            directory = evolve(directory, identity="header", header_servers=("dallas",))
        site = VirtualSiteSection("x", "mail.fourthcoffee.com", (), (directory,))
        talk = Conversation(sites=(site,), world=self.small, **more)  # type: ignore[arg-type]
        self.addCleanup(talk.end)
        return talk

    def sent(self, number: int = 0) -> bytes:
        return self.talk.back_end(number).take()

    def targets(self) -> list[str]:
        return [record.target for record in self.talk.records]


class MovedTests(ActiveSyncCase):
    def test_451(self) -> None:
        """S-ROUTE-7, [MS-ASHTTP]: X-MS-Location, no reason phrase, no body; again for a phone that ignores it."""
        self.decide(mobile("dallas", external_url=_URL))
        for _ in range(2):
            octets = self.talk.send(request(b"POST " + _PATH + _COMMAND, ALICE))
            self.assertTrue(octets.startswith(b"HTTP/1.1 451 \r\n"), octets)
            answer = read(octets)
            told = answer.headers
            self.assertEqual(
                (told[b"x-ms-location"], told[b"cache-control"], answer.body), (_URL.encode(), b"private", b"")
            )
            self.assertNotIn(b"location", told)
        self.assertEqual([record.decision for record in self.talk.records], ["Redirect"] * 2)
        self.assertEqual(self.small.dialer.dialled, [])

    def test_as_configured_it_is_proxied(self) -> None:
        self.decide(mobile("dallas", external_url=_URL), activesync_cross_site="proxy")
        self.assertTrue(self.talk.relayed(ALICE, line=b"OPTIONS " + _PATH).startswith(b"OPTIONS " + _INNER))

    def test_an_own_external_url(self) -> None:
        """S-ROUTE-5: a phone is not sent round in a circle."""
        self.decide(mobile("dallas", external_url="https://mail.fourthcoffee.com/x"),
                    own_names=frozenset({"mail.fourthcoffee.com"}))  # fmt: skip
        self.assertTrue(self.talk.relayed(ALICE, line=b"OPTIONS " + _PATH).startswith(b"OPTIONS " + _INNER))

    def test_what_the_phone_speaks(self) -> None:
        """2010: of the field, and of the packed query."""
        for lines, path, status in (
            ((b"MS-ASProtocolVersion: 12.1\r\n",), _PATH + _COMMAND, 451),
            ((), _PATH + b"?jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l", 451),
            ((b"MS-ASProtocolVersion: 2.5\r\n",), _PATH + _COMMAND, 0),
            ((), _PATH + _COMMAND, 0),
        ):
            self.decide(mobile("dallas", external_url=_URL), front_end="2010")
            self.talk = self.connect()
            octets = self.talk.send(request(b"POST " + path, ALICE, *lines))
            self.assertEqual(read(octets).status if octets else 0, status, lines)


class ProxyTests(ActiveSyncCase):
    def log_on(self, answer: bytes = b"241") -> bytes:
        self.assertEqual(self.talk.answer(_NEED), b"")
        posted = self.sent()
        self.assertEqual(self.talk.answer(b"HTTP/1.1 %b OK\r\nContent-Length: 0\r\n\r\n" % answer), b"")
        return posted

    def test_441_the_log_on_and_the_request_once_more(self) -> None:
        """S-ROUTE-6: POST <InternalURL>/Proxy/default.eas; the path is a constant, the query the phone's own."""
        self.talk.send(request(b"POST " + _PATH + _COMMAND, ALICE, b"Content-Length: 3\r\n", body=b"abc"))
        first = self.sent()
        self.assertTrue(first.startswith(b"POST " + _INNER + _COMMAND + b" HTTP/1.1\r\n"), first)
        self.assertIn(b"X-CAS-Sid: " + _SID.encode(), fields_of(first))
        self.assertNotIn(b"Authorization", first)
        head, _, body = self.log_on().partition(b"\r\n\r\n")
        self.assertEqual(head.partition(b"\r\n")[0], b"POST " + _INNER + b"?Cmd=ProxyLogin HTTP/1.1")
        self.assertIn(b"\r\nContent-Type: text/xml; charset=utf-8", head)
        self.assertEqual(read_context(body).user, _SID)
        self.assertEqual(self.sent(), first)
        self.assertEqual(self.talk.answer(), OK)
        (record,) = self.talk.records
        self.assertEqual((record.decision, record.back_end, record.detail), ("ProxyToCas", "dallas", "csc_login"))
        self.assertEqual(record.target, (_PATH + _COMMAND).decode() + "&Log=PrxTo:dallas.fourthcoffee.com_")

    def test_200_is_taken_for_241(self) -> None:
        """S-ROUTE-6: no document says which of them it is."""
        first = self.talk.relayed(ALICE, line=b"OPTIONS " + _PATH)
        self.log_on(b"200")
        self.assertEqual(self.sent(), first)

    def test_default_eas_and_no_other_path(self) -> None:
        """S-ROUTE-2, S-HTTP-22: what phones ask for; nothing of a client gets into the path."""
        for path in (b"/Default.EAS", b"/"):
            self.assertTrue(self.talk.relayed(ALICE, line=b"OPTIONS " + _PATH + path).startswith(b"OPTIONS " + _INNER))
            self.talk = self.connect()
            self.small.dialer.dialled.clear()
        for site in ("Illinois", "Texas"):
            self.decide(mobile("dallas", internal_authentication=_INTEGRATED_ONLY), site=site)
            for path in (
                b"/other.eas",
                b"/default.eas/x",
                b"/Proxy./default.eas",
                b"/Proxy%20/default.eas",
                b"/x/Proxy",
            ):
                self.assertEqual(self.talk.ask(b"OPTIONS " + _PATH + path, ALICE).status, 404, path)

    def test_a_loop(self) -> None:
        """S-ROUTE-5: our own pseudonym in Via."""
        self.assertEqual(self.talk.ask(b"OPTIONS " + _PATH, ALICE, b"Via: 1.1 exfront\r\n").status, 508)

    def test_integrated_is_missing_there(self) -> None:
        """401 5, as the log of *CASProxy mit Exchange 2007* has it: by the directory's word, or the server's."""
        basic = b"HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
        self.talk.relayed(ALICE, line=b"OPTIONS " + _PATH + _QUERY)
        self.assertIn(b" 401 ", self.talk.answer(basic))
        self.decide(mobile("dallas", internal_authentication=frozenset({"basic"})))
        self.talk = self.connect()
        self.assertEqual(self.talk.ask(b"OPTIONS " + _PATH + _QUERY, ALICE).status, 401)
        for record in self.talk.records:
            assert record.reason is not None
            self.assertEqual((record.front_end_status, record.reason.substatus), ("401", 5))
            self.assertEqual(record.target, (_PATH + _QUERY).decode() + (
                "&Log=PrxTo:dallas.fourthcoffee.com_Error:NTLM+not+on+the+destination+CAS_"))  # fmt: skip

    def test_a_second_server_that_does_not_take_us_for_one(self) -> None:
        self.talk.relayed(ALICE, line=b"OPTIONS " + _PATH)
        both = b"HTTP/1.1 401 x\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
        self.assertIn(b" 502 ", self.talk.answer(both))
        (record,) = self.talk.records
        assert record.reason is not None
        self.assertEqual(record.reason.code, "XF-CSC-LOGIN")


class SecondServerTests(ActiveSyncCase):
    """S-ROUTE-3, S-AUTH-14: /Proxy/default.eas is for proven Client Access servers alone."""

    def setUp(self) -> None:
        super().setUp()
        self.decide(site="Texas")
        self.talk = self.connect(proxy_peers=True)

    def post(self, *fields: bytes, query: bytes = b"?Cmd=ProxyLogin") -> int:
        body = context()
        lines = (b"Content-Type: text/xml\r\n", b"Content-Length: %d\r\n" % len(body), *fields)
        return self.talk.ask(b"POST " + _INNER + query, *lines, body=body).status

    def test_441_then_241_then_the_mailbox_servers_own_path(self) -> None:
        asks = (_SECRET, asks_for(_SID), b"X-ExFront-Hop: 1\r\n", b"X-Forwarded-For: 198.51.100.9\r\n")
        self.assertEqual(self.talk.ask(b"OPTIONS " + _INNER + _QUERY, *asks).status, 441)
        self.assertEqual(self.post(_SECRET, asks_for(_SID)), 241)
        sent = self.talk.relayed(*asks, line=b"OPTIONS " + _INNER + _QUERY)
        self.assertTrue(sent.startswith(b"OPTIONS " + _PATH + _QUERY + b" HTTP/1.1\r\n"), sent)
        self.assertIn(b"X-Forwarded-User: alice", fields_of(sent))
        self.talk.answer()
        record = self.talk.records[-1]
        self.assertEqual(record.client, "198.51.100.9")
        self.assertTrue(record.target.endswith("&Log=PrxTo:dallas.fourthcoffee.com_PrxFrom:192.0.2.7_"), record.target)

    def test_who_is_none(self) -> None:
        """A user with his password, and nobody: 403, whatever they ask for there; nothing reaches the server."""
        for fields in (
            (ALICE,),
            (ALICE, asks_for(_SID)),
            (asks_for(_SID),),
            (b"X-CAS-Secret: wrong\r\n", asks_for(_SID)),
            (),
        ):
            for path in (_INNER, _INNER + _COMMAND, _PATH + b"/proxy/Default.eas", _PATH + b"/%50roxy/default.eas"):
                self.assertEqual(self.talk.ask(b"OPTIONS " + path, *fields).status, 403, (path, fields))
            self.assertEqual(self.post(*fields), 403)
        self.assertEqual(self.small.dialer.dialled, [])

    def test_other_paths_there_and_peers_without_a_user(self) -> None:
        self.assertEqual(self.talk.ask(b"OPTIONS " + _PATH + b"/Proxy/x", _SECRET, asks_for(_SID)).status, 404)
        self.assertEqual(self.talk.ask(b"OPTIONS " + _PATH + b"/Proxy", _SECRET, asks_for(_SID)).status, 404)
        self.assertEqual(self.talk.ask(b"OPTIONS " + _INNER, _SECRET).status, 400)

    def test_what_was_proxied_is_not_proxied_again(self) -> None:
        """S-ROUTE-5: two servers that take each other for the mailbox's site."""
        self.decide(mobile("dallas", internal_authentication=_INTEGRATED_ONLY))
        self.assertEqual(self.post(_SECRET), 241)
        answer = self.talk.ask(b"OPTIONS " + _INNER, _SECRET, asks_for(_SID), b"X-ExFront-Hop: 1\r\n")
        self.assertEqual(answer.status, 508)


class LogTests(ActiveSyncCase):
    """``Log=`` in the query column: elements, order, and whose word it is."""

    def test_the_line_of_the_document_word_for_word(self) -> None:
        """S-OPS-15: *CASProxy mit Exchange 2007*: a 2003 back end without Integrated authentication, 401 5.

        Columns of IIS that exfront's log has elsewhere, or not (time, site, addresses, port, agent), are left out.
        """
        query = "User=testUser&DeviceId=xxx&DeviceType=PocketPC"
        login = b"Authorization: Basic %b\r\n" % base64.b64encode(b"msxfaq\\testUser:secret")
        self.talk.send(request(b"OPTIONS " + _PATH + b"/default.eas?" + query.encode(), login))
        self.assertIn(b"Authorization: NTLM ", self.sent())
        basic = b"HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
        self.assertIn(b"HTTP/1.1 401 ", self.talk.answer(basic))
        (record,) = self.talk.records
        columns = dict(zip(_NAMES, w3c_line(record).split(), strict=True))
        stem, _, asked = columns["cs-uri"].partition("?")
        written = (columns["cs-method"], stem, asked, columns["cs-username"], columns["sc-status"],
                   columns["sc-substatus"])  # fmt: skip
        self.assertEqual(" ".join(written).replace("\\x5c", "\\"), (
            "OPTIONS /Microsoft-Server-ActiveSync/default.eas User=testUser&DeviceId=xxx&DeviceType=PocketPC&"
            "Log=PrxTo:backend.msxfaq.de_Error:NTLM+not+on+the+destination+CAS_ msxfaq\\testUser 401 5"
        ))  # fmt: skip

    def test_versions_and_folders(self) -> None:
        self.decide(site="Texas")
        for lines, query, told in (
            ((b"MS-ASProtocolVersion: 12.1\r\n",), b"?Cmd=Ping", "&Log=V121_PrxTo:dallas.fourthcoffee.com_"),
            ((), b"?jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l", "&Log=V140_PrxTo:dallas.fourthcoffee.com_"),
            ((), b"?Cmd=SmartReply&CollectionId=5", "&Log=Fid:5_PrxTo:dallas.fourthcoffee.com_"),
            ((), b"", "?Log=PrxTo:dallas.fourthcoffee.com_"),
            ((), b"?Log=PrxTo:evil_", "&Log=PrxTo:dallas.fourthcoffee.com_"),
        ):
            self.talk.send(request(b"POST " + _PATH + query, ALICE, *lines))
            self.talk.answer()
            self.assertEqual(self.talk.records[-1].target, (_PATH + query).decode() + told)

    def test_what_a_command_begins_with(self) -> None:
        """A Ping and a Sync, relayed octet for octet; of long ones no more than the beginning is looked at."""
        self.decide(site="Texas")
        ping = encode(("Ping:Ping", [("Ping:HeartbeatInterval", "480")]))
        sync = encode(("AirSync:Sync", [("AirSync:Collections", [("AirSync:Collection", [
            ("AirSync:SyncKey", "0"), ("AirSync:CollectionId", "5"),
        ])])]))  # fmt: skip
        host = "dallas.fourthcoffee.com"
        for name, body, told in (
            (b"Ping", ping, f"&Log=Hb480_PrxTo:{host}_"),
            (b"Sync", sync + bytes(5000), f"&Log=Fc1_Fid:5_St:F_Sk:0_PrxTo:{host}_"),
            (b"FolderSync", sync, f"&Log=PrxTo:{host}_"),
        ):
            length = b"Content-Length: %d\r\n" % len(body)
            self.talk.send(request(b"POST " + _PATH + b"?Cmd=" + name, ALICE, length, body=body))
            self.assertTrue(self.sent().endswith(b"\r\n\r\n" + body))
            self.talk.answer()
            self.assertEqual(self.talk.records[-1].target, f"{_PATH.decode()}?Cmd={name.decode()}{told}")

    def test_what_went_wrong(self) -> None:
        """449 in Exchange's own word; any other reason in the cause's."""
        self.decide(site="Texas")
        self.talk.send(request(b"POST " + _PATH + b"?Cmd=Sync", ALICE))
        self.talk.answer(b"HTTP/1.1 449 Retry after sending a PROVISION command\r\nContent-Length: 0\r\n\r\n")
        self.talk.send(request(b"POST " + _PATH + b"?Cmd=Sync", ALICE))
        self.talk.back_end().peer_closes()
        errors = [target.partition("_Error:")[2] for target in self.targets()]
        self.assertEqual(errors, ["DeviceNotProvisioned_", "closed+before+an+answer_"])

    def test_who_has_not_logged_on_has_none(self) -> None:
        """As with IIS, which asks who it is before ActiveSync runs."""
        self.talk.ask(b"POST " + _PATH + b"?Cmd=Sync")
        self.assertEqual(self.targets(), [(_PATH + b"?Cmd=Sync").decode()])
