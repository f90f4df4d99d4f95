"""POP3 lines, both roles."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.pop3 import (
    AnswerReader,
    BadCommand,
    Broken,
    Command,
    CommandReader,
    Event,
    Line,
    Malformed,
    SaslResponse,
    Status,
    read_capability,
    read_status,
)
from tests.support.splits import cuts, events, octet_by_octet


def read(data: bytes) -> list[Event]:
    return events(CommandReader(), [data])


class CommandTests(SynchronousTestCase):
    def test_verbs_and_arguments(self) -> None:
        for line, expected in (
            (b"quit\r\n", Command(b"QUIT")),
            (b"NOOP\n", Command(b"NOOP")),
            (b"USER FC\\alice\r\n", Command(b"USER", b"FC\\alice")),
            (b"PASS  two words \r\n", Command(b"PASS", b" two words ")),
            (b"PASS \r\n", Command(b"PASS", b"")),
            (b"PASS \xe9\r\n", Command(b"PASS", b"\xe9")),
        ):
            self.assertEqual(read(line), [expected], line)

    def test_bad_lines(self) -> None:
        """S-MAIL-6: -ERR."""
        for line in (b"\r\n", b" NOOP\r\n", b"USER a\0b\r\n", b"PASS a\rb\r\n", b"\xff\r\n", b"1X y\r\n",
                     b"A" * 21 + b"\r\n",
                     b"PROXY-TCP4 1 2\r\n"):  # fmt: skip
            found = read(line + b"NOOP\r\n")
            self.assertEqual([type(event) for event in found], [BadCommand, Command], line)

    def test_a_line_over_512_octets_breaks_off(self) -> None:
        """S-MAIL-6: over 512 octets: -ERR and close.

        Bad input: 100 kB line before login.
        """
        self.assertEqual([type(e) for e in read(b"PASS " + b"x" * 505 + b"\r\n")], [Command])
        for line in (b"PASS " + b"x" * 506 + b"\r\n", b"x" * 512, b"x" * 100_000):
            self.assertEqual([type(e) for e in read(line + b"\r\nNOOP\r\n")], [Broken])

    def test_what_is_behind_a_command_stays_unread(self) -> None:
        """S-MAIL-10: the octets behind a log-on are the back end's."""
        reader = CommandReader()
        reader.feed(b"PASS x\r\nSTAT\r\nLI")
        self.assertEqual(reader.next_event(), Command(b"PASS", b"x"))
        self.assertEqual((reader.held, reader.take_rest()), (8, b"STAT\r\nLI"))

    def test_a_sasl_response_may_be_long_but_not_endless(self) -> None:
        """S-MAIL-6: a SASL response of at most 64 KiB."""
        for size, expected in ((65_534, SaslResponse), (65_535, Broken)):
            reader = CommandReader()
            reader.expect_response()
            self.assertEqual([type(e) for e in events(reader, [b"x" * size + b"\r\n"])], [expected], size)

    def test_secrets_are_not_in_the_repr(self) -> None:
        """S-AUTH-11: a password does not show in a repr."""
        self.assertNotIn("s3cret", repr(read(b"PASS s3cret\r\n")))

    @given(cuts(st.one_of(st.binary(max_size=200), st.text("PASUER \r\n\0", max_size=60).map(str.encode))))
    @settings(deadline=None)
    def test_any_split_gives_the_same_events(self, case: tuple[bytes, list[bytes]]) -> None:
        stream, pieces = case
        whole = events(CommandReader(line_octets=20), [stream])
        self.assertEqual(events(CommandReader(line_octets=20), pieces), whole)
        self.assertEqual(events(CommandReader(line_octets=20), octet_by_octet(stream)), whole)


class AnswerTests(SynchronousTestCase):
    def test_lines(self) -> None:
        self.assertEqual(events(AnswerReader(), [b"+OK\r\n.\n"]), [Line(b"+OK"), Line(b".")])

    def test_too_much_or_forbidden(self) -> None:
        """S-MAIL-9: at most 64 lines and 64 KiB, no NUL, no lone CR."""
        for data in (b"+OK\r\n" * 65, b"x" * 65_536, b"+OK a\0b\r\n", b"+OK a\rb\r\n"):
            found = events(AnswerReader(), [data])
            self.assertIsInstance(found[-1], Malformed)
            self.assertEqual(sum(isinstance(event, Malformed) for event in found), 1)

    def test_status_lines(self) -> None:
        for line, expected in (
            (b"+OK", Status(True)),
            (b"+ok ready", Status(True, b"", b"ready")),
            (b"-ERR [in-use] busy", Status(False, b"IN-USE", b"busy")),
            (b"-ERR [SYS/TEMP]", Status(False, b"SYS/TEMP")),
            (b"-ERR [x", Status(False, b"", b"[x")),
            (b"+OKAY", None),
            (b"* OK", None),
            (b"", None),
        ):
            self.assertEqual(read_status(line), expected, line)

    def test_capabilities(self) -> None:
        self.assertEqual(read_capability(b"sasl PLAIN login"), (b"SASL", (b"PLAIN", b"LOGIN")))
        self.assertEqual(read_capability(b""), (b"", ()))

    @given(cuts(st.one_of(st.binary(max_size=200), st.text("+OK \r\n\0", max_size=60).map(str.encode))))
    @settings(deadline=None)
    def test_any_split_gives_the_same_events(self, case: tuple[bytes, list[bytes]]) -> None:
        stream, pieces = case
        whole = events(AnswerReader(5, 40), [stream])
        self.assertEqual(events(AnswerReader(5, 40), pieces), whole)
