"""The Unix socket that exfrontctl asks (S-OPS-3): one JSON object a line each way.

A question is ``{"command": NAME, ...}``; the other members are the command's own. The answer is ``{"ok": true,
"result": ...}`` or ``{"ok": false, "error": TEXT}``. Questions of one connection are answered in their order.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from exfront import limits
from exfront.net.unix_sockets import is_served
from exfront.reasons import Refused

# What a command is: the question's members in, anything that JSON can write out. Raises `BadQuestion` or `Refused`.
Command = Callable[[Mapping[str, Any]], Awaitable[object]]

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))
_FOLDER_MODE = 0o700
_SOCKET_MODE = 0o600


class BadQuestion(ValueError):  # noqa: N818 - an answer to a person, not a fault
    """A command's members are not what they must be; the message says which, and goes to who asked."""


class CannotOpen(Exception):  # noqa: N818 - what happened
    """The socket's place cannot be used; the message says why."""


@define(eq=False)
class ControlSocket(Service):
    """Listens on `path` while the service runs; `commands` by their names. The folder is made where it is missing."""

    log = Logger()

    path: Path
    commands: Mapping[str, Command]
    reactor: Any
    _port: IListeningPort | None = None
    _factory: ControlFactory | None = None

    def startService(self) -> None:
        """Open the socket, or end the process with one line: who switched it on relies on it."""
        Service.startService(self)
        try:
            prepare_place(self.path)
            self._factory = ControlFactory(self.commands, self.reactor)
            self._port = self.reactor.listenUNIX(str(self.path), self._factory, mode=_SOCKET_MODE)
        except (CannotOpen, CannotListenError, OSError) as error:
            reason = error.socketError if isinstance(error, CannotListenError) else error
            self.log.critical("cannot open [control] socket {path}: {reason}", path=str(self.path), reason=str(reason))
            raise SystemExit(1) from None

    def stopService(self) -> Deferred[None]:
        """Close it and all connections, and delete it."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        port, self._port = self._port, None
        if self._factory is not None:
            self._factory.close_all()
        if port is not None:
            await maybeDeferred(port.stopListening)


def prepare_place(path: Path) -> None:
    """Make the folder (0700) if there is none, and delete a socket that a process left behind.

    Raises `CannotOpen` for a folder that others may enter or own, and where somebody listens; OSError.
    """
    folder = path.parent
    if not folder.exists():
        folder.mkdir(mode=_FOLDER_MODE)
    found = folder.stat()
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
        raise CannotOpen(f"{folder} must have mode 0700 and be this user's own")
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise CannotOpen("there is a file that is no socket")
    if is_served(path):
        raise CannotOpen("another process listens there")
    path.unlink()


@define(eq=False)
class ControlFactory(Factory[Any]):
    """Builds the connections; over `CONTROL_CLIENTS` at once a newcomer is told so and closed."""

    noisy = False

    commands: Mapping[str, Command]
    reactor: Any
    connections: set[ControlProtocol] = field(factory=set)

    def buildProtocol(self, addr: IAddress | None) -> ControlProtocol:
        """One connection."""
        return ControlProtocol(self)

    def close_all(self) -> None:
        """End them at once."""
        for connection in tuple(self.connections):
            connection.close()


class ControlProtocol(Protocol):
    """One connection of exfrontctl."""

    log = Logger()

    def __init__(self, factory: ControlFactory) -> None:
        self._factory = factory
        self._received = b""
        self._questions: deque[bytes] = deque()
        self._running: Deferred[None] | None = None
        self._idle: IDelayedCall | None = None
        self._over = False

    def connectionMade(self) -> None:
        """Ask the kernel who is there: root and our own user may speak (S-OPS-3)."""
        factory = self._factory
        user = peer_user(self.transport)
        if user not in (0, os.geteuid()):
            self.log.warn("control socket: user {user} is refused", user=user)
            self._last_word("this user may not control exfront")
        elif len(factory.connections) >= limits.CONTROL_CLIENTS:
            self._last_word("too many connections to the control socket")
        else:
            factory.connections.add(self)
            self._wait()

    def dataReceived(self, data: bytes) -> None:
        """Take whole lines; one over the limit ends the connection."""
        if self._over:
            return
        *lines, self._received = (self._received + data).split(b"\n")
        too_long = max(map(len, (*lines, self._received))) > limits.CONTROL_LINE_OCTETS
        if too_long or len(self._questions) + len(lines) > limits.CONTROL_CLIENTS:
            self._last_word("a line over the limit" if too_long else "too many questions at once")
            return
        self._questions.extend(lines)
        self._next()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop what runs for it."""
        self._over = True
        self._factory.connections.discard(self)
        self._stop_waiting()
        if self._running is not None:
            self._running.cancel()

    def close(self) -> None:
        """End the connection; nobody listens any more to what runs."""
        self._over = True
        if self.transport is not None:
            self.transport.loseConnection()

    def _next(self) -> None:
        """Answer the next question, when the one before it has its answer."""
        if self._running is not None or not self._questions or self._over:
            return
        self._stop_waiting()
        running = self._running = Deferred.fromCoroutine(self._serve(self._questions.popleft()))
        running.addErrback(self._broke)
        running.addCallback(lambda _: self._done())

    def _done(self) -> None:
        self._running = None
        if not self._over:
            self._wait()
            self._next()

    async def _serve(self, line: bytes) -> None:
        try:
            command, members = self._read(line)
            result = await command(members)
        except BadQuestion as why:
            self._answer({"ok": False, "error": str(why), "usage": True})
        except Refused as refused:
            reason = refused.reason
            self._answer({"ok": False, "error": " ".join(filter(None, (reason.code, reason.cause, refused.detail)))})
        else:
            self._answer({"ok": True, "result": result})

    def _read(self, line: bytes) -> tuple[Command, Mapping[str, Any]]:
        try:
            question = json.loads(line)
        except (ValueError, RecursionError):
            raise BadQuestion("the question is not JSON") from None
        if not isinstance(question, dict):
            raise BadQuestion("the question is no JSON object")
        name = question.pop("command", None)
        command = self._factory.commands.get(name) if isinstance(name, str) else None
        if command is None:
            raise BadQuestion(f"no such command; there are {', '.join(sorted(self._factory.commands))}")
        return command, question

    def _broke(self, failure: Failure) -> None:
        """The one place for a fault of our own: logged, and the connection ends."""
        if self._over:  # what ran was cancelled with the connection
            return
        self.log.failure("a control command failed", failure)
        self._last_word("a fault in exfront; its log tells more")

    def _answer(self, answer: Mapping[str, object]) -> None:
        if not self._over and self.transport is not None:
            self.transport.write(json.dumps(answer).encode("ascii") + b"\n")

    def _last_word(self, error: str) -> None:
        self._answer({"ok": False, "error": error})
        self.close()

    def _wait(self) -> None:
        """An idle connection keeps its place for `CONTROL_IDLE_TIME`."""
        self._stop_waiting()
        self._idle = self._factory.reactor.callLater(limits.CONTROL_IDLE_TIME, self.close)

    def _stop_waiting(self) -> None:
        if self._idle is not None and self._idle.active():
            self._idle.cancel()


def peer_user(transport: Any) -> int:
    """The user id of who connected, as the kernel noted it then (SO_PEERCRED, unix(7))."""
    octets = transport.getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(octets)[1])
