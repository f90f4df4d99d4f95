"""IMAP4 in the client's role: how a user name and a password are written, rebuilt by content (S-MAIL-7)."""

from __future__ import annotations

import re
from collections.abc import Collection

from exfront.secret import Secret
from exfront.wire.sasl import write_plain

_FORBIDDEN = re.compile(rb"[\0\r\n]")
_QUOTABLE = re.compile(rb"[\x20-\x7e]*")
_SPECIAL = re.compile(rb"([\"\\])")


class LoginDisabled(ValueError):  # noqa: N818 - an answer of the back end, not a fault
    """The back end takes no password on this connection."""


def write_log_on(tag: bytes, name: bytes, secret: Secret, capabilities: Collection[bytes]) -> tuple[bytes, ...]:
    """The log-on command in pieces; each but the first is sent when the back end asked for it.

    One AUTHENTICATE with its initial response where the back end announced that and the octets are UTF-8, as RFC 4616
    wants; else LOGIN with quoted strings, or literals for octets that no quoted string holds. Raises `LoginDisabled`
    when neither is offered, and ValueError for NUL, CR or LF, which must not come this far.
    """
    password = secret.reveal()
    offered = {capability.upper() for capability in capabilities}
    if _FORBIDDEN.search(name) or _FORBIDDEN.search(password):
        raise ValueError("NUL, CR or LF in a name or password")
    if {b"AUTH=PLAIN", b"SASL-IR"} <= offered and _is_utf8(name) and _is_utf8(password):
        return (tag + b" AUTHENTICATE PLAIN " + write_plain(name, secret) + b"\r\n",)
    if b"LOGINDISABLED" in offered:
        raise LoginDisabled("LOGINDISABLED")
    return _login(tag, name, password, not offered.isdisjoint((b"LITERAL+", b"LITERAL-")))


def _login(tag: bytes, name: bytes, password: bytes, at_once: bool) -> tuple[bytes, ...]:
    pieces = [tag + b" LOGIN"]
    for value in (name, password):
        if _QUOTABLE.fullmatch(value):
            pieces[-1] += b' "' + _SPECIAL.sub(rb"\\\1", value) + b'"'
        elif at_once:
            pieces[-1] += b" {%d+}\r\n" % len(value) + value
        else:
            pieces[-1] += b" {%d}\r\n" % len(value)
            pieces.append(value)
    pieces[-1] += b"\r\n"
    return tuple(pieces)


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
