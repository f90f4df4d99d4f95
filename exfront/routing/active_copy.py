"""Which server a mailbox's database is active on (2010 on).

Active Manager, which Exchange asks, cannot be asked: so the active copy is where it was found a moment ago, or where
the configuration says, or with the owner, or else with one of the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from exfront.facts import World
from exfront.topology import Mailbox, Server

Holder = tuple[str, str]  # a server's name, and why it may have the active copy


def holders(mailbox: Mailbox, world: World) -> Iterator[Holder]:
    """The servers that may have it, the likeliest first; some twice, and a name may be empty."""
    database = world.topology.database(mailbox.database) if mailbox.database else None
    if database is None:
        yield mailbox.home_server, "home server"
        return
    yield world.active(database.dn), "found there a moment ago"
    active = world.policy.active_servers
    if active:
        yield active.get(database.name.lower(), "") or active.get(database.group.lower(), ""), "the configuration"
    yield database.server, "msExchOwningServer"
    for name in database.copies:
        yield name, "another copy, in activation order"


def home(mailbox: Mailbox, world: World) -> Server | None:
    """The server whose version says how the mailbox is served: the first of the holders that is known."""
    for name, _ in holders(mailbox, world):
        server = world.topology.find(name) if name else None
        if server is not None:
            return server
    return None
