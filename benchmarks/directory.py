"""What a look-up costs that needs no search, and what is held for it. Run: python -m benchmarks.directory.

The directory answers from memory: only exfront's own work is measured, in one process.
"""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from exfront import limits
from exfront.config.directory import DirectorySection
from exfront.config.limits import LimitsSection
from exfront.decision import SessionRecord
from exfront.directory.active_directory import ActiveDirectory
from exfront.directory.ask import look_up
from exfront.directory.cache import Cache
from exfront.directory.entry import Entry
from exfront.directory.lookup import Directory
from exfront.interfaces import MISS
from exfront.names import LookupKey, parse_login
from exfront.topology import Mailbox
from tests.support.searches import MemorySearches, entry

_BASE = "dc=fourthcoffee,dc=com"
_LOCATES = 50_000
_ROUNDS = 5
_AT_ONCE = 5_000
_SERVERS = tuple(f"SERVER{number}" for number in range(50))
_SCHEMA = ActiveDirectory("mailHost", lambda database: _SERVERS[hash(database) % len(_SERVERS)])


def main() -> None:
    """Print the figures."""
    _cached_locate()
    _memory()
    _single_flight()


def _cached_locate() -> None:
    directory = _directory()
    print("\nCached locate, CPU (at most 10 µs)\n  " + f"{'':<46}{'min':>8}{'median':>8}{'max':>8}  µs")
    for name, login in (
        ("account name", "user7"),
        ("UPN", "user7@fourthcoffee.com"),
        ("address", "u.7@fourthcoffee.com"),
    ):
        keys = parse_login(login).keys
        _now(directory.find(keys, None))
        _row(f"cached_find, by {name}", partial(directory.cached_find, keys))
    keys, record = parse_login("user7").keys, SessionRecord("1", "imap4", "-")
    _row("as a step asks, with its note in the record", lambda: _finish(look_up(directory, keys, record)))


def _row(name: str, call: Callable[[], object]) -> None:
    figures = []
    assert call() is not MISS
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(_LOCATES):
            call()
        figures.append((time.process_time() - began) / _LOCATES * 1e6)
    print(f"  {name:<46}{min(figures):>8.2f}{statistics.median(figures):>8.2f}{max(figures):>8.2f}")


def _memory() -> None:
    """100,000 mailboxes as Active Directory describes them, each held under one name, then under a second."""
    cache = Cache(DirectorySection((), _BASE, cache_entries=2 * limits.CACHE_ENTRIES))
    tracemalloc.start()
    print(f"\nMemory of {limits.CACHE_ENTRIES} cached mailboxes (at most 1.5 kB each)")
    for title, login in (("by account name", "user{}"), ("and by address too", "u.{}@fourthcoffee.com")):
        for number in range(limits.CACHE_ENTRIES):
            keys = parse_login(login.format(number)).keys
            _hold(cache, keys, _mailbox(number))
        octets, _ = tracemalloc.get_traced_memory()
        print(f"  {title:<46}{octets / limits.CACHE_ENTRIES:>8.0f}  octets each")
    tracemalloc.stop()


def _hold(cache: Cache, keys: Sequence[LookupKey], mailbox: Mailbox) -> None:
    """An address is found behind the key of a UPN that nobody has."""
    found = 1 if len(keys) > 2 else 0
    for key in keys[:found]:
        cache.keep(key, None, 0.0)
    cache.keep(keys[found], mailbox, 0.0)
    cache.pass_over(keys[:found], mailbox)


def _mailbox(number: int) -> Mailbox:
    """Read as a search's answer is; the topology knows the owner of the database."""
    name = f"user{number}"
    database = f"CN=Database {number % 50},CN=Databases,CN=Group,CN=Org,CN=Microsoft Exchange,{_BASE}"
    found = entry(f"CN=User Number {number},OU=Sales,OU=Chicago,{_BASE}", {
        "objectGUID": [number.to_bytes(16)], "sAMAccountName": [name], "mailNickname": [name],
        "objectSid": [b"\x01\x05\0\0\0\0\0\x05" + number.to_bytes(20)],
        "userPrincipalName": [f"{name}@fourthcoffee.com"], "userAccountControl": ["512"],
        "accountExpires": ["9223372036854775807"], "badPwdCount": ["0"], "pwdLastSet": ["132514848000000000"],
        "proxyAddresses": [f"SMTP:{name}@fourthcoffee.com", f"smtp:u.{number}@fourthcoffee.com", f"X400:s={name};"],
        "homeMDB": [database],
    })  # fmt: skip
    mailbox = _finish(_SCHEMA.mailbox(found, _no_fetch, None))
    assert isinstance(mailbox, Mailbox)
    return mailbox


async def _no_fetch(name: str, attributes: tuple[str, ...]) -> Entry | None:
    raise AssertionError(name)


def _single_flight() -> None:
    searches = MemorySearches([_entry(7)], hold=True)
    directory = _directory(searches)
    keys = parse_login("user7").keys
    began = time.process_time()
    waiting = [directory.find(keys, None) for _ in range(_AT_ONCE)]
    asked = len(searches.asked)
    searches.release()
    assert all(_now(one) is not None for one in waiting)
    took = (time.process_time() - began) / _AT_ONCE * 1e6
    print(f"\n{_AT_ONCE} look-ups of one user at the same time (1 search)")
    print(f"  {'searches':<46}{asked:>8}\n  {'CPU each':<46}{took:>8.0f}  µs")


def _directory(searches: MemorySearches | None = None) -> Directory:
    searches = searches or MemorySearches([_entry(number) for number in range(10)])
    return Directory(DirectorySection((), _BASE), LimitsSection(), reactor, searches=searches)


def _entry(number: int) -> Entry:
    name = f"user{number}"
    values = {
        "objectClass": ["user"], "objectGUID": [f"{number:016d}"], "sAMAccountName": [name],
        "userPrincipalName": [f"{name}@fourthcoffee.com"], "mailHost": ["chicago"],
        "proxyAddresses": [f"SMTP:{name}@fourthcoffee.com", f"smtp:u.{number}@fourthcoffee.com"],
    }  # fmt: skip
    return entry(f"CN=User {number},{_BASE}", values)


def _now(waiting: Deferred[Mailbox | None]) -> Mailbox | None:
    found: list[Mailbox | None] = []
    waiting.addCallback(found.append)
    return found[0]


def _finish(step: Coroutine[Any, Any, object]) -> object:
    """Run a coroutine that waits for nothing."""
    try:
        step.send(None)
    except StopIteration as end:
        answer: object = end.value
        return answer
    raise AssertionError("it waited")


if __name__ == "__main__":
    main()
