"""From a file to settings, or to every mistake in it; whatever the file is, there is no other exception."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.errors import ConfigErrors
from exfront.config.load import examine, load, printable
from tests.support.configuration import SMALLEST

FIVE_MISTAKES = """\
[directory]
servers = ["ldaps://dc1.fourthcoffee.com"]
base = "dc=fourthcoffee,dc=com"
bind_dn = "cn=exfront,dc=fourthcoffee,dc=com"
bind_pasword_file = "directory.password"

[[listener]]
protocol = "imap"
address = "0.0.0.0:993"

[[listener]]
protocol = "pop3"
address = "127.0.0.1:993"
tls = "implicit"

[tls]
certificate = "missing.pem"

[limits]
drain_time = "30"
"""


class LoadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.file = self.folder / "exfront.toml"

    def mistakes(self, content: bytes) -> str:
        """All that is wrong, without the folder; fails if nothing is."""
        self.file.write_bytes(content)
        return str(self.assertRaises(ConfigErrors, load, self.file)).replace(f"{self.folder}/", "")

    def test_a_good_file(self) -> None:
        self.file.write_text(SMALLEST)
        self.assertEqual(load(self.file).back_ends.suffixes, ("fourthcoffee.com",))
        self.assertEqual([warning.line for warning in examine(self.file).warnings], [7])

    def test_a_byte_order_mark_and_line_ends_of_windows(self) -> None:
        self.file.write_bytes(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())
        self.assertEqual([warning.line for warning in examine(self.file).warnings], [7])

    def test_five_mistakes_are_all_shown_each_with_its_line(self) -> None:
        lines = self.mistakes(FIVE_MISTAKES.encode()).splitlines()
        self.assertEqual([line.split(" ")[:2] for line in lines], [
            ["exfront.toml:5:", "directory.bind_pasword_file:"],
            ["exfront.toml:8:", "listener[1].protocol:"],
            ["exfront.toml:13:", "listener[2].address:"],
            ["exfront.toml:17:", "tls.certificate:"],
            ["exfront.toml:20:", "limits.drain_time:"],
        ])  # fmt: skip
        self.assertIn("did you mean bind_password_file?", lines[0])
        self.assertIn('did you mean "imap4"? (allowed: "imap4", "pop3", "http", "auth_http")', lines[1])

    def test_relative_paths_are_absolute_afterwards(self) -> None:
        """The process changes its folder later."""
        self.file.write_text(SMALLEST + '[log]\naccess = "access.log"\n')
        relative = Path(os.path.relpath(self.file))
        self.assertEqual(load(relative).log.access, self.folder / "access.log")

    def test_text_that_is_no_toml(self) -> None:
        cases = [
            (b"[directory]\nservers = [\n", 3),
            (b"a = 1\n\nb =\n", 3),
            (b"a = 1\na = 2\n", 2),
            (b"[a]\nb = 2021-13-01\n", 2),
            (b"a = 'x", 1),
            (b"\x00", 1),
            (b"a = " + b"9" * 5000, 1),
        ]
        for content, line in cases:
            message = self.mistakes(content)
            self.assertTrue(message.startswith(f"exfront.toml:{line}: not TOML: "), message)
            self.assertNotIn("\n", message)

    def test_files_that_are_no_text(self) -> None:
        """A binary file, UTF-16, a device without an end, deep nesting."""
        self.assertEqual(self.mistakes(b"a = 1\n# \xff\n"), "exfront.toml:2: is not UTF-8 text")
        self.assertEqual(self.mistakes("[a]".encode("utf-16")), "exfront.toml:1: is not UTF-8 text")
        self.assertIn("nested too deep", self.mistakes(b"a = " + b"[" * 9000))
        endless = self.assertRaises(ConfigErrors, load, Path("/dev/zero"))
        self.assertEqual(str(endless), "/dev/zero: is no configuration: over 1 MiB")

    def test_files_that_cannot_be_read(self) -> None:
        """No file, a folder, a name with NUL."""
        cases = [
            (self.folder / "none", "cannot be read: No such file or directory"),
            (self.folder, "cannot be read: Is a directory"),
            (self.file / "x", "cannot be read: "),
            (Path("a\0b"), "cannot be read: embedded null byte"),
            (Path("x" * 5000), "cannot be read: File name too long"),
        ]
        for path, expected in cases:
            self.assertIn(expected, str(self.assertRaises(ConfigErrors, load, path)))

    def test_names_of_files_are_shown_on_one_line(self) -> None:
        for name, expected in (("a\nb", "a\\nb"), ("ä", "ä"), ("\udcff", "\\xff"), ("\x1b[0m", "\\x1b[0m")):
            self.assertEqual(printable(Path(name)), expected)

    @settings(deadline=None, max_examples=100)
    @given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
    def test_any_octets_are_a_list_of_mistakes(self, content: bytes) -> None:
        message = self.mistakes(content)
        for line in message.splitlines():
            self.assertTrue(line.startswith("exfront.toml:"), line)

    @settings(deadline=None, max_examples=100)
    @given(st.integers(0, len(FIVE_MISTAKES)), st.sampled_from(["", '"', "[", "]", "=", "\n", "\x00", "'''", "{", "#"]))
    def test_any_file_cut_and_continued_is_a_list_of_mistakes(self, cut: int, more: str) -> None:
        for line in self.mistakes((FIVE_MISTAKES[:cut] + more).encode()).splitlines():
            self.assertTrue(line.startswith("exfront.toml:"), line)
