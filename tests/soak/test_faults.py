"""Servers that go and come while people log in; clients that take their time."""

from __future__ import annotations

import imaplib
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import PATIENCE, Conversation, imap4_log_in
from tests.support.mail_site import shared
from tests.support.population import Person
from tests.support.process import wait_until

LOGINS = 2000
AT_A_TIME = 8


class FaultTests(SynchronousTestCase):
    """No fault of a server may ever look like a wrong password."""

    timeout = 600

    def setUp(self) -> None:
        self.site = shared()
        self.front = self.site.front
        self.directory = [(self.site.slapd.address, self.site.slapd.ldap)]
        self.addCleanup(self.site.chicago.start)

    def start_directory(self) -> None:
        """Unless it runs."""
        if not self.site.slapd.daemon.running:
            self.site.slapd.start()

    def log_in(self, user: Person) -> str:
        """``in``, or the response code of the refusal, or that the connection was cut."""
        try:
            imap4_log_in(self.front.at("imap-clear"), user).logout()
        except imaplib.IMAP4.abort:
            return "cut"
        except imaplib.IMAP4.error as error:
            return str(error).partition("[")[2].partition("]")[0]
        return "in"

    def test_a_server_that_goes_and_comes(self) -> None:
        """S-MAIL-14: Dovecot and Apache of one server are killed again and again while 2000 log in; dallas is fine."""
        users = [self.site.users[number % len(self.site.users)] for number in range(LOGINS)]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            running = [pool.submit(self.log_in, user) for user in users]
            while any(not each.done() for each in running):
                self.site.chicago.kill()
                time.sleep(1.0)
                self.site.chicago.start()
                time.sleep(1.0)
        outcomes = [each.result() for each in running]
        by_server = Counter((user.server, outcome) for user, outcome in zip(users, outcomes, strict=True))
        self.assertEqual(by_server["dallas", "in"], LOGINS // 2)
        self.assertLessEqual({outcome for _, outcome in by_server}, {"in", "UNAVAILABLE", "cut"})
        self.assertGreater(by_server["chicago", "UNAVAILABLE"], 0)
        self.front.wait_for_connections(0, self.directory, 60)

    def test_a_directory_that_goes_and_comes(self) -> None:
        """S-DIR-13: slapd is killed five times; log-ons are unavailable meanwhile and come back each time."""
        user = self.site.users[0]
        self.addCleanup(self.start_directory)
        for _ in range(5):
            self.site.slapd.kill()
            self.assertEqual(self.log_in(user), "UNAVAILABLE")
            self.site.slapd.start()
            wait_until(lambda: self.log_in(user) == "in", "log-ons work again", 60)

    def test_a_client_that_does_not_log_in(self) -> None:
        """S-MAIL-12: after 60 s in all, however busy the client looks, BYE and the end."""
        began = time.monotonic()
        with Conversation(self.front.at("imap-clear"), 90) as talk:
            talk.until(b"* OK")
            stop = threading.Event()
            busy = threading.Thread(target=lambda: _keep_asking(talk, stop))
            busy.start()
            talk.until(b"* BYE")
            stop.set()
            busy.join(PATIENCE)
        self.assertGreater(time.monotonic() - began, 55)
        self.assertLess(time.monotonic() - began, 75)

    def test_a_head_that_trickles(self) -> None:
        """S-HTTP-24: an octet every second is 408 after 20 s, and the end."""
        began = time.monotonic()
        with Conversation(self.front.at("http"), 60) as talk:
            stop = threading.Event()
            trickle = threading.Thread(target=lambda: _trickle(talk, stop))
            trickle.start()
            answer = talk.rest()
            stop.set()
            trickle.join(PATIENCE)
        self.assertTrue(answer.startswith(b"HTTP/1.1 408 "), answer)
        self.assertLess(time.monotonic() - began, 30)


def _keep_asking(talk: Conversation, stop: threading.Event) -> None:
    while not stop.wait(2.0):
        talk.send(b"n NOOP\r\n")


def _trickle(talk: Conversation, stop: threading.Event) -> None:
    talk.send(b"GET / HTTP/1.1\r\nX: ")
    while not stop.wait(1.0):
        talk.send(b"a")
