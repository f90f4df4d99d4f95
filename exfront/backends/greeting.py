"""The first words with a mailbox server, as far as a check needs them: its greeting, and STARTTLS or STLS."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from exfront.reasons import BACK_END_LOGIN_LOST, BACK_END_PROTOCOL, Refused

_LINE_OCTETS = 8 * 1024


class Greeting(Protocol):
    """Reads line by line, whoever asks."""

    def __init__(self) -> None:
        self._received = b""
        self._waiting: Deferred[bytes] | None = None
        self._lost = False

    def line(self) -> Deferred[bytes]:
        """The next line, without its end. Fails with `Refused` when the server closes first."""
        self._waiting = Deferred()
        waiting = self._waiting
        self._look()
        return waiting

    def ask(self, line: bytes) -> Deferred[bytes]:
        """Send one line, and read one."""
        assert self.transport is not None
        self.transport.write(line + b"\r\n")
        return self.line()

    def dataReceived(self, data: bytes) -> None:
        """Keep it until somebody asks."""
        self._received += data
        if len(self._received) > _LINE_OCTETS and self.transport is not None:
            self.transport.loseConnection()
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nothing more will come."""
        self._lost = True
        self._look()

    def _look(self) -> None:
        waiting = self._waiting
        if waiting is None or waiting.called:
            return
        line, end, rest = self._received.partition(b"\n")
        if end:
            self._received = rest
            waiting.callback(line.rstrip(b"\r"))
        elif self._lost:
            waiting.errback(Refused(BACK_END_LOGIN_LOST, "closed before the greeting"))


class GreetingFactory(Factory[Greeting]):
    """For a dialer."""

    noisy = False
    protocol = Greeting


async def greeted(connection: Greeting, protocol: str) -> None:
    """Read the greeting (RFC 3501 section 7.1, RFC 1939 section 4). Raises `Refused` for another one."""
    wanted = {"imap4": b"* OK", "pop3": b"+OK"}[protocol]
    _check(await connection.line(), wanted)


async def ask_for_tls(connection: Greeting, protocol: str) -> None:
    """STARTTLS (RFC 3501 section 6.2.1) or STLS (RFC 2595 section 4). Raises `Refused` where the server says no."""
    question, wanted = {"imap4": (b"x1 STARTTLS", b"x1 OK"), "pop3": (b"STLS", b"+OK")}[protocol]
    _check(await connection.ask(question), wanted)


def _check(line: bytes, wanted: bytes) -> None:
    if not line.upper().startswith(wanted.upper()):
        raise Refused(BACK_END_PROTOCOL, f"not {wanted.decode()}: {line[:80]!r}")
