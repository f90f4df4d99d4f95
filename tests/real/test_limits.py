"""Limits of the running process: over one there is an answer, a line that names it, and nobody else notices."""

from __future__ import annotations

import imaplib
import poplib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront.operate.control_client import ask
from tests.support.clients import Conversation, basic, get, imap4_log_in, pop3_log_in
from tests.support.exfront import ExFront
from tests.support.mail_site import LIMITS, shared
from tests.support.population import Person
from tests.support.process import temporary_folder, wait_until

CLEAR = {
    "imap-clear": {"protocol": "imap4", "tls": "none", "allow_plaintext": True},
    "pop3-clear": {"protocol": "pop3", "tls": "none", "allow_plaintext": True},
    "http": {"protocol": "http", "tls": "none", "allow_plaintext": True},
}


class LimitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = shared()
        self.user, self.other = self.site.living_on("chicago")[2:4]
        self.open = ExitStack()
        self.addCleanup(self.open.close)

    def front(self, **limits: float) -> ExFront:
        self.socket = temporary_folder("control") / "run" / "control.sock"
        control = {"allow_root": True, "socket": str(self.socket)}
        front = self.site.exfront(CLEAR, limits={**LIMITS, **limits}, control=control)
        self.addCleanup(front.stop)
        front.start()
        return front

    def ask(self, command: str) -> Any:
        """What the daemon tells exfrontctl."""
        wait_until(self.socket.exists, "the control socket")
        answer = ask(self.socket, command, {})
        self.assertTrue(answer.ok, answer.error)
        return answer.result

    def log_in(self, front: ExFront, user: Person, source: str = "127.0.0.1") -> bytes:
        """A session that stays open; its answer."""
        talk = self.open.enter_context(Conversation(front.at("imap-clear"), source=source))
        talk.until(b"* OK")
        return talk.ask(b'a LOGIN %b "%b"' % (user.name.encode(), user.password))

    def details(self, front: ExFront) -> set[str]:
        """What the access log says of limits, when it has a line for all that ended so far."""
        front.settle()
        return {line["x-detail"] for line in front.access_lines() if line["x-reason"] == "XF-LIMIT"}

    def test_connections_of_a_user(self) -> None:
        """S-MAIL-13, S-OPS-4: one over the number from an address, and over that in all, is told so and may try again.

        Other users, and the sessions that are open, do not notice.
        """
        front = self.front(connections_per_account_and_address=3, connections_per_account=5)
        for _ in range(3):
            self.assertIn(b"a OK", self.log_in(front, self.user))
        with Conversation(front.at("imap-clear")) as late:
            late.until(b"* OK")
            log_in = b'LOGIN %b "%b"' % (self.user.name.encode(), self.user.password)
            for number in range(6):
                answer = late.ask(b"b%d %b" % (number, log_in))
                self.assertIn(b" NO [LIMIT] Too many connections of this user. (XF-LIMIT)", answer)
        with self.assertRaises(poplib.error_proto) as caught:
            pop3_log_in(front.at("pop3-clear"), self.user)
        self.assertIn("-ERR [SYS/TEMP] Too many connections of this user.", str(caught.exception))
        self.assertIn(b"a OK", self.log_in(front, self.other))
        self.assertIn(b"a OK", self.log_in(front, self.user, "127.0.0.2"))
        self.assertIn(b"a OK", self.log_in(front, self.user, "127.0.0.2"))
        self.assertIn(b"a NO [LIMIT]", self.log_in(front, self.user, "127.0.0.3"))
        self.assertEqual(
            self.details(front),
            {
                "limit name=connections_per_account_and_address net=127.0.0.1",
                "limit name=connections_per_account",
            },
        )
        nearest = {each["name"]: (each["now"], each["most"]) for each in self.ask("limits")}
        self.assertEqual(nearest["connections_per_account_and_address"], (3, 3))
        self.assertEqual(nearest["connections_per_account"], (5, 5))
        self.open.close()  # seats are given back
        front.settle()
        for _ in range(3):
            self.assertIn(b"a OK", self.log_in(front, self.user))

    def test_connections_of_an_address(self) -> None:
        """S-OPS-4: the 201st is closed without an octet, and counted; another address is served."""
        front = self.front()
        for _ in range(200):
            talk = self.open.enter_context(Conversation(front.at("imap-clear"), source="127.0.0.2"))
            talk.until(b"* OK")
        with Conversation(front.at("imap-clear"), source="127.0.0.2") as late:
            self.assertEqual(late.rest(), b"")
        imap4_log_in(front.at("imap-clear"), self.user).logout()
        self.assertEqual(self.details(front), {"limit name=connections_per_address net=127.0.0.2"})

    def test_all_connections(self) -> None:
        """S-OPS-4: one over the number of all is closed, whoever it is."""
        front = self.front(connections=3)
        for last in range(3):
            self.open.enter_context(Conversation(front.at("imap-clear"), source=f"127.0.0.{last + 2}")).until(b"* OK")
        with Conversation(front.at("pop3-clear"), source="127.0.0.9") as late:
            self.assertEqual(late.rest(), b"")
        self.open.close()
        self.assertEqual(self.details(front), {"limit name=connections"})

    def test_memory(self) -> None:
        """S-OPS-6: with more than it may have it takes nobody new, and says so; who is in stays in."""
        front = self.front(memory=1024 * 1024 * 1024)
        imap4_log_in(front.at("imap-clear"), self.user).logout()
        front.stop()
        front = self.front(memory=1024 * 1024)
        with Conversation(front.at("imap-clear")) as late:
            self.assertEqual(late.rest(), b"")
        wait_until(lambda: "limit name=memory" in {line["x-detail"] for line in front.access_lines()}, "the line")
        self.assertIn("mem_shed octets=", front.server_log())

    def test_log_ons_of_an_address_wait_for_their_turn(self) -> None:
        """S-OPS-4: 40 at once where two are proven at a time: all get in."""
        front = self.front(log_ons_per_address=2)
        users = self.site.users[:40]
        with ThreadPoolExecutor(40) as pool:
            clients = list(pool.map(lambda user: imap4_log_in(front.at("imap-clear"), user), users))
        for client in clients:
            client.logout()
        self.assertEqual(self.details(front), set())

    def test_log_ons_per_second(self) -> None:
        """S-OPS-4: those over it are told to come again, in the words of each protocol; nobody is told "wrong"."""
        front = self.front(log_ons_per_second=1)
        answers = [self.log_in(front, self.user) for _ in range(4)]
        self.assertIn(b"a OK", answers[0])
        self.assertIn(b"a NO [LIMIT] Too many log-ons; try again later. (XF-LIMIT)", answers)
        page = get(front.at("http"), f"/exchange/{self.user.alias}/", basic(self.user.name, self.user.password))
        self.assertEqual((page.status, page.headers["retry-after"]), (503, "10"))
        self.assertIn("limit name=log_ons_per_second", self.details(front))

    def test_log_ons_per_second_of_an_address(self) -> None:
        """S-OPS-4: another address does not notice."""
        front = self.front(log_ons_per_second_per_address=1)
        answers = [self.log_in(front, self.user) for _ in range(4)]
        self.assertTrue(any(b"NO [LIMIT]" in answer for answer in answers), answers)
        self.assertIn(b"a OK", self.log_in(front, self.other, "127.0.0.2"))
        self.assertIn("limit name=log_ons_per_second_per_address net=127.0.0.1", self.details(front))

    def test_ten_bad_commands(self) -> None:
        """S-MAIL-6: the tenth ends the connection, in the running process as in the tables."""
        front = self.front()
        with Conversation(front.at("imap-clear")) as talk:
            talk.until(b"* OK")
            talk.send(b"".join(b"a%d NONSENSE\r\n" % number for number in range(12)))
            said = talk.rest()
        self.assertEqual(said.count(b" BAD "), 10, said)
        self.assertIn(b"* BYE [CLIENTBUG]", said)
        with self.assertRaises(imaplib.IMAP4.abort):
            client = imaplib.IMAP4(*front.at("imap-clear"))
            for _ in range(12):
                try:
                    client.xatom("NONSENSE")
                except imaplib.IMAP4.abort:
                    raise
                except imaplib.IMAP4.error:
                    continue

    def test_times(self) -> None:
        """S-MAIL-12: too long before the log-on, and silent after it: told why, and closed; shortened for the test."""
        front = self.front(mail_login_time=1.0, imap4_idle_time=1.0, pop3_idle_time=1.0)
        with Conversation(front.at("imap-clear")) as talk:
            talk.until(b"* OK")
            self.assertIn(b"* BYE [UNAVAILABLE] Time-out; try again. (XF-CLIENT-TIMEOUT)", talk.rest())
        with Conversation(front.at("pop3-clear")) as talk:
            talk.until(b"+OK")
            self.assertNotIn(b"+OK", talk.rest())
