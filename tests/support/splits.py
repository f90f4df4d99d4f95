"""Feeds a reader of wire/ in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st


def events(reader: Any, pieces: Iterable[bytes]) -> list[Any]:
    """All events, pulled after each piece."""
    found = []
    for piece in pieces:
        reader.feed(piece)
        while (event := reader.next_event()) is not None:
            found.append(event)
    return found


@st.composite
def cuts(draw: Callable[[st.SearchStrategy[Any]], Any], streams: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    """A stream, and the same in pieces."""
    stream: bytes = draw(streams)
    places = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    borders = [0, *places, len(stream)]
    return stream, [stream[start:end] for start, end in pairwise(borders)]


def octet_by_octet(stream: bytes) -> list[bytes]:
    """The stream in pieces of one."""
    return [stream[place : place + 1] for place in range(len(stream))]
