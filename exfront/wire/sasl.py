"""SASL for line protocols: base64 without leniency, and the PLAIN mechanism (RFC 4616)."""

from __future__ import annotations

import base64
import binascii

from attrs import frozen

from exfront.secret import Secret


class BadSasl(ValueError):  # noqa: N818 - an answer to a client, not a fault
    """What a client sent is no SASL response; the text says why and does not repeat it."""


@frozen
class PlainCredentials:
    """What a PLAIN message says: `name` proves itself with `secret` and wants to act for `acts_for` (often empty)."""

    acts_for: bytes
    name: bytes
    secret: Secret


def decode_response(line: bytes) -> bytes:
    """The octets of one base64 line, as RFC 4648 section 4 has it: no white space, right padding. Raises `BadSasl`."""
    try:
        octets = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise BadSasl("not base64") from None
    # b64decode lets unused bits pass: two lines for one password would make two keys of it
    if base64.b64encode(octets) != line:
        raise BadSasl("not base64")
    return octets


def decode_initial_response(word: bytes) -> bytes:
    """An initial response beside the command's name, where ``=`` is the empty one (RFC 4959, RFC 5034)."""
    return b"" if word == b"=" else decode_response(word)


def read_plain(message: bytes) -> PlainCredentials:
    """Read ``authzid NUL authcid NUL password``; raises `BadSasl` unless there are exactly two NULs (S-MAIL-8)."""
    parts = message.split(b"\0")
    if len(parts) != 3:
        raise BadSasl("not a PLAIN message")
    return PlainCredentials(parts[0], parts[1], Secret(parts[2]))


def write_plain(name: bytes, secret: Secret) -> bytes:
    """The PLAIN message of `name` in base64, without a line end; raises `BadSasl` for NUL in either."""
    password = secret.reveal()
    if b"\0" in name or b"\0" in password:
        raise BadSasl("NUL")
    return base64.b64encode(b"\0" + name + b"\0" + password)
