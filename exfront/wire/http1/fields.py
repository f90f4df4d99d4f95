"""Field lines: from octets to pairs, lists of tokens, and what may not travel from one connection to the next."""

from __future__ import annotations

from collections.abc import Iterable

from exfront.wire.http1 import grammar
from exfront.wire.http1.events import Headers

HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade", b"http2-settings",
    b"proxy-authenticate", b"proxy-authorization", b"transfer-encoding",
})  # fmt: skip
"""S-HTTP-14; HTTP2-Settings by S-HTTP-16. Lower case."""

PROTECTED = frozenset({
    b"host", b"content-length", b"authorization", b"cookie", b"via", b"x-forwarded-for", b"x-forwarded-proto",
    b"front-end-https", b"forwarded",
})  # fmt: skip
"""What a Connection field names in vain (S-HTTP-14): a peer could make the next hop miss it. Lower case."""


def parse(section: bytes) -> Headers:
    """The field lines of `section`, which `grammar.FIELD_SECTION` has matched as a whole."""
    # A possessive value takes the white space behind it along; rstrip is cheaper than a lazy quantifier (quadratic).
    return tuple((name, value.rstrip(b" \t")) for name, value in grammar.FIELD_LINE.findall(section))


def gather(headers: Headers, names: frozenset[bytes]) -> dict[bytes, list[bytes]]:
    """The values of the fields called `names` (lower case), each list in the order received; absent ones are absent."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        name = name.lower()
        if name in names:
            found.setdefault(name, []).append(value)
    return found


def tokens(values: Iterable[bytes]) -> list[bytes]:
    """The members of a comma-separated list over `values`, in lower case, without empty ones (RFC 9110 5.6.1)."""
    members = (member.strip(b" \t").lower() for value in values for member in value.split(b","))
    return [member for member in members if member]


def end_to_end(headers: Headers, protected: frozenset[bytes] = PROTECTED) -> Headers:
    """`headers` without those of one connection only (S-HTTP-14): the listed ones and those that Connection names.

    Names in `protected` (lower case) stay although Connection names them.
    """
    named = frozenset(tokens(value for name, value in headers if name.lower() == b"connection"))
    dropped = HOP_BY_HOP | (named - protected) if named else HOP_BY_HOP
    return tuple(pair for pair in headers if pair[0].lower() not in dropped)
