"""exfrontctl: what it prints, where, and its exit status."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from exfront import __version__
from exfront.control import main
from tests.config.test_load import FIVE_MISTAKES
from tests.support.configuration import SMALLEST


@frozen
class Outcome:
    """Of one command."""

    status: int
    out: str
    err: str


def _run(*argv: str) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(argv)
        except SystemExit as end:
            status = int(end.code or 0)
    return Outcome(status, out.getvalue(), err.getvalue())


class CheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = Path(self.mktemp()).absolute()

    def test_a_good_file_is_ok(self) -> None:
        self.file.write_text(SMALLEST.replace("allow_plaintext = true", 'tls = "none"').replace("imap4", "http") + (
            '[[virtual_site]]\nname = "a"\npublic_name = "a.b"\n'
        ))  # fmt: skip
        self.assertEqual(_run("check", "--config", str(self.file)), Outcome(0, f"{self.file}: ok\n", ""))

    def test_warnings_do_not_fail(self) -> None:
        self.file.write_text(SMALLEST)
        outcome = _run("check", "--config", str(self.file))
        self.assertEqual((outcome.status, outcome.out), (0, f"{self.file}: ok\n"))
        self.assertTrue(outcome.err.startswith(f"{self.file}:7: listener[1].allow_plaintext: "), outcome.err)
        self.assertTrue(outcome.err.endswith(" (warning)\n"), outcome.err)

    def test_five_mistakes_are_five_lines_in_order(self) -> None:
        """S-OPS-12: the check says what a start would refuse."""
        self.file.write_text(FIVE_MISTAKES)
        outcome = _run("check", "--config", str(self.file))
        self.assertEqual((outcome.status, outcome.out), (1, ""))
        places = [line.removeprefix(f"{self.file}:").partition(":")[0] for line in outcome.err.splitlines()]
        self.assertEqual(places, ["5", "8", "13", "17", "20"])

    def test_a_secret_that_others_may_read_is_refused(self) -> None:
        """S-OPS-2: status 1, with the path and the mode."""
        password = self.file.with_name(f"{self.file.name}.password")
        password.write_text("hunter2\n")
        password.chmod(0o644)
        account = f'bind_dn = "cn=a"\nbind_password_file = "{password}"\n[[listener]]'
        self.file.write_text(SMALLEST.replace("[[listener]]", account))
        outcome = _run("check", "--config", str(self.file))
        self.assertEqual((outcome.status, outcome.out), (1, ""))
        self.assertIn(f"{self.file}:5: directory.bind_password_file: {password} holds a secret", outcome.err)
        self.assertIn("mode 0644", outcome.err)
        self.assertNotIn("hunter2", outcome.err)

    def test_a_file_that_cannot_be_read_is_one_line(self) -> None:
        for path in (self.file, Path("/"), Path("/dev/zero"), Path("/bin/sh"), Path("x\0y")):
            outcome = _run("check", "--config", str(path))
            self.assertEqual((outcome.status, outcome.out, outcome.err.count("\n")), (1, "", 1), outcome)
            self.assertNotIn("Traceback", outcome.err)


class CommandLineTests(SynchronousTestCase):
    def test_version(self) -> None:
        self.assertEqual(_run("--version"), Outcome(0, f"exfront {__version__}\n", ""))

    def test_wrong_options_are_one_line_and_status_1(self) -> None:
        for argv in (
            [],
            ["chek"],
            ["check", "--confg", "a"],
            ["check", "--config"],
            ["check", "a"],
            ["--bogus", "check"],
        ):
            outcome = _run(*argv)
            self.assertEqual((outcome.status, outcome.out, outcome.err.count("\n")), (1, "", 1), argv)
            self.assertTrue(outcome.err.startswith("exfrontctl"), outcome.err)

    def test_help_names_the_default_file(self) -> None:
        self.assertIn("/etc/exfront/exfront.toml", _run("check", "--help").out)
