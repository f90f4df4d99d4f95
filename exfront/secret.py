"""A wrapper for passwords that nothing prints by accident (S-AUTH-11)."""

from __future__ import annotations

import hmac
from hashlib import blake2b


class Secret:
    """Holds octets that must not reach a log, a repr, a traceback with values or a command line."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def reveal(self) -> bytes:
        """The octets themselves; call it only where they are written to a server."""
        return self._octets

    def __repr__(self) -> str:
        return "Secret(***)"

    def __bool__(self) -> bool:
        return bool(self._octets)

    def __len__(self) -> int:
        return len(self._octets)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._octets, other._octets)

    def __hash__(self) -> int:
        raise TypeError("a Secret is no key")

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not written anywhere")


def code(key: bytes, octets: bytes) -> bytes:
    """What stands for `octets` where they are only compared, and says nothing of them without `key`, of 32 octets.

    BLAKE2 with a key (RFC 7693 section 2.9) is a MAC, at a third of HMAC-SHA-256's cost.
    """
    return blake2b(octets, digest_size=32, key=key).digest()
