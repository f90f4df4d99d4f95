"""nginx's protocol for asking where a mail client goes: its question and our answer, as fields of HTTP.

Source: nginx's documentation of ngx_mail_auth_http_module, and for the escapes its NGX_ESCAPE_MAIL_AUTH.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

from attrs import frozen

from exfront.secret import Secret
from exfront.wire.http1.events import Headers, Length, all_values
from exfront.wire.http1.write import response_head

Answerable = Literal["imap4", "pop3"]

KEY_FIELD = b"X-Auth-Key"
"""Where nginx says a secret that both know, by ``auth_http_header`` (the name is that of its documentation)."""

_PROTOCOLS: dict[bytes, Answerable] = {b"imap": "imap4", b"pop3": "pop3"}
_PASSWORD_METHODS = frozenset((b"plain", b"login"))
_OTHER_METHODS = frozenset((b"apop", b"cram-md5", b"none"))
_ESCAPED = re.compile(rb"(?:[^%]|%[0-9A-Fa-f]{2})*+", re.DOTALL)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_NUMBER = re.compile(rb"[0-9]{1,9}")


class BadQuestion(ValueError):  # noqa: N818 - what was asked, not a fault
    """It is not in the protocol; the text is for the log and repeats nothing of it."""


class NotServed(Exception):  # noqa: N818 - the same
    """In the protocol, and not answered with a server: the text says what was asked for."""


@frozen
class Question:
    """A mail client wants to log on. `client` is its IP address; `secure` whether it speaks TLS with nginx.

    `attempt` counts its tries on one connection, from 1. Where SASL EXTERNAL was said, `certificate` is what nginx has
    verified, in PEM, `name` the authorization identity, and there is no secret.
    """

    protocol: Answerable
    name: bytes
    secret: Secret
    client: str
    secure: bool
    attempt: int = 1
    certificate: bytes = b""


def read(headers: Headers) -> Question:
    """What nginx asks with the fields of its request. Raises `BadQuestion` and `NotServed`."""
    protocol = _one(headers, b"Auth-Protocol")
    if protocol == b"smtp":
        raise NotServed("protocol smtp")
    if protocol not in _PROTOCOLS:
        raise BadQuestion("no Auth-Protocol that nginx knows")
    method = _one(headers, b"Auth-Method").lower()
    if method in _OTHER_METHODS:
        raise NotServed(f"method {method.decode('ascii')}")
    if method != b"external" and method not in _PASSWORD_METHODS:
        raise BadQuestion("no Auth-Method that nginx knows")
    name, password = (_unescaped(_one(headers, field)) for field in (b"Auth-User", b"Auth-Pass"))
    attempt = _one(headers, b"Auth-Login-Attempt", b"1")
    if not _NUMBER.fullmatch(attempt):
        raise BadQuestion("Auth-Login-Attempt is no number")
    secure = _one(headers, b"Auth-SSL", b"off") == b"on"
    shown = _certificate(headers) if method == b"external" else b""
    return Question(_PROTOCOLS[protocol], name, Secret(password), _client(headers), secure, int(attempt), shown)


def granted(address: str, port: int, name: bytes | None = None, secret: Secret | None = None) -> bytes:
    """The answer that sends a client to an IP address and port; `name` and `secret` in place of what it typed.

    Raises ValueError for a name or password that no field of HTTP carries as it is.
    """
    fields = [(b"Auth-Status", b"OK"), (b"Auth-Server", address.encode("ascii")), (b"Auth-Port", b"%d" % port)]
    for field, value in ((b"Auth-User", name), (b"Auth-Pass", None if secret is None else secret.reveal())):
        if value is not None:
            fields.append((field, _as_it_is(value)))
    return _answer(fields)


def refused(text: bytes, wait: int = 0, code: bytes = b"") -> bytes:
    """The answer that a client hears as ``NO`` or ``-ERR`` and `text`.

    After `wait` seconds, and then it may try again; without them at once, and nginx closes the connection. `code` is
    what an SMTP client gets before the text.
    """
    fields = [(b"Auth-Status", text)]
    if wait:
        fields.append((b"Auth-Wait", b"%d" % wait))
    if code:
        fields.append((b"Auth-Error-Code", code))
    return _answer(fields)


def not_answered(status: int, text: bytes) -> bytes:
    """The answer to what is no question; nginx tells its client of an internal error."""
    headers = ((b"Content-Type", b"text/plain"), (b"Connection", b"close"))
    return response_head(status, None, headers, Length(len(text))) + text


def _answer(fields: list[tuple[bytes, bytes]]) -> bytes:
    headers = (*fields, (b"Cache-Control", b"no-store"), (b"Connection", b"close"))
    return response_head(200, None, headers, Length(0))


def _one(headers: Headers, name: bytes, default: bytes | None = None) -> bytes:
    values = all_values(headers, name)
    if len(values) == 1:
        return values[0]
    if values or default is None:
        raise BadQuestion(f"{'two' if values else 'no'} {name.decode('ascii')}")
    return default


def _unescaped(value: bytes) -> bytes:
    if not _ESCAPED.fullmatch(value):
        raise BadQuestion("a bad escape")
    return _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), value)


def _client(headers: Headers) -> str:
    try:
        address = ipaddress.ip_address(_one(headers, b"Client-IP").decode("ascii"))
    except ValueError:
        raise BadQuestion("Client-IP is no address") from None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _certificate(headers: Headers) -> bytes:
    """Whoever asks is believed that it has verified it (``ssl_verify_client``)."""
    if _one(headers, b"Auth-SSL-Verify", b"NONE") != b"SUCCESS":
        raise NotServed("method external without a verified certificate")
    certificate = _one(headers, b"Auth-SSL-Cert", b"")
    if not certificate:
        raise NotServed("method external without auth_http_pass_client_cert")
    return _unescaped(certificate)


def _as_it_is(value: bytes) -> bytes:
    """White space around a value of HTTP is none of it; what else it cannot carry the writer refuses."""
    if value != value.strip(b" \t") or not value:
        raise ValueError("white space around it, or nothing")
    return value
