"""IMAP4 in the client's role, during login: what a back end answers (RFC 3501 section 7, S-MAIL-9).

Only status responses, capabilities and continuation requests mean something; other untagged lines are read over.
Responses are pulled one at a time: what stands behind the last one pulled is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from attrs import frozen

from exfront import limits
from exfront.wire.lines import LineReader, TooLong, has_forbidden_octet, without_end


@frozen
class Code:
    """A response code, ``[NAME argument]``; `name` is in upper case."""

    name: bytes
    argument: bytes = b""


@frozen
class Untagged:
    """``* KIND text``; `kind` is in upper case, `code` only read in status responses."""

    kind: bytes
    text: bytes = b""
    code: Code | None = None


@frozen
class Tagged:
    """The end of a command: `status` is OK, NO or BAD."""

    tag: bytes
    status: bytes
    text: bytes = b""
    code: Code | None = None


@frozen
class Continuation:
    """The back end waits for the rest of a command; `text` is SASL's challenge in base64, or words."""

    text: bytes = b""


@frozen
class Malformed:
    """No IMAP4 server says this, or not so much of it; nothing further is read. `why` is for the log."""

    why: str


Response = Untagged | Tagged | Continuation | Malformed

_STATUS = frozenset((b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"))
_COMPLETIONS = frozenset((b"OK", b"NO", b"BAD"))
_CODE = re.compile(rb"\[([A-Za-z][^ \]]*)(?: ([^\]]*))?\] ?")
_LITERAL = re.compile(rb"\{([0-9]{1,10})\}\Z")
_WORD = re.compile(rb"[!-~]+")
_CAPABILITY = re.compile(rb"[!#$&'+-Z^-z|}~]+")


class ResponseReader(LineReader):
    """Octets in by `feed`, responses out by `next_event`. `lines` and `octets` bound all that is read in its life."""

    def __init__(self, lines: int = limits.BACK_END_LOGIN_LINES, octets: int = limits.BACK_END_LOGIN_OCTETS) -> None:
        super().__init__()
        self._lines_left = lines
        self._octets_left = octets
        self._skip = 0
        self._beginning: bytes | None = None

    def next_event(self) -> Response | None:
        """The next response, None until more octets came."""
        if self._broken:
            return None
        try:
            response = self._next()
        except TooLong:
            response = Malformed("too much before the end of the login")
        if isinstance(response, Malformed):
            self._broken = True
            self._buffer.take_all()
        return response

    def _next(self) -> Response | None:
        while self._skip_literal():
            line = self._buffer.take_line(self._octets_left)
            if line is None:
                return None
            self._lines_left -= 1
            self._octets_left -= len(line)
            response = self._line(without_end(line))
            if response is not None:
                return response
        return None

    def _skip_literal(self) -> bool:
        """Whether no literal is left to be read over."""
        if self._skip and self._buffer.take_block(self._skip) is None:
            return False
        self._skip = 0
        return True

    def _line(self, line: bytes) -> Response | None:
        if self._lines_left < 0 or has_forbidden_octet(line):
            return Malformed("too many lines, or NUL or CR within a line")
        beginning = line if self._beginning is None else self._beginning
        literal = _LITERAL.search(line)
        if literal is None or not _may_hold_literal(beginning):
            self._beginning = None
            return _read(beginning)
        self._skip, self._beginning = int(literal[1]), beginning
        self._octets_left -= self._skip
        return Malformed("a literal is too large") if self._octets_left < 0 else None


@lru_cache(64)  # a server says the same to everybody
def capabilities(text: bytes) -> tuple[bytes, ...]:
    """The names in a CAPABILITY response or code, as they are spelt; what is no atom is left out."""
    return tuple(name for name in text.split() if _CAPABILITY.fullmatch(name))


def mechanisms(names: Iterable[bytes]) -> frozenset[bytes]:
    """The SASL mechanisms among capabilities, in capital letters."""
    return frozenset(name[5:].upper() for name in names if name[:5].upper() == b"AUTH=")


def _may_hold_literal(line: bytes) -> bool:
    """Status responses end in free text, where ``{5}`` means nothing."""
    star, _, rest = line.partition(b" ")
    return star == b"*" and rest.partition(b" ")[0].upper() not in _STATUS


def _read(line: bytes) -> Response:
    if line == b"+" or line.startswith(b"+ "):
        return Continuation(line[2:])
    tag, _, rest = line.partition(b" ")
    word, _, text = rest.partition(b" ")
    kind = word.upper()
    if tag == b"*" and _WORD.fullmatch(kind):
        return Untagged(kind, *_code(text)) if kind in _STATUS else Untagged(kind, text)
    if _WORD.fullmatch(tag) and kind in _COMPLETIONS:
        return Tagged(tag, kind, *_code(text))
    return Malformed("a line that is no response")


def _code(text: bytes) -> tuple[bytes, Code | None]:
    """The text behind the response code, and the code."""
    found = _CODE.match(text)
    if found is None:
        return text, None
    return text[found.end() :], Code(found[1].upper(), found[2] or b"")
