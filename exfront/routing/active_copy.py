"""Which server a mailbox's database is active on (2010 on).

Active Manager, which Exchange asks, cannot be asked: so the active copy is where it was found a moment ago, or where
the configuration says, or with the owner, or else with one of the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from exfront.facts import World
from exfront.topology import Database, Mailbox, Server

Holder = tuple[str, str]  # a server's name, and why it may have the active copy


def holders(mailbox: Mailbox, world: World) -> tuple[Holder, ...]:
    """The servers that may have it, the likeliest first, each once."""
    database = world.topology.database(mailbox.database) if mailbox.database else None
    if database is None:
        return ((mailbox.home_server, "home server"),)
    found: dict[str, Holder] = {}
    for name, why in _likely(database, world):
        if name:
            found.setdefault(name.lower(), (name, why))
    for name in database.copies:
        found.setdefault(name.lower(), (name, "another copy, in activation order"))
    return tuple(found.values())


def home(mailbox: Mailbox, world: World) -> Server | None:
    """The server whose version says how the mailbox is served: the first of the holders that is known."""
    known = (world.topology.find(name) for name, _ in holders(mailbox, world) if name)
    return next((server for server in known if server is not None), None)


def _likely(database: Database, world: World) -> Iterator[Holder]:
    yield world.active(database.dn), "found there a moment ago"
    active = world.policy.active_servers
    if active:
        yield active.get(database.name.lower(), "") or active.get(database.group.lower(), ""), "the configuration"
    yield database.server, "msExchOwningServer"
