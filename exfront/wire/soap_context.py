"""``SerializedSecurityContext`` of EWS: who a user is and what he belongs to, as a block of a SOAP header.

Source: the EWS reference of Exchange 2007 (*SerializedSecurityContext*, *GroupIdentifier*, *RestrictedGroupIdentifier*,
*PrimarySmtpAddress*). The order of the elements is that of its schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from attrs import define, field, frozen

from exfront import limits
from exfront.wire.security_context import BadContext, Group, SecurityContext, read_attributes, read_sid

TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
NAME = "SerializedSecurityContext"
AUTHENTICATION = "SOAP"  # it is not told how the user has logged on

_SPACE = " \t\r\n"
_GROUPS, _RESTRICTED = "GroupSids", "RestrictedGroupSids"
_MEMBER = {_GROUPS: "GroupIdentifier", _RESTRICTED: "RestrictedGroupIdentifier"}


@frozen
class Part:
    """Of what stands in a block, in its order: an element begins (its `name` as ``name space, blank, name``, and
    `texts`, names and values of its attributes by turns), it ends (nothing), or text (one of the `texts`)."""

    name: str
    texts: tuple[str, ...] = ()


def write(context: SecurityContext, address: str = "") -> bytes:
    """The block; `address` is the user's primary SMTP address. Raises ValueError for more groups than a token holds."""
    if len(context.groups) + len(context.restricted) > limits.CONTEXT_GROUPS:
        raise ValueError(f"over {limits.CONTEXT_GROUPS} groups")
    inner = f"<t:UserSid>{escape(context.user)}</t:UserSid>{_written(_GROUPS, context.groups)}"
    inner += _written(_RESTRICTED, context.restricted) if context.restricted else ""
    inner += f"<t:PrimarySmtpAddress>{escape(address)}</t:PrimarySmtpAddress>" if address else ""
    return f'<t:{NAME} xmlns:t="{TYPES}">{inner}</t:{NAME}>'.encode()


def _written(name: str, groups: Sequence[Group]) -> str:
    member = _MEMBER[name]
    each = "".join([
        f'<t:{member} Attributes="{group.attributes:d}"><t:SecurityIdentifier>{escape(group.sid)}'
        f"</t:SecurityIdentifier></t:{member}>"
        for group in groups
    ])  # fmt: skip
    return f"<t:{name}>{each}</t:{name}>"


def read(parts: Sequence[Part]) -> SecurityContext:
    """What a block says; the log-on name is the SMTP address, or the SID. Raises `BadContext`."""
    children = list(_children(_tree(parts)))
    names = [child.name for child in children]
    order = ["UserSid", _GROUPS, _RESTRICTED, "PrimarySmtpAddress"]
    if names != [name for name in order if name in names] or "UserSid" not in names:
        raise BadContext("not the elements of the schema, in its order")
    found = dict(zip(names, children, strict=True))
    user = read_sid(_text(found["UserSid"]))
    groups, restricted = (_groups(found.get(name)) for name in (_GROUPS, _RESTRICTED))
    if len(groups) + len(restricted) > limits.CONTEXT_GROUPS:
        raise BadContext(f"over {limits.CONTEXT_GROUPS} groups")
    address = _text(found["PrimarySmtpAddress"]) if "PrimarySmtpAddress" in found else ""
    if len(address) > limits.CONTEXT_NAME_CHARACTERS:
        raise BadContext("an address that is too long")
    return SecurityContext(user, address or user, AUTHENTICATION, groups, restricted)


@define
class _Element:
    name: str  # its own; of another name space than that of EWS it is empty
    attributes: dict[str, str] = field(factory=dict)
    inner: list[_Element] = field(factory=list)
    text: str = ""


def _tree(parts: Sequence[Part]) -> _Element:
    """The parts as elements: the block itself is the first one."""
    open_ones = [_Element(NAME)]
    for part in parts:
        if part.name:
            space, _, local = part.name.rpartition(" ")
            attributes = dict(zip(part.texts[::2], part.texts[1::2], strict=True))
            element = _Element(local if space == TYPES else "", attributes)
            open_ones[-1].inner.append(element)
            open_ones.append(element)
        elif part.texts:
            open_ones[-1].text += part.texts[0]
        else:
            open_ones.pop()
    return open_ones[0]


def _children(element: _Element) -> Iterator[_Element]:
    if element.text.strip(_SPACE):
        raise BadContext("text between elements")
    yield from element.inner


def _text(element: _Element) -> str:
    if element.inner or element.attributes:
        raise BadContext("an element that should be text")
    return element.text


def _groups(element: _Element | None) -> tuple[Group, ...]:
    if element is None:
        return ()
    groups = []
    for member in _children(element):
        inner = list(_children(member))
        attributes = member.attributes.get("Attributes", member.attributes.get(f"{TYPES} Attributes", ""))
        if member.name != _MEMBER[element.name] or [each.name for each in inner] != ["SecurityIdentifier"]:
            raise BadContext("not a group of the schema")
        groups.append(Group(read_sid(_text(inner[0])), read_attributes(attributes)))
    return tuple(groups)
