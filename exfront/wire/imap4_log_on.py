"""IMAP4 in the client's role: how a user name and a password are written, rebuilt by content (S-MAIL-7)."""

from __future__ import annotations

import re
from collections.abc import Collection

from exfront.wire.sasl import Credentials
from exfront.wire.sasl_client import check, write_response

_QUOTABLE = re.compile(rb"[\x20-\x7e]*")


class LoginDisabled(ValueError):  # noqa: N818 - an answer of the back end, not a fault
    """The back end takes these credentials not on this connection; the text names what is missing."""


def write_log_on(tag: bytes, credentials: Credentials, capabilities: Collection[bytes]) -> tuple[bytes, ...]:
    """The log-on command in pieces; each but the first is sent when the back end asked for it.

    One AUTHENTICATE with its initial response where the back end announced that and the octets are UTF-8, as RFC 4616
    wants; else LOGIN with quoted strings, or literals for octets that no quoted string holds. Where LOGIN is disabled,
    or cannot say what must be said (another identity, a token), AUTHENTICATE without an initial response. Raises
    `LoginDisabled` when nothing of that is offered, and ValueError for NUL, CR or LF, which must not come this far.
    """
    check(credentials)
    offered = {capability.upper() for capability in capabilities}
    name, password = credentials.name, credentials.secret.reveal()
    mechanism = credentials.mechanism.encode("ascii")
    sasl_only = mechanism != b"PLAIN" or bool(credentials.acts_for)
    sasl = b"AUTH=" + mechanism in offered
    if sasl and (sasl_only or (b"SASL-IR" in offered and _is_utf8(name) and _is_utf8(password))):
        return _authenticate(tag, mechanism, credentials, b"SASL-IR" in offered)
    if sasl_only:
        raise LoginDisabled(f"no AUTH={credentials.mechanism}")
    if b"LOGINDISABLED" not in offered:
        return _login(tag, name, password, not offered.isdisjoint((b"LITERAL+", b"LITERAL-")))
    if sasl:
        return _authenticate(tag, mechanism, credentials, b"SASL-IR" in offered)
    raise LoginDisabled("LOGINDISABLED")


def _authenticate(tag: bytes, mechanism: bytes, credentials: Credentials, at_once: bool) -> tuple[bytes, ...]:
    command, response = tag + b" AUTHENTICATE " + mechanism, write_response(credentials) + b"\r\n"
    return (command + b" " + response,) if at_once else (command + b"\r\n", response)


def _login(tag: bytes, name: bytes, password: bytes, at_once: bool) -> tuple[bytes, ...]:
    pieces = [tag + b" LOGIN"]
    for value in (name, password):
        if _QUOTABLE.fullmatch(value):
            pieces[-1] += b' "' + value.replace(b"\\", rb"\\").replace(b'"', rb"\"") + b'"'
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
