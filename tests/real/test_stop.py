"""SIGTERM: what runs ends well, in bounded time, and the process says 0."""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Conversation, basic, imap4_log_in
from tests.support.mail_site import LIMITS, shared
from tests.support.process import listens, wait_until

BIG = 48 * 1024 * 1024  # more than all buffers between a server and a client


class StopTests(SynchronousTestCase):
    """Each test stops a front end of its own."""

    def setUp(self) -> None:
        self.site = shared()
        self.user = self.site.living_on("chicago")[6]
        self.front = self.site.exfront()
        self.addCleanup(self.front.daemon.kill)
        self.front.start()

    def stop(self) -> tuple[int, float]:
        """Exit status, and the seconds that it took."""
        began = time.monotonic()
        status = self.front.stop()
        return status, time.monotonic() - began

    def test_without_sessions(self) -> None:
        """S-OPS-7: nothing to wait for: status 0, long before the drain time."""
        status, seconds = self.stop()
        self.assertEqual(status, 0, self.front.server_log())
        self.assertLess(seconds, LIMITS["drain_time"])
        self.assertNotIn("Traceback", self.front.server_log())

    def test_idle_imap4_sessions_hear_bye(self) -> None:
        """S-OPS-7: sessions at rest get an untagged BYE and the end; the process ends in time, with status 0."""
        greeted = Conversation(self.front.at("imap-clear"))
        self.addCleanup(greeted.close)
        greeted.until(b"* OK")
        sessions = [imap4_log_in(self.front.at("imap-clear"), self.user) for _ in range(5)]
        for session in sessions:
            self.addCleanup(session.shutdown)
            session.select()
            self.assertEqual(session.noop()[0], "OK")
        status, seconds = self.stop()
        self.assertEqual(status, 0, self.front.server_log())
        self.assertLess(seconds, LIMITS["drain_time"] + 4)
        self.assertTrue(greeted.rest().startswith(b"* BYE "))
        for session in sessions:
            self.assertTrue(session.readline().startswith(b"* BYE "))

    def test_a_running_download_ends_whole(self) -> None:
        """S-OPS-7: a download that runs at SIGTERM reaches its last octet; newcomers are refused meanwhile."""
        file = self.site.chicago.apache.root / "exchange" / self.user.alias / "big.bin"
        with file.open("wb") as big:
            big.truncate(BIG)
        self.addCleanup(file.unlink)
        with closing(http.client.HTTPConnection(*self.front.at("http"), timeout=30)) as client:
            path = f"/exchange/{self.user.alias}/big.bin"
            client.request("GET", path, headers=basic(self.user.name, self.user.password))
            answer = client.getresponse()
            self.assertEqual(answer.status, 200)
            received = len(answer.read(1024 * 1024))
            outcome: list[int] = []
            stopping = threading.Thread(target=lambda: outcome.append(self.front.stop()))
            stopping.start()
            wait_until(lambda: not listens(self.front.at("imap-clear")), "the listeners are closed")
            while piece := answer.read(1024 * 1024):
                received += len(piece)
        stopping.join(30)
        self.assertEqual((received, outcome), (BIG, [0]), self.front.server_log())

    def test_a_session_that_does_not_end_is_cut(self) -> None:
        """S-OPS-7: a client within a literal hears no BYE inside it; after the drain time it is cut, status 0."""
        talk = Conversation(self.front.at("imap-clear"))
        self.addCleanup(talk.close)
        talk.ask(b"a LOGIN " + self.user.name.encode() + b" " + self.user.password)
        talk.send(b"b APPEND INBOX {1000}\r\n")
        talk.until(b"+")
        talk.send(b"x" * 400)
        status, seconds = self.stop()
        self.assertEqual(status, 0, self.front.server_log())
        self.assertLess(seconds, LIMITS["drain_time"] + 5)
