"""`twistd exfront --lab` as a user types it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from tests.support.lab import TWISTD, LabProcess
from tests.support.process import remove, temporary_folder, wait_until

HOME_SERVERS = ("CHICAGO", "DALLAS", "CHICAGO", "DALLAS", "CHICAGO")  # of the users of the five commands


class ProcessTests(SynchronousTestCase):
    """Start, what is printed, stop."""

    def setUp(self) -> None:
        self.lab = LabProcess()
        self.addCleanup(remove, self.lab.folder)
        self.addCleanup(self.lab.daemon.kill)

    def test_each_printed_command_works_and_the_end_is_clean(self) -> None:
        self.lab.daemon.start()
        wait_until(lambda: "Files:" in self.lab.daemon.log_text(), "the lab tells what it is")
        lines = self.lab.daemon.log_text().splitlines()
        commands = [line.strip() for line in lines if line.startswith("  curl ")]
        self.assertEqual(len(commands), 5)
        for command, server in zip(commands, HOME_SERVERS, strict=True):
            ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=30, check=False, cwd="/")
            answer = ran.stdout.decode("utf-8")
            self.assertEqual(ran.returncode, 0, f"{command}\n{ran.stderr.decode()}\n{answer}")
            self.assertTrue(f"Subject: [{server}] Welcome" in answer or f"<h1>{server}</h1>" in answer, answer)
        self.assertEqual(self.lab.daemon.stop(by=signal.SIGTERM), 0)
        log = self.lab.daemon.log_text()
        self.assertNotIn("Traceback", log)
        self.assertNotIn("#warn]", log)
        self.assertEqual(log.count("espresso-11"), 3)  # among the users and in two commands; in no line of the log

    def test_a_session_that_stays_does_not_hold_up_the_end(self) -> None:
        self.lab.daemon.start()
        with closing(socket.create_connection(self.lab.at(1143), 10)) as client:
            client.settimeout(20)
            client.sendall(b"a LOGIN anna espresso-11\r\nb SELECT INBOX\r\nc IDLE\r\n")
            told = b""
            while b"+ idling" not in told:
                told += client.recv(4096)
            self.assertEqual(self.lab.daemon.stop(by=signal.SIGINT), 0)
            rest = b""
            while octets := client.recv(4096):
                rest += octets
        self.assertIn(b"* BYE", rest)

    def test_a_port_in_use_ends_the_start_with_one_message(self) -> None:
        temporary = temporary_folder("tmp")
        self.addCleanup(remove, temporary)
        with closing(socket.create_server(self.lab.at(1995))):
            ran = subprocess.run(
                self.lab.daemon.argv, capture_output=True, timeout=30, check=False, cwd="/", text=True,
                env=dict(os.environ, TMPDIR=str(temporary)),
            )  # fmt: skip
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(
            ran.stderr.splitlines(),
            [
                "twistd exfront: the lab cannot start:",
                f"cannot listen on 127.0.0.1:{self.lab.ports[1995]} (POP3 of exfront): Address already in use",
                f"To use other ports: edit {self.lab.configuration} and start again.",
            ],
        )
        self.assertNotIn("Traceback", ran.stdout)
        self.assertEqual(list(temporary.iterdir()), [])

    def test_a_mistake_in_the_configuration_ends_the_start_with_its_line(self) -> None:
        self.lab.configuration.write_text(self.lab.configuration.read_text() + "\n[unknown]\n")
        ran = subprocess.run(self.lab.daemon.argv, capture_output=True, timeout=30, check=False, cwd="/", text=True)
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, r"(?m)^/\S+exfront\.toml:\d+: .*unknown")
        self.assertNotIn("Traceback", ran.stderr + ran.stdout)

    def test_twistd_knows_the_lab(self) -> None:
        ran = subprocess.run([*TWISTD, "exfront", "--help"], capture_output=True, timeout=30, check=False, text=True)
        self.assertIn("--lab-dir=", ran.stdout)
