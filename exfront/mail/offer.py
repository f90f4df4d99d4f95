"""What one connection offers to its client before the log-on."""

from __future__ import annotations

from attrs import frozen

from exfront.backends.capabilities import NOTHING_SHARED, Shared
from exfront.wire.sasl import Mechanism

_BY_CERTIFICATE: tuple[Mechanism, ...] = ("EXTERNAL",)
_BY_PASSWORD: tuple[Mechanism, ...] = ("PLAIN", "LOGIN")


@frozen
class Offer:
    """What this connection offers now: TLS is up, may be begun, and whether a password may be said.

    `certificate`: the client has shown one. `tokens` are the mechanisms for tokens that all back ends offer, `shared`
    is what they have in common, `hidden` what is not shown to clients, in capital letters. `believes`: the peer is a
    proxy that is trusted with what it tells of its client.
    """

    secure: bool
    starttls: bool
    plaintext: bool
    certificate: bool = False
    tokens: tuple[Mechanism, ...] = ()
    shared: Shared = NOTHING_SHARED
    hidden: frozenset[bytes] = frozenset()
    believes: bool = False

    @property
    def passwords(self) -> bool:
        """Whether a password, or a token, may be said now (S-MAIL-3)."""
        return self.secure or self.plaintext

    @property
    def mechanisms(self) -> tuple[Mechanism, ...]:
        """The SASL mechanisms that may be used now."""
        if not self.passwords:
            return ()
        every = (*_BY_CERTIFICATE[: self.certificate], *_BY_PASSWORD, *self.tokens)
        return tuple(each for each in every if b"AUTH=" + each.encode("ascii") not in self.hidden)

    def shows(self, name: bytes) -> bool:
        """Whether a client may see the capability `name`, in any case."""
        return name.upper() not in self.hidden
