"""ActiveSync: what waits for an hour, and whose device it is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.reasons import BACK_END_ANSWER_TIMEOUT, BACK_END_RESET, CLIENT_GONE
from tests.support.steps import SmallWorld
from tests.web.conversation import ALICE, OK, Conversation, fields_of, request

PATH = b"/Microsoft-Server-ActiveSync"
PING = b"Cmd=Ping&User=alice&DeviceId=v140Device&DeviceType=SmartPhone"
PACKED_SYNC = b"jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l"  # [MS-ASHTTP] 4.1
LENGTH = b"Content-Length: 4\r\n"


def conversation(world: SmallWorld | None = None) -> Conversation:
    """With ActiveSync's directory."""
    directory = VirtualDirectorySection(PATH.decode(), "activesync", require_tls="no")
    site = VirtualSiteSection("x", "mail.fourthcoffee.com", (), (directory,))
    return Conversation((site,), world=world or SmallWorld())


def command(query: bytes = PING) -> bytes:
    """One with a body of four octets."""
    return request(b"POST " + PATH + b"?" + query, ALICE, LENGTH, b"X-MS-PolicyKey: 42\r\n", body=b"\x03\x01\x6a\x00")


class HeldTests(SynchronousTestCase):
    def test_a_ping_waits_for_its_heartbeat(self) -> None:
        """S-HTTP-26: 59 minutes of silence, then the answer; the phone's next one goes on the same connections."""
        here = conversation()
        for _ in range(2):
            here.send(command())
            self.assertEqual(here.wait(3540, step=30), b"")
            self.assertIn(b"HTTP/1.1 200 OK", here.answer())
        self.assertEqual(len(here.world.dialer.dialled), 1)

    def test_a_sync_that_waits_in_packed_form_too(self) -> None:
        """S-HTTP-26: with the command in the octets of its query, which arrive as they were sent."""
        here = conversation()
        here.send(command(PACKED_SYNC))
        self.assertIn(b"POST " + PATH + b"?" + PACKED_SYNC + b" HTTP/1.1\r\n", here.back_end().take())
        self.assertEqual(here.wait(3540, step=30), b"")
        self.assertIn(b"HTTP/1.1 200 OK", here.answer())

    def test_a_back_end_that_cuts_a_ping(self) -> None:
        """S-HTTP-32: after 59 minutes: 502 to the phone, which asks again; exfront does not."""
        here = conversation()
        here.send(command())
        here.wait(3540, step=30)
        here.back_end().peer_closes()
        self.assertIn(b" 502 ", here.client.take())
        self.assertIs(here.records[0].reason, BACK_END_RESET)
        self.assertEqual(len(here.world.dialer.dialled), 1)
        here.send(command())
        self.assertIn(b"HTTP/1.1 200 OK", here.answer(number=1))

    def test_more_than_an_hour_is_too_long(self) -> None:
        """S-HTTP-26: 3660 s, then 504."""
        here = conversation()
        here.send(command())
        self.assertIn(b" 504 ", here.wait(3690, step=30))
        self.assertIs(here.records[0].reason, BACK_END_ANSWER_TIMEOUT)

    def test_a_phone_that_goes_is_not_waited_for(self) -> None:
        """S-MAIL-19 for HTTP: the back end's part ends at once."""
        here = conversation()
        here.send(command())
        here.client.peer_closes()
        self.assertTrue(here.back_end().disconnecting)
        self.assertIs(here.records[0].reason, CLIENT_GONE)
        self.assertEqual(here.world.devices.states(), ())


class PassingTests(SynchronousTestCase):
    def test_what_phones_and_back_ends_tell_each_other(self) -> None:
        """S-HTTP-18, S-HTTP-31: versions, policy key, and statuses that only ActiveSync has."""
        for status in (
            b"449 Retry after sending a PROVISION command", b"451 Redirect", b"503 Throttled", b"507 Quota", b"200 OK",
        ):  # fmt: skip
            here = conversation()
            here.send(command())
            self.assertIn(b"X-MS-PolicyKey: 42", fields_of(here.back_end().take()))
            more = b"X-MS-Location: https://mail2.fourthcoffee.com/Microsoft-Server-ActiveSync"
            answer = here.answer(b"HTTP/1.1 %b\r\n%b\r\nContent-Length: 0\r\n\r\n" % (status, more))
            self.assertTrue(answer.startswith(b"HTTP/1.1 " + status + b"\r\n"), answer)
            self.assertIn(more, fields_of(answer))

    def test_options(self) -> None:
        """S-HTTP-6: the back end's own, by any spelling of the path."""
        for path in (PATH, PATH.lower(), PATH + b"/default.eas"):
            here = conversation()
            self.assertTrue(here.relayed(ALICE, line=b"OPTIONS " + path).startswith(b"OPTIONS " + path))
            answer = here.answer(b"HTTP/1.1 200 OK\r\nMS-ASProtocolVersions: 2.5,14.1\r\nContent-Length: 0\r\n\r\n")
            self.assertIn(b"MS-ASProtocolVersions: 2.5,14.1", fields_of(answer))

    def test_its_user_is_no_credential(self) -> None:
        """S-HTTP-23: who asks is in Authorization; the query names nobody."""
        here = conversation()
        here.send(command(PING.replace(b"alice", b"bob")))
        self.assertEqual(here.world.dialer.dialled[0].relay.server.name, "chicago")


class DeviceTests(SynchronousTestCase):
    def test_the_log_names_device_and_command(self) -> None:
        """S-OPS-15: of both forms, on a kept connection too."""
        here = conversation()
        for query in (PING, PING, PACKED_SYNC):
            here.send(command(query))
            here.answer(OK)
        self.assertEqual([each.device for each in here.records], ["SmartPhone/v140Device"] * 3)
        self.assertEqual([each.command for each in here.records], ["Ping", "Ping", "Sync"])
        self.assertEqual([each.detail for each in here.records], ["-"] * 3)

    def test_several_pings_of_one_device_are_shown(self) -> None:
        """S-OPS-15: a phone that lost its connection without a word holds the old ones."""
        world = SmallWorld()
        talks = []
        for _ in range(3):
            talks.append(conversation(world))
            talks[-1].send(command())
            world.clock.advance(60)
        (state,) = world.devices.states()
        self.assertEqual(
            (state.user, state.device, state.command, state.running, state.seconds),
            ("alice", "SmartPhone/v140Device", "Ping", 3, 180),
        )
        talks[1].client.peer_closes()
        self.assertEqual(world.devices.states()[0].running, 2)
        for number in (0, 2):
            talks[number].answer(OK, number)
        self.assertEqual(world.devices.states(), ())
        self.assertEqual([each.detail for each in world.records.all], ["2 at once", "-", "3 at once"])

    def test_another_command_or_device_is_not_the_same(self) -> None:
        world = SmallWorld()
        for query in (PING, PING.replace(b"Ping", b"Sync"), PING.replace(b"v140", b"v141")):
            conversation(world).send(command(query))
        self.assertEqual([each.running for each in world.devices.states()], [1, 1, 1])
