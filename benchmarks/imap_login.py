"""CPU time of one IMAP4 session: connect, LOGIN, LOGOUT. Run: python -m benchmarks.imap_login."""

from __future__ import annotations

import socket

from benchmarks.measure import compare, in_threads
from benchmarks.stage import Stage
from tests.support.process import Address

_SESSIONS = 600
_THREADS = 4


def main() -> None:
    """Print the table."""
    stage = Stage()
    user = stage.user

    def sessions(address: Address) -> float:
        def some(_: int) -> None:
            for _ in range(_SESSIONS // _THREADS):
                _session(address, user.name, user.password)

        in_threads(_THREADS, some)
        return _SESSIONS

    compare(
        f"IMAP4: connect, LOGIN, LOGOUT ({_SESSIONS} sessions a round; exfront binds in LDAP each time)",
        "µs a session",
        {
            "exfront": (stage.front.daemon.pid, lambda: sessions(stage.front.at("imap-clear"))),
            "exfront, Twisted's": (stage.twisted.daemon.pid, lambda: sessions(stage.twisted.at("imap-clear"))),
            "nginx mail": (stage.nginx.daemon.pid, lambda: sessions(stage.nginx.imap)),
        },
        "nginx mail",
        scale=1e6,
    )


def _session(address: Address, name: str, password: bytes) -> None:
    with socket.create_connection(address, timeout=30) as connection, connection.makefile("rb") as lines:
        assert lines.readline().startswith(b"* OK")
        connection.sendall(b'a LOGIN "%s" "%s"\r\n' % (name.encode(), password))
        answer = lines.readline()
        assert answer.startswith(b"a OK"), answer
        connection.sendall(b"b LOGOUT\r\n")
        rest = lines.read()
        assert b"b OK" in rest, rest


if __name__ == "__main__":
    main()
