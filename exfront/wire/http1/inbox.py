"""Octets that came from the peer and were not read yet."""

from __future__ import annotations


class Inbox:
    """A queue of octets that copies as little as it can.

    What was added to an empty queue and is taken whole goes through as the same object. `octets` from `start` on is the
    content, empty when there is none; looking at it spares a copy, but only until the next `add` or `take`.
    """

    __slots__ = ("octets", "start")

    def __init__(self) -> None:
        self.octets: bytes | bytearray = b""
        self.start = 0

    def __len__(self) -> int:
        return len(self.octets) - self.start

    def add(self, octets: bytes) -> None:
        """Append `octets`."""
        if self.start == len(self.octets):
            self.octets = octets
        elif isinstance(self.octets, bytearray):
            del self.octets[: self.start]
            self.octets += octets
        else:
            self.octets = bytearray(memoryview(self.octets)[self.start :])
            self.octets += octets
        self.start = 0

    def take(self, count: int) -> bytes:
        """Remove and return the first `count` octets; there must be as many."""
        begin, end = self.start, self.start + count
        octets = self.octets
        if end == len(octets):
            self.octets, self.start = b"", 0
        else:
            self.start = end
        if isinstance(octets, bytes):
            return octets[begin:end]  # all of it is the same object
        with memoryview(octets) as view:
            return bytes(view[begin:end])

    def skip(self, count: int) -> None:
        """Remove the first `count` octets."""
        self.start += count
        if self.start == len(self.octets):
            self.octets, self.start = b"", 0
