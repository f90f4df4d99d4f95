"""The PDUs of RPC over HTTP that the tests need: RTS ([MS-RPCH] 2.2.3, 2.2.4), and RPC on connections (C706 12.6)."""

from __future__ import annotations

import asyncio
import struct
import uuid
from collections.abc import Sequence

from attrs import frozen

REQUEST, RESPONSE, BIND, BIND_ACK, RTS = 0, 2, 11, 12, 20
HEADER_OCTETS = 16
MOST = 5840  # octets of one fragment
PING_FLAG, OTHER_COMMAND_FLAG = 0x0001, 0x0002

# Commands of RTS ([MS-RPCH] 2.2.3.5): number and the length of what follows it.
WINDOW, ACK, TIMEOUT, COOKIE, LIFETIME, KEEP_ALIVE, VERSION, GROUP, DESTINATION = 0, 1, 2, 3, 4, 5, 6, 12, 13
_LENGTHS = {
    WINDOW: 4,
    ACK: 24,
    TIMEOUT: 4,
    COOKIE: 16,
    LIFETIME: 4,
    KEEP_ALIVE: 4,
    VERSION: 4,
    GROUP: 16,
    DESTINATION: 4,
}
_BOTH = 0x03  # first and last fragment
_NDR = uuid.UUID("8a885d04-1ceb-11c9-9fe8-08002b104860").bytes_le + struct.pack("<I", 2)

Command = tuple[int, bytes]


@frozen
class Pdu:
    """One; `body` is what follows the common header."""

    kind: int
    call: int
    body: bytes

    @property
    def octets(self) -> int:
        return HEADER_OCTETS + len(self.body)


async def read_pdu(reader: asyncio.StreamReader) -> Pdu:
    """The next one. Raises asyncio.IncompleteReadError at the end."""
    header = await reader.readexactly(HEADER_OCTETS)
    major, _, kind, _, _, length, _, call = struct.unpack("<BBBBIHHI", header)
    if major != 5:
        raise ValueError(f"not an RPC PDU: {header!r}")
    return Pdu(kind, call, await reader.readexactly(length - HEADER_OCTETS))


def pdu(kind: int, call: int, body: bytes) -> bytes:
    """The octets of one."""
    return struct.pack("<BBBBIHHI", 5, 0, kind, _BOTH, 0x10, HEADER_OCTETS + len(body), 0, call) + body


def rts(flags: int, *commands: Command) -> bytes:
    """An RTS PDU."""
    body = struct.pack("<HH", flags, len(commands))
    return pdu(RTS, 0, body + b"".join(struct.pack("<I", number) + value for number, value in commands))


def commands_of(found: Pdu) -> tuple[int, list[Command]]:
    """Flags and commands of an RTS PDU."""
    flags, count = struct.unpack_from("<HH", found.body)
    at, commands = 4, []
    for _ in range(count):
        (number,) = struct.unpack_from("<I", found.body, at)
        commands.append((number, found.body[at + 4 : at + 4 + _LENGTHS[number]]))
        at += 4 + _LENGTHS[number]
    return flags, commands


def number(value: int) -> bytes:
    return struct.pack("<I", value)


def value_of(commands: Sequence[Command], wanted: int, which: int = 0) -> bytes:
    """What the `which`th command of a kind says."""
    return [value for kind, value in commands if kind == wanted][which]


def conn_a1(connection: bytes, channel: bytes, window: int) -> bytes:
    """[MS-RPCH] 2.2.4.2: the client's first on OUT; 76 octets."""
    return rts(0, (VERSION, number(1)), (COOKIE, connection), (COOKIE, channel), (WINDOW, number(window)))


def conn_b1(connection: bytes, channel: bytes, group: bytes) -> bytes:
    """[MS-RPCH] 2.2.4.5: the client's first on IN; 104 octets."""
    return rts(
        0, (VERSION, number(1)), (COOKIE, connection), (COOKIE, channel), (LIFETIME, number(1 << 30)),
        (KEEP_ALIVE, number(300_000)), (GROUP, group),
    )  # fmt: skip


def conn_a3(milliseconds: int) -> bytes:
    """[MS-RPCH] 2.2.4.4."""
    return rts(0, (TIMEOUT, number(milliseconds)))


def conn_c2(window: int, milliseconds: int) -> bytes:
    """[MS-RPCH] 2.2.4.9."""
    return rts(0, (VERSION, number(1)), (WINDOW, number(window)), (TIMEOUT, number(milliseconds)))


def flow_control_ack(destination: int, received: int, window: int, channel: bytes) -> bytes:
    """[MS-RPCH] 2.2.4.51."""
    ack = struct.pack("<II", received & 0xFFFFFFFF, window) + channel
    return rts(OTHER_COMMAND_FLAG, (DESTINATION, number(destination)), (ACK, ack))


def acknowledged(commands: Sequence[Command]) -> tuple[int, int]:
    """Octets received and the window, of such a PDU."""
    found: tuple[int, int] = struct.unpack_from("<II", value_of(commands, ACK))
    return found


def request(call: int, operation: int, stub: bytes) -> bytes:
    return pdu(REQUEST, call, struct.pack("<IHH", len(stub), 0, operation) + stub)


def response(call: int, stub: bytes) -> bytes:
    return pdu(RESPONSE, call, struct.pack("<IHH", len(stub), 0, 0) + stub)


def bind(call: int, interface: uuid.UUID) -> bytes:
    """To version 1.0 of an interface, in NDR."""
    syntax = interface.bytes_le + struct.pack("<HH", 1, 0)
    head = struct.pack("<HHIB3xHBx", MOST, MOST, 0, 1, 0, 1)  # one context, one transfer syntax
    return pdu(BIND, call, head + syntax + _NDR)


def bind_ack(call: int) -> bytes:
    """Accepted."""
    address = b"6001\0"
    padding = b"\0" * (-(2 + len(address)) % 4)
    results = struct.pack("<B3xHH", 1, 0, 0) + _NDR
    return pdu(BIND_ACK, call, struct.pack("<HHIH", MOST, MOST, 1, len(address)) + address + padding + results)
