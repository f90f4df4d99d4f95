"""Real programs for tests: started in the foreground in a session of their own, stopped by pid whatever happens.

Nothing here knows which program it runs. A program that is not installed fails the test (`MissingProgramError`, with
the Debian package that holds it) and never skips it: a suite that passes because its servers are away proves nothing.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

Address = tuple[str, int]

START_TIME = 30.0  # seconds until a program must listen on its ports; slow machines load slapd's schema for a while
STOP_TIME = 10.0  # seconds between SIGTERM and SIGKILL

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
_PR_SET_PDEATHSIG = 1
_LISTEN = "0A"  # of the states in /proc/net/tcp
_libc = ctypes.CDLL(None)
_used_ports: set[Address] = set()


class MissingProgramError(AssertionError):
    """A program that the tests need is not installed."""


class DidNotStartError(AssertionError):
    """A program ended, or was silent, instead of serving; the text has the end of its log."""


def program(name: str, package: str) -> str:
    """The path of a program, also of one in an sbin folder. Raises `MissingProgramError`."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise MissingProgramError(f"{name} is not installed: apt-get install {package}")
    return found


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that is free on `host`, below the range that the kernel gives to clients, and never given twice."""
    for _ in range(1000):
        port = random.randrange(12_000, 32_000)
        if (host, port) in _used_ports:
            continue
        with closing(socket.socket()) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _used_ports.add((host, port))
        return port
    raise AssertionError(f"no free port on {host}")


def temporary_folder(name: str) -> Path:
    """A folder that servers of other users may enter; gone at the end of the process at the latest."""
    folder = Path(tempfile.mkdtemp(prefix=f"exfront-{name}-"))
    folder.chmod(0o755)
    atexit.register(remove, folder)
    return folder


def remove(folder: Path) -> None:
    """Delete a folder and all in it; a server's last write may race with it, so it tries for a while."""
    limit = time.monotonic() + 5
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=time.monotonic() < limit)


def wait_until(condition: Callable[[], object], why: str, seconds: float = 10.0) -> None:
    """Return when `condition` is true; fail with `why` after `seconds`."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise AssertionError(f"after {seconds:g} s still not: {why}")
        time.sleep(0.02)


def listens(address: Address) -> bool:
    """Whether a socket listens there; unlike a connection of ours, looking leaves no trace in a server's log."""
    host = int.from_bytes(socket.inet_aton(address[0]), sys.byteorder)
    wanted = f"{host:08X}:{address[1]:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1] == wanted and line.split()[3] == _LISTEN for line in lines)


def _is_free(address: Address) -> bool:
    return not listens(address)


class Daemon:
    """One program. `log` takes what it prints; on all of `ports` it must listen before `start` returns.

    The same object can be started again after a stop: on the same ports, with its log continued.
    """

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        ports: Sequence[Address] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.argv = tuple(argv)
        self.log = log
        self.ports = tuple(ports)
        self.environment = dict(os.environ, **(environment or {}))
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        """The process id of the running program."""
        assert self._process is not None, f"{self.argv[0]} is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the program has not ended."""
        return self._process is not None and not _has_ended(self._process.pid)

    def log_text(self) -> str:
        """All that it printed so far."""
        return self.log.read_text("utf-8", "backslashreplace") if self.log.exists() else ""

    def start(self, seconds: float = START_TIME) -> None:
        """Run it and wait for its ports. Raises `DidNotStartError`.

        From the main thread only: to the kernel the thread that starts a process is the parent that it may not outlive.
        """
        assert threading.current_thread() is threading.main_thread()
        for address in self.ports:
            wait_until(partial(_is_free, address), f"{address} free for {self.argv[0]}")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self.environment,
                cwd="/", start_new_session=True, preexec_fn=_end_with_parent,
            )  # fmt: skip
        limit = time.monotonic() + seconds
        waiting = list(self.ports)
        while waiting:
            if not self.running or time.monotonic() > limit:
                self.kill()
                raise DidNotStartError(f"{' '.join(self.argv)}\nnot listening on {waiting}\n{self.log_text()[-4000:]}")
            waiting = [address for address in waiting if not listens(address)]
            time.sleep(0.02)

    def stop(self, seconds: float = STOP_TIME, by: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; kill it after `seconds`. Returns its exit status, negative for a signal; 0 if not running."""
        if self._process is None:
            return 0
        process = self._process
        os.kill(process.pid, by)
        limit = time.monotonic() + seconds
        while not _has_ended(process.pid) and time.monotonic() < limit:
            time.sleep(0.01)
        return self._reap(process)

    def kill(self) -> None:
        """End it, and all that it started, at once; does nothing if it is not running."""
        if self._process is not None:
            self._reap(self._process)

    def _reap(self, process: subprocess.Popen[bytes]) -> int:
        """The leader is waited for last, so that its number, the group's name, cannot be another's in between."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        self._process = None
        return process.wait(STOP_TIME)


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end_with_parent() -> None:
    """Runs in the child: a test run that is itself killed must not leave servers behind."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
