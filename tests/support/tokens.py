"""Tokens as an OAuth server would give them: JSON Web Tokens, signed with HMAC (RFC 7515, RFC 7519)."""

from __future__ import annotations

import base64
import hmac
import json
import time


def token(user: str, key: bytes, seconds: float = 600.0) -> str:
    """For `user`, good for so long; a negative time is one that was good."""
    now = time.time()
    header = _part({"alg": "HS256", "typ": "JWT", "kid": "default"})
    body = header + b"." + _part({"sub": user, "iat": int(now) - 60, "exp": int(now + seconds)})
    return (body + b"." + _encoded(hmac.digest(key, body, "sha256"))).decode()


def _part(values: dict[str, object]) -> bytes:
    return _encoded(json.dumps(values).encode())


def _encoded(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")
