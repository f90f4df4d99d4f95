"""A web back end that sends and takes bodies of any size without a disk, and holds requests until it is told.

``GET …/down/N`` sends N octets of a pattern in which no two places nearby look alike; a body that is sent to any other
path is compared with the same pattern, octet for octet, and the answer says how many were right. ``GET …/held/NAME``,
and a Ping of ActiveSync, is answered when ``POST /release`` came. Runs as a process of its own: see `Octets`.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import resource
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import h11
from attrs import define, field

from tests.support.process import Daemon, free_port

_PERIOD = 65_521  # a prime: no buffer's size divides it
_TILE = (bytes(range(251)) * (_PERIOD // 251 + 1))[:_PERIOD]
PIECE = 1 << 20
_TILES = _TILE * (PIECE // _PERIOD + 2)  # any piece lies in it as a whole
_VIEW = memoryview(_TILES)


def pattern(offset: int, octets: int) -> memoryview:
    """What stands at `offset`; at most `PIECE` octets."""
    start = offset % _PERIOD
    return _VIEW[start : start + octets]


def pieces(octets: int, size: int = PIECE) -> Iterator[memoryview]:
    """The first `octets` of the pattern."""
    for offset in range(0, octets, size):
        yield pattern(offset, min(size, octets - offset))


@define
class Comparison:
    """Octets that came, as long as they are the right ones."""

    right: int = 0
    wrong: bool = False

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """The next piece."""
        for start in range(0, len(data), PIECE):
            piece = memoryview(data)[start : start + PIECE]
            self.wrong = self.wrong or not _TILES.startswith(piece, self.right % _PERIOD)
            self.right += 0 if self.wrong else len(piece)


class Octets:
    """The process; serves on `address`, port `port`."""

    def __init__(self, folder: Path, address: str) -> None:
        self.address = address
        self.port = free_port(address)
        argv = [sys.executable, "-m", "tests.support.octets", address, str(self.port)]
        environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
        self.daemon = Daemon(argv, folder / "octets.log", [(address, self.port)], environment)

    def held(self) -> int:
        """How many requests wait."""
        return int(self._ask("GET", "/held"))

    def release(self) -> None:
        """Answer all that wait."""
        self._ask("POST", "/release")

    def _ask(self, method: str, path: str) -> bytes:
        with closing(http.client.HTTPConnection(self.address, self.port, timeout=60)) as connection:
            connection.request(method, path)
            return connection.getresponse().read()


# --- the process


@define(eq=False)
class _Held:
    """Requests that wait for the next release."""

    count: int = 0
    released: asyncio.Event = field(factory=asyncio.Event)

    async def wait(self) -> None:
        self.count += 1
        try:
            await self.released.wait()
        finally:
            self.count -= 1

    def release(self) -> None:
        self.released.set()
        self.released = asyncio.Event()


@define(eq=False)
class _Connection:
    held: _Held
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    machine: h11.Connection = field(factory=lambda: h11.Connection(h11.SERVER))

    async def run(self) -> None:
        """Until the peer leaves."""
        with suppress(ConnectionError, h11.RemoteProtocolError):
            while await self._request():
                self.machine.start_next_cycle()
        self.writer.close()

    async def _request(self) -> bool:
        head = await self._event()
        if not isinstance(head, h11.Request):
            return False
        body = Comparison()
        if self.machine.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            body.add(event.data)
        path, _, query = head.target.partition(b"?")
        await self._answer(path.split(b"/"), query.startswith(b"Cmd=Ping&"), body)
        return self.machine.our_state is h11.DONE

    async def _event(self) -> h11.Event:
        while (event := self.machine.next_event()) is h11.NEED_DATA:
            self.machine.receive_data(await self.reader.read(PIECE))
        return event

    async def _answer(self, path: list[bytes], ping: bool, body: Comparison) -> None:
        if path[-2:-1] == [b"down"]:
            await self._down(int(path[-1]))
            return
        if ping or path[-2:-1] == [b"held"]:
            await self.held.wait()
        elif path == [b"", b"release"]:
            self.held.release()
        told = (
            str(self.held.count) if path == [b"", b"held"] else json.dumps({"right": body.right, "wrong": body.wrong})
        )
        self._send(h11.Response(status_code=200, headers=[("Content-Length", str(len(told)))]))
        self._send(h11.Data(data=told.encode()))
        self._send(h11.EndOfMessage())
        await self.writer.drain()

    async def _down(self, octets: int) -> None:
        self._send(h11.Response(status_code=200, headers=[("Content-Length", str(octets))]))
        for piece in pieces(octets, 1 << 18):
            self._send(h11.Data(data=piece))
            await self.writer.drain()
        self._send(h11.EndOfMessage())
        await self.writer.drain()

    def _send(self, event: h11.Event) -> None:
        for data in self.machine.send_with_data_passthrough(event) or ():
            self.writer.write(data)


async def serve_each(
    address: str, port: int, connection: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> None:
    """Serve there until killed, with as many descriptors as there may be."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    server = await asyncio.start_server(connection, address, port, limit=PIECE, backlog=4096)
    await server.serve_forever()


async def _run(address: str, port: str) -> None:
    held = _Held()
    await serve_each(address, int(port), lambda reader, writer: _Connection(held, reader, writer).run())


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:]))
