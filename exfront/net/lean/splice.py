"""Octets from one socket to another without passing through Python: splice(2), in bursts, through one pipe.

The pipe is empty between two bursts: what the receiving socket does not take is read out of it and waits in the
receiver's own buffer, as written octets do. So one pipe serves all, and none is lost with a connection.
"""

from __future__ import annotations

import fcntl
import os
from typing import Final

_BURST: Final = 65_536  # S-MAIL-20: octets in the pipe at once, so that no more ever waits for a stalled receiver
_ROOM: Final = 262_144  # of the pipe: its pages are filled in part only (splice(2))
_HOW: Final = getattr(os, "SPLICE_F_MOVE", 0) | getattr(os, "SPLICE_F_NONBLOCK", 0)

POSSIBLE: Final = hasattr(os, "splice")


class Pipe:
    """Opened when it is first needed, so never before a fork."""

    def __init__(self) -> None:
        self._ends: tuple[int, int] | None = None

    def burst(self, source: int, sink: int) -> tuple[int, bytes]:
        """Move what `source` has, a burst at most: how many octets came, and those of them that `sink` did not take.

        Ends when the pipe is empty: moved on by the kernel, or, where `sink` takes no more, read out.
        0 octets are the stream's end. Raises BlockingIOError where `source` has none, and OSError: `source` is lost. A
        sink that is lost takes none, and says why when it is written to.
        """
        if self._ends is None:
            self._ends = _pipe()
        out, into = self._ends
        moved = os.splice(source, into, _BURST, flags=_HOW)
        left = moved
        while left:
            try:
                left -= os.splice(out, sink, left, flags=_HOW)
            except OSError:  # full, or lost
                return moved, _emptied(out, left)
        return moved, b""

    def close(self) -> None:
        """Open it no more than needed."""
        if self._ends is not None:
            for end in self._ends:
                os.close(end)
            self._ends = None


def _pipe() -> tuple[int, int]:
    ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, _ROOM)
    except OSError:
        pass  # the user has many large pipes already: a small one works too
    return ends


def _emptied(out: int, octets: int) -> bytes:
    """What is in the pipe: ends when so many `octets` were read, which are all that is in it."""
    pieces = []
    while octets:
        piece = os.read(out, octets)
        pieces.append(piece)
        octets -= len(piece)
    return b"".join(pieces)
