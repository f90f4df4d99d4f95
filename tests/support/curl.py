"""curl as a client of HTTP: one request over verified TLS, its answer read from what curl prints."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.clients import Page
from tests.support.process import Address, program

_TIME = 60


def curl(name: str, path: str, at: Address, ca_file: Path, headers: Sequence[str], *options: str) -> Page:
    """Ask the host `name`, which is `at` that address, for `path`; `headers` are whole lines that no command shows."""
    address, port = at
    argv = [
        program("curl", "curl"), "--silent", "--show-error", "--include", "--http1.1", "--path-as-is", "--globoff",
        "--max-time", str(_TIME), "--noproxy", "*", "--cacert", str(ca_file),
        "--resolve", f"{name}:{port}:{address}", *options, "--config", "-", f"https://{name}:{port}{path}",
    ]  # fmt: skip
    lines = "".join(f'header = "{_quoted(line)}"\n' for line in (f"Host: {name}", "Expect:", *headers))
    done = subprocess.run(argv, input=lines.encode(), capture_output=True, timeout=_TIME + 10, check=False)
    if done.returncode:
        raise AssertionError(f"curl: {done.returncode}: {done.stderr.decode('utf-8', 'backslashreplace')}")
    return _page(done.stdout)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _page(octets: bytes) -> Page:
    head, _, body = octets.partition(b"\r\n\r\n")
    while head.split(b" ", 2)[1].startswith(b"1"):
        head, _, body = body.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    pairs = (field.partition(": ") for field in fields)
    return Page(int(line.split(" ")[1]), {name.lower(): value for name, _, value in pairs}, body)
