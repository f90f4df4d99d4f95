"""exfrontctl's side of the control socket: one question, one answer; plain blocking sockets, no reactor."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from exfront import limits


class NotReachable(Exception):  # noqa: N818 - what happened
    """No daemon answers on the socket; the message says why."""


@frozen
class Answer:
    """`result` where `ok`; else `error`, a line for a person. `usage`: the question itself was wrong."""

    ok: bool
    result: Any = None
    error: str = ""
    usage: bool = False


def ask(path: Path, command: str, members: Mapping[str, object], seconds: float = limits.CONTROL_ANSWER_TIME) -> Answer:
    """Ask the daemon that listens on `path`; `seconds` for each read or write. Raises `NotReachable`."""
    question = json.dumps({"command": command, **members}).encode("ascii") + b"\n"
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(str(path))
            _send(connection, question)
            line = _line(connection)
    except (OSError, ValueError) as error:  # ValueError: a path with NUL or too long
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NotReachable(f"{path}: {reason}") from None
    return _read(path, line)


def _send(connection: socket.socket, question: bytes) -> None:
    """A daemon that refuses us may have closed already; what it said can still be read."""
    try:
        connection.sendall(question)
    except (BrokenPipeError, ConnectionResetError):
        return


def _line(connection: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n") and len(received) < limits.CONTROL_ANSWER_OCTETS:
        octets = connection.recv(64 * 1024)
        if not octets:
            break
        received += octets
    return bytes(received)


def _read(path: Path, line: bytes) -> Answer:
    try:
        answer = json.loads(line)
        ok = answer["ok"]
    except (ValueError, KeyError, TypeError):
        raise NotReachable(f"{path}: closed without an answer") from None
    return Answer(bool(ok), answer.get("result"), str(answer.get("error", "")), bool(answer.get("usage", False)))
