"""A request target as logs may show it: without the secrets that some clients put into a query (S-HTTP-40)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_PARAMETER = re.compile(rb"[^&;]+")
_PERHAPS_SECRET = re.compile(rb"pass|token|pwd|secret|%", re.IGNORECASE)
_SECRET_NAME = re.compile(rb"pass|token|pwd|secret", re.IGNORECASE)
_WITHIN = re.compile(rb"[?&;][^=&;]*(?:pass|token|pwd|secret)[^=&;]*=", re.IGNORECASE)


def masked(target: bytes) -> str:
    """`target` with the value of each query parameter that is called like a password or a token as ``***``.

    So is a value that is itself a URL with such a parameter: where a log-on leads to.
    """
    if b"?" in target and _PERHAPS_SECRET.search(target):
        path, mark, query = target.partition(b"?")
        target = path + mark + _PARAMETER.sub(_mask, query)
    return target.decode("latin-1")


def _mask(parameter: re.Match[bytes]) -> bytes:
    name, equals, value = parameter[0].partition(b"=")
    if equals and (_SECRET_NAME.search(unquote_to_bytes(name)) or _WITHIN.search(unquote_to_bytes(value))):
        return name + b"=***"
    return parameter[0]
