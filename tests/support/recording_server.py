"""A strict web back end: keeps every request with what is wrong with it, and answers as a script says, octet for octet.

Requests and scripts belong to a client by its address, which the front end tells in X-Forwarded-For: so many clients
can be served at the same time, over whatever connections the front end likes.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Literal

from attrs import frozen

from tests.support.http_wire import EndedError, Fields, Head, Octets, read_body, read_request_head
from tests.support.process import free_port


@frozen
class Script:
    """One answer: `octets`, then `ending`. With `early` it comes before the request's body is read; `late` comes when
    the answer was through for a moment."""

    octets: bytes
    ending: Literal["stay", "close", "reset"] = "stay"
    early: bool = False
    late: bytes = b""


@frozen
class Seen:
    """A request that came; `complete` only with the last octet of its body."""

    client: str
    connection: int
    method: bytes
    target: bytes
    fields: Fields
    body: bytes
    complete: bool
    faults: tuple[str, ...]

    def values(self, name: bytes) -> list[bytes]:
        """Of the fields of that name, in their order."""
        return [value for found, value in self.fields if found == name]


class RecordingServer:
    """Listens on `address` from its making. A request without a script is answered 200, the body says its target."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.port = free_port(address)
        self.scripts: dict[str, Script] = {}
        self._seen: list[Seen] = []
        self._busy: list[Head] = []  # requests that have begun and are neither complete nor cut
        self._connections = 0
        self._lock = threading.Lock()
        self._listening = socket.create_server((address, self.port), backlog=512)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Accept no more."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def take(self) -> list[Seen]:
        """All requests since the last call, in their order; none may be only half here for long."""
        limit = time.monotonic() + 10
        while self._busy:
            assert time.monotonic() < limit, f"neither complete nor cut at the back end: {self._busy}"
            time.sleep(0.01)
        return self.take_complete()

    def take_complete(self) -> list[Seen]:
        """All requests since the last call that are complete or cut by now."""
        with self._lock:
            seen, self._seen = self._seen, []
        return seen

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections += 1
            threading.Thread(target=self._serve, args=(connection, self._connections), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.settimeout(60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        octets = Octets(connection)
        with connection, suppress(OSError):
            while self._request(connection, octets, number):
                pass

    def _request(self, connection: socket.socket, octets: Octets, number: int) -> bool:
        """Whether another one may follow."""
        try:
            head = read_request_head(octets)
        except EndedError as end:
            if end.octets:
                self._add(number, Head(end.octets, (), ("cut within the head",)), b"", complete=False)
            return False
        script = self.scripts.pop(_client(head), None)
        if script is not None and script.early:
            self._answer(connection, script)
        elif b"100-continue" in head.values(b"expect") and script is None:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self._body(octets, number, head):
            return False
        if script is None:
            connection.sendall(default_answer(head))
        elif not script.early:
            self._answer(connection, script)
        if script is not None and script.ending == "close":
            octets.rest()  # a close with unread octets would be a reset
        return script is None or script.ending == "stay"

    def _body(self, octets: Octets, number: int, head: Head) -> bool:
        """Whether it came to its end."""
        with self._lock:
            self._busy.append(head)
        try:
            body, faults = read_body(octets, head)
            complete = True
        except EndedError as end:
            body, faults, complete = end.octets, [], False
        except TimeoutError:
            body, faults, complete = b"", ["no end, and no more"], False
        finally:
            with self._lock:
                self._busy = [each for each in self._busy if each is not head]
        self._add(number, Head(head.first, head.fields, (*head.faults, *faults)), body, complete=complete)
        return complete

    def _add(self, number: int, head: Head, body: bytes, *, complete: bool) -> None:
        method, _, rest = head.first.partition(b" ")
        target = rest.rpartition(b" ")[0]
        seen = Seen(_client(head), number, method, target, head.fields, body, complete, head.faults)
        with self._lock:
            self._seen.append(seen)

    def _answer(self, connection: socket.socket, script: Script) -> None:
        connection.sendall(script.octets)
        if script.late:
            time.sleep(0.1)
            connection.sendall(script.late)
        if script.ending == "reset":
            time.sleep(0.1)  # what was sent is to arrive before the reset that would overtake it
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        elif script.ending == "close":
            connection.shutdown(socket.SHUT_WR)


def default_answer(head: Head) -> bytes:
    """Tells which request it answers."""
    method, _, rest = head.first.partition(b" ")
    body = b"seen " + rest.rpartition(b" ")[0]
    field = b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 200 OK\r\n" + field + b"\r\n" + (b"" if method == b"HEAD" else body)


def _client(head: Head) -> str:
    told = head.values(b"x-forwarded-for")
    return told[-1].decode("latin-1").rpartition(",")[2].strip() if told else ""
