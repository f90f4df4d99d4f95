"""Cookies that only we can write and read: AES-256-GCM, in an alphabet that Cookie allows (S-HTTP-35)."""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_OCTETS = 32
KEY_ID_OCTETS = 8
MOST_OCTETS = 4096
_VERSION = b"\1"
_WITH_KEY_ID = b"\2"
_NONCE_OCTETS = 12


def new_key() -> bytes:
    """A key, at random."""
    return secrets.token_bytes(KEY_OCTETS)


def seal(key: bytes, purpose: bytes, content: bytes, key_id: bytes = b"") -> bytes:
    """A cookie's value that holds `content`; what was sealed for one `purpose` opens for no other.

    A `key_id` of `KEY_ID_OCTETS` can be read by anybody: it says which of several keys opens it.
    """
    nonce = secrets.token_bytes(_NONCE_OCTETS)
    front = _WITH_KEY_ID + key_id if key_id else _VERSION
    sealed = front + nonce + AESGCM(key).encrypt(nonce, content, front + purpose)
    return base64.urlsafe_b64encode(sealed).rstrip(b"=")


def unseal(key: bytes, purpose: bytes, value: bytes) -> bytes | None:
    """What `value` holds; None for what was not sealed with this key for this purpose, in every octet."""
    sealed = _octets(value)
    front = 1 + KEY_ID_OCTETS if sealed.startswith(_WITH_KEY_ID) else 1
    nonce = sealed[front : front + _NONCE_OCTETS]
    if not sealed.startswith((_VERSION, _WITH_KEY_ID)) or len(nonce) < _NONCE_OCTETS:
        return None
    try:
        return AESGCM(key).decrypt(nonce, sealed[front + _NONCE_OCTETS :], sealed[:front] + purpose)
    except InvalidTag:
        return None


def key_id(value: bytes) -> bytes:
    """Which key opens `value`, as it says itself; empty where it says none."""
    sealed = _octets(value)
    return sealed[1 : 1 + KEY_ID_OCTETS] if sealed.startswith(_WITH_KEY_ID) else b""


def _octets(value: bytes) -> bytes:
    """Of the one text that they have; none for any other, and for one that is too long."""
    if len(value) > MOST_OCTETS:
        return b""
    try:
        sealed = base64.b64decode(value + b"=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return b""
    return sealed if base64.urlsafe_b64encode(sealed).rstrip(b"=") == value else b""
