"""SASL in the client's role: what exfront writes to a back end (RFC 4616, RFC 7628)."""

from __future__ import annotations

import base64
import re

from exfront.wire.sasl import Credentials

_CHALLENGE = re.compile(rb"[A-Za-z0-9+/]{1,1024}={0,2}")
_FORBIDDEN = re.compile(rb"[\0\r\n]")


def check(credentials: Credentials) -> None:
    """Raise ValueError for octets that may not leave exfront (S-MAIL-7): NUL, CR or LF."""
    for octets in (credentials.name, credentials.acts_for, credentials.secret.reveal()):
        if _FORBIDDEN.search(octets):
            raise ValueError("NUL, CR or LF in a name or password")


def write_response(credentials: Credentials) -> bytes:
    """The first and only message of PLAIN, or of a mechanism with a token; in base64, without a line end.

    With PLAIN `acts_for` is whom the server is asked for; a token's message is the client's own.
    """
    check(credentials)
    secret = credentials.secret.reveal()
    plain = credentials.mechanism == "PLAIN"
    return base64.b64encode(b"\0".join((credentials.acts_for, credentials.name, secret)) if plain else secret)


def read_challenge(text: bytes) -> bytes:
    """What a server says of a token that it refuses, as the client may get it: base64 and not long, or nothing."""
    return text if _CHALLENGE.fullmatch(text) else b""


def give_up(mechanism: str) -> bytes:
    """The answer to what a server says of a token that it refuses, in base64; its refusal follows.

    RFC 7628 section 3.2.3; Google's XOAUTH2 wants an empty one.
    """
    return base64.b64encode(b"\1") if mechanism == "OAUTHBEARER" else b""
