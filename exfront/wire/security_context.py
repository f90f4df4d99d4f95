r"""The serialized security context of 441: who a user is and what he belongs to, told to another Client Access server.

The form is that of public test code which Exchange answers with 241 (no document has it)::

    <r at="Negotiate" ln="DOMAIN\user"><s>S-1-5-21-1-2-3-1104</s><s a="7" t="1">S-1-1-0</s></r>

``at`` is how the user logged on, ``ln`` his log-on name, the first ``s`` his SID; the others are groups with their
SE_GROUP attributes. ``t="1"`` stands in all samples; restricted groups have ``t="2"`` here, which is our reading.

Read with expat, which Python brings along, and without anything of XML that the form does not need: no document type
(so no entities), no instruction, no comment, nothing unknown.
"""

from __future__ import annotations

import re
from typing import Never
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from attrs import define, field, frozen

from exfront import limits
from exfront.wire.sid import sid_octets

ENABLED = 7  # SE_GROUP_MANDATORY, _ENABLED_BY_DEFAULT and _ENABLED ([MS-DTYP] 2.4.4.18, SE_GROUP in winnt.h)
_ATTRIBUTES = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_MOST_ATTRIBUTES = 2**32
_GROUP, _RESTRICTED = "1", "2"
_NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 section 2.2
_SPACE = " \t\r\n"


class BadContext(ValueError):  # noqa: N818 - an answer to a peer, not a fault
    """What was received is no security context; the message says why and repeats nothing of it (S-AUTH-14)."""


@frozen
class Group:
    """`sid` in text; `attributes` are SE_GROUP bits."""

    sid: str
    attributes: int = ENABLED


@frozen
class SecurityContext:
    """`user` is a SID in text, `authentication` how he logged on (``Basic``, ``Negotiate``)."""

    user: str
    logon_name: str
    authentication: str
    groups: tuple[Group, ...] = ()
    restricted: tuple[Group, ...] = ()


def write(context: SecurityContext) -> bytes:
    """The context as it is sent. Raises ValueError for what the other side could not read, or not as it was meant."""
    _check(context)
    groups = "".join([_written(group, _GROUP) for group in context.groups])
    restricted = "".join([_written(group, _RESTRICTED) for group in context.restricted])
    names = f"at={_quoted(context.authentication)} ln={_quoted(context.logon_name)}"
    octets = f"<r {names}><s>{escape(context.user)}</s>{groups}{restricted}</r>".encode()
    if len(octets) > limits.CONTEXT_OCTETS:
        raise ValueError(f"a context of {len(octets)} octets")
    return octets


def read(octets: bytes) -> SecurityContext:
    """Read what a peer sent. Raises `BadContext` for all that is not exactly of the form."""
    if len(octets) > limits.CONTEXT_OCTETS:
        raise BadContext(f"over {limits.CONTEXT_OCTETS} octets")
    if not octets.startswith(b"<r"):  # no declaration, and no byte order mark that would mean another encoding
        raise BadContext("it does not begin with an r")
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = reader.forbidden
    parser.ProcessingInstructionHandler = parser.CommentHandler = reader.forbidden
    parser.StartCdataSectionHandler = reader.forbidden
    parser.ordered_attributes = parser.buffer_text = True
    try:
        parser.Parse(octets, True)
    except expat.ExpatError as error:
        raise BadContext(f"not well-formed XML: {expat.ErrorString(error.code)}") from None
    return reader.context()


@define(eq=False)
class _Reader:
    """Takes expat's events."""

    _names: dict[str, str] = field(factory=dict)
    _user: str = ""
    _groups: list[Group] = field(factory=list)
    _restricted: list[Group] = field(factory=list)
    _path: list[str] = field(factory=list)
    _attributes: dict[str, str] = field(factory=dict)  # of the element that is open
    _text: str = ""

    def start(self, name: str, attributes: list[str]) -> None:
        found = dict(zip(attributes[::2], attributes[1::2], strict=True))
        if not self._path:
            if name != "r" or set(found) != {"at", "ln"}:
                raise BadContext("not an r with at and ln")
            self._names = found
        elif self._path == ["r"]:
            self._open(name, found)
        else:
            raise BadContext("an element within an s")
        self._path.append(name)

    def _open(self, name: str, found: dict[str, str]) -> None:
        if name != "s" or set(found) != ({"a", "t"} if self._user else set()):
            raise BadContext("not the s that is due here, with its attributes")
        if len(self._groups) + len(self._restricted) >= limits.CONTEXT_GROUPS:
            raise BadContext(f"over {limits.CONTEXT_GROUPS} groups")
        self._attributes, self._text = found, ""

    def end(self, name: str) -> None:
        self._path.pop()
        if name != "s":
            return
        sid = read_sid(self._text)
        if not self._user:
            self._user = sid
            return
        kind, attributes = self._attributes["t"], self._attributes["a"]
        if kind not in (_GROUP, _RESTRICTED):
            raise BadContext("an unknown t")
        group = Group(sid, read_attributes(attributes))
        (self._groups if kind == _GROUP else self._restricted).append(group)

    def text(self, text: str) -> None:
        if self._path[-1] == "s":
            self._text += text
        elif text.strip(_SPACE):
            raise BadContext("text outside of an s")

    def forbidden(self, *_: object) -> Never:
        raise BadContext("a document type, an instruction, a comment or a CDATA section")

    def context(self) -> SecurityContext:
        if not self._user:
            raise BadContext("no user")
        name, authentication = self._names["ln"], self._names["at"]
        if max(len(name), len(authentication)) > limits.CONTEXT_NAME_CHARACTERS or not name or not authentication:
            raise BadContext("a name that is empty or too long")
        return SecurityContext(self._user, name, authentication, tuple(self._groups), tuple(self._restricted))


def read_attributes(text: str) -> int:
    """SE_GROUP bits. Raises `BadContext`."""
    if not _ATTRIBUTES.fullmatch(text) or int(text) >= _MOST_ATTRIBUTES:
        raise BadContext("attributes that are no number of 32 bits")
    return int(text)


def read_sid(text: str) -> str:
    """A SID in text, as it is. Raises `BadContext`."""
    try:
        sid_octets(text)
    except ValueError:
        raise BadContext("not a SID") from None
    return text


def _check(context: SecurityContext) -> None:
    names = (context.authentication, context.logon_name)
    if not all(0 < len(name) <= limits.CONTEXT_NAME_CHARACTERS and not _NO_TEXT.search(name) for name in names):
        raise ValueError("a name that is empty, too long, or no XML")
    if len(context.groups) + len(context.restricted) > limits.CONTEXT_GROUPS:
        raise ValueError(f"over {limits.CONTEXT_GROUPS} groups")
    sid_octets(context.user)


def _quoted(text: str) -> str:
    # In an attribute's value a reader turns plain white space into blanks (XML 1.0 section 3.3.3).
    return quoteattr(text, {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"})


def _written(group: Group, kind: str) -> str:
    return f'<s a="{group.attributes:d}" t="{kind}">{escape(group.sid)}</s>'
