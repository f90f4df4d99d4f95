"""WBXML as ActiveSync uses it ([MS-ASWBXML]): trees of named elements to octets and back, both written for the tests.

An element is ``(name, content)``: a text, or a list of elements; names bear their code page, ``Ping:Status``.
"""

from __future__ import annotations

from collections.abc import Sequence

Element = tuple[str, str | Sequence["Element"]]

_HEAD = b"\x03\x01\x6a\x00"  # version 1.3, no public identifier, UTF-8, no string table
_SWITCH_PAGE, _END, _INLINE_STRING, _OPAQUE = 0x00, 0x01, 0x03, 0xC3
_HAS_CONTENT = 0x40

# [MS-ASWBXML] 2.1.2.1: the tokens of a page from 0x05 on, "-" where the tests need none.
_PAGES = {
    0: ("AirSync", "Sync Responses Add Change Delete Fetch SyncKey ClientId ServerId Status Collection Class - "
        "CollectionId GetChanges MoreAvailable WindowSize Commands Options FilterType - - Conflict Collections "
        "ApplicationData"),
    2: ("Email", "- - - - - - - - - - DateReceived - DisplayTo Importance MessageClass Subject Read To Cc From"),
    7: ("FolderHierarchy", "Folders Folder DisplayName ServerId ParentId Type - Status - Changes Add Delete Update "
        "SyncKey - - - FolderSync Count"),
    13: ("Ping", "Ping - Status HeartbeatInterval Folders Folder Id Class MaxFolders"),
    14: ("Provision", "Provision Policies Policy PolicyType PolicyKey Data Status RemoteWipe EASProvisionDoc "
         "DevicePasswordEnabled"),
}  # fmt: skip
_TOKENS = {
    f"{space}:{name}": (page, 5 + number)
    for page, (space, names) in _PAGES.items()
    for number, name in enumerate(names.split())
}
_NAMES = {place: name for name, place in _TOKENS.items()}


def encode(element: Element) -> bytes:
    """A document."""
    octets = bytearray(_HEAD)
    _write(octets, element, 0)
    return bytes(octets)


def _write(octets: bytearray, element: Element, page: int) -> int:
    """The page that is switched to afterwards."""
    name, content = element
    wanted, token = _TOKENS[name]
    if wanted != page:
        octets += bytes((_SWITCH_PAGE, wanted))
    page = wanted
    octets.append(token | (_HAS_CONTENT if content else 0))
    if not content:
        return page
    if isinstance(content, str):
        octets += bytes((_INLINE_STRING,)) + content.encode() + b"\0"
    else:
        for child in content:
            page = _write(octets, child, page)
    octets.append(_END)
    return page


def decode(octets: bytes) -> Element:
    """What `encode` was given, or what others have written. Raises ValueError for anything else."""
    if not octets.startswith(_HEAD):
        raise ValueError("not WBXML of ActiveSync")
    root: list[Element] = []
    stack: list[tuple[str, list[Element], list[str]]] = [("", root, [])]
    page, at = 0, len(_HEAD)
    while at < len(octets):
        token = octets[at]
        at += 1
        if token == _SWITCH_PAGE:
            page, at = octets[at], at + 1
        elif token == _END:
            name, children, texts = stack.pop()
            stack[-1][1].append((name, "".join(texts) if texts else children))
        elif token == _INLINE_STRING:
            end = octets.index(0, at)
            stack[-1][2].append(octets[at:end].decode())
            at = end + 1
        elif token == _OPAQUE:
            length, at = _number(octets, at)
            stack[-1][2].append(octets[at : at + length].decode("utf-8", "replace"))
            at += length
        elif token & _HAS_CONTENT:
            stack.append((_name(page, token & ~_HAS_CONTENT), [], []))
        else:
            stack[-1][1].append((_name(page, token), ""))
    if len(stack) != 1 or len(root) != 1:
        raise ValueError("not one whole document")
    return root[0]


def _name(page: int, token: int) -> str:
    """``PAGE:TOKEN`` in numbers for what the tests have no name for."""
    return _NAMES.get((page, token), f"{page}:{token:#x}")


def _number(octets: bytes, at: int) -> tuple[int, int]:
    """Seven bits an octet, and where it ends."""
    value = 0
    while True:
        value = value << 7 | octets[at] & 0x7F
        at += 1
        if octets[at - 1] < 0x80:
            return value, at


def text(element: Element, name: str) -> str:
    """The text of the first element below called `name`; empty where there is none."""
    own, content = element
    if own == name:
        return content if isinstance(content, str) else ""
    if isinstance(content, str):
        return ""
    return next(filter(None, (text(child, name) for child in content)), "")
