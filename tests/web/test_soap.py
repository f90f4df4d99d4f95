"""EWS: the start of each request is read; who asks is put into it for another site's server, and taken from one."""

from __future__ import annotations

import gc
import tracemalloc
from xml.etree import ElementTree

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.config.kinds import read_network
from exfront.config.proxy import ProxySection
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.facts import Policy, World
from exfront.secret import Secret
from exfront.topology import Service, Topology, VirtualDirectory
from exfront.wire import soap_context
from exfront.wire.security_context import Group, SecurityContext
from tests.routing.test_owa2007 import cas
from tests.support.directory import MemoryDirectory, mailbox
from tests.support.steps import SmallWorld
from tests.web.conversation import ALICE, BOB, OK, Conversation, basic, fields_of, read, request

_SID = "S-1-5-21-1-2-3-1104"
_PATH = b"/EWS/Exchange.asmx"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_S, _T = f"{{{_SOAP}}}", f"{{{soap_context.TYPES}}}"
_XML = b"Content-Type: text/xml; charset=utf-8\r\n"
_PROXY = ProxySection(
    sid_header="X-CAS-Sid", secret_header="X-CAS-Secret", peer_networks=(read_network("192.0.2.0/24"),)
)
_SECRET = b"X-CAS-Secret: hush-hush\r\n"
_OWN = soap_context.write(SecurityContext(_SID, "", "", (Group("S-1-1-0"),)), "alice@fourthcoffee.com")


def envelope(header: bytes = b"", body: bytes = b"<x/>") -> bytes:
    head = b"<s:Header>%b</s:Header>" % header if header else b""
    return b'<s:Envelope xmlns:s="%b">%b<s:Body>%b</s:Body></s:Envelope>' % (_SOAP.encode(), head, body)


class SoapCase(SynchronousTestCase):
    """alice's mailbox is on chicago in Texas, whose Client Access server is dallas."""

    def setUp(self) -> None:
        people = [
            mailbox("alice", sid=_SID),
            mailbox("bob", sid=_SID.replace("1104", "1105")),
            mailbox("carol", "chicago"),
        ]
        self.small = SmallWorld(directory=MemoryDirectory(people), proxy=_PROXY, secret=Secret(b"hush-hush"))
        self.decide("Illinois")
        self.talk = self.connect()

    def decide(self, site: str, *names: str) -> None:
        """As seen from `site`; Texas has the Client Access servers of these names, or dallas."""
        names = names or ("dallas",)
        directories = [
            VirtualDirectory(name, "WebServices", "EWS", f"https://{name}.fourthcoffee.com/EWS/Exchange.asmx",
                             internal_authentication=frozenset({"integrated"}))
            for name in names
        ]  # fmt: skip
        policy = Policy(("fourthcoffee.com",), ("fourthcoffee.com",), proves=True)
        servers = [cas(name, listed=True, http=Service(443, "implicit")) for name in names]
        topology = Topology(
            (cas("chicago", roles=frozenset({"mailbox"})), *servers), virtual_directories=tuple(directories)
        )
        world = World(topology, policy=policy, health=self.small.back_ends.health, site=site)
        self.small.steps.world = lambda: world

    def connect(self, identity: str = "basic", **more: object) -> Conversation:
        directory = VirtualDirectorySection("/EWS", "ews", require_tls="no")
        if identity == "header":
            directory = evolve(directory, identity="header", header_servers=("dallas",))
        site = VirtualSiteSection("x", "mail.fourthcoffee.com", (), (directory,))
        talk = Conversation(sites=(site,), world=self.small, **more)  # type: ignore[arg-type]
        self.addCleanup(talk.end)
        return talk

    def post(self, body: bytes, *fields: bytes, kind: bytes = _XML) -> bytes:
        """A request with a length; what the client got at once."""
        length = b"Content-Length: %d\r\n" % len(body)
        return self.talk.send(request(b"POST " + _PATH, kind, length, *fields, body=body))

    def refused(self, body: bytes, status: int, *fields: bytes, kind: bytes = _XML) -> None:
        """Nothing of it gets anywhere."""
        before = len(self.small.dialer.dialled)
        octets = self.post(body, *fields, kind=kind)
        self.assertEqual(read(octets).status if octets else 0, status, body[:200])
        self.assertEqual(len(self.small.dialer.dialled), before)
        self.talk = self.connect()

    def sent(self, number: int = 0) -> tuple[bytes, bytes]:
        head, _, body = self.talk.back_end(number).take().partition(b"\r\n\r\n")
        return head, body


class OtherSiteTests(SoapCase):
    def test_who_asks_is_put_into_the_header(self) -> None:
        """S-ROUTE-6, S-AUTH-14: SID, groups and address; no 441, no password, no SID in a field of HTTP."""
        for header in (b"", b"<a/>"):
            sent = envelope(header)
            self.talk = self.connect()
            self.assertEqual(self.post(sent, ALICE), b"")
            head, body = self.sent()
            root = ElementTree.fromstring(body)
            (context,) = root.findall(f"{_S}Header/{_T}SerializedSecurityContext")
            self.assertEqual(context.findtext(f"{_T}UserSid"), _SID)
            groups = [each.text for each in context.iter(f"{_T}SecurityIdentifier")]
            self.assertEqual(groups, ["S-1-1-0", "S-1-5-2", "S-1-5-11", "S-1-5-21-1-2-3-513"])
            self.assertEqual(context.findtext(f"{_T}PrimarySmtpAddress"), "alice@fourthcoffee.com")
            self.assertIn(b"Content-Length: %d" % len(body), head.split(b"\r\n"))
            for line in (b"POST " + _PATH + b" HTTP/1.1", b"X-CAS-Secret: hush-hush", b"Host: dallas.fourthcoffee.com"):
                self.assertIn(line, head.split(b"\r\n"))
            for word in (b"Authorization", b"X-CAS-Sid"):
                self.assertNotIn(word, head)
            self.assertEqual(self.talk.answer(OK), OK)
            record = self.talk.records[-1]
            self.assertEqual(
                (record.decision, record.back_end, record.front_end_status), ("ProxyToCas", "dallas", "200")
            )

    def test_the_rest_streams(self) -> None:
        """S-HTTP-25: the body is not held: each piece goes on as it comes; the length is right."""
        start, end = envelope(body=b"|").split(b"|")
        piece, count = b"y" * 10_000, 100
        length = b"Content-Length: %d\r\n" % (len(start) + len(end) + count * len(piece))
        self.talk.send(request(b"POST " + _PATH, _XML, length, ALICE, body=start))
        head, body = self.sent()
        inserted = len(body) - len(start)
        self.assertIn(b"Content-Length: %d" % (len(start) + len(end) + count * len(piece) + inserted), head)
        for _ in range(count):
            self.talk.send(piece)
            self.assertEqual(self.talk.back_end().take(), piece)
        self.talk.send(end)
        self.assertEqual(self.talk.back_end().take(), end)
        self.assertEqual(self.talk.answer(), OK)

    def test_memory_is_flat_with_100_mb(self) -> None:
        """S-HTTP-25: what is held of it at any time is a piece."""
        piece, count = b"y" * 65_536, 1600
        start, end = envelope(body=b"|").split(b"|")
        length = b"Content-Length: %d\r\n" % (len(start) + len(end) + count * len(piece))
        directory = VirtualDirectorySection("/EWS", "ews", require_tls="no", body_octets=0)
        site = VirtualSiteSection("x", "mail.fourthcoffee.com", (), (directory,))
        self.talk = Conversation(sites=(site,), world=self.small)
        self.talk.send(request(b"POST " + _PATH, _XML, length, ALICE, body=start))
        self.sent()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        passed = 0
        for _ in range(count):
            self.talk.send(piece)
            passed += len(self.talk.back_end().take())
        self.assertEqual(passed, count * len(piece))
        self.assertLess(tracemalloc.get_traced_memory()[1], 1 << 20)
        self.talk.send(end)
        self.assertEqual(self.talk.answer(), OK)

    def test_held_requests_hold_nothing_of_their_start(self) -> None:
        """S-OPS-6: streaming notifications wait for half an hour: what was sent is let go."""
        talks = [self.connect() for _ in range(40)]
        body = envelope(b" " * 50_000)
        lines = (_XML, b"Content-Length: %d\r\n" % len(body), ALICE)
        octets = request(b"POST " + _PATH, *lines, body=body)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        gc.disable()  # and nothing waits for it
        self.addCleanup(gc.enable)
        for number, talk in enumerate(talks):
            talk.send(octets)
            self.assertGreater(len(talk.back_end(number).take()), 50_000)
        self.assertLess(tracemalloc.get_traced_memory()[0], len(talks) * 25_000)

    def test_chunks(self) -> None:
        chunked = b"Transfer-Encoding: chunked\r\n"
        self.talk.send(request(b"POST " + _PATH, _XML, chunked, ALICE))
        for octet in envelope():
            self.talk.send(b"1\r\n%b\r\n" % bytes((octet,)))
        self.talk.send(b"0\r\n\r\n")
        head, body = self.sent()
        self.assertIn(b"Transfer-Encoding: chunked", head)
        joined = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            joined, body = joined + body[: int(size, 16)], body[int(size, 16) + 2 :]
        self.assertEqual(ElementTree.fromstring(joined).findtext(f".//{_T}UserSid"), _SID)

    def test_a_client_that_waits_for_100(self) -> None:
        """S-HTTP-15: it gets one, after its log-on and before the envelope; a wrong password gets none."""
        body = envelope()
        lines = (_XML, b"Content-Length: %d\r\n" % len(body), b"Expect: 100-continue\r\n")
        self.talk.send(request(b"POST " + _PATH, basic("alice", "wrong"), *lines))
        self.assertTrue(self.talk.wait(5).startswith(b"HTTP/1.1 401 "))
        self.talk = self.connect()
        self.assertEqual(self.talk.send(request(b"POST " + _PATH, ALICE, *lines)), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(self.talk.send(body), b"")
        self.assertEqual(self.talk.answer(b"HTTP/1.1 100 Continue\r\n\r\n" + OK), OK)

    def test_two_users_on_one_connection(self) -> None:
        """S-HTTP-33: each his own context, on back-end connections of their own."""
        for number, (who, sid) in enumerate(((ALICE, _SID), (BOB, _SID.replace("1104", "1105")))):
            self.post(envelope(), who)
            self.assertEqual(ElementTree.fromstring(self.sent(number)[1]).findtext(f".//{_T}UserSid"), sid)
            self.talk.answer(OK, number)

    def test_what_cannot_be_proxied(self) -> None:
        """No envelope, no SID, no POST: nobody could be named there."""
        for body, status in ((b"", 405), (b"<a/>", 400), (b"{}  ", 400), (envelope()[:40], 400)):
            self.refused(body, status, ALICE)
        self.refused(envelope(), 503, basic("carol"))
        self.refused(envelope(), 415, ALICE, kind=b"Content-Type: application/json\r\n")
        self.assertEqual(self.talk.ask(b"GET /EWS/Services.wsdl", ALICE).status, 405)
        self.assertEqual(self.small.dialer.dialled, [])

    def test_a_second_server_that_asks_by_441(self) -> None:
        """S-ROUTE-6: there is no log-on for EWS: 502, and neither 441 nor 241 gets to a client."""
        for status in (b"441", b"241"):
            self.talk = self.connect()
            self.small.dialer.dialled.clear()
            self.post(envelope(), ALICE)
            self.assertIn(b" 502 ", self.talk.answer(b"HTTP/1.1 %b x\r\nContent-Length: 0\r\n\r\n" % status))

    def test_another_server_where_the_first_is_dead(self) -> None:
        """S-ROUTE-12: within the request: its start was read once, and goes whole to the one that lives."""
        start, end = envelope(body=b"|").split(b"|")
        for site in ("Illinois", "Texas"):
            for dead in ("dallas", "austin"):
                self.setUp()
                self.decide(site, "dallas", "austin")
                self.small.dialer.dead = {dead}
                length = b"Content-Length: %d\r\n" % (len(start) + len(end))
                self.talk.send(request(b"POST " + _PATH, _XML, length, ALICE, body=start))
                number = len(self.small.dialer.dialled) - 1
                self.assertNotEqual(self.small.dialer.dialled[number].relay.server.name, dead)
                head, body = self.sent(number)
                self.talk.send(end)
                body += self.talk.back_end(number).take()
                ElementTree.fromstring(body)
                self.assertIn(b"Content-Length: %d" % len(body), head.split(b"\r\n"))
                self.assertEqual(body.count(_SID.encode()), 1 if site == "Illinois" else 0)
                self.assertEqual(self.talk.answer(OK, number), OK)

    def test_a_client_that_goes_or_is_slow_within_the_header(self) -> None:
        """S-HTTP-24: nothing has been sent anywhere."""
        for ends, status in ((self.talk.client.peer_closes, "499"), (lambda: self.talk.wait(60), "408")):
            self.talk.send(request(b"POST " + _PATH, _XML, b"Content-Length: 1000\r\n", ALICE, body=envelope()[:60]))
            ends()
            self.assertEqual(self.talk.records[-1].front_end_status, status)
            self.assertEqual(self.small.dialer.dialled, [])
            self.talk = self.connect()

    def test_a_soap_fault_is_passed_on(self) -> None:
        fault = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\n\r\n<f/>x"
        self.post(envelope(), ALICE)
        self.assertEqual(self.talk.answer(fault), fault)


class ForeignContextTests(SoapCase):
    """S-ROUTE-3: no client's own context gets to a server, on whatever way; 403."""

    def test_to_another_site_and_to_the_own_one(self) -> None:
        for site in ("Illinois", "Texas"):
            for identity in ("basic", "header"):
                self.decide(site)
                for block in (_OWN, _OWN + _OWN, b"<ProxySecurityContext/>", b"<x>%b</x>" % _OWN):
                    self.talk = self.connect(identity)
                    self.refused(envelope(block), 403, ALICE)
                    self.assertEqual(self.talk.records[-1].reason.code, "XF-SOAP-CONTEXT")  # type: ignore[union-attr]

    def test_nobody_gets_one_through_by_another_encoding(self) -> None:
        """What one side reads as UTF-8, and the other as something else.

        Bad input: a SOAP envelope in UTF-16, in UTF-7 by the charset of HTTP, or compressed.
        """
        for site in ("Illinois", "Texas"):
            self.decide(site)
            utf7 = envelope(b"+ADw-t:SerializedSecurityContext+AD4-")
            for body, kind in (
                (envelope(_OWN).decode().encode("utf-16"), b"Content-Type: text/xml; charset=utf-16\r\n"),
                (envelope(_OWN).decode().encode("utf-16"), b"Content-Type: text/xml\r\n"),
                (utf7, b"Content-Type: text/xml; charset=utf-7\r\n"),
                (utf7, b'Content-Type: text/xml; action="a"; charset="UTF-7"\r\n'),
                (utf7, b"Content-Type: text/xml; charset=utf-8; charset=utf-7\r\n"),
                (utf7, _XML + b"Content-Type: text/xml; charset=utf-7\r\n"),
                (b'<?xml version="1.0" encoding="utf-7"?>' + utf7, _XML),
                (b"\x1f\x8b\x08\x00", _XML + b"Content-Encoding: gzip\r\n"),
                (envelope(_OWN), b"Content-Type: text/plain\r\n" + _XML),
                (envelope(_OWN), b"Content-Type: text/plain, text/xml\r\n"),
                (envelope(_OWN), b'Content-Type: multipart/related; type="application/xop+xml"\r\n'),
            ):  # fmt: skip
                self.talk = self.connect()
                self.refused(body, 415, ALICE, kind=kind)

    def test_10_mb_of_white_space(self) -> None:
        """Refused at 64 KiB: before that nothing is sent, behind it nothing is read.

        Bad input: a SOAP header in 10 MB of white space.
        """
        for site in ("Illinois", "Texas"):
            self.decide(site)
            self.talk = self.connect()
            start, end = envelope(b" |" + _OWN).split(b"|")
            length = b"Content-Length: %d\r\n" % (10_000_000 + len(start) + len(end))
            self.talk.send(request(b"POST " + _PATH, _XML, length, ALICE, body=start))
            answers = [self.talk.send(b" " * 4096) for _ in range(limits.SOAP_START_OCTETS // 4096)]
            self.assertEqual([read(each).status for each in answers if each], [400])
            self.assertEqual(self.small.dialer.dialled, [])


class OwnSiteTests(SoapCase):
    def setUp(self) -> None:
        super().setUp()
        self.decide("Texas")

    def test_a_request_passes_octet_for_octet(self) -> None:
        """Also on the way that is known already; what is not XML at all is the mailbox server's own business."""
        for body, kind in (
            (envelope(b"<a/>"), _XML), (envelope(), b"Content-Type: application/soap+xml; charset=UTF-8; action=x\r\n"),
            (b"\x00binary", b"Content-Type: application/soap+msbin1\r\n"), (envelope(), b""), (b"", _XML),
        ):  # fmt: skip
            self.post(body, ALICE, kind=kind)
            head, sent = self.sent()
            self.assertEqual(sent, body)
            self.assertIn(b"Content-Length: %d" % len(body), head)
            self.assertEqual(self.talk.answer(OK), OK)

    def test_a_server_that_believes_us_gets_nothing_unread(self) -> None:
        self.talk = self.connect("header")
        self.refused(b"\x00binary", 415, ALICE, kind=b"Content-Type: application/soap+msbin1\r\n")

    def test_a_get(self) -> None:
        self.assertIn(b"GET /EWS/Services.wsdl", self.talk.relayed(ALICE, line=b"GET /EWS/Services.wsdl"))


class SecondServerTests(SoapCase):
    """As the second server: the header of a proven peer says who asks, and goes no further."""

    def setUp(self) -> None:
        super().setUp()
        self.decide("Texas")
        self.talk = self.connect("header", proxy_peers=True)

    def refused(self, body: bytes, status: int, *fields: bytes, kind: bytes = _XML) -> None:
        super().refused(body, status, *fields, kind=kind)
        self.talk = self.connect("header", proxy_peers=True)

    def test_the_user_is_known_by_it(self) -> None:
        self.post(envelope(b"<a/>" + _OWN), _SECRET, b"X-ExFront-Hop: 1\r\n", b"X-Forwarded-For: 198.51.100.9\r\n")
        head, body = self.sent()
        self.assertEqual(body, envelope(b"<a/>"))
        self.assertIn(b"Content-Length: %d" % len(body), head)
        self.assertIn(b"X-Forwarded-User: alice", fields_of(head))
        self.assertNotIn(b"hush", head)
        self.assertEqual(self.talk.answer(OK), OK)
        (record,) = self.talk.records
        self.assertEqual((record.user, record.client), ("alice@fourthcoffee.com", "198.51.100.9"))

    def test_each_request_says_it_anew(self) -> None:
        """Nothing is kept of one request for the next."""
        self.post(envelope(_OWN), _SECRET)
        self.talk.answer()
        self.assertIn(b" 401 ", self.post(envelope(), _SECRET))

    def test_who_is_no_peer(self) -> None:
        """A client with his password: 403; without: 401, and nothing of the body is looked at."""
        self.refused(envelope(_OWN), 403, ALICE)
        self.refused(envelope(_OWN), 403, ALICE, b"X-CAS-Secret: wrong\r\n")
        self.refused(envelope(_OWN), 401)

    def test_peers_that_say_what_cannot_be(self) -> None:
        bad = _OWN.replace(_SID.encode(), b"S-1-nonsense")
        for header, status in ((_OWN + _OWN, 403), (bad, 400), (b"<ProxySecurityContext/>", 403),
                               (_OWN.replace(b"1104", b"9999"), 403)):  # fmt: skip
            self.refused(envelope(header), status, _SECRET)

    def test_what_was_proxied_is_not_proxied_again(self) -> None:
        """S-ROUTE-5: two servers that take each other for the mailbox's site.

        Bad input: two exfronts that point at each other, for ActiveSync and EWS.
        """
        self.decide("Illinois")
        self.refused(envelope(_OWN), 508, _SECRET, b"X-ExFront-Hop: 1\r\n")
