"""Which of several servers a user gets: always the same one, as long as it is there."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b, sha1

from exfront.topology import Server


def in_order(servers: Sequence[Server], user: str) -> Sequence[Server]:
    """The servers in the order in which `user` tries them: by rendezvous hashing.

    Each user has an order of his own, so that one server's users spread over all others while it is away, and nobody
    else moves.
    """
    if len(servers) < 2:
        return servers
    return sorted(servers, key=lambda server: _weight(server.name, user))


def one_of(count: int) -> str:
    """How a choice among `count` servers was made, in words."""
    return f"1 of {count}, by a hash of the user" if count > 1 else "the only one"


def by_sid(count: int, sid: str) -> int:
    """The index of a public folder server among `count`: the first octets of the SID's SHA-1.

    Exchange's own hash of the user's identity is not documented; this one is as stable.
    """
    return int.from_bytes(sha1(sid.encode("utf-8"), usedforsecurity=False).digest()[:4], "big") % count


def _weight(server: str, user: str) -> bytes:
    return blake2b(f"{server.lower()}\0{user}".encode(), digest_size=8).digest()
