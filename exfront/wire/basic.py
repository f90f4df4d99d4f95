"""The Basic scheme: credentials in a header value, both ways, and the challenge (RFC 7617; S-AUTH-12)."""

from __future__ import annotations

import base64
import binascii
import re

from exfront.secret import Secret

_CREDENTIALS = re.compile(rb"[Bb][Aa][Ss][Ii][Cc] ++([A-Za-z0-9+/]*+={0,2}+)")
_REALM = re.compile(r"[ -~]*+")


def parse(value: bytes) -> tuple[bytes, Secret] | None:
    """The user name's octets and the password of an Authorization `value`.

    None when it is another scheme, not strictly base64 (RFC 4648 section 3), or without a colon; the first one splits.
    What the octets may be is checked where a log-on is tried (S-AUTH-1).
    """
    match = _CREDENTIALS.fullmatch(value)
    if match is None:
        return None
    try:
        octets = base64.b64decode(match[1], validate=True)
    except binascii.Error:
        return None
    if base64.b64encode(octets) != match[1]:
        return None  # bits behind the end: two texts for one password
    name, colon, password = octets.partition(b":")
    return (name, Secret(password)) if colon else None


def credentials(name: bytes, secret: Secret) -> bytes:
    """The Authorization value for the user `name`. Raises ValueError for a name with a colon (RFC 7617 section 2)."""
    if b":" in name:
        raise ValueError("a user name with a colon")
    return b"Basic " + base64.b64encode(name + b":" + secret.reveal())


def challenge(realm: str) -> bytes:
    """The WWW-Authenticate value for `realm`. Raises ValueError unless that is printable ASCII."""
    if not _REALM.fullmatch(realm):
        raise ValueError("a realm is printable ASCII")
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    return f'Basic realm="{quoted}", charset="UTF-8"'.encode("ascii")
