"""Outlook's tunnel: RPC through two HTTP requests that never end, written from [MS-RPCH]."""

from __future__ import annotations

import asyncio
import base64
import ssl
import struct
import uuid

from attrs import define, field

from tests.support import rpc_pdus as pdus
from tests.support.octets import Comparison, pattern
from tests.support.process import Address
from tests.support.rpc_back_end import ECHO, GIGABYTE, PIECE, SEND, TAKE

WINDOW = 65536
INTERFACE = uuid.UUID("a4f1db00-ca47-1067-b31f-00dd010662da")  # Exchange's store
_TO_OUT_PROXY = 2


class RpcError(Exception):
    """The proxy refused; the text is its status line."""


@define(eq=False)
class RpcClient:
    """One virtual connection, through ``/rpc/rpcproxy.dll?ENDPOINT``."""

    address: Address
    host: str
    endpoint: str
    user: str
    password: str
    tls: ssl.SSLContext | None = None
    path: str = "/rpc/rpcproxy.dll"
    window: int = field(default=0, init=False)  # of the server, for what goes on IN
    sent: int = field(default=0, init=False)
    acknowledged: int = field(default=0, init=False)
    received: int = field(default=0, init=False)
    _room: asyncio.Event = field(factory=asyncio.Event, init=False)
    _answers: asyncio.Queue[pdus.Pdu] = field(factory=asyncio.Queue, init=False)
    _calls: int = field(default=0, init=False)
    _reading: asyncio.Task[None] | None = field(default=None, init=False)
    _channel: bytes = field(factory=lambda: uuid.uuid4().bytes, init=False)
    _in: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, init=False)
    _out: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, init=False)

    async def connect(self) -> None:
        """Both channels ([MS-RPCH] 3.2.2.4.1). Raises `RpcError`."""
        connection = uuid.uuid4().bytes
        self._out = await self._open("RPC_OUT_DATA", 76, pdus.conn_a1(connection, self._channel, WINDOW))
        self._in = await self._open(
            "RPC_IN_DATA", GIGABYTE, pdus.conn_b1(connection, uuid.uuid4().bytes, uuid.uuid4().bytes)
        )
        reader = self._out[0]
        await self._head(reader)
        pdus.commands_of(await pdus.read_pdu(reader))  # A3
        _, commands = pdus.commands_of(await pdus.read_pdu(reader))  # C2
        (self.window,) = struct.unpack("<I", pdus.value_of(commands, pdus.WINDOW))
        self._reading = asyncio.ensure_future(self._read(reader))
        await self._send(pdus.bind(self._next(), INTERFACE))
        assert (await self.answer()).kind == pdus.BIND_ACK

    async def open_in_only(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """IN without OUT: what a broken client leaves."""
        return await self._open(
            "RPC_IN_DATA", GIGABYTE, pdus.conn_b1(uuid.uuid4().bytes, self._channel, uuid.uuid4().bytes)
        )

    async def echo(self, stub: bytes) -> bytes:
        """A call that answers with what it was given."""
        call = await self._call(ECHO, stub)
        found = await self.answer()
        assert found.call == call
        return found.body[8:]

    async def upload(self, octets: int) -> int:
        """So many octets of the pattern on IN; how many of them arrived right."""
        for offset in range(0, octets, PIECE):
            await self._call(TAKE, bytes(pattern(offset, min(PIECE, octets - offset))))
        await self._call(TAKE, b"")
        return int(struct.unpack_from("<Q", (await self.answer()).body, 8)[0])

    async def download(self, octets: int) -> int:
        """So many octets on OUT; how many of them are right."""
        await self._call(SEND, struct.pack("<Q", octets))
        return await self.compare(octets)

    async def compare(self, octets: int) -> int:
        """What comes on OUT, with the pattern."""
        found = Comparison()
        while found.right < octets and not found.wrong:
            found.add((await self.answer()).body[8:])
        return found.right

    async def answer(self) -> pdus.Pdu:
        """The next PDU of RPC on OUT. Raises `RpcError` when there will be none."""
        waiting = asyncio.ensure_future(self._answers.get())
        assert self._reading is not None
        await asyncio.wait([waiting, self._reading], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            raise RpcError("the OUT channel has ended")
        return waiting.result()

    async def close(self) -> None:
        """Leave."""
        if self._reading is not None:
            self._reading.cancel()
        for channel in (self._in, self._out):
            if channel is not None:
                channel[1].close()
                await asyncio.sleep(0)

    async def begin_download(self, octets: int) -> None:
        """Ask, and do not wait."""
        await self._call(SEND, struct.pack("<Q", octets))

    async def _call(self, operation: int, stub: bytes) -> int:
        call = self._next()
        await self._send(pdus.request(call, operation, stub))
        return call

    def _next(self) -> int:
        self._calls += 1
        return self._calls

    async def _send(self, octets: bytes) -> None:
        """RPC to the server, as soon as its window lets it."""
        while self.sent - self.acknowledged + len(octets) > self.window:
            self._room.clear()
            await self._room.wait()
        self.sent += len(octets)
        await self._write(octets)

    async def _write(self, octets: bytes) -> None:
        assert self._in is not None
        self._in[1].write(octets)
        await self._in[1].drain()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                await self._received(await pdus.read_pdu(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    async def _received(self, found: pdus.Pdu) -> None:
        if found.kind == pdus.RTS:
            flags, commands = pdus.commands_of(found)
            if flags == pdus.OTHER_COMMAND_FLAG:
                self.acknowledged, self.window = pdus.acknowledged(commands)
                self._room.set()
            return
        self.received += found.octets
        self._answers.put_nowait(found)
        await self._write(pdus.flow_control_ack(_TO_OUT_PROXY, self.received, WINDOW, self._channel))

    async def _open(self, method: str, length: int, first: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self.address, ssl=self.tls)
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        lines = (
            f"{method} {self.path}?{self.endpoint} HTTP/1.1", f"Host: {self.host}", "Accept: application/rpc",
            "User-Agent: MSRPC", f"Content-Length: {length}", "Connection: Keep-Alive", "Cache-Control: no-cache",
            "Pragma: no-cache", f"Authorization: Basic {credentials}", "", "",
        )  # fmt: skip
        writer.write("\r\n".join(lines).encode())
        writer.write(first[:length])
        await writer.drain()
        return reader, writer

    async def _head(self, reader: asyncio.StreamReader) -> None:
        while (head := await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 "):
            pass
        if not head.startswith(b"HTTP/1.1 200 Success\r\n"):
            raise RpcError(head.partition(b"\r\n")[0].decode())


async def probe(client: RpcClient) -> bytes:
    """An echo request ([MS-RPCH] 2.1.2.1.5): the body that answers it."""
    reader, writer = await client._open("RPC_IN_DATA", 4, b"\0\0\0\0")
    await client._head(reader)
    found = await reader.readexactly(20)
    writer.close()
    return found
