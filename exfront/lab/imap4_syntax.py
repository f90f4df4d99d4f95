"""What an IMAP4 client says to the lab's mailbox server (RFC 3501 section 9, RFC 7888); no sockets here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import define, field, frozen

from exfront import limits

# An atom, a quoted string or literal as its octets; a parenthesised list as a tuple.
Token = bytes | tuple["Token", ...]


class BadSyntax(ValueError):  # noqa: N818 - an answer to a client
    """The message goes into a BAD."""


@frozen
class Command:
    """One complete command; `name` is in upper case."""

    tag: bytes
    name: bytes
    arguments: tuple[Token, ...]


@frozen
class Bad:
    """A command that cannot be read; `fatal` where nothing behind it can be either."""

    tag: bytes
    why: str
    fatal: bool = False


@frozen
class Ready:
    """The client waits until it may send its literal."""


@frozen
class Line:
    """A line that is no command: DONE, or the answer to a challenge."""

    text: bytes


Event = Command | Bad | Ready | Line

_LITERAL = re.compile(rb"\{([0-9]{1,10})(\+?)\}\Z")
_COMMAND = re.compile(rb"([!-~]+) ([A-Za-z]+)(?: |\Z)")
_TOKEN = re.compile(
    rb"(?P<open>\()|(?P<close>\))"
    rb'|"(?P<quoted>(?:[^"\\]|\\.)*)"'
    rb'|(?P<atom>[^\s()"\[{]+(?:\[[^\]]*\](?:<[0-9]+(?:\.[0-9]+)?>)?)?)'  # BODY[HEADER.FIELDS (DATE)]<0.100> is one
)
_ESCAPED = re.compile(rb"\\(.)")


@define
class CommandReader:
    """Octets in by `feed`, events out. Set `line_expected` while an event is handled to get the next line as it is."""

    line_expected: bool = False
    _buffer: bytearray = field(factory=bytearray)
    _pieces: list[bytes] = field(factory=list)  # of the command that is coming: text, literal, text, ...
    _literal: int | None = None
    _broken: bool = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """All that `data` completes; each event must be handled before the next is asked for."""
        self._buffer += data
        while not self._broken and (event := self._next()) is not None:
            self._broken = isinstance(event, Bad) and event.fatal
            yield event

    def _next(self) -> Event | None:
        while True:
            if self._literal is not None:
                if len(self._buffer) < self._literal:
                    return None
                self._pieces.append(self._take(self._literal))
                self._literal = None
            end = self._buffer.find(b"\n")
            if end < 0:
                return self._fatal("line too long") if len(self._buffer) > limits.LAB_LINE_OCTETS else None
            line = self._take(end + 1).rstrip(b"\r\n")
            if (event := self._line(line)) is not None:
                return event

    def _line(self, line: bytes) -> Event | None:
        if self.line_expected:
            self.line_expected = False
            return Line(line)
        announced = _LITERAL.search(line)
        self._pieces.append(line[: announced.start()] if announced else line)
        if announced is None:
            pieces, self._pieces = self._pieces, []
            return _command(pieces)
        self._literal = int(announced[1])
        if self._literal + sum(map(len, self._pieces)) > limits.LAB_LITERAL_OCTETS:
            return self._fatal("literal too long")
        return None if announced[2] else Ready()

    def _fatal(self, why: str) -> Bad:
        return Bad(_tag(bytes(self._pieces[0] if self._pieces else self._buffer[:80])), why, fatal=True)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


def _command(pieces: list[bytes]) -> Command | Bad:
    head = _COMMAND.match(pieces[0])
    if head is None:
        return Bad(_tag(pieces[0]), "no command")
    try:
        arguments = tokens([pieces[0][head.end() :], *pieces[1:]])
    except BadSyntax as error:
        return Bad(head[1], str(error))
    return Command(head[1], head[2].upper(), arguments)


def _tag(line: bytes) -> bytes:
    word = line.split(b" ", 1)[0]
    return word if re.fullmatch(rb"[!-~]+", word) else b"*"


def tokens(pieces: list[bytes]) -> tuple[Token, ...]:
    """Read arguments; every other piece is a literal. Raises `BadSyntax`."""
    lists: list[list[Token]] = [[]]
    for index, piece in enumerate(pieces):
        if index % 2:
            lists[-1].append(piece)
            continue
        for match in _matches(piece):
            if match["open"]:
                lists.append([])
            elif match["close"]:
                if len(lists) == 1:
                    raise BadSyntax("unmatched parenthesis")
                closed = tuple(lists.pop())
                lists[-1].append(closed)
            else:
                quoted = match["quoted"]
                lists[-1].append(match["atom"] if quoted is None else _ESCAPED.sub(rb"\1", quoted))
    if len(lists) > 1:
        raise BadSyntax("unmatched parenthesis")
    return tuple(lists[0])


def _matches(text: bytes) -> Iterator[re.Match[bytes]]:
    position = 0
    while (position := position + len(text[position:]) - len(text[position:].lstrip(b" "))) < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise BadSyntax("unexpected character")
        yield match
        position = match.end()


def string(token: Token) -> bytes:
    """An argument that must not be a list. Raises `BadSyntax`."""
    if isinstance(token, tuple):
        raise BadSyntax("unexpected list")
    return token


def numbers(token: Token, most: int) -> list[range]:
    """A sequence set; ``*`` is `most`. Raises `BadSyntax`."""
    found = []
    for part in string(token).split(b","):
        ends = part.split(b":")
        if len(ends) > 2 or not all(end == b"*" or (end.isdigit() and len(end) <= 10) for end in ends):
            raise BadSyntax("not a sequence set")
        values = [most if end == b"*" else int(end) for end in ends]
        found.append(range(min(values), max(values) + 1))
    return found


def nstring(octets: bytes | None) -> bytes:
    """How a server writes a string: NIL, quoted, or as a literal."""
    if octets is None:
        return b"NIL"
    if re.fullmatch(rb"[ -~]{0,900}", octets):
        return b'"' + re.sub(rb'(["\\])', rb"\\\1", octets) + b'"'
    return literal(octets)


def literal(octets: bytes) -> bytes:
    """A literal, as it goes over the wire."""
    return b"{%d}\r\n%b" % (len(octets), octets)


def in_list(*items: bytes) -> bytes:
    """A parenthesised list."""
    return b"(" + b" ".join(items) + b")"
