"""Sockets that systemd hands over (socket activation): which of them is for which listener.

Source: sd_listen_fds(3), systemd.socket(5).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from twisted.logger import Logger

from exfront.config.kinds import HostPort
from exfront.net.addresses import address_of

_FIRST = 3  # SD_LISTEN_FDS_START
_ANY = frozenset(("0.0.0.0", "::"))


class Named(Protocol):
    """A listener's section."""

    @property
    def name(self) -> str:
        """May be empty."""

    @property
    def address(self) -> HostPort:
        """Where it wants to listen."""


class Handed:
    """The sockets, each with the name that its unit gives it. They are given out once."""

    def __init__(self, sockets: Sequence[tuple[str, socket.socket]] = ()) -> None:
        self._left = list(sockets)

    def take(self, listener: Named) -> list[socket.socket]:
        """Those for a listener: of its name, and those that are bound to its address."""
        mine = [each for name, each in self._left if name == listener.name or _is_at(each, listener.address)]
        self._left = [pair for pair in self._left if pair[1] not in mine]
        return mine

    def warn_of_rest(self) -> None:
        """Close those that no listener wants, and say so."""
        rest, self._left = self._left, []
        for name, each in rest:
            _log.warn("no [[listener]] for the socket {name} at {where}", name=name or "?", where=each.getsockname())
            each.close()


def handed_over(environment: Mapping[str, str] | None = None, first: int = _FIRST) -> Handed:
    """What was handed to this process when it was started; by default its environment tells."""
    told = started_with() if environment is None else environment
    count, names = told.get("LISTEN_FDS", ""), told.get("LISTEN_FDNAMES", "")
    if told.get("LISTEN_PID") != str(os.getpid()) or not count.isdigit():
        return Handed()
    named = names.split(":")
    found = []
    for number in range(int(count)):
        os.set_inheritable(first + number, False)
        listening = socket.socket(fileno=first + number)
        found.append((named[number] if number < len(named) else "", listening))
    return Handed(found)


def started_with() -> Mapping[str, str]:
    """The environment as it was: Twisted takes systemd's variables out of `os.environ` when it is imported."""
    try:
        text = os.fsdecode(Path("/proc/self/environ").read_bytes())
    except OSError:  # no Linux
        return os.environ
    return dict(variable.partition("=")[::2] for variable in text.split("\0") if variable)


def _is_at(listening: socket.socket, place: HostPort) -> bool:
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return bool(place.path) and name == place.path
    address = address_of(name)
    same = address.host == place.host or (address.host in _ANY and place.host in _ANY)
    return not place.path and same and address.port == place.port


_log = Logger()
