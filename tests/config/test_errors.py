"""One mistake is one line that says where it is, what was found, and what may stand there."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.errors import ConfigError, ConfigErrors, KeyPath, key_text, nearest, quoted


class ConfigErrorTests(SynchronousTestCase):
    def test_text_has_file_line_key_and_all_that_helps(self) -> None:
        error = ConfigError("a.toml", 7, "listener[2].tls", "found 'implict'", '"none", "implicit"', '"implicit"')
        self.assertEqual(
            str(error),
            'a.toml:7: listener[2].tls: found \'implict\', did you mean "implicit"? (allowed: "none", "implicit")',
        )

    def test_a_fault_of_the_file_itself_has_no_line_and_no_key(self) -> None:
        self.assertEqual(str(ConfigError("a.toml", 0, "", "cannot be read")), "a.toml: cannot be read")

    def test_all_errors_are_shown_by_line(self) -> None:
        both = ConfigErrors([ConfigError("f", 12, "b", "missing"), ConfigError("f", 3, "a", "missing")])
        self.assertEqual(str(both), "f:3: a: missing\nf:12: b: missing")


class WordTests(SynchronousTestCase):
    def test_key_paths_as_an_administrator_counts(self) -> None:
        cases: list[tuple[KeyPath, str]] = [
            (("listener", 1, "tls"), "listener[2].tls"),
            (("directory", "domains", "A B"), "directory.domains.'A B'"),
            (("directory", "servers", 0), "directory.servers[1]"),
            ((), ""),
        ]
        for path, expected in cases:
            self.assertEqual(key_text(path), expected)

    def test_nearest_spelling(self) -> None:
        known = ("protocol", "address", "Imap4")
        cases = [("adress", "address"), ("PROTOCOL", "protocol"), ("imap", "Imap4"), ("zzz", ""), ("", "")]
        for word, expected in cases:
            self.assertEqual(nearest(word, known), expected, word)

    def test_a_value_is_shown_on_one_line_and_not_too_long(self) -> None:
        self.assertEqual(quoted("a\nb\x1b"), r"'a\nb\x1b'")
        self.assertLess(len(quoted("x" * 5000)), 70)
