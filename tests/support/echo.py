"""A web-socket server that sends back what it gets; ``close CODE`` makes it close with that code.

Runs as a process of its own: see `Echo`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve

from tests.support.process import Daemon, free_port

_MOST = 16 * 1024 * 1024  # octets of a message


class Echo:
    """The process; serves on `address`, port `port`."""

    def __init__(self, folder: Path, address: str) -> None:
        self.address = address
        self.port = free_port(address)
        argv = [sys.executable, "-m", "tests.support.echo", address, str(self.port)]
        environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
        self.daemon = Daemon(argv, folder / "echo.log", [(address, self.port)], environment)


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        if isinstance(message, str) and message.startswith("close "):
            await connection.close(int(message.split()[1]))
            return
        await connection.send(message)


async def _run(address: str, port: int) -> None:
    async with serve(_echo, address, port, max_size=_MOST) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], int(sys.argv[2])))
