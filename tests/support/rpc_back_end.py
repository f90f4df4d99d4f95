"""An RPC proxy and the server behind it in one, as [MS-RPCH] tells them: what Outlook's tunnel ends at.

Each channel is an HTTP request that never ends; the two that name one virtual connection belong together. Requests of
RPC come on IN, responses go on OUT, and both sides keep to the other's receive window. Operations: 0 answers with what
came, 1 sends as many octets of a pattern as are asked for, 2 compares what comes with the pattern and says how many
octets were right so far. A channel that ends takes the other with it. Runs as a process of its own: see `RpcBackEnd`.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import struct
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

from attrs import define, field

from tests.support import rpc_pdus as pdus
from tests.support.octets import Comparison, pattern
from tests.support.process import Daemon, free_port

ECHO, SEND, TAKE = 0, 1, 2
WINDOW = 65536
GIGABYTE = 1 << 30
PIECE = 4096
_ECHO_LENGTH = 16
_ECHO_ANSWER = pdus.rts(0x40)
_TIMEOUT = 120_000  # milliseconds
_TO_CLIENT = 0


class RpcBackEnd:
    """The process; `people` are passwords by name."""

    def __init__(self, folder: Path, address: str, people: Mapping[str, str]) -> None:
        self.address = address
        self.port = free_port(address)
        passwords = folder / "passwords.json"
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps(dict(people)))
        argv = [sys.executable, "-m", "tests.support.rpc_back_end", address, str(self.port), str(passwords)]
        environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
        self.daemon = Daemon(argv, folder / "rpc.log", [(address, self.port)], environment)

    def open_channels(self) -> int:
        """How many there are."""
        return int(self._ask("GET", "/channels"))

    def tear(self) -> None:
        """End each OUT channel in the middle of what it says, as a server that dies does."""
        self._ask("POST", "/tear")

    def _ask(self, method: str, path: str) -> bytes:
        with closing(http.client.HTTPConnection(self.address, self.port, timeout=20)) as connection:
            connection.request(method, path)
            return connection.getresponse().read()


# --- the process


@define(eq=False)
class _Channel:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@define(eq=False)
class _VirtualConnection:
    """Two channels, as soon as both are there."""

    inward: _Channel | None = None
    outward: _Channel | None = None
    complete: bool = False  # both channels are told so
    in_cookie: bytes = b""
    window: int = 0  # what the client takes
    sent: int = 0  # octets of RPC on OUT, and how many the client has acknowledged
    acknowledged: int = 0
    room: asyncio.Event = field(factory=asyncio.Event)
    taken: Comparison = field(factory=Comparison)
    received: int = 0
    sending: set[asyncio.Task[None]] = field(factory=set)

    async def send(self, octets: bytes) -> None:
        """RPC to the client, as soon as its window lets it."""
        while self.sent - self.acknowledged + len(octets) > self.window:
            self.room.clear()
            await self.room.wait()
        self.sent += len(octets)
        await self.write(octets)

    async def write(self, octets: bytes) -> None:
        assert self.outward is not None
        self.outward.writer.write(octets)
        await self.outward.writer.drain()

    def close(self) -> None:
        for task in self.sending:
            task.cancel()
        for channel in (self.inward, self.outward):
            if channel is not None:
                channel.writer.close()


@define(eq=False)
class _Server:
    passwords: Mapping[str, str]
    connections: dict[bytes, _VirtualConnection] = field(factory=dict)
    channels: int = 0

    async def serve(self, channel: _Channel) -> None:
        """One HTTP request."""
        head = (await channel.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.split("\r\n")[:-2]
        method, target, _ = line.split(" ")
        values = {name.lower(): value for name, value in (each.split(": ", 1) for each in fields)}
        if method in ("GET", "POST"):
            channel.writer.write(self._control(target))
        elif not self._knows(values.get("authorization", "")):
            channel.writer.write(_answer("401 Unauthorized", 'WWW-Authenticate: Basic realm="rpc"', length=0))
        elif int(values["content-length"]) <= _ECHO_LENGTH:
            channel.writer.write(_answer("200 Success", length=len(_ECHO_ANSWER)) + _ECHO_ANSWER)
        else:
            channel.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")  # unasked, as IIS does
            self.channels += 1
            try:
                await (self._inward(channel) if method == "RPC_IN_DATA" else self._outward(channel))
            finally:
                self.channels -= 1
        await channel.writer.drain()

    def _control(self, target: str) -> bytes:
        if target == "/tear":
            for connection in self.connections.values():
                if connection.outward is not None:
                    connection.outward.writer.write(pdus.response(9, b"x" * 100)[:50])
                    connection.outward.writer.close()
        text = str(self.channels).encode()
        return _answer("200 OK", "Connection: close", length=len(text)) + text

    def _knows(self, authorization: str) -> bool:
        with suppress(ValueError):
            name, _, password = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")
            return self.passwords.get(name) == password
        return False

    def _connection(self, commands: list[pdus.Command]) -> _VirtualConnection:
        return self.connections.setdefault(pdus.value_of(commands, pdus.COOKIE), _VirtualConnection())

    async def _outward(self, channel: _Channel) -> None:
        """[MS-RPCH] 3.2.5.3: A1 comes, the answer begins; A3, and C2 when IN is there too."""
        _, commands = pdus.commands_of(await pdus.read_pdu(channel.reader))
        connection = self._connection(commands)
        connection.outward = channel
        (connection.window,) = struct.unpack("<I", pdus.value_of(commands, pdus.WINDOW))
        channel.writer.write(_answer("200 Success", length=GIGABYTE) + pdus.conn_a3(_TIMEOUT))
        await channel.writer.drain()
        if connection.inward is not None:
            await self._complete(connection)
        await channel.reader.read()  # nothing more comes; its end is the channel's
        connection.close()

    async def _inward(self, channel: _Channel) -> None:
        _, commands = pdus.commands_of(await pdus.read_pdu(channel.reader))
        connection = self._connection(commands)
        connection.inward = channel
        connection.in_cookie = pdus.value_of(commands, pdus.COOKIE, 1)
        if connection.outward is not None:
            await self._complete(connection)
        try:
            while True:
                await self._received(connection, await pdus.read_pdu(channel.reader))
        finally:
            connection.close()

    async def _complete(self, connection: _VirtualConnection) -> None:
        if not connection.complete:
            connection.complete = True
            await connection.write(pdus.conn_c2(WINDOW, _TIMEOUT))

    async def _received(self, connection: _VirtualConnection, found: pdus.Pdu) -> None:
        if found.kind == pdus.RTS:
            flags, commands = pdus.commands_of(found)
            if flags == pdus.OTHER_COMMAND_FLAG:
                connection.acknowledged, connection.window = pdus.acknowledged(commands)
                connection.room.set()
            return
        connection.received += found.octets
        if found.kind == pdus.BIND:
            await connection.send(pdus.bind_ack(found.call))
        else:
            _, _, operation = struct.unpack_from("<IHH", found.body)
            await self._called(connection, found.call, operation, found.body[8:])
        ack = pdus.flow_control_ack(_TO_CLIENT, connection.received, WINDOW, connection.in_cookie)
        await connection.write(ack)

    async def _called(self, connection: _VirtualConnection, call: int, operation: int, stub: bytes) -> None:
        if operation == TAKE:
            connection.taken.add(stub)
            told = struct.pack("<QI", connection.taken.right, connection.taken.wrong)
            stub = told if connection.taken.wrong or len(stub) < PIECE else b""
            if not stub:
                return
        if operation == SEND:
            task = asyncio.ensure_future(_send(connection, call, struct.unpack("<Q", stub)[0]))
            connection.sending.add(task)
            return
        await connection.send(pdus.response(call, stub))


async def _send(connection: _VirtualConnection, call: int, octets: int) -> None:
    for offset in range(0, octets, PIECE):
        await connection.send(pdus.response(call, bytes(pattern(offset, min(PIECE, octets - offset)))))


def _answer(status: str, *fields: str, length: int) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/rpc", f"Content-Length: {length}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


async def _run(address: str, port: int, server: _Server) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                await server.serve(_Channel(reader, writer))
        writer.close()

    listening = await asyncio.start_server(serve, address, port)
    await listening.serve_forever()


def _main(address: str, port: str, passwords: str) -> None:
    asyncio.run(_run(address, int(port), _Server(json.loads(Path(passwords).read_text()))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
