"""exfront as it runs for real: a `twistd` process with a configuration file, its access log, its sockets."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.process import Address, Daemon, free_port, wait_until

Section = Mapping[str, Any]

# All clients of a test run come from one address: its failures must not delay the next test's.
UNGUARDED: Section = {
    "failure_delay": 0.0, "failures_per_network": 1_000_000, "failure_memory_time": 0.0, "lockout_threshold": 999,
    "failures_per_account": 1_000, "credential_cache_time": 0.0,
}  # fmt: skip

# All users of a load test come from one address, and some are one user.
ROOMY: Section = {"connections_per_account": 1_000_000, "connections_per_account_and_address": 1_000_000}

# ``make test TRANSPORTS=twisted`` runs all processes on that make where a test does not say otherwise.
TRANSPORTS: Section = {"transports": os.environ.get("TRANSPORTS", "lean")}

_LISTEN = "0A"  # of the states in /proc/net/tcp
_GONE = ("06", "07")  # TIME_WAIT, CLOSE: the kernel's business


class ExFront:
    """One process. `settings` are the sections of exfront.toml; [[listener]], [log], [control] and [authentication]
    are added here.

    `listeners` maps a name of the test's choice to a [[listener]] without its address, unless it is a Unix socket;
    `ports` says where each is. `before` is a program that runs it, with arguments.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Section | Sequence[Section]], listeners: Mapping[str, Section],
        address: str = "127.0.0.30", before: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.folder = folder
        self.address = address
        self.ports = {name: free_port(address) for name, section in listeners.items() if "address" not in section}
        self.configuration = folder / "exfront.toml"
        self._access = folder / "access.log"
        sections: dict[str, Any] = {
            "log": {"access": str(self._access), "format": "json"},
            "control": {"allow_root": True},
            "authentication": UNGUARDED,
            **settings,
            "limits": {**ROOMY, **settings.get("limits", {})},
            "process": {**TRANSPORTS, **settings.get("process", {})},
            "listener": [
                section if "address" in section else {**section, "address": f"{address}:{self.ports[name]}"}
                for name, section in listeners.items()
            ],
        }
        self.configuration.write_text(toml(sections))
        twistd = str(Path(sys.executable).with_name("twistd"))
        argv = [sys.executable, twistd, "--nodaemon", "--pidfile=", "exfront", "--config", str(self.configuration)]
        self.daemon = Daemon([*before, *argv], folder / "server.log", [self.at(name) for name in self.ports])

    def at(self, listener: str) -> Address:
        """Where a listener accepts connections."""
        return self.address, self.ports[listener]

    def start(self) -> None:
        """Run it until its listeners are open."""
        self.daemon.start()

    def stop(self, seconds: float = 40.0) -> int:
        """SIGTERM, as a supervisor does. Returns the exit status, -9 where it had to be killed after `seconds`."""
        return self.daemon.stop(seconds, signal.SIGTERM)

    def access_lines(self) -> list[dict[str, str]]:
        """The access log so far, by column name."""
        if not self._access.exists():
            return []
        text = self._access.read_text("utf-8")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def lines_since(self, mark: int, count: int, seconds: float = 10.0) -> list[dict[str, str]]:
        """The access-log lines after the first `mark`, when there are `count` of them; more is a failure too."""
        wait_until(lambda: len(self.access_lines()) >= mark + count, f"{count} access-log lines", seconds)
        lines = self.access_lines()[mark:]
        assert len(lines) == count, f"{count} access-log lines expected: {lines}"
        return lines

    def settle(self, listener: str = "imap-clear") -> None:
        """Return when the access log has a line for all that ended so far: a session of our own makes the last one."""
        before = len(self.access_lines())
        with socket.create_connection(self.at(listener), 10) as probe:
            client = "{}:{}".format(*probe.getsockname())
        wait_until(lambda: client in [line["c-ip"] for line in self.access_lines()[before:]], "our own access-log line")

    def server_log(self) -> str:
        """All that the process printed: its own log, and tracebacks if there are any."""
        return self.daemon.log_text()

    def connections(self, but_to: Collection[Address] = ()) -> list[str]:
        """Each TCP connection that the process holds, as `local remote state`; those to `but_to` are left out."""
        return _connections(self.daemon.pid, but_to)

    def wait_for_connections(self, count: int, but_to: Collection[Address], seconds: float = 10.0) -> None:
        """Fails when the process does not come (back) to `count` connections."""
        limit = time.monotonic() + seconds
        while len(held := self.connections(but_to)) != count:
            assert time.monotonic() < limit, f"{count} connections expected, held: {held}"
            time.sleep(0.05)

    def peak_memory(self) -> int:
        """The most octets of memory that the process had resident so far (VmHWM)."""
        status = Path(f"/proc/{self.daemon.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def _connections(pid: int, but_to: Collection[Address]) -> list[str]:
    ours = {inode for entry in Path(f"/proc/{pid}/fd").iterdir() if (inode := _socket(entry))}
    found = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        local, remote, state, inode = (line.split()[column] for column in (1, 2, 3, 9))
        if inode in ours and state != _LISTEN and state not in _GONE and _address(remote) not in but_to:
            found.append(f"{_address(local)} {_address(remote)} {state}")
    return found


def _socket(entry: Path) -> str:
    try:
        target = str(entry.readlink())
    except FileNotFoundError:
        return ""
    return target[8:-1] if target.startswith("socket:[") else ""


def _address(text: str) -> Address:
    """An address of /proc/net/tcp: the IPv4 address in the machine's own order of octets."""
    host, _, port = text.partition(":")
    octets = int(host, 16).to_bytes(4, sys.byteorder)
    return ".".join(str(octet) for octet in octets), int(port, 16)


def toml(sections: Mapping[str, Any], path: str = "") -> str:
    """Write nested mappings as TOML: plain values first, then tables and arrays of tables."""
    plain = [f"{_key(key)} = {_value(value)}\n" for key, value in sections.items() if not _is_table(value)]
    tables = []
    for key, value in sections.items():
        name = f"{path}{key}"
        if isinstance(value, Mapping):
            tables.append(f"\n[{name}]\n{toml(value, name + '.')}")
        elif _is_table(value):
            tables += [f"\n[[{name}]]\n{toml(each, name + '.')}" for each in value]
    return "".join(plain + tables)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _is_table(value: object) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _value(value: object) -> str:
    """JSON's spelling of strings, numbers, booleans and lists is TOML's too."""
    return json.dumps(str(value) if isinstance(value, Path) else value)
