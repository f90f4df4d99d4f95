"""The options of `twistd exfront`: alone, and as a real twistd shows what is wrong with them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from exfront import __version__
from exfront.tap import Options
from tests.config.test_load import FIVE_MISTAKES
from tests.support.configuration import SMALLEST
from tests.support.process import Daemon, free_port

_ROOT_ALLOWED = SMALLEST + "[control]\nallow_root = true\n"
_NOBODY, _ROOT = 65534, 0


class OptionsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.file = self.folder / "exfront.toml"
        self.file.write_text(SMALLEST)

    def as_user(self, number: int) -> None:
        """Let the process seem to be this user's."""
        self.patch(os, "geteuid", lambda: number)

    def refusal(self, *argv: str, options: Options | None = None) -> str:
        """The message that the process ends with; text means status 1."""
        end = self.assertRaises(SystemExit, (options or Options()).parseOptions, argv)
        self.assertIsInstance(end.code, str)
        return str(end.code)


class OptionsTests(OptionsTestCase):
    def test_the_configuration_is_loaded(self) -> None:
        self.as_user(_NOBODY)
        options = Options()
        options.parseOptions(["--config", str(self.file)])
        assert options.loaded is not None
        self.assertEqual(options.loaded.settings.listener[0].title, "imap4@127.0.0.1:1143")
        self.assertEqual([warning.line for warning in options.loaded.warnings], [7])

    def test_all_mistakes_are_in_one_message(self) -> None:
        """S-OPS-12: a start with any mistake in the configuration is refused."""
        self.file.write_text(FIVE_MISTAKES)
        lines = self.refusal("--config", str(self.file)).splitlines()
        self.assertEqual(lines[0], "twistd exfront: the configuration cannot be used:")
        self.assertEqual([line.removeprefix(f"{self.file}:").split(":")[0] for line in lines[1:]],
                         ["5", "8", "13", "17", "20"])  # fmt: skip

    def test_the_default_file(self) -> None:
        self.assertIn("[default: /etc/exfront/exfront.toml]", str(Options()))

    def test_the_lab_needs_no_file(self) -> None:
        options = Options()
        options.parseOptions(["--lab", "--lab-dir", str(self.folder)])
        self.assertIsNone(options.loaded)

    def test_options_that_do_not_go_together(self) -> None:
        cases = [
            (["--lab", "--config", str(self.file)], "--lab makes its own configuration"),
            (["--lab-dir", "a"], "--lab-dir is of use with --lab only"),
            (["--config", str(self.file), "--lab-dir", "a"], "--lab-dir is of use with --lab only"),
            (["--lab", "--lab-dir", str(self.file)], "is not a folder"),
            (["--bogus"], "--bogus"),
            (["more"], "Wrong number of arguments"),
        ]
        for argv, expected in cases:
            message = self.refusal(*argv)
            self.assertTrue(message.startswith("twistd exfront: "), message)
            self.assertIn(expected, message)


class RootTests(OptionsTestCase):
    def options(self, user: int | None) -> Options:
        """As twistd makes them, with its own --uid."""
        options = Options()
        options.parent = usage.Options()
        options.parent["uid"] = user
        return options

    def test_root_without_a_user_setting_is_refused(self) -> None:
        """S-OPS-1: neither no --uid nor --uid=root will do."""
        self.as_user(_ROOT)
        for user in (None, 0):
            message = self.refusal("--config", str(self.file), options=self.options(user))
            self.assertIn("refusing to run as root", message)

    def test_root_with_a_user_setting_may_start(self) -> None:
        """S-OPS-1: twistd drops root for good."""
        self.as_user(_ROOT)
        self.options(_NOBODY).parseOptions(["--config", str(self.file)])

    def test_root_may_start_where_the_configuration_says_so(self) -> None:
        """S-OPS-1: with a warning."""
        self.as_user(_ROOT)
        self.file.write_text(_ROOT_ALLOWED)
        options = self.options(None)
        options.parseOptions(["--config", str(self.file)])
        assert options.loaded is not None
        self.assertIn("control.allow_root", [warning.key for warning in options.loaded.warnings])

    def test_root_may_start_the_lab(self) -> None:
        """S-OPS-1: the lab listens on loopback alone."""
        self.as_user(_ROOT)
        self.options(None).parseOptions(["--lab"])


class RealTwistdTests(OptionsTestCase):
    timeout = 120
    command = (sys.executable, str(Path(sys.executable).with_name("twistd")))

    def twistd(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end, from the root folder."""
        return subprocess.run(
            [*self.command, *argv], cwd="/", capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )

    def test_a_refused_start_is_one_message_on_standard_error(self) -> None:
        """S-OPS-12: status 1, no traceback, and none of twistd's own options before the message."""
        self.file.write_text(FIVE_MISTAKES)
        for more, lines in ((["--config", str(self.file)], 6), (["--bogus"], 1), (["--lab", "--config", "a"], 1)):
            ended = self.twistd("--nodaemon", "--pidfile=", "exfront", *more)
            self.assertEqual((ended.returncode, ended.stdout, ended.stderr.count("\n")), (1, "", lines), ended.stderr)

    def test_a_refused_start_as_a_daemon(self) -> None:
        """S-OPS-12: the daemon is refused before it leaves the terminal."""
        pid_file = self.folder / "pid"
        ended = self.twistd(f"--pidfile={pid_file}", "exfront", "--config", str(self.folder / "none"))
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertIn("cannot be read: No such file or directory", ended.stderr)
        self.assertFalse(pid_file.exists())

    def test_version(self) -> None:
        ended = self.twistd("exfront", "--version")
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, f"exfront {__version__}\n", ""))

    def test_a_mistake_in_the_labs_own_configuration_is_one_message(self) -> None:
        (self.folder / "exfront.toml").write_text("[directory]\n[[listener]]\n")
        ended = self.twistd("--nodaemon", "--pidfile=", "exfront", "--lab", "--lab-dir", str(self.folder))
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertTrue(ended.stderr.startswith("twistd exfront: the lab cannot start:\n"), ended.stderr)
        self.assertIn(f"{self.file}:1: directory.base: missing", ended.stderr)
        self.assertNotIn("Traceback", ended.stderr)

    def test_wider_trust_is_logged_at_the_start_and_sigterm_ends_with_status_0(self) -> None:
        """S-OPS-1, S-OPS-7, S-OPS-11: warnings stand in the log; an ordered end is status 0."""
        port = free_port()
        self.file.write_text(_ROOT_ALLOWED.replace("1143", str(port)))
        argv = [*self.command, "--nodaemon", "--pidfile=", "exfront", "--config", str(self.file)]
        daemon = Daemon(argv, self.folder / "log", [("127.0.0.1", port)])
        self.addCleanup(daemon.kill)
        daemon.start()
        with socket.create_connection(("127.0.0.1", port), 10) as client:  # greeted: signals are heard from then on
            self.assertEqual(client.recv(4), b"* OK")
        self.assertEqual(daemon.stop(seconds=40), 0, daemon.log_text())
        for warning in (":7: listener[1].allow_plaintext: ", ":9: control.allow_root: "):
            self.assertIn(f"{self.file}{warning}", daemon.log_text())
        self.assertNotIn("Traceback", daemon.log_text())
