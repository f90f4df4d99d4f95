"""The guard in the built daemon: one count over IMAP4, POP3 and HTTP, kept over a restart, told once in the log."""

from __future__ import annotations

import stat

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Conversation, basic, get, imap4_log_in
from tests.support.mail_site import shared


class GuardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = shared()
        self.user = self.site.living_on("chicago")[9]
        self.front = self.site.exfront(
            authentication={"failure_delay": 0.0, "lockout_threshold": 5},
            control={"allow_root": True, "state_dir": "."},
        )
        self.addCleanup(self.front.daemon.kill)
        self.front.start()

    def binds(self) -> int:
        return len(self.site.slapd.user_binds())

    def log_on(self, protocol: str, password: str) -> bytes:
        """The first words of the refusal."""
        if protocol == "http":
            page = get(self.front.at("http"), "/exchange/", basic(self.user.name, password.encode()))
            return str(page.status).encode()
        listener, start = ("imap-clear", b"a ") if protocol == "imap4" else ("pop3-clear", b"-ERR")
        with Conversation(self.front.at(listener)) as talk:
            talk.line()
            if protocol == "imap4":
                talk.send(f"a LOGIN {self.user.name} {password}\r\n".encode())
            else:
                talk.send(f"USER {self.user.name}\r\nPASS {password}\r\n".encode())
            return talk.until(start)

    def test_one_count_over_all_protocols_and_a_restart(self) -> None:
        """S-AUTH-7, S-AUTH-8: 12 tries with 6 wrong passwords are 3 binds; the right one is refused then too."""
        before = self.binds()
        for number in range(4):
            for protocol in ("imap4", "pop3", "http"):
                self.log_on(protocol, f"wrong-{number // 2}")
        self.assertEqual(self.binds() - before, 2)
        self.assertEqual(self.front.stop(), 0, self.front.server_log())
        self.assertEqual(stat.S_IMODE((self.front.folder / "guard.json").stat().st_mode), 0o600)
        self.front.start()
        answers = [self.log_on("imap4", f"wrong-{number}") for number in range(2, 6)]
        self.assertEqual(self.binds() - before, 3)
        self.assertEqual(len(set(answers)), 1, "a locked account looks like a wrong password")
        password = self.user.password.decode()
        self.assertTrue(self.log_on("imap4", password).startswith(b"a NO [AUTHENTICATIONFAILED]"))
        self.assertEqual(self.log_on("http", password), b"401")
        self.assertEqual(self.binds() - before, 3)
        self.assertEqual(self.front.server_log().count("soft_lock"), 1)
        self.assertEqual(self.front.access_lines()[-1]["x-reason"], "XF-SOFT-LOCK")
        imap4_log_in(self.front.at("imap-clear"), self.site.living_on("chicago")[10]).logout()
        self.assertNotIn("Traceback", self.front.server_log())
