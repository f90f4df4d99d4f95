"""A mail taken apart, octet by octet as it is stored (RFC 5322, RFC 2045), and described for IMAP4 (RFC 3501)."""

from __future__ import annotations

import re
from collections.abc import Collection
from email.message import Message as Header
from email.utils import getaddresses
from functools import cached_property
from itertools import pairwise

from attrs import frozen

from exfront.lab.imap4_syntax import in_list, nstring

_HEADER_END = re.compile(rb"\r\n\r\n|\A\r\n")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[ \t]*(.*?)\r\n(?![ \t])", re.DOTALL)
_ADDRESSES = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")


@frozen(slots=False)
class Part:
    """A whole mail, or one part of a MIME multipart: `octets` are header, empty line and body."""

    octets: bytes

    @cached_property
    def header(self) -> bytes:
        """With its empty line."""
        end = _HEADER_END.search(self.octets)
        return self.octets[: end.end()] if end else self.octets

    @property
    def body(self) -> bytes:
        """As transferred: not decoded."""
        return self.octets[len(self.header) :]

    def field(self, name: bytes) -> bytes | None:
        """The value of a header field on one line, None where it is absent."""
        for found, value in _FIELD.findall(self.header):
            if found.lower() == name.lower():
                return _FOLD.sub(b"", value)
        return None

    def fields(self, names: Collection[bytes], but: bool = False) -> bytes:
        """The header with the fields of these names only, or with all others; and its empty line."""
        wanted = {name.lower() for name in names}
        found = [match[0] for match in _FIELD.finditer(self.header) if (match[1].lower() in wanted) is not but]
        return b"".join(found) + b"\r\n"

    @cached_property
    def type(self) -> Header:
        """Content-Type, as Python reads it."""
        header = Header()
        header["Content-Type"] = (self.field(b"content-type") or b"text/plain; charset=us-ascii").decode("latin-1")
        return header

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Of a multipart its parts, of a message/rfc822 that message, of all else nothing."""
        if self.type.get_content_type() == "message/rfc822":
            return (Part(self.body),)
        boundary = self.type.get_param("boundary")
        if self.type.get_content_maintype() != "multipart" or not isinstance(boundary, str):
            return ()
        delimiter = re.compile(rb"(?:\A|\r\n)--" + re.escape(boundary.encode("latin-1")) + rb"(--)?[ \t]*(?:\r\n|\Z)")
        marks = list(delimiter.finditer(self.body))
        pairs = pairwise(marks)
        return tuple(Part(self.body[begin.end() : end.start()]) for begin, end in pairs if not begin[1])

    @property
    def is_multipart(self) -> bool:
        """Whether numbers in a section name parts of this one."""
        return bool(self.parts) and self.type.get_content_maintype() == "multipart"


def envelope(part: Part) -> bytes:
    """ENVELOPE (RFC 3501 section 7.4.2); sender and reply-to default to from."""
    lists = {name: _addresses(part.field(name)) for name in _ADDRESSES}
    for name in (b"sender", b"reply-to"):
        lists[name] = lists[b"from"] if lists[name] == b"NIL" else lists[name]
    texts = [nstring(part.field(name)) for name in (b"date", b"subject", b"in-reply-to", b"message-id")]
    return in_list(*texts[:2], *(lists[name] for name in _ADDRESSES), *texts[2:])


def _addresses(value: bytes | None) -> bytes:
    found = getaddresses([value.decode("utf-8", "surrogateescape")]) if value else []
    written = [_address(name, address) for name, address in found if address]
    return b"(" + b"".join(written) + b")" if written else b"NIL"


def _address(name: str, address: str) -> bytes:
    local, _, host = address.rpartition("@")
    return in_list(_text(name or None), b"NIL", _text(local or address), _text(host))


def body_structure(part: Part, extended: bool) -> bytes:
    """BODYSTRUCTURE, or without the extension data BODY."""
    kind = part.type
    if part.is_multipart:
        inner = b"".join(body_structure(each, extended) for each in part.parts)
        more = [_parameters(kind), *_extension(part)] if extended else []
        return in_list(inner, _upper(kind.get_content_subtype()), *more)
    items = [_upper(kind.get_content_maintype()), _upper(kind.get_content_subtype()), _parameters(kind)]
    encoding = part.field(b"content-transfer-encoding") or b"7BIT"
    items += [nstring(part.field(b"content-id")), nstring(part.field(b"content-description"))]
    items += [nstring(encoding.upper()), b"%d" % len(part.body)]
    lines = b"%d" % part.body.count(b"\r\n")
    if kind.get_content_type() == "message/rfc822":
        items += [envelope(part.parts[0]), body_structure(part.parts[0], extended), lines]
    elif kind.get_content_maintype() == "text":
        items.append(lines)
    if extended:
        items += [nstring(part.field(b"content-md5")), *_extension(part)]
    return in_list(*items)


def _parameters(header: Header) -> bytes:
    pairs = header.get_params([])[1:]
    written = [_upper(name) + b" " + _text(value) for name, value in pairs if isinstance(value, str)]
    return in_list(*written) if written else b"NIL"


def _extension(part: Part) -> list[bytes]:
    """Disposition, language, location."""
    value = part.field(b"content-disposition")
    header = Header()
    header["Content-Type"] = value.decode("latin-1") if value else ""
    disposition = in_list(_upper(header.get_params([("", "")])[0][0]), _parameters(header)) if value else b"NIL"
    return [disposition, nstring(part.field(b"content-language")), nstring(part.field(b"content-location"))]


def _upper(text: str) -> bytes:
    return _text(text.upper())


def _text(text: str | None) -> bytes:
    return nstring(None if text is None else text.encode("utf-8", "surrogateescape"))
