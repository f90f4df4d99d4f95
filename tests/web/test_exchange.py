"""What Exchange's applications need of a front end besides routing: verbs, names, links, and answers that drip."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.presets import with_preset
from exfront.config.virtual_site import VirtualSiteSection
from exfront.reasons import BACK_END_ANSWER_TIMEOUT
from tests.web.conversation import ALICE, Conversation, fields_of, request

SITE = with_preset(VirtualSiteSection("x", "mail.fourthcoffee.com", (), preset="exchange", publish=("ecp", "exadmin")))
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
VERBS = (
    b"PROPFIND", b"PROPPATCH", b"SEARCH", b"POLL", b"SUBSCRIBE", b"UNSUBSCRIBE", b"BMOVE", b"BCOPY", b"BDELETE",
    b"BPROPPATCH", b"BPROPFIND", b"MKCOL", b"MOVE", b"COPY", b"LOCK", b"UNLOCK", b"X-MS-ENUMATTS", b"PUT", b"DELETE",
)  # fmt: skip
NAMES = (
    b"hand..EML", b"Re:%20a%20&%20b.EML", b"100%25.EML", b"a%2Fb.EML", b"_xF8FF_x.EML", b"gr%C3%BC%C3%9Fe.EML",
    b"%E4.EML", b"a%23b%3F.EML", b"...x.EML", b"it's%20(1)!.EML",
)  # fmt: skip


def conversation(**settings: Any) -> Conversation:
    """A client over TLS of a site with Exchange's preset."""
    return Conversation((SITE,), secure=True, **settings)


class WebDavTests(SynchronousTestCase):
    def test_every_verb_of_2003(self) -> None:
        """S-HTTP-7: to /exchange, to the mailbox that the path names."""
        for verb in VERBS:
            here = conversation()
            octets = here.relayed(ALICE, b"Content-Length: 0\r\n", line=verb + b" /exchange/bob/Inbox/")
            self.assertTrue(octets.startswith(verb + b" /exchange/bob/Inbox/ HTTP/1.1\r\n"), verb)
            self.assertEqual(here.world.dialer.dialled[0].relay.server.name, "dallas", verb)

    def test_subjects_as_names(self) -> None:
        """S-HTTP-21: a mail's subject is its file name, and arrives as it was sent."""
        for name in NAMES:
            path = b"/exchange/alice/Inbox/" + name
            self.assertTrue(conversation().relayed(ALICE, line=b"GET " + path).startswith(b"GET " + path + b" "), name)

    def test_links_need_no_rewriting(self) -> None:
        """Bb123654 and KB327800: a back end knows Host and scheme of the client, and its multistatus is not touched."""
        here = conversation()
        fields = fields_of(here.relayed(ALICE, b"Content-Length: 0\r\n", line=b"PROPFIND /exchange/alice/"))
        self.assertIn(b"Host: mail.fourthcoffee.com", fields)
        self.assertIn(b"Front-End-Https: On", fields)
        links = b"<a:href>https://mail.fourthcoffee.com/exchange/alice/</a:href><a:href>http://chicago/x</a:href>"
        head = b"HTTP/1.1 207 Multi-Status\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(links)
        self.assertTrue(here.answer(head + links).endswith(b"\r\n\r\n" + links))

    def test_a_poll_answer_and_a_login_timeout_pass(self) -> None:
        """Forms-based logon of 2003: 440 of a back end is its own."""
        here = conversation()
        here.relayed(ALICE, b"Content-Length: 0\r\n", line=b"POLL /exchange/alice/")
        self.assertIn(
            b" 440 Login Timeout\r\n", here.answer(b"HTTP/1.1 440 Login Timeout\r\nContent-Length: 0\r\n\r\n")
        )


class ApplicationTests(SynchronousTestCase):
    def test_each_path_goes_to_the_users_server(self) -> None:
        """S-HTTP-22: in any case, with the path as it was sent."""
        for path in (
            b"/exchange/", b"/public/a", b"/exchweb/6.5.7638.1/controls/x.js", b"/owa/x", b"/ecp/x",
            b"/EWS/Exchange.asmx", b"/ews/exchange.asmx", b"/OAB/x/oab.xml", b"/Autodiscover/Autodiscover.xml",
            b"/autodiscover/autodiscover.svc",
            b"/mapi/emsmdb/", b"/mapi/nspi/", b"/Microsoft-Server-ActiveSync", b"/OMA/oma.aspx", b"/exadmin/x",
            b"/rpc/x", b"/rpcwithcert/x",
        ):  # fmt: skip
            here = conversation()
            self.assertTrue(here.relayed(ALICE, line=b"GET " + path).startswith(b"GET " + path + b" "), path)
            self.assertEqual(here.world.dialer.dialled[0].relay.server.name, "chicago", path)

    def drip(self, line: bytes, seconds: float, piece: bytes) -> Conversation:
        """An answer whose pieces come `seconds` apart, for several of them."""
        here = conversation()
        here.send(request(line, ALICE, b"Content-Length: 0\r\n"))
        self.assertTrue(here.answer(CHUNKED).startswith(b"HTTP/1.1 200 "))
        for _ in range(3):
            self.assertEqual(here.wait(seconds, step=10), b"")
            self.assertEqual(here.answer(b"%x\r\n%b\r\n" % (len(piece), piece)), b"%x\r\n%b\r\n" % (len(piece), piece))
        return here

    def test_streaming_notifications(self) -> None:
        """S-HTTP-26: GetStreamingEvents drips for half an hour: each piece at once, up to 1900 s between them."""
        here = self.drip(
            b"POST /EWS/Exchange.asmx", 1890, b"<Envelope><ConnectionStatus>OK</ConnectionStatus></Envelope>"
        )
        here.wait(1910, step=10)
        self.assertIs(here.records[0].reason, BACK_END_ANSWER_TIMEOUT)
        self.assertTrue(here.client.disconnecting)

    def test_mapi_says_that_it_is_not_done(self) -> None:
        """[MS-OXCMAPIHTTP] 2.2.7: PROCESSING, then PENDING each 15 s, at once; then DONE with the rest."""
        here = self.drip(b"POST /mapi/emsmdb/", 15, b"PENDING\r\n")
        self.assertTrue(here.answer(b"6\r\nDONE\r\n\r\n0\r\n\r\n").endswith(b"0\r\n\r\n"))
        self.assertFalse(here.client.disconnecting)

    def test_a_soap_fault_passes_whole(self) -> None:
        """SOAP 1.1 section 6.2: 500 with its XML is the back end's answer."""
        here = conversation()
        here.send(request(b"POST /EWS/Exchange.asmx", ALICE, b"Content-Length: 0\r\n"))
        answer = here.answer(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 7\r\n\r\n<Fault>")
        self.assertTrue(answer.startswith(b"HTTP/1.1 500 ") and answer.endswith(b"\r\n\r\n<Fault>"))

    def test_mapi_fields_pass(self) -> None:
        """[MS-OXCMAPIHTTP] 2.2.3: X-RequestType, X-RequestId and cookies both ways."""
        here = conversation()
        sent = (
            b"X-RequestType: Connect",
            b"X-RequestId: {A}:1",
            b"X-ClientInfo: {B}:2",
            b"Cookie: MapiContext=a; MapiSequence=1",
        )
        here.send(request(b"POST /mapi/emsmdb/", ALICE, *[each + b"\r\n" for each in sent], b"Content-Length: 0\r\n"))
        self.assertLessEqual(set(sent), set(fields_of(here.back_end().take())))
        back = (
            b"X-ResponseCode: 0",
            b"X-RequestId: {A}:1",
            b"Set-Cookie: MapiContext=b; path=/mapi/emsmdb; secure; HttpOnly",
        )
        answer = here.answer(b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: 0\r\n\r\n" % b"\r\n".join(back))
        self.assertLessEqual(set(back), set(fields_of(answer)))
