"""Clients of the HTTP benchmarks. Whatever is not answered as it must be raises: a run with one error is void."""

from __future__ import annotations

import itertools
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack

from attrs import define, field, frozen

from tests.support.octets import PIECE, Comparison, pieces
from tests.support.process import Address

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@frozen
class Visitor:
    """A user: what he may see, and his Basic."""

    path: str
    authorization: str


@define(eq=False)
class Client:
    """One keep-alive connection."""

    address: Address
    tls: ssl.SSLContext | None = None
    socket: socket.socket = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.socket = socket.create_connection(self.address, 600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is not None:
            self.socket = self.tls.wrap_socket(self.socket)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def head(self) -> tuple[int, bytes]:
        """The length of the body of a 200, and what came of it with the head."""
        data = b""
        while _HEAD_END not in data:
            data += self._some()
        head, _, rest = data.partition(_HEAD_END)
        assert head.startswith(b"HTTP/1.1 200 "), head
        (length,) = [line for line in head.lower().split(b"\r\n") if line.startswith(_LENGTH)]
        return int(length[len(_LENGTH) :]), rest

    def body(self) -> bytes:
        """Of a small answer."""
        length, data = self.head()
        while len(data) < length:
            data += self._some()
        return data

    def compare(self) -> int:
        """Read an answer that is the pattern; its length."""
        length, rest = self.head()
        seen, left = Comparison(), length - len(rest)
        seen.add(rest)
        buffer = memoryview(bytearray(PIECE))
        while left:
            count = self.socket.recv_into(buffer[: min(left, PIECE)])
            assert count, "the connection ended"
            seen.add(buffer[:count])
            left -= count
        assert not seen.wrong and seen.right == length, seen
        return length

    def _some(self) -> bytes:
        data = self.socket.recv(65536)
        assert data, "the connection ended"
        return data


def get(address: Address, tls: ssl.SSLContext | None, visitors: Sequence[Visitor], page: bytes, count: int) -> float:
    """`count` GETs, each of another URL, on a connection of each visitor that has a request under way."""
    with ExitStack() as stack:
        clients = [(stack.enter_context(Client(address, tls)), visitor) for visitor in visitors]
        numbers = itertools.count()
        for _ in range(count // len(clients)):
            for client, visitor in clients:
                client.socket.sendall(request("GET", f"{visitor.path}?{next(numbers)}", visitor.authorization))
            for client, _ in clients:
                assert client.body() == page
    return count // len(visitors) * len(visitors)


def down(address: Address, tls: ssl.SSLContext | None, visitor: Visitor, octets: int) -> float:
    """Fetch a body that is the pattern; GB."""
    with Client(address, tls) as client:
        client.socket.sendall(request("GET", f"{visitor.path}down/{octets}", visitor.authorization))
        assert client.compare() == octets
    return octets / 1e9


def up(address: Address, tls: ssl.SSLContext | None, visitor: Visitor, octets: int) -> float:
    """Send the pattern; GB."""
    with Client(address, tls) as client:
        client.socket.sendall(
            request("PUT", f"{visitor.path}up", visitor.authorization, f"Content-Length: {octets}\r\n")
        )
        for piece in pieces(octets):
            client.socket.sendall(piece)
        answer = client.body()
        assert answer == b'{"right": %d, "wrong": false}' % octets, answer
    return octets / 1e9


def request(method: str, target: str, authorization: str, more: str = "") -> bytes:
    """Its head, as browsers send it."""
    return (
        f"{method} {target} HTTP/1.1\r\nHost: mail.fourthcoffee.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
        f"Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n"
        f"Accept-Encoding: gzip, deflate\r\nAuthorization: {authorization}\r\nCookie: session=0123456789\r\n{more}\r\n"
    ).encode()
