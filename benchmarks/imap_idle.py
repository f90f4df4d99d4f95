"""Memory of an idle IMAP4 session, client and back-end connection together. Run: python -m benchmarks.imap_idle [many].

The difference between many sessions and a few, in processes started for each figure; what they hold stays theirs. With
"many": as many sessions as descriptors allow, whether their memory is linear, and what they cost while they wait.
"""

from __future__ import annotations

import resource
import socket
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from attrs import frozen

from benchmarks.measure import cpu_seconds, proportional_memory
from benchmarks.nginx import Nginx
from benchmarks.silent_imap import SilentImap
from benchmarks.stage import MANY
from tests.support.exfront import UNGUARDED
from tests.support.mail_site import MailSite
from tests.support.population import Person
from tests.support.process import Address, Daemon, temporary_folder

_FEW, _MANY = 50, 1050
_STEPS = (3000, 6000, 8500)
_WAIT = 20.0  # seconds in which nothing is to happen


@frozen
class _Peer:
    daemon: Daemon
    plain: Address
    secure: Address


class _Stage:
    """A directory, and one mailbox server that holds any number of sessions."""

    def __init__(self) -> None:
        self.site = MailSite(80)
        self.back_end = SilentImap(temporary_folder("silent"), "127.0.0.32")
        self.back_end.daemon.start()
        self.users = self.site.living_on("chicago")
        self.tls = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
        self.tls.check_hostname = False

    def exfront(self, transports: str) -> _Peer:
        address, port = self.back_end.address
        front = self.site.exfront(
            process={"transports": transports},
            authentication={**UNGUARDED, "mail_credential_cache_time": 600.0},
            limits=dict.fromkeys(MANY, 100_000),
            server=[self.site.chicago.section(address=address, imap4=port)],
        )
        front.start()
        return _Peer(front.daemon, front.at("imap-clear"), front.at("imaps"))

    def nginx(self) -> _Peer:
        nginx = Nginx(temporary_folder("nginx"), self.back_end.address, self.site.certificate)
        nginx.start()
        return _Peer(nginx.daemon, nginx.imap, nginx.imaps)


def main() -> None:
    """Print the tables."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    stage = _Stage()
    if "many" in sys.argv:
        _print_many(stage)
        return
    print(f"\nIMAP4: {_MANY - _FEW} idle sessions, kB each\n  {'':<28}{'plain':>10}{'TLS':>10}")
    candidates: dict[str, Callable[[], _Peer]] = {
        "exfront": lambda: stage.exfront("lean"),
        "exfront, Twisted's": lambda: stage.exfront("twisted"),
        "nginx mail": stage.nginx,
    }
    for name, start in candidates.items():
        figures = [_idle(stage, start(), tls) for tls in (None, stage.tls)]
        print(f"  {name:<28}{figures[0]:>10.1f}{figures[1]:>10.1f}", flush=True)


def _idle(stage: _Stage, peer: _Peer, tls: ssl.SSLContext | None) -> float:
    with ExitStack() as stack:
        held = _Held(stage, peer, tls, stack)
        few = held.hold(_FEW)
        many = held.hold(_MANY)
    peer.daemon.stop()
    return (many - few) / (_MANY - _FEW) / 1000


def _print_many(stage: _Stage) -> None:
    peer = stage.exfront("lean")
    print(f"\nIMAP4: idle sessions, kB each above {_FEW}; ms of CPU in {_WAIT:.0f} s of silence")
    with ExitStack() as stack:
        held = _Held(stage, peer, None, stack)
        few = held.hold(_FEW)
        for count in _STEPS:
            memory = held.hold(count)
            before = cpu_seconds(peer.daemon.pid)
            time.sleep(_WAIT)
            spent = cpu_seconds(peer.daemon.pid) - before
            print(
                f"  {count:<10}{(memory - few) / (count - _FEW) / 1000:>10.2f} kB{spent * 1000:>10.1f} ms", flush=True
            )
        held.noop()
    peer.daemon.stop()


class _Held:
    """Sessions that wait."""

    def __init__(self, stage: _Stage, peer: _Peer, tls: ssl.SSLContext | None, stack: ExitStack) -> None:
        self._users, self._peer, self._tls, self._stack = stage.users, peer, tls, stack
        self._sessions: list[socket.socket] = []

    def hold(self, count: int) -> int:
        """That many in all; the memory of the process then."""
        while len(self._sessions) < count:
            user = self._users[len(self._sessions) % len(self._users)]
            self._sessions.append(self._stack.enter_context(self._log_on(user)))
        return proportional_memory(self._peer.daemon.pid)

    def noop(self) -> None:
        """All still answer."""
        for session in self._sessions:
            _command(session, b"b NOOP", b"b OK")

    def _log_on(self, user: Person) -> socket.socket:
        plain = socket.create_connection(self._peer.plain if self._tls is None else self._peer.secure, timeout=30)
        session = plain if self._tls is None else self._tls.wrap_socket(plain)
        assert session.recv(4096).startswith(b"* OK")
        _command(session, b'a LOGIN "%s" "%s"' % (user.name.encode(), user.password), b"a OK")
        return session


def _command(session: socket.socket, line: bytes, answer: bytes) -> None:
    session.sendall(line + b"\r\n")
    found = session.recv(4096)
    assert found.startswith(answer), found


if __name__ == "__main__":
    main()
