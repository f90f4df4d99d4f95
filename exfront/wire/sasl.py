"""SASL in the server's role of line protocols: base64 without leniency, and the mechanisms (RFC 4422).

PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login), EXTERNAL (RFC 4422 appendix A), OAUTHBEARER (RFC 7628), and
XOAUTH2, its predecessor by Google. An `Exchange` is sans-I/O: a client's lines in, challenges and at last credentials
out.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Generator, Mapping
from typing import Literal

from attrs import frozen

from exfront.secret import Secret

Mechanism = Literal["PLAIN", "LOGIN", "EXTERNAL", "XOAUTH2", "OAUTHBEARER"]
TOKEN_MECHANISMS: tuple[Mechanism, ...] = ("XOAUTH2", "OAUTHBEARER")


class BadSasl(ValueError):  # noqa: N818 - an answer to a client, not a fault
    """What a client sent is no SASL response; the text says why and does not repeat it."""


@frozen
class Credentials:
    """Who a client says that it is, and what proves it; `acts_for` is the authorization identity, mostly empty.

    A password, however it was said, has the mechanism PLAIN. With EXTERNAL a certificate speaks: `name` and `secret`
    are empty. For a token `secret` is the client's whole message, which nobody but a back end can judge, and `name` the
    user in it.
    """

    name: bytes
    secret: Secret
    acts_for: bytes = b""
    mechanism: Mechanism = "PLAIN"


@frozen
class Challenge:
    """What the client must answer: `text` in base64."""

    text: bytes


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


Talk = Generator[bytes, bytes, Credentials]


class Exchange:
    """One AUTHENTICATE or AUTH, from its command to its credentials."""

    def __init__(self, mechanism: Mechanism) -> None:
        self._talk = _TALKS[mechanism]()
        self._first = next(self._talk)

    def begin(self, initial: bytes | None) -> Challenge | Credentials:
        """With the initial response, a base64 word, or None where there was none. Raises `BadSasl`."""
        if initial is None:
            return _challenge(self._first)
        return self._hear(decode_initial_response(initial))

    def answer(self, line: bytes) -> Challenge | Credentials:
        """With the client's line, which answers a challenge. Raises `BadSasl`."""
        return self._hear(decode_response(line))

    def _hear(self, octets: bytes) -> Challenge | Credentials:
        try:
            return _challenge(self._talk.send(octets))
        except StopIteration as end:
            credentials: Credentials = end.value
            return credentials


def _challenge(octets: bytes) -> Challenge:
    return Challenge(base64.b64encode(octets))


def _plain() -> Talk:
    return read_plain((yield b""))


def _login() -> Talk:
    """The words of the draft, which some clients compare."""
    name = yield b"Username:"
    password = yield b"Password:"
    return Credentials(name, Secret(password))


def _external() -> Talk:
    acts_for = yield b""
    if b"\0" in acts_for:
        raise BadSasl("NUL")
    return Credentials(b"", Secret(b""), acts_for, "EXTERNAL")


def _xoauth2() -> Talk:
    return read_xoauth2((yield b""))


def _oauthbearer() -> Talk:
    return read_oauthbearer((yield b""))


_TALKS: Mapping[Mechanism, Callable[[], Talk]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "EXTERNAL": _external,
    "XOAUTH2": _xoauth2,
    "OAUTHBEARER": _oauthbearer,
}


def read_plain(message: bytes) -> Credentials:
    """Read ``authzid NUL authcid NUL password``; raises `BadSasl` unless there are exactly two NULs (S-MAIL-8)."""
    parts = message.split(b"\0")
    if len(parts) != 3:
        raise BadSasl("not a PLAIN message")
    return Credentials(parts[1], Secret(parts[2]), parts[0])


_BEARER = re.compile(rb"[Bb]earer [!-~]+")
_GS2_HEADER = re.compile(rb"[ny],a=(?P<name>(?:[^\0,=]|=2C|=3D)+),")  # no channel binding: no p= (RFC 5801 section 4)
_KEY = re.compile(rb"[A-Za-z]+")


def read_xoauth2(message: bytes) -> Credentials:
    """Read ``user=NAME^Aauth=Bearer TOKEN^A^A``. Raises `BadSasl`.

    Source: *OAuth 2.0 Mechanism* (Google, SASL XOAUTH2 Mechanism).
    """
    first, pairs = _token_message(message)
    key, _, name = first.partition(b"=")
    if key != b"user" or not name or list(pairs) != [b"auth"]:
        raise BadSasl("not an XOAUTH2 message")
    return Credentials(name, Secret(message), b"", "XOAUTH2")


def read_oauthbearer(message: bytes) -> Credentials:
    """Read ``n,a=NAME,^Ahost=...^Aport=...^Aauth=Bearer TOKEN^A^A`` (RFC 7628 section 3.1). Raises `BadSasl`.

    The name may be missing there; here it says whose mailbox it is, so that it must be given.
    """
    first, _ = _token_message(message)
    found = _GS2_HEADER.fullmatch(first)
    if found is None:
        raise BadSasl("not an OAUTHBEARER message with a user")
    name = found["name"].replace(b"=2C", b",").replace(b"=3D", b"=")
    return Credentials(name, Secret(message), b"", "OAUTHBEARER")


def _token_message(message: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """The first part, and the pairs behind it, each once and with its end; one is ``auth``, with a token."""
    first, *parts = message.split(b"\x01")
    if any(octet in message for octet in b"\0\r\n") or parts[-2:] != [b"", b""]:
        raise BadSasl("not a message with a token")
    pairs = [part.partition(b"=") for part in parts[:-2]]
    found = {key: value for key, equals, value in pairs if equals and _KEY.fullmatch(key)}
    if len(found) != len(pairs) or not _BEARER.fullmatch(found.get(b"auth", b"")):
        raise BadSasl("not a message with a token")
    return first, found
