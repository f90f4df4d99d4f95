"""The POP3 service of the lab's mailbox servers, in conversations."""

from __future__ import annotations

import base64

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from exfront.lab.mailboxes import Mailbox, mailboxes
from exfront.lab.pop3 import Pop3Server

PLAIN = base64.b64encode(b"\0clara\0macchiato-33")


class Pop3Tests(SynchronousTestCase):
    """What a client says, and what it is told."""

    def setUp(self) -> None:
        self.mailboxes = mailboxes("dallas")
        self.connect()

    def connect(self) -> None:
        self.transport = StringTransport()
        self.server = Pop3Server(self.mailboxes)
        self.server.makeConnection(self.transport)
        self.assertEqual(self.told(), ["+OK dallas.fourthcoffee.com is ready"])

    def told(self) -> list[str]:
        value = self.transport.value().decode("latin-1")
        self.transport.clear()
        return value.removesuffix("\r\n").split("\r\n")

    def say(self, *lines: bytes) -> list[str]:
        self.server.dataReceived(b"".join(line + b"\r\n" for line in lines))
        return self.told()

    def log_in(self) -> None:
        self.assertEqual(self.say(b"USER clara", b"PASS macchiato-33")[1], "+OK logged in at dallas.fourthcoffee.com")

    @property
    def mailbox(self) -> Mailbox:
        mailbox = self.mailboxes.log_on(b"clara", b"macchiato-33")
        assert mailbox is not None
        return mailbox

    def test_every_way_to_log_on_is_taken(self) -> None:
        for lines in (
            [b"USER clara", b"PASS macchiato-33"],
            [b"AUTH PLAIN " + PLAIN],
            [b"auth plain", PLAIN],
        ):
            self.assertEqual(self.say(*lines)[-1], "+OK logged in at dallas.fourthcoffee.com", lines)
            self.connect()

    def test_others_are_refused(self) -> None:
        for lines in (
            [b"USER clara", b"PASS wrong"],
            [b"USER anna", b"PASS espresso-11"],
            [b"PASS macchiato-33"],
        ):
            told = self.say(*lines)[-1]
            self.assertEqual(told, "-ERR [AUTH] wrong name or password, or a user of another server")

    def test_a_bad_response_of_plain_is_told(self) -> None:
        for lines in ([b"AUTH PLAIN !"], [b"AUTH PLAIN ="], [b"AUTH PLAIN", b"*"]):
            self.assertEqual(self.say(*lines)[-1], "-ERR not a response of PLAIN")

    def test_commands_out_of_order_are_refused(self) -> None:
        for line in (b"STAT", b"RETR 1", b"NOTHING", b"", b"AUTH CRAM-MD5"):
            self.assertTrue(self.say(line)[0].startswith("-ERR "), line)
        self.log_in()
        self.assertEqual(self.say(b"USER clara"), ["-ERR not a command, or not at this time"])

    def test_what_it_can_is_told(self) -> None:
        told = self.say(b"CAPA")
        self.assertEqual((told[0], told[-1]), ("+OK these", "."))
        self.assertIn("SASL PLAIN", told)
        self.assertEqual(self.say(b"AUTH"), ["+OK these", "PLAIN", "."])

    def test_messages_are_counted_and_listed(self) -> None:
        self.log_in()
        sizes = [len(message.octets) for message in self.mailbox.inbox.messages]
        began = self.mailbox.inbox.uid_validity
        self.assertEqual(self.say(b"STAT"), [f"+OK 3 {sum(sizes)}"])
        self.assertEqual(self.say(b"LIST")[1:-1], [f"{number} {size}" for number, size in enumerate(sizes, 1)])
        self.assertEqual(self.say(b"LIST 2"), [f"+OK 2 {sizes[1]}"])
        self.assertEqual(self.say(b"UIDL"), ["+OK these", f"1 {began}-1", f"2 {began}-2", f"3 {began}-3", "."])

    def test_a_message_comes_with_its_dots_doubled(self) -> None:
        self.log_in()
        told = self.say(b"RETR 1")
        self.assertIn("Subject: [DALLAS] Welcome, Clara Conrad", told)
        self.assertIn("... This line begins with two dots, the next one is a dot alone:", told)
        self.assertEqual([line for line in told if line in (".", "..")], ["..", "."])

    def test_top_gives_the_header_and_some_lines(self) -> None:
        self.log_in()
        told = self.say(b"TOP 1 1")
        self.assertEqual(told[-3:], ["", "Welcome to Fourth Coffee!", "."])
        self.assertEqual(self.say(b"TOP 1"), ["-ERR TOP needs a message and a number of lines"])

    def test_deleted_messages_go_with_quit(self) -> None:
        self.log_in()
        self.assertEqual(self.say(b"DELE 1"), ["+OK gone after QUIT"])
        self.assertEqual(self.say(b"RETR 1"), ["-ERR no such message"])
        self.assertEqual([line[0] for line in self.say(b"LIST")[1:-1]], ["2", "3"])
        self.assertEqual(len(self.mailbox.inbox.messages), 3)
        self.assertEqual(self.say(b"QUIT"), ["+OK bye from dallas.fourthcoffee.com"])
        self.assertEqual([message.uid for message in self.mailbox.inbox.messages], [2, 3])
        self.assertTrue(self.transport.disconnecting)

    def test_a_reset_and_a_lost_connection_delete_nothing(self) -> None:
        self.log_in()
        self.say(b"DELE 1", b"RSET", b"QUIT")
        self.connect()
        self.log_in()
        self.say(b"DELE 1")
        self.server.connectionLost()
        self.assertEqual(len(self.mailbox.inbox.messages), 3)
