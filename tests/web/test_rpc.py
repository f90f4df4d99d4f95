"""RPC over HTTP: which endpoints, which server, and two channels that never end ([MS-RPCH])."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.reasons import CLIENT_TIMEOUT, RPC_ENDPOINT
from tests.support.directory import guid
from tests.web.conversation import ALICE, Conversation, request

GIGABYTE = 1 << 30
ENDPOINT = b"chicago:6001"
SUCCESS = b"HTTP/1.1 200 Success\r\nContent-Type: application/rpc\r\nContent-Length: %d\r\n\r\n" % GIGABYTE
REFUSAL = b"HTTP/1.1 503 RPC Error: 6ba\r\n"


def conversation(**settings: Any) -> Conversation:
    """With /rpc."""
    directory = VirtualDirectorySection("/rpc", "rpc", **{"require_tls": "no", **settings})
    return Conversation((VirtualSiteSection("x", "mail.fourthcoffee.com", (), (directory,)),))


def channel(method: bytes, octets: int, endpoint: bytes = ENDPOINT, *fields: bytes) -> bytes:
    """The head of one."""
    length = b"Content-Length: %d\r\n" % octets
    return request(
        method + b" /rpc/rpcproxy.dll?" + endpoint, *(fields or (ALICE,)), b"Accept: application/rpc\r\n", length
    )


class EndpointTests(SynchronousTestCase):
    def test_the_users_own_server_by_any_of_its_names(self) -> None:
        """S-ROUTE-13: any case, short name or FQDN; or the mailbox by its GUID."""
        names = (b"chicago", b"CHICAGO", b"chicago.fourthcoffee.com", b"Chicago.FourthCoffee.com")
        for name in (*names, guid("alice").encode() + b"@fourthcoffee.com"):
            for port in (b"6001", b"6002", b"6004"):
                here = conversation()
                here.send(channel(b"RPC_OUT_DATA", 76, name + b":" + port))
                self.assertEqual(here.world.dialer.dialled[0].relay.server.name, "chicago", name)

    def test_another_mailbox_by_its_guid_is_at_its_own_server(self) -> None:
        """S-ROUTE-13: as an explicit logon; the back end decides who may open it."""
        here = conversation()
        here.send(channel(b"RPC_OUT_DATA", 76, guid("bob").encode() + b"@fourthcoffee.com:6001"))
        self.assertEqual(here.world.dialer.dialled[0].relay.server.name, "dallas")

    def test_everything_else_is_refused_without_a_connection(self) -> None:
        """S-ROUTE-13: another user's server, a foreign host, another port, a mailbox that is not there."""
        unknown = guid("eve").encode()
        for endpoint in (
            b"dallas:6001", b"dallas.fourthcoffee.com:6001", b"evil.example:6001", b"dc1:389", b"chicago:22",
            b"10.0.0.1:6001", unknown + b"@fourthcoffee.com:6001", b"alice@fourthcoffee.com:6001",
            b"chicago:6001@evil:22", b"chicago",
        ):  # fmt: skip
            for method in (b"RPC_IN_DATA", b"RPC_OUT_DATA"):
                here = conversation()
                answer = here.send(channel(method, 76, endpoint))
                self.assertTrue(answer.startswith(REFUSAL), (endpoint, answer))
                self.assertEqual(here.world.dialer.dialled, [], endpoint)

    def test_the_log_tells_whom_the_endpoint_was_not(self) -> None:
        """S-ROUTE-13: for who has to explain it."""
        here = conversation()
        here.send(channel(b"RPC_OUT_DATA", 76, b"dallas:6001"))
        self.assertIs(here.records[0].reason, RPC_ENDPOINT)
        self.assertEqual(here.records[0].detail, "dallas is not chicago")

    def test_a_wrong_password_is_still_401(self) -> None:
        """S-AUTH-6: Outlook asks for another one."""
        here = conversation()
        here.send(channel(b"RPC_OUT_DATA", 76, ENDPOINT, b"Authorization: Basic YWxpY2U6eA==\r\n"))
        self.assertTrue(here.wait(2).startswith(b"HTTP/1.1 401 "))

    def test_who_logs_on_at_the_back_end_may_name_any_known_server(self) -> None:
        """S-ROUTE-13: the mailbox is not known yet; what is connected to is the configured server all the same."""
        for name, known in ((b"dallas", True), (b"evil.example", False)):
            here = conversation(authentication=("passthrough",), server="chicago")
            answer = here.send(channel(b"RPC_OUT_DATA", 0, name + b":6001", b"Authorization: NTLM TlRMTVNTUAAB\r\n"))
            dialled = [each.relay.server.name for each in here.world.dialer.dialled]
            self.assertEqual(dialled, ["chicago"] if known else [])
            self.assertEqual(answer.startswith(REFUSAL), not known)

    def test_a_dead_server_is_told_in_outlooks_words(self) -> None:
        """[MS-RPCH] 2.1.2.1.3."""
        here = conversation()
        here.send(channel(b"RPC_IN_DATA", GIGABYTE))
        here.back_end().peer_closes()
        self.assertTrue(here.client.take().startswith(REFUSAL))


class ChannelTests(SynchronousTestCase):
    def test_the_first_octets_of_a_gibibyte_go_on_at_once(self) -> None:
        """S-HTTP-26: nothing is awaited, nothing gathered."""
        here = conversation()
        here.send(channel(b"RPC_IN_DATA", GIGABYTE))
        self.assertIn(b"Content-Length: %d\r\n" % GIGABYTE, here.back_end().take())
        for piece in (b"a" * 104, b"b", b"c" * 20):
            here.send(piece)
            self.assertEqual(here.back_end().take(), piece)

    def test_each_piece_of_the_answer_goes_on_at_once(self) -> None:
        """S-HTTP-26: the answer begins before it could ever be complete."""
        here = conversation()
        here.send(channel(b"RPC_OUT_DATA", 76))
        here.send(b"1" * 76)
        self.assertTrue(here.answer(SUCCESS).startswith(b"HTTP/1.1 200 Success\r\n"))
        for piece in (b"a" * 28, b"b", b"c" * 20):
            self.assertEqual(here.answer(piece), piece)

    def test_an_answer_may_begin_while_the_request_goes_on(self) -> None:
        """S-HTTP-26: both ways at once."""
        here = conversation()
        here.send(channel(b"RPC_IN_DATA", GIGABYTE) + b"1" * 104)
        here.back_end().take()
        self.assertIn(b" 200 Success\r\n", here.answer(SUCCESS))
        here.send(b"x" * 20)
        self.assertEqual(here.back_end().take(), b"x" * 20)
        self.assertEqual(here.answer(b"y" * 20), b"y" * 20)

    def test_a_100_that_was_not_asked_for_is_passed_on(self) -> None:
        """S-HTTP-28: on channels alone; IIS says it, and there are clients that wait for it."""
        here = conversation()
        here.send(channel(b"RPC_IN_DATA", GIGABYTE))
        self.assertEqual(here.answer(b"HTTP/1.1 100 Continue\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n")

    def test_a_channel_has_a_connection_of_its_own(self) -> None:
        """S-HTTP-26, S-HTTP-32: none that served before, and nobody gets it afterwards."""
        here = conversation()
        here.send(request(b"GET /rpc/x", ALICE))
        here.answer()
        here.send(channel(b"RPC_OUT_DATA", 0))
        self.assertEqual(len(here.world.dialer.dialled), 2)
        here.answer(b"HTTP/1.1 200 Success\r\nContent-Length: 20\r\n\r\n" + b"e" * 20, 1)
        self.assertTrue(here.back_end(1).disconnecting)
        self.assertFalse(here.back_end(0).disconnecting)

    def test_a_channel_is_never_said_twice(self) -> None:
        """S-HTTP-32: not even without a body."""
        here = conversation()
        here.send(channel(b"RPC_OUT_DATA", 0))
        here.back_end().peer_closes()
        self.assertEqual(len(here.world.dialer.dialled), 1)
        self.assertTrue(here.client.take().startswith(REFUSAL))

    def test_a_torn_channel_is_cut_and_the_other_lives(self) -> None:
        """S-HTTP-26, S-HTTP-30: the client sees that the answer is not complete."""
        here = conversation()
        here.send(channel(b"RPC_OUT_DATA", 76) + b"1" * 76)
        here.answer(SUCCESS + b"a" * 28)
        other = Conversation(here.sites, world=here.world)
        other.send(channel(b"RPC_IN_DATA", GIGABYTE) + b"1" * 104)
        here.back_end(0).peer_closes()
        self.assertTrue(here.client.disconnecting)
        other.send(b"z")
        self.assertTrue(here.back_end(1).take().endswith(b"z"))

    def test_silence_of_a_quarter_of_an_hour_ends_a_channel(self) -> None:
        """S-HTTP-26: 900 s; channels are pinged far more often."""
        here = conversation()
        here.send(channel(b"RPC_IN_DATA", GIGABYTE) + b"1" * 104)
        for _ in range(3):
            here.wait(890, step=10)
            here.send(b"p")
        self.assertTrue(here.back_end().take().endswith(b"ppp"))
        here.wait(1810, step=10)
        self.assertIs(here.records[-1].reason, CLIENT_TIMEOUT)
        self.assertTrue(here.back_end().disconnecting)

    def test_the_back_end_may_be_silent_for_as_long(self) -> None:
        """S-HTTP-26: each piece gives it 900 s more."""
        here = conversation()
        here.send(channel(b"RPC_OUT_DATA", 76) + b"1" * 76)
        here.answer(SUCCESS)
        for _ in range(3):
            here.wait(890, step=10)
            self.assertEqual(here.answer(b"p"), b"p")
        here.wait(910, step=10)
        self.assertTrue(here.client.disconnecting)
