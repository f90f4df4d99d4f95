"""A back end that does what a test tells it: for faults that no real server can be asked for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from tests.support.process import free_port

Behaviour = Callable[[socket.socket], None]


class ScriptedServer:
    """Listens on `address`; runs `behaviour` for each connection, in a thread, and closes the connection after it.

    `connections` counts them.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.port = free_port(address)
        self.behaviour: Behaviour = close
        self.connections = 0
        self._over = threading.Event()
        self._listening = socket.create_server((address, self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Accept no more, and let silent behaviours end."""
        self._over.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def silence(self, connection: socket.socket) -> None:
        """A behaviour: say nothing until the peer goes away."""
        connection.settimeout(0.1)
        while not self._over.is_set():
            try:
                if not connection.recv(4096):
                    return
            except TimeoutError:
                continue

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        with connection, suppress(OSError):
            self.behaviour(connection)


def close(connection: socket.socket) -> None:
    """A behaviour: close at once."""


def say(*pieces: bytes) -> Behaviour:
    """A behaviour: send a piece, wait for octets of the peer, send the next, and so on; close after the last."""

    def behaviour(connection: socket.socket) -> None:
        for piece in pieces[:-1]:
            connection.sendall(piece)
            if not connection.recv(65536):
                return
        connection.sendall(pieces[-1])

    return behaviour
