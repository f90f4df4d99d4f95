"""The password policy control: what a plain LDAP server says of a password beside "yes" and "no".

Source: draft-behera-ldap-password-policy-11, sections 6.1 (request) and 6.2 (response).
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from exfront.directory.framing import BadFrame, elements

OID = b"1.3.6.1.4.1.42.2.27.8.5.1"
# Not critical: who does not know it goes on without it.
REQUEST: tuple[tuple[bytes, bool | None, bytes | None], ...] = ((OID, None, None),)

EXPIRED, ACCOUNT_LOCKED, CHANGE_AFTER_RESET = 0, 1, 2

_SEQUENCE, _WARNING, _ERROR, _GRACE = 0x30, 0xA0, 0x81, 0x81


@frozen
class PasswordPolicy:
    """`error` is one of the names above, another number of section 6.2, or None; `grace` how many more log-ons an
    expired password is good for, None if that was not said."""

    error: int | None = None
    grace: int | None = None


def password_policy(controls: Mapping[bytes, bytes]) -> PasswordPolicy:
    """What the controls of a bind's answer say of it; nothing where there is no such control. Raises `BadFrame`."""
    value = controls.get(OID)
    return read(value) if value else PasswordPolicy()


def read(value: bytes) -> PasswordPolicy:
    """``SEQUENCE { warning [0] CHOICE { timeBeforeExpiration [0], graceAuthNsRemaining [1] }, error [1] }``."""
    parts = tuple(elements(value))
    if len(parts) != 1 or parts[0][0] != _SEQUENCE:
        raise BadFrame("no password policy")
    error = grace = None
    for tag, content in elements(parts[0][1]):
        if tag == _ERROR:
            error = _number(content)
        elif tag == _WARNING:
            grace = next((_number(octets) for kind, octets in elements(content) if kind == _GRACE), None)
    return PasswordPolicy(error, grace)


def _number(octets: bytes) -> int:
    if not 1 <= len(octets) <= 8:
        raise BadFrame("no number in a password policy")
    return int.from_bytes(octets, signed=True)
