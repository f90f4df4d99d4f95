"""Cookies that only we can write and read: AES-256-GCM, in an alphabet that Cookie allows (S-HTTP-35)."""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_OCTETS = 32
MOST_OCTETS = 4096
_VERSION = b"\1"
_NONCE_OCTETS = 12


def new_key() -> bytes:
    """A key, at random."""
    return secrets.token_bytes(KEY_OCTETS)


def seal(key: bytes, purpose: bytes, content: bytes) -> bytes:
    """A cookie's value that holds `content`; what was sealed for one `purpose` opens for no other."""
    nonce = secrets.token_bytes(_NONCE_OCTETS)
    sealed = _VERSION + nonce + AESGCM(key).encrypt(nonce, content, purpose)
    return base64.urlsafe_b64encode(sealed).rstrip(b"=")


def unseal(key: bytes, purpose: bytes, value: bytes) -> bytes | None:
    """What `value` holds; None for what was not sealed with this key for this purpose, in every octet."""
    if len(value) > MOST_OCTETS:
        return None
    try:
        sealed = base64.b64decode(value + b"=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    if not sealed.startswith(_VERSION) or base64.urlsafe_b64encode(sealed).rstrip(b"=") != value:
        return None
    nonce = sealed[1 : 1 + _NONCE_OCTETS]
    if len(nonce) < _NONCE_OCTETS:
        return None
    try:
        return AESGCM(key).decrypt(nonce, sealed[1 + _NONCE_OCTETS :], purpose)
    except InvalidTag:
        return None
