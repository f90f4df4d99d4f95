"""SEARCH: from the keys that a client sends to a test of one message (RFC 3501 section 6.4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from email.utils import parsedate_to_datetime

from attrs import frozen

from exfront.lab.imap4_fetch import read_date
from exfront.lab.imap4_syntax import BadSyntax, Token, numbers, string
from exfront.lab.mailboxes import Message
from exfront.lab.mime import Part


@frozen
class Candidate:
    """A message and its sequence number."""

    number: int
    message: Message


Test = Callable[[Candidate], bool]

_FLAGS = ("ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN")
_HEADERS = ("FROM", "TO", "CC", "BCC", "SUBJECT")
_DATES = ("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE")


@frozen
class Limits:
    """What ``*`` means: the highest sequence number and the highest UID."""

    number: int
    uid: int


def search_test(keys: tuple[Token, ...], limits: Limits) -> Test:
    """A test for all keys at once. Raises `BadSyntax`."""
    rest = iter(keys)
    tests = list(_tests(rest, limits))
    if not tests:
        raise BadSyntax("no search key")
    return lambda candidate: all(test(candidate) for test in tests)


def _tests(rest: Iterator[Token], limits: Limits) -> Iterator[Test]:
    for key in rest:
        yield _test(key, rest, limits)


def _test(key: Token, rest: Iterator[Token], limits: Limits) -> Test:
    if isinstance(key, tuple):
        return search_test(key, limits)
    name = key.decode("latin-1").upper()
    if name == "NOT":
        inner = _test(_next(rest), rest, limits)
        return lambda candidate: not inner(candidate)
    if name == "OR":
        one = _test(_next(rest), rest, limits)
        other = _test(_next(rest), rest, limits)
        return lambda candidate: one(candidate) or other(candidate)
    plain = _flag(name) or _keyword(name, rest) or _text(name, rest) or _size_or_date(name, rest)
    return plain or _set(key, rest, limits)


def _next(rest: Iterator[Token]) -> Token:
    try:
        return next(rest)
    except StopIteration:
        raise BadSyntax("search key without its argument") from None


def _flag(name: str) -> Test | None:
    if name in ("ALL", "OLD"):  # the lab's servers know no \Recent: all is old
        return lambda candidate: True
    if name in ("NEW", "RECENT"):
        return lambda candidate: False
    if name in _FLAGS:
        return _has(f"\\{name.capitalize()}")
    if name.removeprefix("UN") in _FLAGS:
        return _has_not(f"\\{name[2:].capitalize()}")
    return None


def _keyword(name: str, rest: Iterator[Token]) -> Test | None:
    if name not in ("KEYWORD", "UNKEYWORD"):
        return None
    flag = string(_next(rest)).decode("latin-1")
    return _has(flag) if name == "KEYWORD" else _has_not(flag)


def _has(flag: str) -> Test:
    return lambda candidate: flag in candidate.message.flags


def _has_not(flag: str) -> Test:
    return lambda candidate: flag not in candidate.message.flags


def _text(name: str, rest: Iterator[Token]) -> Test | None:
    """Octets compare without the case of ASCII letters; encoded words are not decoded."""
    if name in _HEADERS:
        return _header(name.encode(), string(_next(rest)))
    if name == "HEADER":
        return _header(string(_next(rest)), string(_next(rest)))
    if name not in ("BODY", "TEXT"):
        return None
    sought = string(_next(rest)).lower()
    if name == "BODY":
        return lambda candidate: sought in Part(candidate.message.octets).body.lower()
    return lambda candidate: sought in candidate.message.octets.lower()


def _header(name: bytes, sought: bytes) -> Test:
    def test(candidate: Candidate) -> bool:
        value = Part(candidate.message.octets).field(name)
        return value is not None and sought.lower() in value.lower()

    return test


def _size_or_date(name: str, rest: Iterator[Token]) -> Test | None:
    if name in ("LARGER", "SMALLER"):
        size = string(_next(rest))
        if not size.isdigit() or len(size) > 10:
            raise BadSyntax("not a number")
        sign = 1 if name == "LARGER" else -1
        return lambda candidate: sign * len(candidate.message.octets) > sign * int(size)
    if name not in _DATES:
        return None
    day = read_date(string(_next(rest)) + b" 00:00:00 +0000").date()
    of = _sent if name.startswith("SENT") else _received
    return _compared(name.removeprefix("SENT"), day, of)


def _compared(how: str, day: date, of: Callable[[Message], date | None]) -> Test:
    def test(candidate: Candidate) -> bool:
        found = of(candidate.message)
        if found is None:
            return False
        return {"BEFORE": found < day, "ON": found == day, "SINCE": found >= day}[how]

    return test


def _received(message: Message) -> date:
    return message.date.date()


def _sent(message: Message) -> date | None:
    value = Part(message.octets).field(b"date")
    try:
        return parsedate_to_datetime(value.decode("latin-1")).date() if value else None
    except ValueError:
        return None


def _set(key: bytes, rest: Iterator[Token], limits: Limits) -> Test:
    if key.upper() == b"UID":
        uids = numbers(_next(rest), limits.uid)
        return lambda candidate: any(candidate.message.uid in each for each in uids)
    if not key[:1].isdigit() and key[:1] != b"*":
        raise BadSyntax("unknown search key")
    sequence = numbers(key, limits.number)
    return lambda candidate: any(candidate.number in each for each in sequence)
