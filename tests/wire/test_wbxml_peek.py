"""The beginning of ActiveSync's commands, written by an encoder that shares nothing with what reads it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.wbxml_peek import NOTHING, Told, peek
from tests.support.wbxml import Element, encode


def sync(*collections: list[Element]) -> Element:
    """[MS-ASCMD] 2.2.1.21"""
    return ("AirSync:Sync", [("AirSync:Collections", [("AirSync:Collection", each) for each in collections])])


class PeekTests(SynchronousTestCase):
    def test_a_sync(self) -> None:
        """The first folder, and how many there are."""
        one: list[Element] = [("AirSync:SyncKey", "593"), ("AirSync:CollectionId", "7")]
        self.assertEqual(peek(encode(sync(one))), Told(1, folder="7", key="593"))
        two: list[Element] = [("AirSync:SyncKey", "0"), ("AirSync:CollectionId", "8")]
        self.assertEqual(peek(encode(sync(one, two))), Told(2, folder="7", key="593"))

    def test_a_ping(self) -> None:
        folder: Element = ("Ping:Folder", [("Ping:Id", "5"), ("Ping:Class", "Email")])
        octets = encode(("Ping:Ping", [("Ping:HeartbeatInterval", "480"), ("Ping:Folders", [folder])]))
        self.assertEqual(peek(octets), Told(1, folder="5", kind="Email", heartbeat="480"))

    def test_what_an_encoder_of_ours_does_not_write(self) -> None:
        """FilterType within Options, a binary text, an element without content."""
        octets = bytes.fromhex("03016a00 45 5c 4f 50 03456d61696c00 01 4b 033100 01 52 033200 01 13 57 58 033400 01 01 "
                               "5d c3 8101") + b"x" * 129 + bytes.fromhex("01 01 01 01")  # fmt: skip
        self.assertEqual(peek(octets), Told(1, folder="2", kind="Email", filter="4", key="1"))

    def test_what_is_none(self) -> None:
        for octets in (b"", b"\x03\x01\x6a", b"<Sync/>", bytes(100), b"\x03\x01\x6a\x05abcde\x45"):
            self.assertEqual(peek(octets), NOTHING)

    def test_cut_anywhere_it_tells_no_more_than_the_whole(self) -> None:
        whole = encode(sync([("AirSync:SyncKey", "593"), ("AirSync:CollectionId", "7")]))
        for end in range(len(whole)):
            told = peek(whole[:end])
            self.assertIn(told.key, ("", "593"))
            self.assertIn(told.folder, ("", "7"))

    @given(st.binary(max_size=600))
    def test_nothing_is_raised(self, octets: bytes) -> None:
        """Of whatever a phone sends."""
        peek(octets)
        peek(b"\x03\x01\x6a\x00" + octets)
