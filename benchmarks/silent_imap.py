"""An IMAP4 server that lets everybody in and then waits: holds thousands of sessions where Dovecot has a process each.

Runs as a process of its own: see `SilentImap`.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from tests.support.process import Address, Daemon, free_port

_GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n"
_ANSWER = b"%b OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] done\r\n"


class SilentImap:
    """The process; serves at `address`."""

    def __init__(self, folder: Path, host: str) -> None:
        self.address: Address = (host, free_port(host))
        argv = [sys.executable, "-m", "benchmarks.silent_imap", host, str(self.address[1])]
        environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
        self.daemon = Daemon(argv, folder / "silent-imap.log", [self.address], environment)


class _Session(asyncio.Protocol):
    """Asks for literals, and answers OK to each command."""

    _tag = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        for line in data.splitlines():
            self._tag = self._tag or line.partition(b" ")[0]
            if line.endswith(b"}"):
                self._transport.write(b"+ OK\r\n")
            else:
                self._transport.write(_ANSWER % self._tag)
                self._tag = b""


async def _serve(host: str, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Session, host, port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
