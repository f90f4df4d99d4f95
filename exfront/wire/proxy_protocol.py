"""The PROXY protocol, both roles: who is behind a connection, said before all else, also before TLS.

Source: *The PROXY protocol, versions 1 & 2* (haproxy's doc/proxy-protocol.txt).
"""

from __future__ import annotations

import ipaddress
import re
import struct
from typing import Literal

from attrs import frozen

from exfront import limits
from exfront.wire.lines import LineReader

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED_OCTETS = 16  # signature, version and command, family, length
_WORD = b"PROXY "
_NUMBER = re.compile(r"0|[1-9][0-9]{0,4}")
_STREAMS = {0x11: 4, 0x21: 16}  # family and transport: octets of an address
_UNIX_STREAM = 0x31
_UNIX_OCTETS = 216
_DATAGRAMS = frozenset((0x12, 0x22, 0x32))

Version = Literal["v1", "v2"]


@frozen
class Endpoint:
    """One end of a TCP connection; `address` is an IP address as text."""

    address: str
    port: int


@frozen
class Header:
    """Whose connection this is. Both are None where no TCP connection is behind it.

    That is v1's UNKNOWN, v2's LOCAL (a health check of the sender's own) and UNSPEC, and a client on a Unix socket:
    the connection itself tells what there is to know.
    """

    source: Endpoint | None = None
    destination: Endpoint | None = None


@frozen
class Malformed:
    """No header; nothing further is read. `why` is for the log."""

    why: str


class HeaderReader(LineReader):
    """Octets in by `feed`, one `Header` or `Malformed` out by `next_event`; `take_rest` is what came behind it."""

    def __init__(self) -> None:
        super().__init__()
        self._read = False

    def next_event(self) -> Header | Malformed | None:
        """The header, None until more octets came, and ever after."""
        if self._broken or self._read:
            return None
        try:
            header = self._header()
        except ValueError as why:
            self._broken = True
            self._buffer.take_all()
            return Malformed(str(why))
        self._read = header is not None
        return header

    def _header(self) -> Header | None:
        begin = self._buffer.peek(_FIXED_OCTETS)
        if begin and _is_beginning(begin, _SIGNATURE):
            return self._version_2(begin)
        if _is_beginning(begin, _WORD):
            return self._version_1()
        raise ValueError("no PROXY header")

    def _version_1(self) -> Header | None:
        line = self._buffer.peek(limits.PROXY_V1_OCTETS)
        end = line.find(b"\r\n")
        if end < 0 and len(line) < limits.PROXY_V1_OCTETS:
            return None
        if end < 0:
            raise ValueError("v1: the line is too long")
        self._buffer.take_block(end + 2)
        return _read_v1(line[:end])

    def _version_2(self, begin: bytes) -> Header | None:
        if len(begin) < _FIXED_OCTETS:
            return None
        command, family, octets = struct.unpack_from("!BBH", begin, len(_SIGNATURE))
        if _FIXED_OCTETS + octets > limits.PROXY_V2_OCTETS:
            raise ValueError("v2: the header is too long")
        block = self._buffer.take_block(_FIXED_OCTETS + octets)
        return None if block is None else _read_v2(command, family, block[_FIXED_OCTETS:])


def write(version: Version, source: Endpoint | None, destination: Endpoint | None) -> bytes:
    """The header of a connection from `source` to `destination`; without both one that says nothing of it.

    An IPv4 address beside an IPv6 one is written as that address mapped into IPv6.
    """
    ends = None if source is None or destination is None else _same_family(source, destination)
    return _write_v1(ends) if version == "v1" else _write_v2(ends)


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Ends = tuple[_Address, int, _Address, int]


def _same_family(source: Endpoint, destination: Endpoint) -> _Ends:
    first, second = ipaddress.ip_address(source.address), ipaddress.ip_address(destination.address)
    if first.version != second.version:
        first, second = _in_ipv6(first), _in_ipv6(second)
    return first, source.port, second, destination.port


def _in_ipv6(address: _Address) -> ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address):
        return ipaddress.IPv6Address(address.packed)  # no zone: it means nothing elsewhere
    return ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)


def _write_v1(ends: _Ends | None) -> bytes:
    if ends is None:
        return b"PROXY UNKNOWN\r\n"
    source, source_port, destination, port = ends
    texts = [str(type(each)(each.packed)) for each in (source, destination)]
    return f"PROXY TCP{source.version} {' '.join(texts)} {source_port} {port}\r\n".encode("ascii")


def _write_v2(ends: _Ends | None) -> bytes:
    if ends is None:
        return _SIGNATURE + struct.pack("!BBH", 0x20, 0x00, 0)
    source, source_port, destination, port = ends
    block = source.packed + destination.packed + struct.pack("!HH", source_port, port)
    family = 0x11 if source.version == 4 else 0x21
    return _SIGNATURE + struct.pack("!BBH", 0x21, family, len(block)) + block


def _is_beginning(found: bytes, whole: bytes) -> bool:
    """Whether `found` is the beginning of `whole`, or begins with it."""
    return found[: len(whole)] == whole[: len(found)]


def _read_v1(line: bytes) -> Header:
    """Section 2.1: exactly one space between two words; what follows UNKNOWN is ignored."""
    words = line.decode("ascii", "replace").split(" ")
    if words[1] == "UNKNOWN":
        return Header()
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise ValueError("v1: not a family, two addresses and two ports")
    _, family, source, destination, source_port, port = words
    return Header(_endpoint(family, source, source_port), _endpoint(family, destination, port))


def _endpoint(family: str, address: str, port: str) -> Endpoint:
    kind = ipaddress.IPv4Address if family == "TCP4" else ipaddress.IPv6Address
    try:
        found = kind(address)
    except ValueError:
        raise ValueError(f"v1: no address of {family}") from None
    if "%" in address or not _NUMBER.fullmatch(port) or int(port) > 65535:
        raise ValueError("v1: no address, or no port")
    return Endpoint(_shown(found), int(port))


def _read_v2(command: int, family: int, block: bytes) -> Header:
    """Section 2.2. Whatever a LOCAL header bears is not looked at."""
    if command >> 4 != 2 or command & 0x0F > 1:
        raise ValueError("v2: no such version or command")
    if command & 0x0F == 0 or family == 0x00:
        return Header()
    if family in _DATAGRAMS:
        raise ValueError("v2: a datagram's header on a stream")
    octets = _STREAMS.get(family)
    if octets is None and family != _UNIX_STREAM:
        raise ValueError("v2: no such family or transport")
    addresses = _UNIX_OCTETS if octets is None else 2 * octets + 4
    if len(block) < addresses:
        raise ValueError("v2: shorter than its addresses")
    _check_vectors(block[addresses:])
    return Header() if octets is None else _ends(block, octets)


def _ends(block: bytes, octets: int) -> Header:
    source_port, port = struct.unpack_from("!HH", block, 2 * octets)
    source = ipaddress.ip_address(block[:octets])
    destination = ipaddress.ip_address(block[octets : 2 * octets])
    return Header(Endpoint(_shown(source), source_port), Endpoint(_shown(destination), port))


def _check_vectors(rest: bytes) -> None:
    """Section 2.2.7: type, length, value. None of them is wanted here, but they must fill their room."""
    position = 0
    while position < len(rest):
        if position + 3 > len(rest):
            raise ValueError("v2: a cut TLV")
        position += 3 + int.from_bytes(rest[position + 1 : position + 3], "big")
    if position != len(rest):
        raise ValueError("v2: a cut TLV")


def _shown(address: _Address) -> str:
    """An IPv4 address mapped into IPv6 is that IPv4 address: limits and trust count by it."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
