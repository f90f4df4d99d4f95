"""IMAP4's login referrals: the server that a back end names instead of itself (RFC 2221, RFC 5092)."""

from __future__ import annotations

import re

from attrs import frozen

_URL = re.compile(
    r"imap://(?:[^@/\[\]]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?(?:/.*)?",
    re.IGNORECASE,
)


@frozen
class Referral:
    """`host` is a name or an IP address; `port` is None where the URL has none."""

    host: str
    port: int | None


def read_referral(url: bytes) -> Referral | None:
    """The server in the argument of a REFERRAL code; None for what is no URL of an IMAP4 server.

    Its user name and mechanism are not taken: who logs on, and how, is known already.
    """
    found = _URL.fullmatch(url.decode("ascii", "replace"))
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port <= 65535:
        return None
    return Referral(found["host"].strip("[]"), port)
