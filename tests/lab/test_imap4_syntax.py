"""Commands come whole out of the reader, however their octets arrive."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.lab.imap4_syntax import (
    Bad,
    BadSyntax,
    Command,
    CommandReader,
    Event,
    Line,
    Ready,
    Token,
    in_list,
    nstring,
    numbers,
    tokens,
)

CASES: tuple[tuple[bytes, list[Event]], ...] = (
    (b"a NOOP\r\n", [Command(b"a", b"NOOP", ())]),
    (b"a noop\n", [Command(b"a", b"NOOP", ())]),
    (b'a LOGIN anna "a\\"b\\\\c"\r\n', [Command(b"a", b"LOGIN", (b"anna", b'a"b\\c'))]),
    (b"a LOGIN {4}\r\nanna {1+}\r\nx\r\n", [Ready(), Command(b"a", b"LOGIN", (b"anna", b"x"))]),
    (b"a LOGIN {0+}\r\n {0+}\r\n\r\n", [Command(b"a", b"LOGIN", (b"", b""))]),
    (b"a X {6+}\r\na\r\n{3}\r\n", [Command(b"a", b"X", (b"a\r\n{3}",))]),
    (
        b"a FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (DATE FROM)]<0.10>)\r\n",
        [Command(b"a", b"FETCH", (b"1:*", (b"UID", b"BODY.PEEK[HEADER.FIELDS (DATE FROM)]<0.10>")))],
    ),
    (b"a STORE 1 +FLAGS (\\Seen (b))\r\n", [Command(b"a", b"STORE", (b"1", b"+FLAGS", (b"\\Seen", (b"b",))))]),
    (b"a X ()\r\nb NOOP\r\n", [Command(b"a", b"X", ((),)), Command(b"b", b"NOOP", ())]),
    (b"a X (\r\nb NOOP\r\n", [Bad(b"a", "unmatched parenthesis"), Command(b"b", b"NOOP", ())]),
    (b"a X )\r\n", [Bad(b"a", "unmatched parenthesis")]),
    (b'a X "b\r\n', [Bad(b"a", "unexpected character")]),
    (b"a\r\n", [Bad(b"a", "no command")]),
    (b"\r\n", [Bad(b"*", "no command")]),
    (b"\x00 NOOP\r\n", [Bad(b"*", "no command")]),
    (b"a X {99999999}\r\nb NOOP\r\n", [Bad(b"a", "literal too long", fatal=True)]),
    (b"a " + b"x" * limits.LAB_LINE_OCTETS, [Bad(b"a", "line too long", fatal=True)]),
)


def read(*pieces: bytes) -> list[Event]:
    reader = CommandReader()
    return [event for piece in pieces for event in reader.feed(piece)]


class CommandReaderTests(SynchronousTestCase):
    """Octets in, events out."""

    def test_each_input_gives_its_events(self) -> None:
        for octets, events in CASES:
            self.assertEqual(read(octets), events, octets[:80])

    def test_a_line_is_handed_over_as_it_is_when_it_is_expected(self) -> None:
        reader = CommandReader()
        events: list[Event] = []
        for event in reader.feed(b"a IDLE\r\n(DONE\r\nb NOOP\r\n"):
            reader.line_expected = not events
            events.append(event)
        self.assertEqual(events, [Command(b"a", b"IDLE", ()), Line(b"(DONE"), Command(b"b", b"NOOP", ())])

    @given(st.sampled_from(CASES[:-1]), st.data())
    @settings(deadline=None)
    def test_a_split_anywhere_changes_nothing(self, case: tuple[bytes, list[Event]], data: st.DataObject) -> None:
        octets, events = case
        place = data.draw(st.integers(0, len(octets)))
        self.assertEqual(read(octets[:place], octets[place:]), events)

    @given(st.lists(st.binary(max_size=40) | st.sampled_from([b"\r\n", b"{3}\r\n", b"{2+}\r\n", b'"', b"(", b"a X "])))
    @settings(deadline=None)
    def test_no_input_raises(self, pieces: list[bytes]) -> None:
        read(*pieces)


class TokenTests(SynchronousTestCase):
    """Arguments, sequence sets, and strings in answers."""

    def test_a_sequence_set_is_read(self) -> None:
        cases: tuple[tuple[Token, list[range]], ...] = (
            (b"1", [range(1, 2)]),
            (b"2:4,7", [range(2, 5), range(7, 8)]),
            (b"4:2", [range(2, 5)]),
            (b"*", [range(9, 10)]),
            (b"12:*", [range(9, 13)]),
        )
        for text, expected in cases:
            self.assertEqual(numbers(text, 9), expected, text)

    def test_what_is_no_sequence_set_is_refused(self) -> None:
        for text in (b"", b"a", b"1:2:3", b"1,", b"-1", b"1" * 11, (b"1",)):
            self.assertRaises(BadSyntax, numbers, text, 9)

    def test_a_string_is_quoted_or_a_literal(self) -> None:
        for octets, written in (
            (None, b"NIL"),
            (b"", b'""'),
            (b'a"\\', b'"a\\"\\\\"'),
            (b"a\r\nb", b"{4}\r\na\r\nb"),
            ("ö".encode(), b"{2}\r\n\xc3\xb6"),
        ):
            self.assertEqual(nstring(octets), written)

    @given(st.recursive(st.from_regex(rb"[ -~]{0,20}", fullmatch=True), lambda inner: st.lists(inner).map(tuple)))
    @settings(deadline=None)
    def test_what_is_written_is_read_again(self, token: Token) -> None:
        def written(each: Token) -> bytes:
            return in_list(*map(written, each)) if isinstance(each, tuple) else nstring(each)

        self.assertEqual(tokens([written(token)]), (token,))
