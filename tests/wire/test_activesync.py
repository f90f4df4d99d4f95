"""ActiveSync's query in both forms."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.activesync import NOTHING, Command, parse_query, read_version


def packed(command: int, device_id: bytes, device_type: bytes, policy_key: bytes = b"") -> bytes:
    """As [MS-ASHTTP] 2.2.1.1.1.1 lays it out, of version 14.0."""
    octets = bytes((140, command, 9, 4))
    for value in (device_id, policy_key, device_type):
        octets += bytes((len(value),)) + value
    return base64.b64encode(octets)


class VersionTests(SynchronousTestCase):
    def test_as_logs_write_it(self) -> None:
        for value, version in (
            (b"1.0", 10), (b"2.5", 25), (b"12.0", 120), (b"12.1", 121), (b"14.0", 140), (b"14.1", 141), (b"16.1", 161),
            (None, 0), (b"", 0), (b"12", 0), (b"12.10", 0), (b"-1.0", 0), (b"12.1 ", 0), (b"999.9", 0), (b"a.b", 0),
        ):  # fmt: skip
            self.assertEqual(read_version(value), version, value)

    def test_of_the_packed_form(self) -> None:
        self.assertEqual(parse_query(b"jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l").version, 140)

    def test_the_folder_that_a_query_names(self) -> None:
        self.assertEqual(parse_query(b"Cmd=SmartReply&CollectionId=5%3A1&ItemId=5%3A7").collection, "5:1")


class QueryTests(SynchronousTestCase):
    def test_names_and_values(self) -> None:
        """[MS-ASHTTP] 2.2.1.1.1.2, in any case and order."""
        expected = Command("FolderSync", "v140Device", "SmartPhone")
        for query in (
            b"Cmd=FolderSync&User=fakename@Contoso.com&DeviceId=v140Device&DeviceType=SmartPhone",
            b"devicetype=SmartPhone&deviceid=v140Device&user=a%5Cb&cmd=FolderSync",
            b"Cmd=FolderSync&DeviceId=v140%44evice&DeviceType=SmartPhone&Cmd=Ping",
        ):
            self.assertEqual(parse_query(query), expected, query)
        self.assertEqual(expected.device, "SmartPhone/v140Device")

    def test_the_specifications_own_sample(self) -> None:
        """[MS-ASHTTP] 4.1: a Sync of version 14.0."""
        self.assertEqual(
            parse_query(b"jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l"), Command("Sync", "v140Device", "SmartPhone")
        )

    def test_padding_escapes_and_policy_keys(self) -> None:
        for policy_key in (b"", b"\x12\x34\x56\x78"):
            for length in range(8, 12):
                query = packed(18, b"a" * length, b"iPhone", policy_key)
                for written in (query, query.replace(b"=", b"%3D").replace(b"+", b"%2B").replace(b"/", b"%2f")):
                    self.assertEqual(parse_query(written), Command("Ping", "a" * length, "iPhone"), written)

    def test_command_parameters_behind_it_do_not_matter(self) -> None:
        query = base64.b64encode(base64.b64decode(packed(4, b"device", b"PPC")) + b"\x00\x05a.txt\x07\x01\x02")
        self.assertEqual(parse_query(query), Command("GetAttachment", "device", "PPC"))

    def test_a_device_that_is_a_guid(self) -> None:
        self.assertEqual(parse_query(packed(0, bytes(range(16)), b"PPC")).device, f"PPC/{bytes(range(16)).hex()}")

    def test_what_is_neither(self) -> None:
        for query in (None, b"", b"x", b"jAAJ", b"jAAJBP9h", b"====", b"%", b"jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25!"):
            self.assertEqual(parse_query(query), NOTHING, query)
        self.assertEqual(NOTHING.device, "-")
        self.assertEqual(parse_query(b"Cmd=<script>&DeviceId=1").name, "")

    @given(st.binary(max_size=200))
    def test_anything_is_read(self, query: bytes) -> None:
        """S-HTTP-40: short, whatever it is."""
        for found in (parse_query(query), parse_query(base64.b64encode(query))):
            self.assertLessEqual(max(map(len, (found.name, found.device_id, found.device_type))), 128)
