"""IMAP4 in the server's role, before login: what a client says (RFC 3501, RFC 7888, RFC 4959).

Events are pulled one at a time, because a command may change what the octets behind it are: TLS after STARTTLS, a SASL
response after AUTHENTICATE, the back end's business after LOGIN.
"""

from __future__ import annotations

import re

from attrs import field, frozen

from exfront import limits
from exfront.wire.lines import LineReader, TooLong, has_forbidden_octet, without_end


@frozen
class Atom:
    """A word without quotes."""

    value: bytes = field(repr=False)


@frozen
class String:
    """A quoted string or a literal, without its wrapping."""

    value: bytes = field(repr=False)


@frozen
class Group:
    """A list in parentheses."""

    items: tuple[Atom | String, ...] = field(repr=False)


Argument = Atom | String | Group


@frozen
class Command:
    """A whole command; `name` is in upper case."""

    tag: bytes
    name: bytes
    arguments: tuple[Argument, ...] = field(default=(), repr=False)


@frozen
class LiteralAnnounced:
    """The client waits for a continuation request before it sends a literal (RFC 3501 section 7.5)."""


@frozen
class SaslResponse:
    """The line that was asked for with `CommandReader.expect_response`, without its end."""

    line: bytes = field(repr=False)


@frozen
class BadCommand:
    """A line that is no command; `tag` is ``*`` when it has none that could be answered."""

    tag: bytes
    text: str


@frozen
class Broken:
    """Where the next command begins is not known any more; nothing further is read."""

    text: str


Event = Command | LiteralAnnounced | SaslResponse | BadCommand | Broken

_TAG = re.compile(rb"[!#$&',-\[\]-z|}~]+")  # S-MAIL-6: no + * % " \ { ( ) or controls
# More than RFC 3501's ATOM-CHAR: people type DOMAIN\user and passwords by hand.
_TOKEN = re.compile(
    rb"(?P<mark>[ ()])"
    rb"|(?P<quoted>\"(?:[^\"\\]|\\[\"\\])*\")"
    rb"|(?P<literal>\{(?P<size>[0-9]{1,10})(?P<plus>\+?)\}\Z)"
    rb"|(?P<atom>[!#-'*-z|}~]+)"
)
_ESCAPE = re.compile(rb"\\(.)")


@frozen
class _Mark:
    """One of space, ``(`` and ``)``."""

    value: bytes


@frozen
class _Literal:
    """The announcement of a literal at the end of a line."""

    size: int
    waits: bool


_Token = _Mark | _Literal | Atom | String

_SPACE, _OPEN, _CLOSE = _Mark(b" "), _Mark(b"("), _Mark(b")")
_MARKS = {mark.value: mark for mark in (_SPACE, _OPEN, _CLOSE)}


class _Wrong(Exception):  # noqa: N818 - never leaves this file
    """The command is malformed; the text is for the client."""


class CommandReader(LineReader):
    """Octets in by `feed`, events out by `next_event`.

    `line_octets` bounds one command without its literals, `literal_octets` and `literals` those, `response_octets` a
    SASL response.
    """

    def __init__(
        self,
        line_octets: int = limits.IMAP4_LINE_OCTETS,
        literal_octets: int = limits.IMAP4_LITERAL_OCTETS,
        literals: int = limits.IMAP4_LITERALS,
        response_octets: int = limits.SASL_RESPONSE_OCTETS,
    ) -> None:
        super().__init__()
        self._line_octets = line_octets
        self._literal_octets = literal_octets
        self._most_literals = literals
        self._response_octets = response_octets
        self._response_next = False
        self._tag = b""
        self._tokens: list[_Token] = []
        self._used = 0
        self._literals = 0
        self._awaited: int | None = None

    def expect_response(self) -> None:
        """The next line is a SASL response, not a command."""
        self._response_next = True

    def next_event(self) -> Event | None:
        """The next event, None until more octets came."""
        if self._broken:
            return None
        try:
            return self._response() if self._response_next else self._command()
        except TooLong:
            return self._break("The line is too long.")

    def _response(self) -> Event | None:
        line = self._buffer.take_line(self._response_octets)
        if line is None:
            return None
        self._response_next = False
        return SaslResponse(without_end(line))

    def _command(self) -> Event | None:
        while self._read_literal():
            line = self._buffer.take_line(self._line_octets - self._used)
            if line is None:
                return None
            self._used += len(line)
            event = self._line(without_end(line))
            if event is not None:
                return event
        return None

    def _read_literal(self) -> bool:
        """Whether no literal is awaited (any more)."""
        if self._awaited is None:
            return True
        literal = self._buffer.take_block(self._awaited)
        if literal is None:
            return False
        self._tokens.append(String(literal))
        self._awaited = None
        return True

    def _line(self, line: bytes) -> Event | None:
        """One line of a command: all of it, or the part up to a literal, or the part behind one."""
        if not self._tokens:
            self._tag, line = _split_tag(line)
        try:
            if not self._tag:
                raise _Wrong("The tag is missing or not valid.")
            self._tokens += _tokens(line)
            last = self._tokens[-1] if self._tokens else None
            if isinstance(last, _Literal):
                return self._announce(last)
            return self._whole()
        except _Wrong as why:
            # What follows {n+} comes without our leave: after a mistake nobody knows how much of it is literal.
            return self._break(str(why)) if line.endswith(b"+}") else self._bad(str(why))

    def _announce(self, literal: _Literal) -> Event | None:
        """S-MAIL-5: the announcement must be well-formed and small, or no continuation request is given."""
        self._tokens.pop()
        if not self._tokens or self._tokens[-1] not in (_SPACE, _OPEN):
            raise _Wrong("The arguments are not valid.")
        self._literals += 1
        if literal.size > self._literal_octets:
            raise _Wrong("The literal is too large.")
        if self._literals > self._most_literals:
            raise _Wrong("There are too many literals.")
        self._awaited = literal.size
        return LiteralAnnounced() if literal.waits else None

    def _whole(self) -> Command:
        name, arguments = _arrange(self._tokens)
        command = Command(self._tag, name, arguments)
        self._begin()
        return command

    def _bad(self, text: str) -> BadCommand:
        bad = BadCommand(self._tag or b"*", text)
        self._begin()
        return bad

    def _break(self, text: str) -> Broken:
        self._broken = True
        self._buffer.take_all()
        self._begin()
        return Broken(text)

    def _begin(self) -> None:
        self._tag = b""
        self._tokens = []
        self._used = 0
        self._literals = 0
        self._awaited = None


def _split_tag(line: bytes) -> tuple[bytes, bytes]:
    """The tag, empty when it is not valid, and the line behind it and its space."""
    tag, _, rest = line.partition(b" ")
    return (tag if _TAG.fullmatch(tag) else b""), rest


def _tokens(line: bytes) -> list[_Token]:
    if has_forbidden_octet(line):
        raise _Wrong("NUL or CR within a line.")
    tokens: list[_Token] = []
    position = 0
    while position < len(line):
        found = _TOKEN.match(line, position)
        if found is None:
            raise _Wrong("The command is not valid.")
        tokens.append(_token(found))
        position = found.end()
    return tokens


def _token(found: re.Match[bytes]) -> _Token:
    if found["mark"]:
        return _MARKS[found["mark"]]
    if found["atom"]:
        return Atom(found["atom"])
    if found["quoted"]:
        inside = found["quoted"][1:-1]
        return String(_ESCAPE.sub(rb"\1", inside) if b"\\" in inside else inside)
    return _Literal(int(found["size"]), waits=not found["plus"])


def _arrange(tokens: list[_Token]) -> tuple[bytes, tuple[Argument, ...]]:
    """The name and the arguments, with exactly one space before each."""
    if not tokens or not isinstance(tokens[0], Atom):
        raise _Wrong("The command is missing.")
    arguments: list[Argument] = []
    position = 1
    while position < len(tokens):
        if tokens[position] is not _SPACE:
            raise _Wrong("The arguments are not valid.")
        argument, position = _argument(tokens, position + 1)
        arguments.append(argument)
    return tokens[0].value.upper(), tuple(arguments)


def _argument(tokens: list[_Token], position: int) -> tuple[Argument, int]:
    """The argument that begins at `position`, and where the next token stands."""
    first = tokens[position] if position < len(tokens) else _SPACE
    if isinstance(first, Atom | String):
        return first, position + 1
    if first is not _OPEN:
        raise _Wrong("The arguments are not valid.")
    end = next((place for place in range(position, len(tokens)) if tokens[place] is _CLOSE), None)
    if end is None:
        raise _Wrong("The list is not closed.")
    return Group(_items(tokens[position + 1 : end])), end + 1


def _items(inside: list[_Token]) -> tuple[Atom | String, ...]:
    """Words with one space between each; no command before login has lists within lists."""
    words, spaces = inside[::2], inside[1::2]
    items = tuple(word for word in words if isinstance(word, Atom | String))
    if len(items) != len(words) or any(space is not _SPACE for space in spaces) or len(inside) == 2 * len(spaces) > 0:
        raise _Wrong("The list is not valid.")
    return items
