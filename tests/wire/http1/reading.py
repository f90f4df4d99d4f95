"""Drives the readers in tests: octets in, a list of events out, adjacent pieces of a body merged."""

from __future__ import annotations

from collections.abc import Iterable

from exfront.wire.http1.events import Data, Event, Malformed, RequestHead
from exfront.wire.http1.request import RequestReader
from exfront.wire.http1.response import ResponseReader


def drain(reader: RequestReader | ResponseReader) -> list[Event]:
    """All events that `reader` has now."""
    events: list[Event] = []
    while (event := reader.next_event()) is not None:
        events.append(event)
    return events


def merged(events: Iterable[Event]) -> list[Event]:
    """`events` with adjacent `Data` made one."""
    result: list[Event] = []
    for event in events:
        if isinstance(event, Data) and result and isinstance(result[-1], Data):
            result[-1] = Data(result[-1].octets + event.octets)
        else:
            result.append(event)
    return result


def play(reader: RequestReader | ResponseReader, pieces: Iterable[bytes], *, ended: bool = False) -> list[Event]:
    """The merged events of `pieces`, drained after each; with `ended` the peer closes then."""
    events: list[Event] = []
    for piece in pieces:
        reader.receive(piece)
        events += drain(reader)
    if ended:
        reader.end()
        events += drain(reader)
    return merged(events)


def requests(octets: bytes, *, ended: bool = False) -> list[Event]:
    """What a `RequestReader` makes of `octets`; byte by byte it must be the same."""
    whole = play(RequestReader(), [octets], ended=ended)
    if len(octets) < 1000:
        single = play(RequestReader(), [octets[i : i + 1] for i in range(len(octets))], ended=ended)
        assert single == whole, (octets, whole, single)
    return whole


def responses(octets: bytes, method: bytes = b"GET", *, ended: bool = False) -> list[Event]:
    """What a `ResponseReader` makes of `octets`; byte by byte it must be the same."""
    whole = play(ResponseReader(method), [octets], ended=ended)
    if len(octets) < 1000:
        single = play(ResponseReader(method), [octets[i : i + 1] for i in range(len(octets))], ended=ended)
        assert single == whole, (octets, whole, single)
    return whole


def refusal(events: list[Event]) -> int | None:
    """The status of the `Malformed` that ends `events`; None when they end otherwise."""
    return events[-1].status if events and isinstance(events[-1], Malformed) else None


def head(octets: bytes) -> RequestHead:
    """The head of the first request in `octets`."""
    event = requests(octets)[0]
    assert isinstance(event, RequestHead), event
    return event
