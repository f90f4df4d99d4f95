"""The PROXY protocol's header, read strictly and written."""

from __future__ import annotations

import ipaddress
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.proxy_protocol import Endpoint, Header, HeaderReader, Malformed, Version, write
from tests.support.splits import cuts, events, octet_by_octet

SIGNATURE = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"  # section 2.2
CLIENT, SERVER = Endpoint("192.0.2.7", 50_001), Endpoint("198.51.100.1", 993)
CLIENT6, SERVER6 = Endpoint("2001:db8::7", 50_001), Endpoint("2001:db8::1", 993)
FOUR = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + struct.pack("!HH", 50_001, 993)


def v2(command: int, family: int, block: bytes = b"", octets: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(block) if octets is None else octets) + block


def read(stream: bytes) -> tuple[object, bytes]:
    """The only event, and what is left behind it."""
    reader = HeaderReader()
    (event,) = events(reader, [stream])
    return event, reader.take_rest()


TAKEN = (
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 50001 993\r\n", Header(CLIENT, SERVER)),
    (b"PROXY TCP6 2001:db8::7 2001:DB8:0:0::1 50001 993\r\n", Header(CLIENT6, SERVER6)),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 50001 993\r\n", Header(CLIENT, SERVER)),
    (b"PROXY UNKNOWN\r\n", Header()),
    (b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n", Header()),  # 107 octets
    (v2(0x21, 0x11, FOUR), Header(CLIENT, SERVER)),
    (v2(0x21, 0x11, FOUR + b"\x02\x00\x04host" + b"\x04\x00\x00"), Header(CLIENT, SERVER)),
    (v2(0x21, 0x11, FOUR + b"\x30" + struct.pack("!H", 2017) + b"x" * 2017), Header(CLIENT, SERVER)),  # 2 KiB
    (v2(0x21, 0x31, b"/run/lb.sock".ljust(108, b"\0") + b"\0" * 108), Header()),
    (v2(0x21, 0x00, b"ignored"), Header()),
    (v2(0x20, 0x00), Header()),
    (v2(0x20, 0x11, FOUR), Header()),
    (v2(0x20, 0x7F, b"of no sense, and not looked at"), Header()),
)
REFUSED = (
    b"\x16\x03\x01\x02\x00\x01",  # TLS
    b"GET / HTTP/1.1\r\n",
    b"\r\n\r\nQUIT\r\n",
    b"PROXY\r\n",
    b"proxy TCP4 192.0.2.7 198.51.100.1 50001 993\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 50001 993 \r\n",
    b"PROXY TCP4  192.0.2.7 198.51.100.1 50001 993\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 50001\r\n",
    b"PROXY TCP4 192.0.2.256 198.51.100.1 50001 993\r\n",
    b"PROXY TCP4 192.0.2.07 198.51.100.1 50001 993\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::1 50001 993\r\n",
    b"PROXY TCP6 192.0.2.7 198.51.100.1 50001 993\r\n",
    b"PROXY TCP6 fe80::1%eth0 fe80::2 50001 993\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 993\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 050 993\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 993\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 ٣ 993\r\n".encode(),
    b"PROXY TCP4 192.0.2.7 198.51.100.1 50001 99\n3\r\n",
    b"PROXY UDP4 192.0.2.7 198.51.100.1 50001 993\r\n",
    b"PROXY UNKNOWN " + b"f" * 92 + b"\r\n",  # 108 octets
    v2(0x11, 0x11, FOUR),
    v2(0x31, 0x11, FOUR),
    v2(0x22, 0x11, FOUR),
    v2(0x21, 0x12, FOUR),
    v2(0x21, 0x41, FOUR),
    v2(0x21, 0x10, FOUR),
    v2(0x21, 0x11, FOUR[:-1]),
    v2(0x21, 0x21, FOUR),
    v2(0x21, 0x31, b"\0" * 215),
    v2(0x21, 0x11, FOUR + b"\x02\x00"),
    v2(0x21, 0x11, FOUR + b"\x02\x00\x05host"),
    v2(0x21, 0x11, octets=2033),
    v2(0x20, 0x00, octets=65_535),
)


class ReaderTests(SynchronousTestCase):
    def test_what_is_taken(self) -> None:
        """S-MAIL-15: both versions with all families; LOCAL, UNSPEC, UNKNOWN and Unix sockets name nobody."""
        for stream, header in TAKEN:
            self.assertEqual(read(stream + b"a LOGIN\r\n"), (header, b"a LOGIN\r\n"), stream)

    def test_what_is_refused(self) -> None:
        """S-MAIL-15: whatever is not exactly a header is none, and nothing behind it is read.

        Bad input: a PROXY header of version 1 that is malformed or longer than 107 octets.
        Bad input: a PROXY header of version 2 that is malformed, cut or longer than 2 KiB.
        """
        for stream in REFUSED:
            event, rest = read(stream)
            self.assertIsInstance(event, Malformed, stream)
            self.assertEqual(rest, b"", stream)

    def test_the_beginning_of_a_header_is_waited_for(self) -> None:
        for stream, _ in TAKEN:
            for end in range(len(stream)):
                self.assertEqual(events(HeaderReader(), [stream[:end]]), [], stream[:end])

    def test_one_octet_at_a_time(self) -> None:
        for stream in (*(stream for stream, _ in TAKEN), *REFUSED):
            whole = events(HeaderReader(), [stream])
            self.assertEqual(events(HeaderReader(), octet_by_octet(stream)), whole, stream)

    @given(cuts(st.sampled_from([*(stream for stream, _ in TAKEN), *REFUSED]) | st.binary(max_size=64)))
    @settings(max_examples=300, deadline=None)
    def test_any_split_gives_the_same(self, found: tuple[bytes, list[bytes]]) -> None:
        stream, pieces = found
        self.assertEqual(events(HeaderReader(), pieces), events(HeaderReader(), [stream]))


addresses = st.ip_addresses(v=4) | st.ip_addresses(v=6)
endpoints = st.builds(Endpoint, addresses.map(str), st.integers(0, 65_535))
VERSIONS: tuple[Version, ...] = ("v1", "v2")


class WriterTests(SynchronousTestCase):
    def test_the_octets(self) -> None:
        cases: tuple[tuple[Version, Endpoint | None, Endpoint | None, bytes], ...] = (
            ("v1", CLIENT, SERVER, TAKEN[0][0]),
            ("v1", CLIENT6, SERVER6, b"PROXY TCP6 2001:db8::7 2001:db8::1 50001 993\r\n"),
            ("v1", CLIENT, SERVER6, b"PROXY TCP6 ::ffff:c000:207 2001:db8::1 50001 993\r\n"),
            ("v1", None, SERVER, b"PROXY UNKNOWN\r\n"),
            ("v2", CLIENT, SERVER, v2(0x21, 0x11, FOUR)),
            ("v2", None, None, v2(0x20, 0x00)),
            ("v1", Endpoint("fe80::7%eth0", 1), Endpoint("fe80::1", 2), b"PROXY TCP6 fe80::7 fe80::1 1 2\r\n"),
        )
        for version, source, destination, octets in cases:
            self.assertEqual(write(version, source, destination), octets)

    @given(st.sampled_from(VERSIONS), endpoints, endpoints)
    def test_what_is_written_is_read(self, version: Version, source: Endpoint, destination: Endpoint) -> None:
        """S-MAIL-15: the reader takes what the writer writes, of any two addresses."""
        written = write(version, source, destination)
        self.assertLessEqual(len(written), 107)
        self.assertEqual(read(written), (Header(plain(source), plain(destination)), b""))


def plain(endpoint: Endpoint) -> Endpoint:
    """As the reader shows it: an IPv4 address mapped into IPv6 is that IPv4 address."""
    address = ipaddress.ip_address(endpoint.address)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return Endpoint(str(mapped or address), endpoint.port)
