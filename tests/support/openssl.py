"""``openssl s_client``: what a TLS client sees of a listener."""

from __future__ import annotations

import subprocess

from attrs import frozen

from tests.support.process import Address, program


@frozen
class Seen:
    """How it ended, and all that it printed."""

    status: int
    text: str

    @property
    def connected(self) -> bool:
        """Whether the handshake came to its end."""
        return "Cipher is (NONE)" not in self.text and "Cipher is " in self.text

    def value(self, name: str) -> str:
        """What stands behind ``name:`` or ``name,`` first; empty where nothing does."""
        for line in self.text.splitlines():
            line = line.strip()
            for separator in (":", ","):
                if line.startswith(name + separator):
                    return line[len(name) + 1 :].strip()
        return ""


def s_client(address: Address, *options: str, said: bytes = b"", seconds: float = 20.0) -> Seen:
    """Connect, say `said` and read to the end of what the server has to say within a moment."""
    command = [program("openssl", "openssl"), "s_client", "-connect", f"{address[0]}:{address[1]}", *options]
    try:
        ended = subprocess.run(command, input=said, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as slow:
        raise AssertionError(f"openssl takes too long: {slow.stdout!r}") from None
    return Seen(ended.returncode, (ended.stdout + ended.stderr).decode("utf-8", "replace"))
