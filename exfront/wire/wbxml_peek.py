"""What the beginning of an ActiveSync command tells a log: folders, sync key, heartbeat ([MS-ASWBXML], [MS-ASCMD]).

Not a reader of WBXML: only the tokens of a few elements of Sync and Ping are known, all else is passed over, and what
is no WBXML tells nothing. Nothing is decided by it.
"""

from __future__ import annotations

from attrs import frozen

_HEAD = b"\x03\x01\x6a\x00"  # version 1.3, unknown public identifier, UTF-8, no string table
_SWITCH_PAGE, _END, _STRING, _OPAQUE = 0x00, 0x01, 0x03, 0xC3
_FIRST_TAG, _CONTENT, _ATTRIBUTES, _TOKEN = 0x05, 0x40, 0x80, 0x3F
_COLLECTION, _KEY, _CLASS, _ID, _FILTER, _HEARTBEAT = "Collection", "SyncKey", "Class", "Id", "FilterType", "Heartbeat"
# [MS-ASWBXML] 2.1.2.1: of the code pages AirSync (0) and Ping (13)
_ELEMENTS = {
    (0, 0x0F): _COLLECTION, (0, 0x0B): _KEY, (0, 0x10): _CLASS, (0, 0x12): _ID, (0, 0x18): _FILTER,
    (0, 0x29): _HEARTBEAT, (13, 0x08): _HEARTBEAT, (13, 0x0A): _COLLECTION, (13, 0x0B): _ID, (13, 0x0C): _CLASS,
}  # fmt: skip
_LONGEST = 64  # octets of a text


@frozen
class Told:
    """`folders` is how many are named; `folder`, `kind` (``Email``), `filter` and `key` are of the first one,
    `heartbeat` is in seconds. Texts as the phone sent them, empty for nothing."""

    folders: int = 0
    folder: str = ""
    kind: str = ""
    filter: str = ""
    key: str = ""
    heartbeat: str = ""


NOTHING = Told()


def peek(octets: bytes) -> Told:
    """Read as far as it is understood; `octets` may end anywhere."""
    if not octets.startswith(_HEAD):
        return NOTHING
    found: dict[str, str] = {}
    open_ones: list[str] = []
    folders, page, place = 0, 0, len(_HEAD)
    while place < len(octets):
        octet = octets[place]
        place += 1
        if octet == _SWITCH_PAGE and place < len(octets):
            page, place = octets[place], place + 1
        elif octet == _END and open_ones:
            open_ones.pop()
        elif octet == _STRING and (end := octets.find(b"\0", place)) >= 0:
            if open_ones and open_ones[-1]:
                found.setdefault(open_ones[-1], octets[place:end][:_LONGEST].decode("utf-8", "replace"))
            place = end + 1
        elif octet == _OPAQUE:
            place = _behind_opaque(octets, place)
        elif octet & _TOKEN >= _FIRST_TAG and not octet & _ATTRIBUTES:
            name = _ELEMENTS.get((page, octet & _TOKEN), "")
            folders += name == _COLLECTION
            if octet & _CONTENT:
                open_ones.append(name)
        else:
            break
    texts = (found.get(name, "") for name in (_ID, _CLASS, _FILTER, _KEY, _HEARTBEAT))
    return Told(folders, *texts)


def _behind_opaque(octets: bytes, place: int) -> int:
    """Its length has seven bits in each octet."""
    length = 0
    while place < len(octets):
        octet = octets[place]
        place, length = place + 1, (length << 7) | (octet & 0x7F)
        if not octet & 0x80:
            return place + length
    return place
