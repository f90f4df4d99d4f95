"""Octets waiting to be read as lines or counted blocks; shared by the grammars of IMAP4 and POP3."""

from __future__ import annotations


class TooLong(ValueError):  # noqa: N818 - an answer to a peer, not a fault
    """No line end within the limit."""


class LineBuffer:
    """Holds what a peer sent until it is taken out, as lines, blocks, or whole."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, data: bytes) -> None:
        """Append what the peer sent."""
        self._held += data

    def take_line(self, limit: int) -> bytes | None:
        """The next line with its end, of at most `limit` octets; None while it is not whole. Raises `TooLong`.

        A line is too long as soon as `limit` octets hold no LF, so however the octets came, the answer is the same.
        """
        end = self._held.find(b"\n", 0, max(limit, 0))
        if end >= 0:
            return self._take(end + 1)
        if len(self._held) >= limit:
            raise TooLong
        return None

    def take_block(self, size: int) -> bytes | None:
        """Exactly `size` octets; None while there are fewer."""
        return self._take(size) if len(self._held) >= size else None

    def peek(self, size: int) -> bytes:
        """The first octets, at most `size`; they stay."""
        return bytes(self._held[:size])

    def take_all(self) -> bytes:
        """Whatever is held."""
        return self._take(len(self._held))

    def _take(self, size: int) -> bytes:
        held = self._held
        if size == len(held):  # as nearly always: one line came
            self._held = bytearray()
            return bytes(held)
        taken = bytes(held[:size])
        del held[:size]
        return taken


class LineReader:
    """What the readers of the line protocols have in common: octets in by `feed`, and what is unread taken back.

    A reader whose peer broke the grammar sets `_broken`: nothing more is read then.
    """

    def __init__(self) -> None:
        self._buffer = LineBuffer()
        self._broken = False

    @property
    def held(self) -> int:
        """How many octets wait to be read."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what came from the peer."""
        if not self._broken:
            self._buffer.add(data)

    def take_rest(self) -> bytes:
        """What came behind the last event, unread; it is the caller's then."""
        return self._buffer.take_all()


def without_end(line: bytes) -> bytes:
    """The line without its CRLF, or its LF: bare LF is taken, as Dovecot does, and never passed on (S-MAIL-6)."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


def has_forbidden_octet(text: bytes) -> bool:
    """Whether NUL or a lone CR stands in a line without its end (S-MAIL-6)."""
    return b"\0" in text or b"\r" in text
