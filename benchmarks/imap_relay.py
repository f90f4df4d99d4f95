"""CPU time of relaying octets: FETCH of a large mail, APPEND of one. Run: python -m benchmarks.imap_relay."""

from __future__ import annotations

import os
import socket
import ssl
from functools import partial
from pathlib import Path

from benchmarks.measure import compare
from benchmarks.stage import Stage
from tests.support.population import Person
from tests.support.process import Address

_MAIL = 64 * 1024 * 1024  # octets of the mail
_TIMES = 8  # a round: half a GB each way
_ROUNDS = 5


def main() -> None:
    """Print the tables."""
    stage = Stage()
    _large_mail(stage.site.chicago.dovecot.mailbox(stage.user.alias))
    context = ssl.create_default_context(cafile=str(stage.site.authority.ca_file))
    context.check_hostname = False
    front, twisted, nginx = stage.front, stage.twisted, stage.nginx
    plain, secure = (
        {
            "exfront": (front.daemon.pid, front.at(listener)),
            "exfront, Twisted's": (twisted.daemon.pid, twisted.at(listener)),
            "nginx mail": (nginx.daemon.pid, at_nginx),
        }
        for listener, at_nginx in (("imap-clear", nginx.imap), ("imaps", nginx.imaps))
    )
    for how, ports, tls in (("in the clear", plain, None), ("TLS to the client", secure, context)):
        for title, work in (("FETCH", _fetch), ("APPEND", _append)):
            candidates = {name: (pid, partial(work, at, tls, stage.user)) for name, (pid, at) in ports.items()}
            what = f"IMAP4 {title} of {_MAIL >> 20} MiB, {_TIMES} times, {how}"
            compare(what, "s a GB", candidates, "nginx mail", rounds=_ROUNDS)


def _large_mail(maildir: Path) -> None:
    mail = maildir / "new" / "1700000000.large"
    mail.write_bytes(b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * (_MAIL // 72))
    os.chown(mail, maildir.stat().st_uid, maildir.stat().st_gid)


def _fetch(address: Address, tls: ssl.SSLContext | None, user: Person) -> float:
    """GB that came."""
    total = 0
    with _Session(address, tls, user) as session:
        session.command(b"SELECT INBOX")
        number = session.largest()
        for _ in range(_TIMES):
            total += session.fetch(number)
    assert total >= _MAIL * _TIMES * 0.95, total
    return total / 1e9


def _append(address: Address, tls: ssl.SSLContext | None, user: Person) -> float:
    """GB that went; to a mailbox that is deleted again."""
    text = b"Subject: large\r\n\r\n" + (b"y" * 70 + b"\r\n") * (_MAIL // 72)
    with _Session(address, tls, user) as session:
        session.command(b"CREATE up")
        for _ in range(_TIMES):
            session.send(b"a APPEND up {%d}\r\n" % len(text))
            answer = session.lines.readline()
            assert answer.startswith(b"+"), answer
            session.send(text + b"\r\n")
            session.tagged()
        session.command(b"DELETE up")
    return len(text) * _TIMES / 1e9


class _Session:
    """A logged-in client."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None, user: Person) -> None:
        plain = socket.create_connection(address, timeout=120)
        self.socket = plain if tls is None else tls.wrap_socket(plain)
        self.lines = self.socket.makefile("rb", buffering=1 << 20)
        self.lines.readline()
        self.command(b'LOGIN "%s" "%s"' % (user.name.encode(), user.password))

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.lines.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def command(self, text: bytes) -> list[bytes]:
        self.send(b"a " + text + b"\r\n")
        return self.tagged()

    def tagged(self) -> list[bytes]:
        untagged = []
        while not (line := self.lines.readline()).startswith(b"a "):
            assert line, "the connection ended"
            untagged.append(line)
        assert line.startswith(b"a OK"), line
        return untagged

    def largest(self) -> int:
        sizes = [line.split() for line in self.command(b"FETCH 1:* RFC822.SIZE") if b"RFC822.SIZE" in line]
        return int(max(sizes, key=lambda words: int(words[-1].rstrip(b")")))[1])

    def fetch(self, number: int) -> int:
        self.send(b"a FETCH %d BODY.PEEK[]\r\n" % number)
        size = int(self.lines.readline().rpartition(b"{")[2].rstrip(b"}\r\n"))
        left = size
        while left:
            left -= len(self.lines.read1(min(left, 1 << 20)))  # type: ignore[attr-defined]
        self.tagged()
        return size


if __name__ == "__main__":
    main()
