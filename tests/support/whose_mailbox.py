"""Whose mailbox do I get? What a proxy makes of log-ons that belong to a connection, as figures.

`measure` drives a proxy that has a quiet `ConnectionBound` behind it. A *stranger* sends no credentials at all: half of
them ask an open page and a protected one in turn, half one protected page alone. Whoever of them is answered by
anybody's name got a mailbox that is not his.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from attrs import frozen

from tests.support.process import Address
from tests.support.windows_client import WindowsClient

STRANGERS = 40
USERS = 20  # in parallel
LOG_ONS = 5  # of each
_TURNS = 3  # requests of a stranger of the first half, and of a user who is logged on


User = tuple[str, str]  # name and password
LogOn = Callable[[WindowsClient, str, User], bool]


@frozen
class Door:
    """A proxy: `path` is what it publishes of the back end."""

    address: Address
    path: str
    tls: ssl.SSLContext | None = None

    def client(self) -> WindowsClient:
        """Connected."""
        return WindowsClient(self.address, self.tls)

    @property
    def held(self) -> str:
        """A page for who is logged on."""
        return self.path + "/mailbox"

    @property
    def open(self) -> str:
        """A page for all."""
        return self.path + "/open"


@frozen
class Outcome:
    """`connected` and `gone` are strangers answered as somebody while that user was connected, and after he left."""

    log_on_works: bool
    connected: int
    gone: int


@frozen
class Row:
    """One proxy's line; `right` counts the parallel log-ons whose every answer bore the right name."""

    ntlm: Outcome
    first_request: Outcome
    right: int


def measure(door: Door, users: Mapping[str, str]) -> Row:
    """Try everything; `users` are names and passwords of at least `USERS` people."""
    return Row(strangers(door, users, by_ntlm), strangers(door, users, by_ticket), parallel(door, users))


def by_ntlm(client: WindowsClient, path: str, user: User) -> bool:
    """Log on by the three messages."""
    return client.log_on(path, *user).user == user[0]


def by_ticket(client: WindowsClient, path: str, user: User) -> bool:
    """Log on in the first request."""
    return client.present_ticket(path, *user).user == user[0]


def strangers(door: Door, users: Mapping[str, str], log_on: LogOn) -> Outcome:
    """How many of `STRANGERS` are answered as a user who came before them."""
    works, answered = True, []
    for leaves in (False, True):
        with logged_on(door, next(iter(users.items())), log_on) as (client, right):
            works = works and right
            if leaves:
                client.close()
            answered.append(sum(_answered_as_somebody(door, number % 2 == 0) for number in range(STRANGERS)))
    return Outcome(works, *answered)


@contextmanager
def logged_on(door: Door, user: User, log_on: LogOn) -> Iterator[tuple[WindowsClient, bool]]:
    """A client that has read a few pages, and whether each was its own."""
    with door.client() as client:
        right = log_on(client, door.held, user)
        yield client, right and all(client.get(door.held).user == user[0] for _ in range(_TURNS))


def _answered_as_somebody(door: Door, in_turn: bool) -> bool:
    paths = (door.open, door.held) * _TURNS if in_turn else (door.held,)
    with door.client() as client:
        return any(client.get(path).user for path in paths)


def parallel(door: Door, users: Mapping[str, str]) -> int:
    """Log-ons that were right, of `USERS` times `LOG_ONS`."""

    def some(user: User) -> int:
        count = 0
        for _ in range(LOG_ONS):
            with logged_on(door, user, by_ntlm) as (_, right):
                count += right
        return count

    with ThreadPoolExecutor(USERS) as pool:
        return sum(pool.map(some, list(users.items())[:USERS]))
