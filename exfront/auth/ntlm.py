"""Answers a back end's NTLM challenge with a password that we hold ([MS-NLMP]); the messages are pyspnego's.

NTLMv2 only: LM and NTLMv1 responses give the password away to whoever listens.
"""

from __future__ import annotations

import logging
import struct

import spnego
from attrs import define, field
from spnego.exceptions import SpnegoError

from exfront.names import decode
from exfront.secret import Secret
from exfront.wire.md4 import md4

logging.getLogger("spnego").setLevel(logging.INFO)  # S-AUTH-11: below that it logs the messages themselves

_NT_RESPONSE = struct.Struct("<20xH")  # of an AUTHENTICATE_MESSAGE: NtChallengeResponseLen, section 2.2.1.3
_NTLM_V1 = 24  # octets of such a response at most
_CHALLENGE = b"NTLMSSP\0\2\0\0\0"  # section 2.2.1.2
_CHALLENGE_LEAST = 32  # octets, up to the nonce
_CHALLENGE_MOST = 16 * 1024  # far more than the names of a domain need


class BadChallenge(ValueError):  # noqa: N818 - an answer of a back end, not a fault
    """It cannot be answered; the message says why and holds nothing of it."""


@define(eq=False, init=False)
class NtlmLogOn:
    """One log-on, of one connection: `first`, then `second`. `name` is ``DOMAIN\\user``, a UPN, or a bare name."""

    name: str
    _context: spnego.ContextProxy = field(init=False, repr=False)

    def __init__(self, name: str, secret: Secret) -> None:
        self.name = name
        # A hash as the credential: of a password pyspnego would make an LM hash as well, which is slow, and one that
        # looks like two hashes it would take for these.
        digest = md4(decode(secret.reveal()).encode("utf-16-le")).hex()
        credential = spnego.NTLMHash(username=name, nt_hash=digest)
        # Integrity, as clients of Windows ask for it: without, pyspnego writes a session key that Samba refuses.
        self._context = spnego.client(
            credential, protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm,
            context_req=spnego.ContextReq.integrity,
        )  # fmt: skip

    def first(self) -> bytes:
        """The NEGOTIATE_MESSAGE: nothing of name or password is in it."""
        return self._context.step() or b""

    def second(self, challenge: bytes) -> bytes:
        """The AUTHENTICATE_MESSAGE that answers a CHALLENGE_MESSAGE. Raises `BadChallenge`."""
        if not challenge.startswith(_CHALLENGE) or not _CHALLENGE_LEAST <= len(challenge) <= _CHALLENGE_MOST:
            raise BadChallenge("not a challenge")
        try:
            answer = self._context.step(challenge) or b""
        except (SpnegoError, ValueError, struct.error, LookupError, OverflowError) as error:
            raise BadChallenge(f"a challenge that cannot be read: {type(error).__name__}") from None
        if len(answer) < _NT_RESPONSE.size or _NT_RESPONSE.unpack_from(answer)[0] <= _NTLM_V1:
            raise BadChallenge("LM_COMPAT_LEVEL in the environment asks for less than NTLMv2")
        return answer
