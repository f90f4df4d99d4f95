"""The first words with a mailbox server, as far as a check needs them: its greeting, and STARTTLS or STLS."""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from exfront import limits
from exfront.reasons import BACK_END_LOGIN_LOST, BACK_END_PROTOCOL, Refused
from exfront.wire.imap4_responses import capabilities, mechanisms
from exfront.wire.pop3 import sasl_mechanisms

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


async def greeted(connection: Greeting, protocol: str) -> bytes:
    """Read the greeting (RFC 3501 section 7.1, RFC 1939 section 4). Raises `Refused` for another one."""
    wanted = {"imap4": b"* OK", "pop3": b"+OK"}[protocol]
    line = await connection.line()
    _check(line, wanted)
    return line


async def ask_for_tls(connection: Greeting, protocol: str) -> None:
    """STARTTLS (RFC 3501 section 6.2.1) or STLS (RFC 2595 section 4). Raises `Refused` where the server says no."""
    question, wanted = {"imap4": (b"x1 STARTTLS", b"x1 OK"), "pop3": (b"STLS", b"+OK")}[protocol]
    _check(await connection.ask(question), wanted)


@frozen
class Offered:
    """What a mail service says that it can do before a log-on; None where it does not say."""

    names: tuple[bytes, ...] | None
    mechanisms: frozenset[bytes] | None


async def ask_for_capabilities(connection: Greeting, protocol: str) -> Offered:
    """CAPABILITY (RFC 3501 section 6.1.1) or CAPA (RFC 2449 section 5). Raises `Refused` for an answer without end."""
    return await (_capability(connection) if protocol == "imap4" else _capa(connection))


async def _capability(connection: Greeting) -> Offered:
    names: tuple[bytes, ...] | None = None
    line = await connection.ask(b"x2 CAPABILITY")
    for _ in range(limits.BACK_END_LOGIN_LINES):
        if line.startswith(b"x2 "):
            return Offered(names, None if names is None else mechanisms(names))
        if line.upper().startswith(b"* CAPABILITY "):
            names = capabilities(line[len(b"* CAPABILITY ") :])
        line = await connection.line()
    raise Refused(BACK_END_PROTOCOL, "no end of the answer to CAPABILITY")


async def _capa(connection: Greeting) -> Offered:
    line = await connection.ask(b"CAPA")
    if not line.upper().startswith(b"+OK"):
        return Offered(None, None)
    lines: list[bytes] = []
    for _ in range(limits.BACK_END_LOGIN_LINES):
        line = await connection.line()
        if line == b".":
            return Offered(tuple(lines), sasl_mechanisms(lines))
        lines.append(line)
    raise Refused(BACK_END_PROTOCOL, "no end of the answer to CAPA")


def _check(line: bytes, wanted: bytes) -> None:
    if not line.upper().startswith(wanted.upper()):
        raise Refused(BACK_END_PROTOCOL, f"not {wanted.decode()}: {line[:80]!r}")
