"""What an ActiveSync request says of itself in its query, in either form ([MS-ASHTTP] 2.2.1.1.1).

``Cmd=Ping&User=anna&DeviceId=…&DeviceType=…``, or from version 12.1 on the same packed into octets, in base64.
"""

from __future__ import annotations

import base64
import binascii
import re

from attrs import field, frozen

# [MS-ASHTTP] 2.2.1.1.1.2.4
_COMMANDS = {
    0: "Sync", 1: "SendMail", 2: "SmartForward", 3: "SmartReply", 4: "GetAttachment", 9: "FolderSync",
    10: "FolderCreate", 11: "FolderDelete", 12: "FolderUpdate", 13: "MoveItems", 14: "GetItemEstimate",
    15: "MeetingResponse", 16: "Search", 17: "Settings", 18: "Ping", 19: "ItemOperations", 20: "Provision",
    21: "ResolveRecipients", 22: "ValidateCert", 23: "Find",
}  # fmt: skip
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_WORD = re.compile(r"[A-Za-z]{1,32}\Z")
_VERSION = re.compile(rb"([0-9]{1,2})\.([0-9])\Z")
_MOST = 64  # characters; a device's id and type have 32 at most
_FIXED = 4  # octets: version, command, two of the locale


@frozen
class Command:
    """A request: `name` is the command, empty for an unknown one. Nothing of it is proven: good for logs alone.

    `version` is that of the packed form, as of `read_version`; `collection` the id of the folder that it names.
    """

    name: str
    device_id: str = ""
    device_type: str = ""
    version: int = field(default=0, eq=False)
    collection: str = field(default="", eq=False)

    @property
    def device(self) -> str:
        """``type/id``, as logs show it; ``-`` for none."""
        return f"{self.device_type or '?'}/{self.device_id}" if self.device_id else "-"


NOTHING = Command("")


def read_version(value: bytes | None) -> int:
    """The protocol version of an MS-ASProtocolVersion field, as logs write it: 121 is 12.1, 25 is 2.5; 0 for none."""
    found = _VERSION.match(value or b"")
    return int(found[1] + found[2]) if found else 0


def parse_query(query: bytes | None) -> Command:
    """Read either form; what is neither says nothing."""
    if not query:
        return NOTHING
    if b"=" in query.rstrip(b"=").replace(b"%3D", b"").replace(b"%3d", b""):
        return _plain(query)
    return _packed(query)


def _plain(query: bytes) -> Command:
    values: dict[str, str] = {}
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        values.setdefault(_text(name).lower(), _text(value))
    command = values.get("cmd", "")
    named = command if _WORD.match(command) else ""
    device = values.get("deviceid", ""), values.get("devicetype", "")
    return Command(named, *device, collection=values.get("collectionid", ""))


def _packed(query: bytes) -> Command:
    """Version, command, locale; then device id, policy key and device type, each behind its length."""
    try:
        octets = base64.b64decode(_unescaped(query), validate=True)
    except binascii.Error:
        return NOTHING
    if len(octets) < _FIXED:
        return NOTHING
    found = []
    rest = octets[_FIXED:]
    for _ in range(3):
        if not rest or len(rest) < 1 + rest[0]:
            return NOTHING
        found.append(rest[1 : 1 + rest[0]])
        rest = rest[1 + rest[0] :]
    device_id, _, device_type = found
    return Command(_COMMANDS.get(octets[1], ""), _shown(device_id), _shown(device_type), octets[0])


def _shown(octets: bytes) -> str:
    """A device's id may be 16 octets of a GUID instead of text."""
    text = octets.decode("latin-1")[:_MOST]
    return text if text.isascii() and text.isprintable() else octets[:_MOST].hex()


def _text(octets: bytes) -> str:
    return _unescaped(octets[: 3 * _MOST]).decode("utf-8", "replace")[:_MOST]


def _unescaped(octets: bytes) -> bytes:
    return _ESCAPE.sub(lambda escape: bytes((int(escape[1], 16),)), octets)
