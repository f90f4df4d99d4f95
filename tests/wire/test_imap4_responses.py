"""IMAP4 responses of a back end during login."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.imap4_responses import (
    Code,
    Continuation,
    Malformed,
    Response,
    ResponseReader,
    Tagged,
    Untagged,
    capabilities,
)
from tests.support.splits import cuts, events, octet_by_octet


def read(data: bytes) -> list[Response]:
    return events(ResponseReader(), [data])


class ResponseTests(SynchronousTestCase):
    CASES: tuple[tuple[bytes, list[Response]], ...] = (
        (b"* OK ready\r\n", [Untagged(b"OK", b"ready")]),
        (b"* OK [CAPABILITY IMAP4rev1 ID] be1 ready\r\n",
         [Untagged(b"OK", b"be1 ready", Code(b"CAPABILITY", b"IMAP4rev1 ID"))]),
        (b"* PREAUTH hello\r\n", [Untagged(b"PREAUTH", b"hello")]),
        (b"* bye\r\n", [Untagged(b"BYE")]),
        (b"* CAPABILITY IMAP4rev1 IDLE\r\n", [Untagged(b"CAPABILITY", b"IMAP4rev1 IDLE")]),
        (b"* 12 EXISTS\r\n", [Untagged(b"12", b"EXISTS")]),
        (b"L OK done\n", [Tagged(b"L", b"OK", b"done")]),
        (b"L ok\r\n", [Tagged(b"L", b"OK")]),
        (b"L NO [AUTHENTICATIONFAILED] no\r\n", [Tagged(b"L", b"NO", b"no", Code(b"AUTHENTICATIONFAILED"))]),
        (b"L NO [alert]full\r\n", [Tagged(b"L", b"NO", b"full", Code(b"ALERT"))]),
        (b"L NO [ALERT\r\n", [Tagged(b"L", b"NO", b"[ALERT")]),
        (b"+ \r\n+\r\n+ go on\r\n", [Continuation(), Continuation(), Continuation(b"go on")]),
        (b'* LIST () "/" {5}\r\nIN\r\nX\r\nL OK\r\n', [Untagged(b"LIST", b'() "/" {5}'), Tagged(b"L", b"OK")]),
        (b"* OK see {5}\r\nL OK\r\n", [Untagged(b"OK", b"see {5}"), Tagged(b"L", b"OK")]),
        (b"L NO {5}\r\nM OK\r\n", [Tagged(b"L", b"NO", b"{5}"), Tagged(b"M", b"OK")]),
    )  # fmt: skip

    def test_whole(self) -> None:
        for data, expected in self.CASES:
            self.assertEqual(read(data), expected, data)

    def test_octet_by_octet(self) -> None:
        for data, expected in self.CASES:
            self.assertEqual(events(ResponseReader(), octet_by_octet(data)), expected, data)

    def test_what_no_imap4_server_says(self) -> None:
        """S-MAIL-9: it is malformed, and nothing further is read.

        Bad input: back end sends garbage.
        """
        for data in (b"\r\n", b"hello\r\n", b"+OK POP3 here\r\n", b"220 smtp\r\n", b"* \r\n", b"L\r\n", b"L BYE\r\n",
                     b"\x16\x03\x01\n", b"L MAYBE\r\n", b"* OK a\0b\r\n", b"* OK a\rb\r\n"):  # fmt: skip
            found = read(data + b"L OK\r\n")
            self.assertEqual([type(event) for event in found], [Malformed], data)

    def test_what_is_behind_the_last_response_stays_unread(self) -> None:
        """S-MAIL-10: what follows the tagged OK goes to the client as it is."""
        reader = ResponseReader()
        reader.feed(b"L OK done\r\n* 5 EXI\0STS")
        self.assertEqual(reader.next_event(), Tagged(b"L", b"OK", b"done"))
        self.assertEqual(reader.take_rest(), b"* 5 EXI\0STS")


class LimitTests(SynchronousTestCase):
    def test_more_than_64_lines(self) -> None:
        """S-MAIL-9: at most 64 lines before the login's end."""
        found = read(b"* OK x\r\n" * 65)
        self.assertEqual([type(event) for event in found], [Untagged] * 64 + [Malformed])

    def test_more_than_64_kib(self) -> None:
        """S-MAIL-9: at most 64 KiB before the login's end."""
        for data in (
            b"* OK " + b"x" * 65_536,
            b"* OK " + b"x" * 65_536 + b"\r\n",
            (b"* " + b"x" * 20_000 + b"\r\n") * 4,
        ):
            found = read(data)
            self.assertIsInstance(found[-1], Malformed)

    def test_a_literal_counts(self) -> None:
        """S-MAIL-9: a literal of 4 GB is not waited for."""
        for size in (65_536, 4_294_967_296):
            reader = ResponseReader()
            found = events(reader, [b"* LIST {%d}\r\n" % size, b"x" * 1000])
            self.assertEqual([type(event) for event in found], [Malformed])
            self.assertEqual(reader.held, 0)


class CapabilityTests(SynchronousTestCase):
    def test_atoms_only(self) -> None:
        """S-MAIL-9: nothing that could end the response code early gets through."""
        self.assertEqual(
            capabilities(b" IMAP4rev1 AUTH=PLAIN  x]y \xe9 a\\b LITERAL+ I18NLEVEL=1 "),
            (b"IMAP4rev1", b"AUTH=PLAIN", b"LITERAL+", b"I18NLEVEL=1"),
        )


STREAMS = st.lists(
    st.sampled_from(
        [b"* ", b"OK", b" ", b"[", b"]", b"ALERT", b"{3}", b"{99}", b"\r\n", b"\n", b"\r", b"\0", b"+ ", b"L "]
    ),
    max_size=30,
).map(b"".join)


class PropertyTests(SynchronousTestCase):
    @given(cuts(st.one_of(STREAMS, st.binary(max_size=200))))
    @settings(deadline=None, max_examples=300)
    def test_any_split_gives_the_same_events(self, case: tuple[bytes, list[bytes]]) -> None:
        stream, pieces = case
        whole = events(ResponseReader(5, 40), [stream])
        self.assertEqual(events(ResponseReader(5, 40), pieces), whole)
        self.assertEqual(events(ResponseReader(5, 40), octet_by_octet(stream)), whole)
