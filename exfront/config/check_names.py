"""Which names can be right at all: hosts, domains, distinguished names; and which stand twice."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from exfront.config.errors import KeyPath, quoted
from exfront.config.findings import Findings

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"  # RFC 1123; the underscore is Windows'
_DNS_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z")
# RFC 4514 section 3, with spaces around names and values as people write them
_TYPE = r" *(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*) *"
_VALUE = r"(?:\\[0-9A-Fa-f]{2}|\\[^0-9A-Fa-f\0]|[^\\,+\";<>\0])*"
_DISTINGUISHED_NAME = re.compile(rf"{_TYPE}={_VALUE}(?:[,+]{_TYPE}={_VALUE})*\Z", re.DOTALL)
_ESCAPED_OCTETS = re.compile(r"(?<!\\)(?:\\\\)*((?:\\[0-9A-Fa-f]{2})+)")


def is_dns_domain(text: str) -> bool:
    """``fourthcoffee.com``; also a name of one label."""
    return bool(_DNS_NAME.match(text))


def is_host(text: str) -> bool:
    """A DNS name or an IP address."""
    if _DNS_NAME.match(text):
        return not re.fullmatch(r"[0-9.]+", text) or is_address(text)
    return is_address(text)


def is_distinguished_name(text: str) -> bool:
    """``cn=exfront,dc=fourthcoffee,dc=com`` (RFC 4514)."""
    return bool(_DISTINGUISHED_NAME.match(text)) and all(map(_is_utf8, _ESCAPED_OCTETS.findall(text)))


def _is_utf8(escaped: str) -> bool:
    try:
        bytes.fromhex(escaped.replace("\\", "")).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_address(text: str) -> bool:
    """An IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def each_once(names: Iterable[tuple[KeyPath, str]], what: str, findings: Findings) -> None:
    """Note a name that stands twice, without regard to case, at its second place."""
    seen: dict[str, KeyPath] = {}
    for path, name in names:
        first = seen.setdefault(name.lower(), path)
        if first != path:
            problem = f"{quoted(name)} stands in line {findings.lines.of(first)} already"
            findings.error(path, problem, f"each {what} once", also=(first,))
