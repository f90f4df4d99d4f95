"""The user that an NTLM message claims to be ([MS-NLMP] section 2.2.1.3); only read, never believed."""

from __future__ import annotations

import base64
import binascii
import struct

from exfront import limits

_SIGNATURE = b"NTLMSSP\0"
_AUTHENTICATE = 3
_FIELDS = struct.Struct("<8sI8x8xHHIHHI8x8xI")  # signature, type; length, room and offset of domain and user; flags
_UNICODE = 0x1
_SCHEMES = (b"ntlm", b"negotiate")


def claimed_user(authorization: bytes) -> str:
    r"""``DOMAIN\user``, or ``user``, of an AUTHENTICATE_MESSAGE in an Authorization value; empty for anything else.

    Negotiate may hold the message within a token of SPNEGO's (RFC 4178), which is not taken apart: the message is
    found by its signature.
    """
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() not in _SCHEMES:
        return ""
    try:
        octets = base64.b64decode(token.strip(b" \t"), validate=True)
    except binascii.Error:
        return ""
    begin = octets.find(_SIGNATURE)
    return _user(octets[begin:]) if begin >= 0 else ""


def _user(message: bytes) -> str:
    if len(message) < _FIELDS.size:
        return ""
    _, kind, domain_length, _, domain_at, user_length, _, user_at, flags = _FIELDS.unpack_from(message)
    if kind != _AUTHENTICATE:
        return ""
    domain = _text(message, domain_at, domain_length, flags)
    user = _text(message, user_at, user_length, flags)
    if not user or domain is None:
        return ""
    return f"{domain}\\{user}" if domain else user


def _text(message: bytes, begin: int, length: int, flags: int) -> str | None:
    octets = message[begin : begin + length]
    if len(octets) != length or length > 2 * limits.USER_NAME_OCTETS:
        return None
    try:
        return octets.decode("utf-16-le" if flags & _UNICODE else "latin-1")
    except UnicodeDecodeError:
        return None
