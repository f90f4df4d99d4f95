"""Plays entries against a front end, each from a client address of its own, and compares what came of them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count

from attrs import define, field, frozen

from tests.corpus.entry import PUBLIC_NAME, Answer, Entry, Pairs, Reached, bare
from tests.support.http_wire import (
    EndedError,
    Fields,
    Head,
    Octets,
    read_body,
    read_response_head,
    status_of,
)
from tests.support.process import Address
from tests.support.recording_server import RecordingServer, Script, Seen

AT_A_TIME = 8
PATIENCE = 10.0  # seconds for an answer that must come
PROBE = b"/public/probe"

_numbers = count(1)
_IN_ONE_GO = 100_000  # octets that the buffers of two sockets hold


@frozen
class Received:
    """A final answer as it came."""

    status: int
    fields: Fields
    body: bytes
    complete: bool
    interim: tuple[int, ...]
    faults: tuple[str, ...]


@define
class Result:
    """What came of an entry. `end`: how the connection ended, ``fin``, ``reset``, ``open`` (it did not) or ``kept``
    (it took a further request, which `reached` leaves out)."""

    entry: Entry
    answers: list[Received] = field(factory=list)
    end: str = ""
    surplus: bytes = b""
    reached: list[Seen] = field(factory=list)
    probes: list[Seen] = field(factory=list)


def play(
    entries: Sequence[Entry],
    front: Address,
    back_end: RecordingServer,
    patience: float = PATIENCE,
    strays: list[Seen] | None = None,
) -> list[Result]:
    """All `entries`, several at a time.

    What the back end got and nobody sent goes to `strays`; without one it is an AssertionError.
    """
    back_end.take_complete()
    addresses = [f"127.9.{number >> 8}.{number & 255}" for number in (next(_numbers) for _ in entries)]
    for entry, address in zip(entries, addresses, strict=True):
        if entry.answer is not None:
            back_end.scripts[address] = Script(entry.answer, entry.ending, entry.early, entry.late)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        clients = [_Client(front, *pair, patience) for pair in zip(entries, addresses, strict=True)]
        together = {client: pool.submit(client.play) for client in clients if not client.alone}
    results = [together[client].result() if client in together else client.play() for client in clients]
    by_address = dict(zip(addresses, results, strict=True))
    for seen in back_end.take() if strays is None else back_end.take_complete():
        result = by_address.get(seen.client)
        if result is not None:
            (result.probes if seen.target == PROBE else result.reached).append(seen)
            continue
        assert strays is not None, f"at the back end, and sent by nobody: {seen}"
        strays.append(seen)
    for address in addresses:
        back_end.scripts.pop(address, None)
    return results


class _Client:
    """One connection that plays one entry."""

    def __init__(self, front: Address, entry: Entry, address: str, patience: float) -> None:
        self.result = Result(entry)
        self._entry = entry
        self._where = (front, patience, (address, 0))
        self._methods = _methods(entry)

    @property
    def alone(self) -> bool:
        """Whether no other may run beside it: what its back end says late would answer the next request there."""
        return bool(self._entry.late)

    def play(self) -> Result:
        """Send, read what there is, try whether the connection lives on."""
        self._socket = socket.create_connection(*self._where)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._octets = Octets(self._socket)
        with self._socket:
            sender = threading.Thread(target=self._send, args=(self._entry.octets,))
            sender.start()
            if len(self._entry.octets) < _IN_ONE_GO:
                sender.join()
            try:
                self._read()
            except EndedError as end:
                self.result.end, self.result.surplus = ("reset" if end.reset else "fin"), end.octets
            except TimeoutError:
                self.result.end = "open"
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes the sender, which a close does not
            sender.join()
        return self.result

    def _send(self, octets: bytes) -> None:
        with suppress(OSError):  # a front end that has said no may close: its answer is still there to be read
            self._socket.sendall(octets)
            if self._entry.ends:
                self._socket.shutdown(socket.SHUT_WR)

    def _read(self) -> None:
        """All answers that are expected, and one more if the connection lives."""
        expected = self._entry.outcome.answers
        for number in range(len(expected)):
            if not self._answer(self._methods[number] if number < len(self._methods) else b"GET"):
                return
        if self._entry.outcome.answers and not self._entry.ends:
            if self._entry.late:
                time.sleep(0.3)
            self._probe()
        else:
            self._end()

    def _probe(self) -> None:
        """A further request on the same connection; a closed one is reported as what it is."""
        self._send(bare(b"GET " + PROBE + b" HTTP/1.1", b"Host: " + PUBLIC_NAME, b"Connection: close"))
        if self._answer(b"GET", probe=True):
            self._end("kept")

    def _end(self, good: str = "fin") -> None:
        end = self._octets.rest()
        self.result.end = "reset" if end.reset else good
        self.result.surplus = end.octets

    def _answer(self, method: bytes, *, probe: bool = False) -> bool:
        """Whether another one may follow."""
        interim = []
        while True:
            head = read_response_head(self._octets)
            status = status_of(head)
            if not 100 <= status < 200:
                break
            interim.append(status)
            if status == 100 and self._entry.later:
                self._send(self._entry.later)
        try:
            body, faults = self._body(method, status, head)
            end = None
        except EndedError as cut:
            body, faults, end = cut.octets, [], cut
        received = Received(status, head.fields, body, end is None, tuple(interim), (*head.faults, *faults))
        if probe and (status, body) == (200, b"seen " + PROBE):
            return True
        self.result.answers.append(received)
        if end is not None:
            self.result.end = "reset" if end.reset else "fin"
        elif probe or b"close" in [value.lower() for value in head.values(b"connection")]:
            self._end()
        else:
            return not self.result.end
        return False

    def _body(self, method: bytes, status: int, head: Head) -> tuple[bytes, list[str]]:
        if method == b"HEAD" or status in (204, 304):
            return b"", []
        if head.chunked or head.length is not None:
            return read_body(self._octets, head)
        end = self._octets.rest()
        if end.reset:
            raise end
        self.result.end = "fin"
        return end.octets, []


def _methods(entry: Entry) -> list[bytes]:
    """Of the requests that are answered, as far as anybody can tell."""
    return [reached.method for reached in entry.outcome.reached] or [entry.octets.lstrip().split(b" ")[0]]


def complaints(result: Result) -> Iterator[str]:
    """Each way in which a result is not what its entry demands."""
    outcome = result.entry.outcome
    if len(result.answers) != len(outcome.answers) and not _cut_by_reset(result):
        yield f"{len(result.answers)} answers, {len(outcome.answers)} expected"
    for answer, received in zip(outcome.answers, result.answers, strict=False):
        yield from answer_complaints(answer, received)
    yield from _end_complaints(result)
    complete = [seen for seen in result.reached if seen.complete]
    if len(complete) != len(outcome.reached):
        yield f"{len(complete)} requests reached the back end, {len(outcome.reached)} expected"
    for reached, seen in zip(outcome.reached, complete, strict=False):
        yield from reached_complaints(reached, seen)
    for seen in result.reached:
        if seen.faults:
            yield f"malformed at the back end: {seen.faults}"
    connections = {seen.connection for seen in result.probes}
    if not result.entry.reuses and connections & {seen.connection for seen in result.reached}:
        yield "a further request on the same connection to the back end"


def answer_complaints(answer: Answer, received: Received) -> Iterator[str]:
    """Each way in which an answer is not as the client must get it."""
    if received.faults:
        yield f"malformed answer: {received.faults}"
    if received.status != answer.status:
        yield f"status {received.status}, {answer.status} expected"
    if received.complete != answer.complete:
        yield "the answer looks complete" if received.complete else "the answer is cut"
    if answer.body is not None and not _fits(answer, received.body):
        yield f"body {received.body[:80]!r}, {answer.body[:80]!r} expected"
    if received.interim != answer.interim:
        yield f"interim answers {received.interim}, {answer.interim} expected"
    yield from _field_complaints(answer.has, answer.lacks, received.fields)


def _fits(answer: Answer, body: bytes) -> bool:
    assert answer.body is not None
    return body == answer.body if answer.complete else answer.body.startswith(body)


def _cut_by_reset(result: Result) -> bool:
    """Whether nothing came but the reset that says that the answer is cut; it may overtake what was sent before it."""
    (*_, last) = result.entry.outcome.answers or (None,)
    return last is not None and not last.complete and not result.answers and result.end == "reset"


def _end_complaints(result: Result) -> Iterator[str]:
    outcome = result.entry.outcome
    cut = bool(outcome.answers) and not outcome.answers[-1].complete
    wanted = ("kept",) if outcome.kept else ("fin", "reset") if cut or not outcome.answers else ("fin",)
    if result.end not in wanted:
        yield f"the connection ends as {result.end!r}, {' or '.join(wanted)} expected"
    if result.surplus and outcome.answers:
        yield f"{result.surplus[:200]!r} behind the last answer"
    elif result.surplus:
        yield f"answered: {result.surplus[:200]!r}"
    last = result.answers[-1] if result.answers and not result.entry.ends else None
    if last and last.complete and result.end == "fin" and (b"connection", b"close") not in last.fields:
        yield "closed without a word of it"


def reached_complaints(reached: Reached, seen: Seen) -> Iterator[str]:
    """Each way in which a request is not as the back end must get it."""
    for what in ("method", "target", "body"):
        if getattr(seen, what) != getattr(reached, what):
            yield f"{what} at the back end {getattr(seen, what)[:200]!r}, {getattr(reached, what)[:200]!r} expected"
    yield from _field_complaints(reached.has, reached.lacks, seen.fields)


def _field_complaints(has: Pairs, lacks: tuple[bytes | tuple[bytes, bytes], ...], fields: Fields) -> Iterator[str]:
    names = {name for name, _ in fields}
    for pair in has:
        if pair not in fields:
            there = [value[:80] for name, value in fields if name == pair[0]]
            yield f"without {pair[0]!r}: {pair[1][:80]!r}, but with {there}"
    for lack in lacks:
        if (lack in names) if isinstance(lack, bytes) else (lack in fields):
            yield f"with {lack!r}"
