"""Request targets in their four forms (RFC 9112 section 3.2) and the authority of Host (RFC 9110 section 7.2)."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv6Address

from attrs import define

from exfront.wire.http1 import grammar


@define(repr=False)
class Target:
    """A request target, taken apart; `authority` is None in origin form and asterisk form."""

    path: bytes
    query: bytes | None
    authority: bytes | None = None


_ASTERISK = Target(b"*", None)


def parse_target(method: bytes, target: bytes) -> Target | None:
    """`target` in origin form; None when `method` may not have it (S-HTTP-6)."""
    if method == b"CONNECT":
        return _authority_form(target)
    if target.startswith(b"/"):
        return _origin_form(target)
    if target == b"*":
        return _ASTERISK if method == b"OPTIONS" else None
    return _absolute_form(method, target)


def parse_authority(value: bytes) -> bytes | None:
    """``host[:port]`` of `value` in lower case, without an empty port; None unless a name or address (S-HTTP-4)."""
    match = grammar.AUTHORITY.fullmatch(value)
    if match is None:
        return None
    host, address, port = match.groups()
    if address is not None and not _is_ipv6(address):
        return None
    if not port:
        return bytes(host.lower())
    return bytes(value.lower()) if len(port) <= 5 and 1 <= int(port) <= 65535 else None


def _origin_form(target: bytes) -> Target | None:
    if b"#" in target:
        return None
    path, mark, query = target.partition(b"?")
    return Target(path, query if mark else None)


def _absolute_form(method: bytes, target: bytes) -> Target | None:
    match = grammar.ABSOLUTE_FORM.fullmatch(target)
    if match is None:
        return None
    authority = parse_authority(match[1])
    if authority is None:
        return None
    path, query = match[2], match[3]
    if path is None:  # RFC 9112 section 3.2.4: OPTIONS http://host is OPTIONS * there
        path = b"*" if method == b"OPTIONS" and query is None else b"/"
    return Target(path, query, authority)


def _authority_form(target: bytes) -> Target | None:
    authority = parse_authority(target)
    if authority is None or not authority[-1:].isdigit() or b":" not in authority.rpartition(b"]")[2]:
        return None
    return Target(b"", None, authority)


def _is_ipv6(address: bytes) -> bool:
    try:
        IPv6Address(address.decode("ascii"))
    except AddressValueError:
        return False
    return True
