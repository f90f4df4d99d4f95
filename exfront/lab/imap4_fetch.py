"""FETCH: which items of a message a client asks for, and how they are written (RFC 3501 sections 6.4.5, 7.4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from exfront.lab.imap4_syntax import BadSyntax, Token, in_list, literal, string, tokens
from exfront.lab.mailboxes import Message
from exfront.lab.mime import Part, body_structure, envelope

SEEN = "\\Seen"

_MACROS = {
    b"FAST": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"),
    b"ALL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE"),
    b"FULL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"),
}
_ITEMS: Mapping[bytes, Callable[[Message], bytes]] = {
    b"UID": lambda message: b"%d" % message.uid,
    b"FLAGS": lambda message: flag_list(message),
    b"INTERNALDATE": lambda message: b'"' + date_text(message.date).encode() + b'"',
    b"RFC822.SIZE": lambda message: b"%d" % len(message.octets),
    b"RFC822": lambda message: literal(message.octets),
    b"RFC822.HEADER": lambda message: literal(Part(message.octets).header),
    b"RFC822.TEXT": lambda message: literal(Part(message.octets).body),
    b"ENVELOPE": lambda message: envelope(Part(message.octets)),
    b"BODY": lambda message: body_structure(Part(message.octets), extended=False),
    b"BODYSTRUCTURE": lambda message: body_structure(Part(message.octets), extended=True),
}
_SECTION = re.compile(rb"BODY(\.PEEK)?\[([^\]]*)\](?:<([0-9]+)(?:\.([0-9]+))?>)?", re.IGNORECASE)
_PATH = re.compile(rb"((?:[0-9]{1,3}(?:\.|\Z))*)(.*)", re.DOTALL)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def items(argument: Token) -> tuple[bytes, ...]:
    """The names of the items asked for, each of them known. Raises `BadSyntax`."""
    asked = argument if isinstance(argument, tuple) else _MACROS.get(argument.upper(), (argument,))
    names = tuple(string(each) for each in asked)
    for name in names:
        if name.upper() not in _ITEMS and not _SECTION.fullmatch(name):
            raise BadSyntax("unknown item")
    return names


def marks_seen(names: Sequence[bytes]) -> bool:
    """Whether fetching these items means that the user has seen the message."""
    return any(_opens(name) for name in names)


def _opens(name: bytes) -> bool:
    section = _SECTION.fullmatch(name)
    return not section[1] if section else name.upper() in (b"RFC822", b"RFC822.TEXT")


def fetched(message: Message, names: Sequence[bytes]) -> bytes:
    """What follows FETCH. Raises `BadSyntax` for a section that no message has."""
    return in_list(*(_named(message, name) for name in names))


def _named(message: Message, name: bytes) -> bytes:
    section = _SECTION.fullmatch(name)
    if section is None:
        return name.upper() + b" " + _ITEMS[name.upper()](message)
    octets = _octets(Part(message.octets), section[2])
    label = b"BODY[" + section[2] + b"]"
    if section[3]:
        begin = int(section[3])
        label += b"<%d>" % begin
        octets = octets[begin : begin + int(section[4])] if section[4] else octets[begin:]
    return label + b" " + literal(octets)


def _octets(part: Part, section: bytes) -> bytes:
    path, rest = _path(section)
    for number in path:
        part = _inner(part, number)
    word, *arguments = tokens([rest]) or (b"",)
    what = string(word).upper()
    if what == b"":
        return part.body if path else part.octets
    if what == b"MIME" and path:
        return part.header
    if path:  # HEADER and TEXT of a part are those of the message in it
        part = part.parts[0] if part.parts and not part.is_multipart else Part(b"")
    if what.startswith(b"HEADER.FIELDS") and arguments and isinstance(arguments[0], tuple):
        return part.fields([string(each) for each in arguments[0]], but=what.endswith(b".NOT"))
    if what in (b"HEADER", b"TEXT"):
        return part.header if what == b"HEADER" else part.body
    raise BadSyntax("unknown section")


def _path(section: bytes) -> tuple[list[int], bytes]:
    match = _PATH.fullmatch(section)
    assert match is not None  # it matches every text
    return [int(number) for number in match[1].split(b".") if number], match[2]


def _inner(part: Part, number: int) -> Part:
    """Part `number`; a message that is no multipart is its own first part, and a message within counts its own."""
    if not part.is_multipart and part.parts:
        part = part.parts[0]
    if not part.is_multipart:
        return part if number == 1 else Part(b"")
    return part.parts[number - 1] if 0 < number <= len(part.parts) else Part(b"")


def flag_list(message: Message) -> bytes:
    """FLAGS, in a fixed order."""
    return in_list(*(flag.encode() for flag in sorted(message.flags)))


def date_text(date: datetime) -> str:
    """INTERNALDATE, in English whatever the locale is."""
    return f"{date.day:2}-{_MONTHS[date.month - 1]}-{date:%Y %H:%M:%S} {date:%z}"


def read_date(text: bytes) -> datetime:
    """The date of an APPEND. Raises `BadSyntax`."""
    match = re.fullmatch(r" ?(\d+)-(\w{3})-(\d{4} \d\d:\d\d:\d\d [+-]\d{4})", text.decode("latin-1"), re.ASCII)
    try:
        if match is not None:
            month = _MONTHS.index(match[2].capitalize()) + 1
            return datetime.strptime(f"{match[1]} {month} {match[3]}", "%d %m %Y %H:%M:%S %z")
    except ValueError:
        pass
    raise BadSyntax("not a date")
