"""exfrontctl against a running exfront with slapd and Dovecot: what it explains is what a log-on does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import imap4_log_in, pop3_log_in
from tests.support.exfront import ExFront
from tests.support.mail_site import shared
from tests.support.population import DNS_DOMAIN
from tests.support.process import remove, temporary_folder, wait_until

_LISTENERS = {
    "imap-clear": {"protocol": "imap4", "tls": "none", "allow_plaintext": True},
    "pop3-clear": {"protocol": "pop3", "tls": "none", "allow_plaintext": True},
}
_TIME = 60.0


class ControlTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = shared()
        run = temporary_folder("run")
        self.addCleanup(remove, run)
        self.socket = run / "control" / "control.sock"
        self.front: ExFront = self.site.exfront(_LISTENERS, control={"allow_root": True, "socket": str(self.socket)})
        self.addCleanup(self.front.daemon.kill)
        self.front.start()
        wait_until(self.socket.exists, "the control socket")

    def ask(self, *argv: str, status: int = 0, password: bytes = b"") -> Any:
        """What exfrontctl, a process of its own, prints as JSON."""
        command = [sys.executable, "-m", "exfront.control", *argv, "--json", "--socket", str(self.socket)]
        ended = subprocess.run(command, input=password, capture_output=True, timeout=_TIME, check=False)
        self.assertEqual((ended.returncode, ended.stderr), (status, b""), argv)
        return json.loads(ended.stdout)

    def test_explain_names_the_server_that_a_log_on_really_goes_to(self) -> None:
        """S-ROUTE-1: for users of both servers, over both protocols."""
        for user in (self.site.living_on("chicago")[0], self.site.living_on("dallas")[0]):
            mark = len(self.front.access_lines())
            explained = [self.ask("explain", protocol, user.upn) for protocol in ("imap4", "pop3")]
            imap4_log_in(self.front.at("imap-clear"), user).logout()
            pop3_log_in(self.front.at("pop3-clear"), user).quit()
            lines = self.front.lines_since(mark, 2)
            went = {line["x-protocol"]: line["s-back-end"] for line in lines}
            self.assertEqual({each["protocol"]: each["decision"]["server"]["name"] for each in explained}, went)
            self.assertEqual(set(went.values()), {user.server})

    def test_explain_shows_the_searches_that_the_directory_saw(self) -> None:
        mark = len(self.site.slapd.searches())
        report = self.ask("explain", "imap4", f"nobody@{DNS_DOMAIN}", status=1)
        shown = [step["values"][0] for step in report["look_up"] if step["rule"] == "search"]
        seen = {(query.base, query.filter.lower()) for query in self.site.slapd.searches()[mark:]}
        self.assertEqual(len(shown), 3)
        for search in shown:
            self.assertIn((search["base"], search["filter"].lower()), seen)  # slapd writes attributes its own way

    def test_a_password_is_tried_and_stands_in_no_log(self) -> None:
        """S-AUTH-11: neither in the report nor in the server log."""
        user = self.site.users[0]
        report = self.ask("explain", "imap4", user.name, "--password-stdin", password=user.password + b"\n")
        self.assertEqual(report["authentication"], "accepted: ldap_bind")
        report = self.ask("explain", "imap4", user.name, "--password-stdin", password=b"hunter2\n", status=1)
        self.assertEqual(report["refused"]["cause"], "wrong password")
        self.assertNotIn("hunter2", json.dumps(report) + self.front.server_log())

    def test_flush_makes_the_next_log_on_ask_the_directory(self) -> None:
        user = self.site.users[1]

        def searched() -> int:
            return sum(f"(sAMAccountName={user.name})" in query.filter for query in self.site.slapd.searches())

        imap4_log_in(self.front.at("imap-clear"), user).logout()
        before = searched()
        imap4_log_in(self.front.at("imap-clear"), user).logout()
        self.assertEqual(searched(), before)
        (key, *_) = self.ask("explain", "imap4", user.name)["keys"]
        self.assertEqual((key["cached"]["kind"], key["cached"]["mailbox"]["home_server"]), ("fresh", user.server))
        before = searched()
        self.assertEqual(self.ask("flush", user.name), {"flushed": 1})
        imap4_log_in(self.front.at("imap-clear"), user).logout()
        self.assertEqual(searched(), before + 1)

    def test_failures_are_listed_and_forgotten(self) -> None:
        """S-AUTH-7: an operator sees who is counted, and can forgive."""
        user = self.site.users[2]
        self.ask("explain", "imap4", user.name, "--password-stdin", password=b"wrong\n", status=1)
        (lockout,) = self.ask("lockouts")
        self.assertEqual((lockout["name"], lockout["failures"], lockout["locked"]), (user.name, 1, False))
        self.assertEqual(self.ask("unlock", user.upn), {"unlocked": True})
        self.assertEqual(self.ask("lockouts"), [])

    def test_the_directory_servers_are_shown(self) -> None:
        (server,) = self.ask("servers")
        self.assertEqual((server["url"], server["state"]), (self.site.slapd.url, "healthy"))

    def test_the_socket_goes_with_the_process(self) -> None:
        """S-OPS-3: removed at the stop; what a killed process left behind is replaced."""
        self.front.daemon.kill()
        self.assertTrue(self.socket.exists())
        self.front.start()
        wait_until(lambda: self._answers(), "an answer")
        self.assertEqual(self.front.stop(), 0)
        self.assertFalse(self.socket.exists())

    def _answers(self) -> bool:
        command = [sys.executable, "-m", "exfront.control", "servers", "--socket", str(self.socket)]
        return subprocess.run(command, capture_output=True, timeout=_TIME, check=False).returncode == 0


class CheckTests(SynchronousTestCase):
    def test_a_whole_site_is_checked(self) -> None:
        """S-OPS-12: directory, both mailbox servers with each protocol, and the users."""
        site = shared()
        front = site.exfront({"imap": {"protocol": "imap4", "tls": "starttls"}, **_LISTENERS})
        command = [sys.executable, "-m", "exfront.control", "check", "--json", "--config", str(front.configuration)]
        ended = subprocess.run(command, capture_output=True, timeout=_TIME, check=False)
        rows = json.loads(ended.stdout)
        self.assertEqual([row for row in rows if row["state"] == "error"], [], ended.stderr)
        self.assertEqual(ended.returncode, 0)
        subjects = {row["subject"] for row in rows}
        for server in ("chicago", "dallas"):
            self.assertLessEqual({f"back end {server} imap4", f"back end {server} pop3"}, subjects)
        self.assertIn("certificate of [tls]", subjects)

    def test_certificates_of_mailbox_servers_are_seen_behind_starttls_too(self) -> None:
        """S-ROUTE-8: verified as for a log-on, and the days left are told."""
        site = shared()
        servers = [site.chicago.section(imap4_tls="starttls", pop3_tls="starttls"), site.dallas.section()]
        front = site.exfront(_LISTENERS, server=servers)
        command = [sys.executable, "-m", "exfront.control", "check", "--json", "--config", str(front.configuration)]
        rows = json.loads(subprocess.run(command, capture_output=True, timeout=_TIME, check=False).stdout)
        found = {row["subject"]: row["found"] for row in rows if row["subject"].endswith("certificate")}
        for protocol in ("imap4", "pop3"):
            self.assertRegex(found[f"back end chicago {protocol} certificate"], r"\Avalid for \d+ days")
            self.assertNotIn(f"back end dallas {protocol} certificate", found)

    def test_a_dead_mailbox_server_is_an_error(self) -> None:
        site = shared()
        site.dallas.kill()
        self.addCleanup(site.dallas.start)
        front = site.exfront(_LISTENERS)
        command = [sys.executable, "-m", "exfront.control", "check", "--config", str(front.configuration)]
        ended = subprocess.run(command, capture_output=True, timeout=_TIME, check=False)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertIn(b"error    back end dallas imap4", ended.stdout)
        self.assertNotIn(b"error    back end chicago", ended.stdout)

    def test_offline_explains_without_a_daemon(self) -> None:
        site = shared()
        user = site.users[0]
        front = site.exfront(_LISTENERS)
        argv = ["explain", "imap4", user.name, "--offline", "--config", str(Path(front.configuration))]
        ended = subprocess.run(
            [sys.executable, "-m", "exfront.control", *argv], capture_output=True, timeout=_TIME, check=False
        )
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        self.assertIn(f"because home server: {user.server}".encode(), ended.stdout)
