"""Plays conversations against a front end, one after the other, and compares what came of them."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from attrs import define, field

from tests.mail_corpus.back_end import MailBackEnd, Visit
from tests.mail_corpus.entry import Entry, Fin, Handshake, Reset, Step, Until
from tests.support.process import Address

PATIENCE = 8.0  # seconds for an answer that must come
UNTOLD = "closed without a word"
_SHORT_PATIENCE = 1.0  # once something was waited for in vain
PIECES_OCTETS = 700  # longer steps are not sent octet by octet

_TAGGED = re.compile(rb"(?P<tag>[!-~]+) (?P<status>OK|NO|BAD)(?: (?:\[(?P<code>[^\] ]+)[^\]]*\])?.*)?", re.DOTALL)
_POP3 = re.compile(rb"(?P<status>\+OK|-ERR)(?: (?:\[(?P<code>[^\] ]+)\])?.*)?", re.DOTALL)
_LITERAL = re.compile(rb"\{([0-9]+)\}\Z")
_PROBES = {"imap4": b"zz LOGOUT\r\n", "pop3": b"QUIT\r\n"}


@define
class Result:
    """What came of an entry. `heard` is all that the client got, `ended` how: ``fin``, ``reset``, ``open``; `probed`
    whether a further command was answered; `missing` what was waited for in vain; `unable`: this front end does not
    have what the entry is about."""

    entry: Entry
    heard: bytes = b""
    ended: str = ""
    probed: bool = False
    missing: bytes = b""
    visits: list[Visit] = field(factory=list)
    unable: bool = False

    @property
    def logins(self) -> list[tuple[bytes, bytes]]:
        """Of all connections to the back end."""
        return [login for visit in self.visits for login in visit.logins]

    @property
    def relayed(self) -> bytes:
        """To the back end, without the further command."""
        return b"".join(visit.relayed for visit in self.visits).removesuffix(_PROBES[self.entry.protocol])

    @property
    def answers(self) -> list[str]:
        """Final answers, as `Outcome` has them, without that of the further command."""
        found = list(_answers(self.entry.protocol, self.heard))
        return found[:-1] if self.probed else found

    @property
    def invited(self) -> int:
        """Continuation requests."""
        return sum(line == b"+" or line.startswith(b"+ ") for line in _lines(self.heard))


def play(
    entries: Sequence[Entry],
    fronts: dict[tuple[str, str], Address],
    back_ends: Sequence[MailBackEnd],
    authority: str,
    patience: float = PATIENCE,
    *,
    pieces: bool = False,
) -> list[Result]:
    """All of them; `fronts` by protocol and listener. In `pieces` every octet is a segment of its own."""
    results = []
    for entry in entries:
        for back_end in back_ends:
            back_end.take(1.0)
            back_end.script = entry.script
        front = fronts[entry.protocol, entry.listener]
        result = _Client(entry, front, authority, patience, pieces=pieces).play()
        result.visits = [visit for back_end in back_ends for visit in back_end.take()]
        results.append(result)
    return results


class _Client:
    """One connection that plays one entry."""

    def __init__(self, entry: Entry, front: Address, authority: str, patience: float, *, pieces: bool) -> None:
        self._entry = entry
        self._result = Result(entry)
        self._patience = patience
        self._pieces = pieces
        self._authority = authority
        self._read_to = 0  # of what was heard, what an Until has looked at
        self._probe = True
        self._socket = socket.create_connection(front, patience)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def play(self) -> Result:
        """Say all, wait for as many answers as there must be, try a further command, read to the end."""
        result = self._result
        try:
            if self._entry.listener == "tls":
                self._begin_tls()
            for step in self._entry.steps:
                self._step(step)
            self._wait(lambda: len(result.answers) >= len(self._entry.outcome.answers))
            if self._probe:
                self._further()
            self._wait_for_end()
            result.ended = result.ended or "open"
        except ssl.SSLError:
            result.ended = "alert"
        except OSError:
            result.ended = "reset"
        finally:
            self._socket.close()
        return result

    def _further(self) -> None:
        if self._entry.outcome.end in ("told", "closed") and self._wait_for_end(0.3):
            return  # closed, as it should be
        before = len(self._result.answers)
        self._send(_PROBES[self._entry.protocol])
        self._result.probed = self._wait(lambda: self._answered(before))

    def _answered(self, before: int) -> bool:
        if self._entry.protocol == "imap4":
            return b"\r\nzz " in self._result.heard
        return len(self._result.answers) > before

    def _step(self, step: Step) -> None:
        if self._result.ended:
            return
        match step:
            case bytes():
                self._send(step)
            case Until(pattern):
                wanted = re.compile(rb"^(?:" + pattern + rb")[^\n]*\n", re.MULTILINE)
                if not self._wait(lambda: self._found(wanted)):
                    self._result.missing = self._result.missing or pattern
            case Handshake():
                self._begin_tls()
            case Fin():
                self._probe = False
                self._socket.shutdown(socket.SHUT_WR)
            case Reset():
                self._probe = False
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._socket.close()
                self._result.ended = "left"

    def _found(self, wanted: re.Pattern[bytes]) -> bool:
        found = wanted.search(self._result.heard, self._read_to)
        if found is not None:
            self._read_to = found.end()
        return found is not None

    def _begin_tls(self) -> None:
        context = ssl.create_default_context(cafile=self._authority)
        context.check_hostname = False
        self._socket = context.wrap_socket(self._socket)

    def _send(self, data: bytes) -> None:
        """A front end that has closed is no error here: its last words are there to be read."""
        small = self._pieces and self._entry.splits and len(data) <= PIECES_OCTETS
        with suppress(BrokenPipeError, ConnectionResetError):
            for place in range(0, len(data), 1 if small else max(len(data), 1)):
                self._socket.sendall(data[place : place + 1] if small else data)

    def _wait(self, condition: Callable[[], bool], seconds: float = 0.0) -> bool:
        """Read until it is true: whether it came to that before the end of the connection and of the patience."""
        limit = time.monotonic() + (seconds or self._patience)
        while not condition():
            left = limit - time.monotonic()
            if self._result.ended or left <= 0:
                self._patience = min(self._patience, _SHORT_PATIENCE)
                return False
            self._socket.settimeout(left)
            self._read()
        return True

    def _wait_for_end(self, seconds: float = 0.0) -> bool:
        """The same for the end of the connection."""
        return self._wait(lambda: bool(self._result.ended), seconds)

    def _read(self) -> None:
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return
        except ConnectionResetError:
            self._result.ended = "reset"
            return
        except ssl.SSLError:
            self._result.ended = "alert"
            return
        self._result.heard += data
        if not data:
            self._result.ended = "fin"


def _lines(heard: bytes) -> Iterator[bytes]:
    """Without their ends, and without literals."""
    place = 0
    while place < len(heard):
        end = heard.find(b"\n", place)
        if end < 0:
            return
        line = heard[place:end].removesuffix(b"\r")
        yield line
        literal = _LITERAL.search(line)
        place = end + 1 + (int(literal[1]) if literal and line.startswith(b"* ") else 0)


def _answers(protocol: str, heard: bytes) -> Iterator[str]:
    greeted = False
    for line in _lines(heard):
        if protocol == "pop3":
            found = _POP3.fullmatch(line)
            if found is not None and greeted:
                yield _words("", found)
            greeted = greeted or found is not None
        else:
            found = _TAGGED.fullmatch(line)
            if found is not None and found["tag"] != b"+" and (found["tag"] != b"*" or found["status"] == b"BAD"):
                yield _words(found["tag"].decode("latin-1") + " ", found)


def _words(begin: str, found: re.Match[bytes]) -> str:
    code = f" [{found['code'].decode('latin-1').upper()}]" if found["code"] else ""
    return begin + found["status"].decode() + code


def fits(demanded: str, answer: str) -> bool:
    """Whether an answer is one of those that an entry allows; a code only counts where one is demanded."""
    found, _, code = answer.partition(" [")
    wanted, _, wanted_code = demanded.partition(" [")
    *mark, statuses = wanted.split(" ")
    return found in {" ".join([*mark, status]) for status in statuses.split("|")} and (
        not wanted_code or code == wanted_code
    )


def complaints(result: Result) -> Iterator[str]:
    """Each way in which a result is not what its entry demands."""
    outcome = result.entry.outcome
    answers = result.answers
    if len(answers) != len(outcome.answers) or not all(map(fits, outcome.answers, answers)):
        yield f"answers {answers}, not {list(outcome.answers)}"
    if result.invited != outcome.invited:
        yield f"invited {result.invited} times, not {outcome.invited}"
    if result.missing and outcome.end == "kept":
        yield f"waited for {result.missing!r} in vain"
    yield from _end(result)
    yield from _at_back_end(result)
    yield from (f"the client does not see {octets!r}" for octets in outcome.has if octets not in result.heard)
    yield from (f"the client sees {octets!r}" for octets in outcome.lacks if octets in result.heard)


def _end(result: Result) -> Iterator[str]:
    wanted = result.entry.outcome.end
    if wanted == "any":
        return
    if wanted == "kept":
        if not result.probed:
            yield f"no further command is taken: {result.ended}"
        return
    if result.probed or result.ended == "open":
        yield f"not closed: {'a further command is answered' if result.probed else 'silent'}"
    if wanted == "told" and not was_told(result):
        yield UNTOLD


def was_told(result: Result) -> bool:
    """Whether a close was announced."""
    if result.entry.protocol == "imap4":
        return b"\r\n* BYE" in b"\r\n" + result.heard
    return bool(result.answers) and result.answers[-1].startswith("-ERR")


def _at_back_end(result: Result) -> Iterator[str]:
    outcome = result.entry.outcome
    if result.logins != list(outcome.logins):
        yield f"logins at the back end {result.logins}, not {list(outcome.logins)}"
    if result.relayed != outcome.relayed:
        yield f"relayed {result.relayed[:200]!r}, not {outcome.relayed[:200]!r}"
    wild = [line for visit in result.visits for line in visit.wild]
    if wild:
        yield f"malformed at the back end: {wild}"
    if any(not visit.over for visit in result.visits):
        yield "the back end's connection stays open"
