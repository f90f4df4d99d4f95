"""CPU time of one IMAP4 session: connect, LOGIN, LOGOUT. Run: python -m benchmarks.imap_login [plain] [tls].

exfront knows the user from a moment ago, as nginx does from the fixed answer that it asks for each time; the line
"binds" is exfront when it must ask the directory about each password.
"""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Callable

from benchmarks.measure import compare, in_threads
from benchmarks.stage import Stage
from tests.support.process import Address

_SESSIONS = 600
_THREADS = 4
_ROUNDS = 5


def main() -> None:
    """Print the tables."""
    stage = Stage()
    wanted = sys.argv[1:] or ["plain", "tls"]
    if "plain" in wanted:
        candidates = {
            "exfront": (stage.front.daemon.pid, _work(stage, stage.front.at("imap-clear"))),
            "exfront, Twisted's": (stage.twisted.daemon.pid, _work(stage, stage.twisted.at("imap-clear"))),
            "nginx mail": (stage.nginx.daemon.pid, _work(stage, stage.nginx.imap)),
        }
        if "binds" in wanted or len(wanted) > 1:
            binds = stage.exfront("lean", remembers=0.0)
            candidates["exfront, binds"] = (binds.daemon.pid, _work(stage, binds.at("imap-clear")))
        _compare("in the clear", candidates)
    if "tls" in wanted:
        context = ssl.create_default_context(cafile=str(stage.site.authority.ca_file))
        context.check_hostname = False
        _compare(
            "a full handshake, P-256",
            {
                "exfront": (stage.front.daemon.pid, _work(stage, stage.front.at("imaps"), context)),
                "exfront, Twisted's": (stage.twisted.daemon.pid, _work(stage, stage.twisted.at("imaps"), context)),
                "nginx mail": (stage.nginx.daemon.pid, _work(stage, stage.nginx.imaps, context)),
            },
        )


def _compare(what: str, candidates: dict[str, tuple[int, Callable[[], float]]]) -> None:
    title = f"IMAP4: connect, LOGIN, LOGOUT, {what} ({_SESSIONS} sessions a round)"
    compare(title, "µs a session", candidates, "nginx mail", rounds=_ROUNDS, scale=1e6)


def _work(stage: Stage, address: Address, tls: ssl.SSLContext | None = None) -> Callable[[], float]:
    user = stage.user

    def some(_: int) -> None:
        for _ in range(_SESSIONS // _THREADS):
            _session(address, tls, user.name, user.password)

    def sessions() -> float:
        in_threads(_THREADS, some)
        return _SESSIONS

    return sessions


def _session(address: Address, tls: ssl.SSLContext | None, name: str, password: bytes) -> None:
    with socket.create_connection(address, timeout=30) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = plain if tls is None else tls.wrap_socket(plain)
        with connection, connection.makefile("rb") as lines:
            assert lines.readline().startswith(b"* OK")
            connection.sendall(b'a LOGIN "%s" "%s"\r\n' % (name.encode(), password))
            answer = lines.readline()
            assert answer.startswith(b"a OK"), answer
            connection.sendall(b"b LOGOUT\r\n")
            rest = lines.read()
            assert b"b OK" in rest, rest


if __name__ == "__main__":
    main()
