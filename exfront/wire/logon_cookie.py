"""What the cookie of a log-on by form says, before it is sealed (S-HTTP-35).

Layout, integers in network order: flags (1 octet), session id (16), issued (8), last used (8), password set (8), then
account id, login name and password, each with its length in two octets before it.
"""

from __future__ import annotations

import struct

from attrs import field, frozen

from exfront.secret import Secret

SESSION_ID_OCTETS = 16
_FIXED = struct.Struct(f">B{SESSION_ID_OCTETS}sQQq")
_LENGTH = struct.Struct(">H")
_PRIVATE, _OLD_FORM, _PASSWORD = 1, 2, 4
_NOT_KNOWN = -1


@frozen
class LogonCookie:
    """One log-on; it has the same `session_id` as long as it lives.

    `issued` and `used` are seconds since the epoch, `password_set` is the account's pwdLastSet as it was then, None
    where that is not known. `private` says that the computer is the user's own, `old_form` that the form of Exchange
    2003 was used. `secret` is None where the password is held elsewhere, or not at all.
    """

    session_id: bytes
    account_id: str
    typed: bytes
    issued: int
    used: int
    private: bool = False
    old_form: bool = False
    password_set: int | None = None
    secret: Secret | None = field(default=None, repr=False)

    def encode(self) -> bytes:
        """To be sealed."""
        flags = self.private * _PRIVATE | self.old_form * _OLD_FORM | (self.secret is not None) * _PASSWORD
        known = _NOT_KNOWN if self.password_set is None else self.password_set
        password = b"" if self.secret is None else self.secret.reveal()
        texts = (self.account_id.encode("utf-8"), self.typed, password)
        fixed = _FIXED.pack(flags, self.session_id, self.issued, self.used, known)
        return fixed + b"".join([_LENGTH.pack(len(text)) + text for text in texts])


def decode(octets: bytes) -> LogonCookie | None:
    """What `encode` gave; None for anything else."""
    if len(octets) < _FIXED.size:
        return None
    flags, session_id, issued, used, known = _FIXED.unpack_from(octets)
    texts = _texts(octets[_FIXED.size :])
    if texts is None or flags >= 2 * _PASSWORD:
        return None
    account_id, typed, password = texts
    try:
        account = account_id.decode("utf-8")
    except UnicodeDecodeError:
        return None
    secret = Secret(password) if flags & _PASSWORD else None
    set_then = None if known == _NOT_KNOWN else known
    return LogonCookie(
        session_id, account, typed, issued, used, bool(flags & _PRIVATE), bool(flags & _OLD_FORM), set_then, secret
    )


def _texts(octets: bytes) -> tuple[bytes, bytes, bytes] | None:
    found = []
    for _ in range(3):
        if len(octets) < _LENGTH.size:
            return None
        length = _LENGTH.unpack_from(octets)[0]
        text, octets = octets[_LENGTH.size : _LENGTH.size + length], octets[_LENGTH.size + length :]
        if len(text) < length:
            return None
        found.append(text)
    return None if octets else (found[0], found[1], found[2])
