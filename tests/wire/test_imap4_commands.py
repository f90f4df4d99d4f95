"""IMAP4 commands before login, octets to events."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.imap4_commands import (
    Atom,
    BadCommand,
    Broken,
    Command,
    CommandReader,
    Event,
    Group,
    LiteralAnnounced,
    SaslResponse,
    String,
)
from tests.support.splits import cuts, events, octet_by_octet

LITERAL = LiteralAnnounced()


def read(data: bytes) -> list[Event]:
    return events(CommandReader(), [data])


def login(name: Atom | String, password: Atom | String) -> Command:
    return Command(b"a", b"LOGIN", (name, password))


class GoodCommandTests(SynchronousTestCase):
    CASES: tuple[tuple[bytes, list[Event]], ...] = (
        (b"a noop\r\n", [Command(b"a", b"NOOP")]),
        (b"a NOOP\n", [Command(b"a", b"NOOP")]),
        (b"A.1-x' NOOP\r\n", [Command(b"A.1-x'", b"NOOP")]),
        (b"a LOGIN alice secret\r\n", [login(Atom(b"alice"), Atom(b"secret"))]),
        (b'a LOGIN "al ice" ""\r\n', [login(String(b"al ice"), String(b""))]),
        (b'a LOGIN "FC\\\\alice" "q\\"q"\r\n', [login(String(b"FC\\alice"), String(b'q"q'))]),
        (b"a LOGIN FC\\alice p%s*s]\r\n", [login(Atom(b"FC\\alice"), Atom(b"p%s*s]"))]),
        (b'a LOGIN "\xc3\xa9" "\xe9"\r\n', [login(String(b"\xc3\xa9"), String(b"\xe9"))]),
        (b"a LOGIN {5}\r\nalice {6+}\r\ns cret\r\n", [LITERAL, login(String(b"alice"), String(b"s cret"))]),
        (b"a LOGIN {5+}\r\nalice pw\r\n", [login(String(b"alice"), Atom(b"pw"))]),
        (b"a LOGIN {0+}\r\n {0}\r\n\r\n", [LITERAL, login(String(b""), String(b""))]),
        (b"a LOGIN {4+}\r\na\r\nb x\r\n", [login(String(b"a\r\nb"), Atom(b"x"))]),
        (b"a LOGIN {3+}\r\na\0b x\r\n", [login(String(b"a\0b"), Atom(b"x"))]),
        (b'a LOGIN "{5+}" {2+}\r\nxx\r\n', [login(String(b"{5+}"), String(b"xx"))]),
        (b"a AUTHENTICATE PLAIN AGEAYg==\r\n", [Command(b"a", b"AUTHENTICATE", (Atom(b"PLAIN"), Atom(b"AGEAYg==")))]),
        (b"a ID NIL\r\n", [Command(b"a", b"ID", (Atom(b"NIL"),))]),
        (b'a ID ("n" NIL)\r\n', [Command(b"a", b"ID", (Group((String(b"n"), Atom(b"NIL"))),))]),
        (b"a ID ()\r\n", [Command(b"a", b"ID", (Group(()),))]),
        (b'a ID ("n" {1}\r\nv)\r\n', [LITERAL, Command(b"a", b"ID", (Group((String(b"n"), String(b"v"))),))]),
        (b"a NOOP\r\nb NOOP\r\n", [Command(b"a", b"NOOP"), Command(b"b", b"NOOP")]),
    )  # fmt: skip

    def test_whole(self) -> None:
        """S-MAIL-5, S-MAIL-6: what correct clients send is read, in all forms of strings."""
        for data, expected in self.CASES:
            self.assertEqual(read(data), expected, data)

    def test_octet_by_octet(self) -> None:
        for data, expected in self.CASES:
            self.assertEqual(events(CommandReader(), octet_by_octet(data)), expected, data)

    def test_a_large_literal_within_the_limit_passes(self) -> None:
        password = b"x" * 8192
        found = read(b"a LOGIN alice {8192+}\r\n" + password + b"\r\n")
        self.assertEqual(found, [login(Atom(b"alice"), String(password))])

    def test_secrets_are_not_in_the_repr(self) -> None:
        """S-AUTH-11: a command's repr shows no argument."""
        for command in (*read(b"a LOGIN alice s3cret\r\n"), *read(b'a ID ("s3cret" "s3cret")\r\n')):
            self.assertNotIn("s3cret", repr(command))


class BadCommandTests(SynchronousTestCase):
    def bad(self, data: bytes, tag: bytes = b"a") -> None:
        """The line is answered with BAD to `tag`, and the next one is read as a command."""
        found = read(data + b"z NOOP\r\n")
        self.assertEqual(len(found), 2, data)
        first, second = found
        assert isinstance(first, BadCommand), (data, first)
        self.assertEqual(first.tag, tag, data)
        self.assertEqual(second, Command(b"z", b"NOOP"), data)

    def test_a_tag_that_cannot_be_answered_gets_a_star(self) -> None:
        """S-MAIL-6: tags with + * % quotes, braces, parentheses, controls or 8-bit octets."""
        for line in (b"+ NOOP", b"* NOOP", b'a" NOOP', b"a{ NOOP", b"(a NOOP", b"a) NOOP", b"a% NOOP", b"a\\ NOOP",
                     b"a\x01 NOOP", b"\xe9 NOOP", b" NOOP", b""):  # fmt: skip
            self.bad(line + b"\r\n", b"*")

    def test_nul_and_lone_cr(self) -> None:
        """S-MAIL-6: BAD."""
        for line in (b'a LOGIN "al\0ice" x', b"a LOGIN al\0ice x", b"a NO\rOP", b"a NOOP\r\r", b'a LOGIN "a\rb" x'):
            self.bad(line + b"\r\n")

    def test_malformed_arguments(self) -> None:
        for line in (b"a", b"a ", b"a  NOOP", b"a NOOP ", b"a LOGIN  alice x", b'a LOGIN "alice x', b'a LOGIN "a\\b" x',
                     b'a LOGIN "a"b x', b'a "LOGIN" x y', b"a LOGIN \xe9 x", b"a ID (", b"a ID )", b"a ID ((x) y)",
                     b"a ID (x  y)", b"a ID (x )", b"a ID ( x)", b"a ID (x", b"a ID ( )"):  # fmt: skip
            self.bad(line + b"\r\n")

    def test_malformed_literals_get_no_continuation(self) -> None:
        """S-MAIL-5: BAD, no continuation request."""
        for mark in (b"{-1}", b"{1x}", b"{999999999999}", b"{}", b"{ 1}", b"{1} ", b"{1}x", b"{+}x", b"x{1", b"{1-}"):
            self.bad(b"a LOGIN alice " + mark + b"\r\n")

    def test_a_literal_without_a_space_before_it_gets_no_continuation(self) -> None:
        """S-MAIL-5: nor a literal8, or one that is the command."""
        for line in (b"a LOGIN alice{5}\r\n", b"a LOGIN ~{5}\r\n", b'a LOGIN "alice"{5}\r\n', b"a {5}\r\n"):
            self.bad(line)

    def test_a_literal_over_the_limit_gets_no_continuation(self) -> None:
        """S-MAIL-5: BAD, no continuation request, nothing buffered.

        Bad input: literal of 4 GB announced.
        """
        for size in (b"8193", b"4294967296", b"9999999999"):
            self.bad(b"a LOGIN alice {" + size + b"}\r\n")

    def test_a_third_literal_gets_no_continuation(self) -> None:
        """S-MAIL-5: two literals a command."""
        found = read(b"a ID ({1}\r\na {1}\r\nb {1}\r\nz NOOP\r\n")
        self.assertEqual([type(event) for event in found], [LiteralAnnounced, LiteralAnnounced, BadCommand, Command])

    def test_literals_that_come_unasked_and_wrong_break_off(self) -> None:
        """S-MAIL-5: `{n+}` too large, malformed, or after a mistake: BYE, for its octets are no commands."""
        for line in (b"a LOGIN alice {8193+}", b"a LOGIN alice {4294967296+}", b"a LOGIN alice {-1+}", b"a LOGIN {1x+}",
                     b"+ LOGIN {5+}", b'a LOGIN "alice {5+}', b"a LOGIN {99999999999+}"):  # fmt: skip
            found = read(line + b"\r\nz NOOP\r\n")
            self.assertEqual([type(event) for event in found], [Broken], line)

    def test_a_third_literal_that_comes_unasked_breaks_off(self) -> None:
        found = read(b"a ID ({1+}\r\na {1+}\r\nb {1+}\r\nc)\r\n")
        self.assertEqual([type(event) for event in found], [Broken])


class LimitTests(SynchronousTestCase):
    def test_a_line_of_the_most_octets_is_read(self) -> None:
        line = b"a LOGIN alice " + b"x" * (10240 - 16) + b"\r\n"
        self.assertEqual(len(line), 10240)
        self.assertIsInstance(read(line)[0], Command)

    def test_one_octet_more_breaks_off(self) -> None:
        """S-MAIL-6: over 10240 octets: BYE.

        Bad input: 100 kB line before login.
        """
        for size in (10241, 20_000, 100_000):
            line = b"a LOGIN alice " + b"x" * (size - 16) + b"\r\n"
            self.assertEqual(read(line + b"z NOOP\r\n"), [Broken("The line is too long.")], size)

    def test_without_an_end_it_does_not_wait(self) -> None:
        """S-MAIL-6: 20,000 octets without a line end: BYE."""
        reader = CommandReader()
        self.assertEqual(events(reader, [b"x" * 20_000]), [Broken("The line is too long.")])
        self.assertEqual(reader.held, 0)

    def test_after_the_break_nothing_is_kept(self) -> None:
        reader = CommandReader()
        events(reader, [b"x" * 20_000])
        self.assertEqual(events(reader, [b"z NOOP\r\n"]), [])
        self.assertEqual(reader.held, 0)

    def test_the_parts_of_a_line_around_literals_count_together(self) -> None:
        """S-MAIL-6: a command is one line, however many literals cut it."""
        half = b"x" * 5200
        found = read(b'a ID ("' + half + b'" {1+}\r\na "' + half + b'")\r\n')
        self.assertEqual(found, [Broken("The line is too long.")])

    def test_many_parentheses_are_refused_as_one_command(self) -> None:
        for inside in (b"(" * 10_000, b"(x " * 3_000, b"() " * 3_000 + b"("):
            self.assertIsInstance(read(b"a ID " + inside + b"\r\n")[0], BadCommand)


class PullTests(SynchronousTestCase):
    def test_what_is_behind_a_command_stays_unread(self) -> None:
        """S-MAIL-10: the octets behind a log-on are the back end's."""
        reader = CommandReader()
        reader.feed(b"a LOGIN alice x\r\nb SELECT {5}\r\nIN\0")
        self.assertEqual(reader.next_event(), login(Atom(b"alice"), Atom(b"x")))
        self.assertEqual(reader.take_rest(), b"b SELECT {5}\r\nIN\0")
        self.assertEqual(reader.held, 0)

    def test_a_sasl_response_is_a_line_of_its_own_kind(self) -> None:
        reader = CommandReader()
        reader.feed(b"a AUTHENTICATE PLAIN\r\nAGEAYg==\r\nb NOOP\r\n")
        self.assertEqual(reader.next_event(), Command(b"a", b"AUTHENTICATE", (Atom(b"PLAIN"),)))
        reader.expect_response()
        self.assertEqual(reader.next_event(), SaslResponse(b"AGEAYg=="))
        self.assertEqual(reader.next_event(), Command(b"b", b"NOOP"))

    def test_a_sasl_response_may_be_long_but_not_endless(self) -> None:
        """S-MAIL-6: a SASL response of at most 64 KiB."""
        for size, expected in ((65_534, SaslResponse), (65_535, Broken), (200_000, Broken)):
            reader = CommandReader()
            reader.expect_response()
            self.assertEqual([type(e) for e in events(reader, [b"x" * size + b"\r\n"])], [expected], size)


STREAMS = st.lists(
    st.sampled_from(
        [b"a ", b"LOGIN", b" ", b'"', b"x y", b"\\", b"{3}", b"{3+}", b"{9999}", b"{9999+}", b"\r\n", b"\n", b"\r",
         b"\0", b"(", b")", b"NIL", b"abc", b"ID ", b"\xe9", b"+", b"*"]
    ),
    max_size=30,
).map(b"".join)  # fmt: skip


class PropertyTests(SynchronousTestCase):
    @given(cuts(st.one_of(STREAMS, st.binary(max_size=200))))
    @settings(deadline=None, max_examples=300)
    def test_any_split_gives_the_same_events(self, case: tuple[bytes, list[bytes]]) -> None:
        stream, pieces = case
        small = {"line_octets": 40, "literal_octets": 10, "literals": 2}
        whole = events(CommandReader(**small), [stream])
        self.assertEqual(events(CommandReader(**small), pieces), whole)
        self.assertEqual(events(CommandReader(**small), octet_by_octet(stream)), whole)

    @given(st.binary(max_size=30), st.binary(max_size=30))
    @settings(deadline=None)
    def test_literals_carry_any_octets(self, name: bytes, password: bytes) -> None:
        data = b"a LOGIN {%d+}\r\n%b {%d}\r\n%b\r\n" % (len(name), name, len(password), password)
        self.assertEqual(read(data), [LITERAL, login(String(name), String(password))])
