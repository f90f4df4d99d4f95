"""Kinds of values beyond TOML's own; each reads text and raises ValueError saying what is allowed."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal
from urllib.parse import urlsplit

from attrs import frozen

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@frozen
class Range:
    """The numbers from `low` to `high`, both allowed; `words` say so to an administrator."""

    low: float
    high: float
    words: str

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high


class OneOrMore:
    """Marks an array that may be written as its only member: ``x = "a"`` is ``x = ["a"]``."""


ONE_OR_MORE = OneOrMore()

_WEEK = 7 * 86400.0  # the kernel's clock for waiting ends at 24 days

Port = Annotated[int, Range(0, 65535, "a port from 0 to 65535")]
Count = Annotated[int, Range(1, 1_000_000, "a whole number from 1 to 1000000")]
CountOrNone = Annotated[int, Range(0, 1_000_000, "a whole number from 0 to 1000000")]
Octets = Annotated[int, Range(0, 2**63 - 1, "octets, 0 or more")]
Seconds = Annotated[float, Range(0.001, _WEEK, "seconds, more than 0 and at most 604800 (a week)")]
SecondsOrNone = Annotated[float, Range(0.0, _WEEK, "seconds, from 0 to 604800 (a week)")]


@frozen
class HostPort:
    """A place to listen at: an IP address and a port, or with `path` a Unix socket. That one is this machine's."""

    host: str
    port: int
    path: str = ""

    @classmethod
    def read(cls, text: str) -> HostPort:
        """``192.0.2.1:993``, ``[2001:db8::1]:993``, ``*:993`` or ``unix:/run/exfront/imap4``."""
        if text.startswith("unix:/"):
            return cls("127.0.0.1", 0, text.removeprefix("unix:"))
        host, _, port = text.rpartition(":")
        host = "0.0.0.0" if host == "*" else host.removeprefix("[").removesuffix("]")
        if not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError("an address and a port, like 0.0.0.0:993 or [::]:993")
        try:
            return cls(str(ipaddress.ip_address(host)), int(port))
        except ValueError:
            raise ValueError("an IP address and a port, like 0.0.0.0:993 or [::]:993") from None

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_LDAP_URL = "a URL like ldaps://dc1.fourthcoffee.com or ldap://127.0.0.1:389"


@frozen
class LdapUrl:
    """A directory server: ``ldap://host[:port]`` or ``ldaps://host[:port]``."""

    scheme: Literal["ldap", "ldaps"]
    host: str
    port: int

    @classmethod
    def read(cls, text: str) -> LdapUrl:
        """Nothing but scheme, host and port is taken."""
        try:
            parts = urlsplit(text)
            given_port = parts.port
        except ValueError:
            raise ValueError(_LDAP_URL) from None
        if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(_LDAP_URL)
        if parts.fragment or given_port == 0:
            raise ValueError(_LDAP_URL)
        if parts.username is not None:
            raise ValueError("a URL without a user name (bind_dn and bind_password_file hold it)")
        scheme: Literal["ldap", "ldaps"] = "ldaps" if parts.scheme == "ldaps" else "ldap"
        return cls(scheme, parts.hostname, given_port or (636 if scheme == "ldaps" else 389))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


_SHA256_OCTETS = 32
_PIN = '"sha256:" and the 64 hexadecimal digits, or the base64, of a certificate or public key'


@frozen
class Pin:
    """The SHA-256 of a certificate (RFC 7469 speaks of its public key), by which a server is known."""

    digest: bytes

    @classmethod
    def read(cls, text: str) -> Pin:
        """``sha256:`` and what openssl prints: hexadecimal digits, with or without colons, or base64."""
        kind, _, value = text.partition(":")
        try:
            digits = value.replace(":", "")
            in_hex = len(digits) == 2 * _SHA256_OCTETS
            digest = bytes.fromhex(digits) if in_hex else base64.b64decode(value, validate=True)
        except ValueError:
            raise ValueError(_PIN) from None
        if kind != "sha256" or len(digest) != _SHA256_OCTETS:
            raise ValueError(_PIN)
        return cls(digest)

    def __str__(self) -> str:
        return f"sha256:{self.digest.hex()}"


def read_network(text: str) -> Network:
    """``10.1.0.0/16``, or a single address."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("a network like 10.1.0.0/16 (no host bits set)") from None


@lru_cache(4096)
def read_address(text: str) -> Address | None:
    """An IP address without zone; one of IPv4 within IPv6 is that of IPv4. None for anything else."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def within(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks."""
    found = read_address(address)
    return found is not None and any(found in network for network in networks)
