"""Rules of IMAP4 and POP3 that need time or much data, against the running process."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Conversation, imap4_log_in
from tests.support.exfront import UNGUARDED, ExFront, Section
from tests.support.mail_site import LIMITS, LISTENERS, shared
from tests.support.scripted_server import ScriptedServer

MEGABYTE = 1024 * 1024
FRONT = {name: LISTENERS[name] for name in ("imap-clear", "pop3-clear")}
ELSEWHERE = "127.0.7.7"


class RuleTests(SynchronousTestCase):
    """Each with a front end of its own."""

    def setUp(self) -> None:
        self.site = shared()
        self.user = self.site.living_on("chicago")[5]
        self.server = ScriptedServer("127.0.0.23")
        self.addCleanup(self.server.stop)

    def front(self, authentication: Section = UNGUARDED, *, scripted: bool = False) -> ExFront:
        """Running; `scripted`: before the script in chicago's place."""
        chicago = self.site.chicago.section(
            **({"address": "127.0.0.23", "imap4": self.server.port, "pop3": self.server.port} if scripted else {})
        )
        front = self.site.exfront(
            FRONT, server=[chicago, self.site.dallas.section()], authentication=authentication,
            limits={**LIMITS, "back_end_login_time": 20.0},
        )  # fmt: skip
        self.addCleanup(front.daemon.kill)
        front.start()
        return front

    def test_what_is_held_behind_a_log_on_is_bounded(self) -> None:
        """S-MAIL-10: while the back end keeps a log-on waiting, 64 KiB are held, and then reading stops."""
        over = threading.Event()

        def behaviour(connection: socket.socket) -> None:
            connection.sendall(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n")
            tag = connection.recv(65536).split(b" ")[0]
            over.wait(15)
            connection.sendall(tag + b" OK [CAPABILITY IMAP4rev1] in\r\n")
            came = 0
            while data := connection.recv(1 << 18):
                came += len(data)
                if data.endswith(b"end\r\n"):
                    connection.sendall(b"z OK %d\r\n" % came)

        self.server.behaviour = behaviour
        front = self.front(scripted=True)
        imap4_log_in(front.at("imap-clear"), self.site.living_on("dallas")[0]).logout()
        before = _resident(front.daemon.pid)
        with Conversation(front.at("imap-clear")) as talk:
            talk.until(b"* OK")
            talk.send(b"a LOGIN %b %b\r\n" % (self.user.name.encode(), self.user.password))
            behind = b"b NOOP " + b"x" * (30 * MEGABYTE) + b" end\r\n"
            sender = threading.Thread(target=_send, args=(talk.socket, behind))
            sender.start()
            time.sleep(2)
            self.assertTrue(sender.is_alive(), "all was taken")
            grown = _resident(front.daemon.pid) - before
            over.set()
            self.assertTrue(talk.until(b"a ").startswith(b"a OK"))
            self.assertEqual(talk.until(b"z "), b"z OK %d" % len(behind))
            sender.join(10)
        self.assertLess(grown, 2 * MEGABYTE)

    def test_answers_that_nobody_reads(self) -> None:
        """S-MAIL-6: a client asks on and on and never reads: the end, and no memory is filled with the answers.

        Bad input: commands without end, and answers that nobody reads
        """
        front = self.front()
        imap4_log_in(front.at("imap-clear"), self.user).logout()
        before = _resident(front.daemon.pid)
        for listener, command in (("imap-clear", b"a CAPABILITY\r\n"), ("pop3-clear", b"CAPA\r\n")):
            with Conversation(front.at(listener)) as talk:
                sender = threading.Thread(target=_send, args=(talk.socket, command * 1_000_000))
                sender.start()
                sender.join(5)
                self.assertFalse(sender.is_alive(), "not closed")
        self.assertLess(_resident(front.daemon.pid) - before, 2 * MEGABYTE)
        self.assertEqual([line["x-reason"] for line in front.lines_since(1, 2)], ["XF-BAD-COMMANDS"] * 2)

    def test_failures_are_held_back_longer_and_longer(self) -> None:
        """S-MAIL-11: 0.5 s, 1 s, 2 s for different passwords; the same again, others and the right one wait less."""
        front = self.front({**UNGUARDED, "failure_delay": 0.5, "failure_delay_most": 2.0})
        waits = [self.seconds(front, b"wrong-%d" % number) for number in range(4)]
        for wait, least in zip(waits, (0.5, 1.0, 2.0, 2.0), strict=True):
            self.assertGreaterEqual(wait, least)
        began = time.monotonic()
        imap4_log_in(front.at("imap-clear"), self.user).logout()
        self.assertLess(time.monotonic() - began, waits[-1], "a right password waits for nothing")
        self.assertGreaterEqual(self.seconds(front, b"wrong-9"), 0.5)
        elsewhere = self.seconds(front, b"wrong-0", source=ELSEWHERE)
        self.assertLess(elsewhere, 2.0, "another network's failures are its own")

    def seconds(self, front: ExFront, password: bytes, source: str = "") -> float:
        """Until a log-on is refused as wrong."""
        with Conversation(front.at("imap-clear"), source=source) as talk:
            talk.until(b"* OK")
            began = time.monotonic()
            answer = talk.ask(b"a LOGIN %b %b" % (self.user.name.encode(), password))
        self.assertTrue(answer.startswith(b"a NO [AUTHENTICATIONFAILED]"), answer)
        return time.monotonic() - began

    def test_three_failures_end_pop3_and_five_imap4(self) -> None:
        """S-MAIL-11: and the connection is over, with commands behind unread."""
        front = self.front()
        with Conversation(front.at("pop3-clear")) as talk:
            talk.send((b"USER %b\r\nPASS wrong\r\n" % self.user.name.encode()) * 4)
            self.assertEqual(talk.rest().count(b"-ERR [AUTH]"), 3)
        with Conversation(front.at("imap-clear")) as talk:
            talk.send(b"".join(b"t%d LOGIN %b no\r\n" % (number, self.user.name.encode()) for number in range(7)))
            answer = talk.rest()
        self.assertEqual(answer.count(b" NO [AUTHENTICATIONFAILED]"), 5)
        self.assertIn(b"* BYE", answer)

    def test_a_client_that_goes_within_a_log_on(self) -> None:
        """S-MAIL-19: the back end's connection is closed too, and soon; the line in the log says who went."""
        gone = threading.Event()

        def behaviour(connection: socket.socket) -> None:
            connection.sendall(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n")
            connection.recv(65536)
            with contextlib.suppress(OSError):
                connection.recv(65536)
            gone.set()

        self.server.behaviour = behaviour
        front = self.front(scripted=True)
        with Conversation(front.at("imap-clear")) as talk:
            talk.until(b"* OK")
            talk.send(b"a LOGIN %b %b\r\n" % (self.user.name.encode(), self.user.password))
            while not self.server.connections:
                time.sleep(0.01)
        self.assertTrue(gone.wait(5.0), "the back end was not left")
        (line,) = front.lines_since(0, 1)
        self.assertEqual(line["x-reason"], "XF-CLIENT-GONE")


def _send(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(data)


def _resident(pid: int) -> int:
    """Octets of memory of its own."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:"))
