"""Which URLs of the directory may be shown to clients (S-ROUTE-7)."""

from __future__ import annotations

import re
from functools import lru_cache

from attrs import frozen

# A URL that needs no escape and leaves nothing to interpretation: https, a host name, perhaps a port, a plain path.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*)\.?(?::(?P<port>\d{1,5}))?"
    r"(?P<path>/[A-Za-z0-9._~!$&()*+,;=:@%/-]*)?",
    re.ASCII | re.IGNORECASE,
)
_SPELT = 2_048  # octets of a URL


@frozen
class Url:
    """An absolute URL of HTTP; `host` is in lower case, `port` that of the scheme where none is given."""

    secure: bool
    host: str
    port: int
    path: str


@lru_cache(1024)
def read_url(text: str) -> Url | None:
    """None for what is no plain URL of HTTP: another scheme, userinfo, query, fragment, spaces, controls."""
    found = _URL.fullmatch(text) if len(text) <= _SPELT else None
    if found is None:
        return None
    secure = found["scheme"].lower() == "https"
    port = int(found["port"]) if found["port"] else 443 if secure else 80
    return Url(secure, found["host"].lower(), port, found["path"] or "/") if 0 < port < 65_536 else None
