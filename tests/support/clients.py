"""Clients: Python's own, programs that people use, and a bare socket for what no client would send."""

from __future__ import annotations

import base64
import http.client
import imaplib
import poplib
import shlex
import socket
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from attrs import frozen

from tests.support.population import Person
from tests.support.process import Address, program

PATIENCE = 20.0  # seconds for one answer

_PACKAGES = {
    "curl": "curl", "mbsync": "isync", "fetchmail": "fetchmail", "getmail": "getmail6", "mutt": "mutt",
    "openssl": "openssl", "script": "bsdutils",
}  # fmt: skip


def run(*argv: str, environment: Mapping[str, str] | None = None, seconds: float = 60.0, typed: bytes = b"") -> Result:
    """Run one client program to its end, with `typed` as its input."""
    path = program(argv[0], _PACKAGES[argv[0]])
    done = subprocess.run(
        [path, *argv[1:]], input=typed, capture_output=True, timeout=seconds, check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent", **(environment or {})},
    )  # fmt: skip
    return Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


@frozen
class Result:
    """How a program ended and what it printed."""

    status: int
    output: str
    errors: str


def copied_by_mutt(url: str, folder: Path, authorities: Path, **settings: str) -> tuple[Result, list[bytes]]:
    """How mutt ended, and the mails of the folder at `url` as it has copied them; `settings` are its own."""
    (folder / "Mail").mkdir(exist_ok=True)  # or mutt asks for it, and takes the keys for the answer
    local = folder / "copy"
    keys = f"<tag-pattern>~A<enter><tag-prefix><copy-message>{local}<enter><exit>"
    every = {
        "ssl_starttls": "yes", "ssl_force_tls": "yes", "certificate_file": str(authorities), "mbox_type": "Maildir",
        "confirmcreate": "no", "confirmappend": "no", "wait_key": "no", **settings,
    }  # fmt: skip
    lines = [f"set {name}={shlex.quote(value)}" for name, value in every.items()]
    mutt = shlex.join(
        ["mutt", "-n", "-F", "/dev/null", "-e", "; ".join([*lines, f"push {shlex.quote(keys)}"]), "-f", url]
    )
    result = run("script", "-qec", mutt, "/dev/null", environment={"HOME": str(folder), "TERM": "vt100"})
    mails = [each for part in ("new", "cur") if (local / part).is_dir() for each in (local / part).iterdir()]
    return result, [each.read_bytes() for each in mails]


def imap4_log_in(address: Address, person: Person) -> imaplib.IMAP4:
    """A connection logged in by AUTHENTICATE PLAIN, which takes any octets. Raises imaplib's errors."""
    client = imaplib.IMAP4(*address, timeout=PATIENCE)
    try:
        client.authenticate("PLAIN", lambda _: b"\0" + person.name.encode() + b"\0" + person.password)
    except BaseException:
        client.shutdown()
        raise
    return client


def first_mail(client: imaplib.IMAP4) -> str:
    """The text of the first mail in the selected folder."""
    _, answer = client.fetch("1", "(BODY[TEXT])")
    assert isinstance(answer[0], tuple), answer
    return answer[0][1].decode()


def pop3_log_in(address: Address, person: Person) -> poplib.POP3:
    """A connection logged in by USER and PASS. Raises poplib's errors."""
    client = poplib.POP3(*address, timeout=PATIENCE)
    try:
        client.user(person.name)
        client.pass_(person.password.decode())
    except BaseException:
        client.close()
        raise
    return client


def basic(name: str, password: bytes) -> dict[str, str]:
    """The header of a Basic log-on."""
    return {"Authorization": "Basic " + base64.b64encode(name.encode() + b":" + password).decode()}


@frozen
class Page:
    """An HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def get(address: Address, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Page:
    """One request on a connection of its own."""
    with closing(http.client.HTTPConnection(*address, timeout=PATIENCE)) as connection:
        connection.request(method, path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return Page(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


class Conversation:
    """A socket that says exactly what a test wants, and reads with a time limit; `source` is the client's address.

    With `tls` it speaks that from the start.
    """

    def __init__(
        self, address: Address, seconds: float = PATIENCE, source: str = "", tls: ssl.SSLContext | None = None
    ) -> None:
        self.socket = socket.create_connection(address, seconds, (source, 0) if source else None)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wrap(self, context: ssl.SSLContext, name: str) -> None:
        """Go on inside TLS, with a server that has a certificate for `name`."""
        self._file.close()
        self.socket = context.wrap_socket(self.socket, server_hostname=name)
        self._file = self.socket.makefile("rb")

    def close(self) -> None:
        """Both ways."""
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        """As it is; a peer that has closed is not an error here, its last words may still be there to be read."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def line(self) -> bytes:
        """The next line without its end; empty at the end of the connection."""
        return self._file.readline(100_000).rstrip(b"\r\n")

    def until(self, start: bytes) -> bytes:
        """The next line that begins so. Fails at the end of the connection."""
        seen = []
        while line := self._file.readline(100_000):
            if line.startswith(start):
                return line.rstrip(b"\r\n")
            seen.append(line)
        raise AssertionError(f"connection ended without {start!r}; seen: {seen}")

    def ask(self, command: bytes) -> bytes:
        """Send an IMAP4 command and return its tagged answer."""
        self.send(command + b"\r\n")
        return self.until(command.split(b" ")[0] + b" ")

    def skip(self, octets: int) -> int:
        """Read so many octets and forget them; returns how many came."""
        left = octets
        while left and (piece := self._file.read1(min(left, 1_048_576))):
            left -= len(piece)
        return octets - left

    def rest(self) -> bytes:
        """All until the peer closes; a reset ends it too."""
        found = b""
        try:
            while piece := self._file.read1(65536):
                found += piece
        except ConnectionResetError:
            pass
        return found


def exchange(address: Address, request: bytes, seconds: float = PATIENCE) -> bytes:
    """Send octets, and return all that comes until the peer closes."""
    with Conversation(address, seconds) as conversation:
        conversation.send(request)
        return conversation.rest()


def write_private(file: Path, lines: Sequence[str]) -> Path:
    """A configuration file that holds a password."""
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n")
    return file
