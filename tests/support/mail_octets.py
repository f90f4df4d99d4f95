"""An IMAP4 back end for load and faults: lets everybody in, sends and takes literals of any size without a disk.

Behind the log-on: ``FETCH N`` sends a literal of N octets of the pattern of `tests.support.octets`, ``APPEND INBOX
{N}`` answers with the SHA-256 of what came; everything else is OK. Muted (SIGUSR1, and again to end it) it reads on,
and nothing that it says arrives, as when a network loses one direction. Runs as a process of its own: see
`MailOctets`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

from attrs import define

from tests.support.octets import PIECE, pieces, serve_each
from tests.support.process import Daemon, free_port

_GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN IDLE] ready\r\n"
_LITERAL = re.compile(rb"\{([0-9]+)\}\r\n\Z")


def sha256(octets: int) -> str:
    """Of the first `octets` of the pattern."""
    digest = hashlib.sha256()
    for piece in pieces(octets):
        digest.update(piece)
    return digest.hexdigest()


class MailOctets:
    """The process; serves on `address`, port `port`."""

    def __init__(self, folder: Path, address: str) -> None:
        self.address = address
        self.port = free_port(address)
        argv = [sys.executable, "-m", "tests.support.mail_octets", address, str(self.port)]
        environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
        self.daemon = Daemon(argv, folder / f"mail-octets-{address}.log", [(address, self.port)], environment)

    def toggle(self) -> None:
        """Mute it, or end that."""
        os.kill(self.daemon.pid, signal.SIGUSR1)


# --- the process


@define
class _Mouth:
    muted: bool = False

    def toggle(self) -> None:
        self.muted = not self.muted


@define(eq=False)
class _Connection:
    mouth: _Mouth
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def run(self) -> None:
        """Until the peer leaves."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._say(_GREETING)
            while line := await self.reader.readline():
                await self._command(line)
        self.writer.close()

    async def _command(self, line: bytes) -> None:
        tag, _, rest = line.rstrip(b"\r\n").partition(b" ")
        verb, _, argument = rest.partition(b" ")
        if verb.upper() == b"FETCH":
            await self._send(int(argument))
        elif literal := _LITERAL.search(line):
            await self._take(tag, int(literal[1]))
            return
        await self._say(tag + b" OK done\r\n")

    async def _send(self, octets: int) -> None:
        await self._say(b"* 1 FETCH (BODY[] {%d}\r\n" % octets)
        for piece in pieces(octets, 1 << 16):
            await self._say(piece)
        await self._say(b")\r\n")

    async def _take(self, tag: bytes, octets: int) -> None:
        await self._say(b"+ go\r\n")
        digest = hashlib.sha256()
        left = octets
        while left and (data := await self.reader.read(min(left, PIECE))):
            digest.update(data)
            left -= len(data)
        await self.reader.readline()
        await self._say(b"%b OK %b\r\n" % (tag, digest.hexdigest().encode()))

    async def _say(self, data: bytes | memoryview) -> None:
        if not self.mouth.muted:
            self.writer.write(data)
            await self.writer.drain()


async def _run(address: str, port: str) -> None:
    mouth = _Mouth()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, mouth.toggle)
    await serve_each(address, int(port), lambda reader, writer: _Connection(mouth, reader, writer).run())


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:]))
