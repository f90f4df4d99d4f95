"""CPU time of a decision, by flow. Run: python -m benchmarks.routing.

The world is an organisation of 500 servers in 100 sites; nothing is explained. The peer is the standard library's
urlsplit of an ExternalURL that it never saw: about the least that anybody does to choose where a request goes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from benchmarks.measure import compare
from exfront.facts import Facts, Health, Identity, Policy, World
from exfront.routing import decide
from exfront.topology import (
    Database,
    Mailbox,
    Protocol,
    PublicStore,
    Server,
    ServerVersion,
    Service,
    Topology,
    VirtualDirectory,
)

_DECISIONS = 40_000  # a round of each
_MOST = 15  # microseconds
_SITES, _IN_A_SITE = 100, 4  # Client Access servers; a mailbox server comes on top
_HTTPS = Service(443, "implicit")
_V2003, _V2007, _V2013 = ServerVersion(6, 5, 7638), ServerVersion(8, 2, 176), ServerVersion(15, 0, 516)
_AT_444 = Service(444, "implicit")
_COPIES = 4
_WELL = Health("healthy")


def _server(name: str, version: ServerVersion | None, site: str, *roles: str) -> Server:
    http = _HTTPS if version is _V2007 else _AT_444 if version is _V2013 else Service(80)
    host = f"{name}.fourthcoffee.com"
    return Server(
        name, host, imap4=Service(143), http=http, listed=False, site=site, version=version,
        roles=frozenset(roles),  # type: ignore[arg-type]
    )  # fmt: skip


def _world() -> World:
    servers, directories = [], []
    for number in range(_SITES):
        site = f"Site {number}"
        servers.append(_server(f"mailbox{number}", _V2007, site, "mailbox"))
        for each in range(_IN_A_SITE):
            name = f"cas{number}-{each}"
            servers.append(_server(name, _V2007, site, "client_access"))
            external = f"https://site{number}.fourthcoffee.com/owa" if number % 3 == 1 else ""
            directories += (
                VirtualDirectory(name, kind, kind, f"https://{name}.fourthcoffee.com/{kind}", external,
                                 frozenset(("ntlm", "integrated")))
                for kind in ("OWA", "Mobile", "WebServices")
            )  # fmt: skip
    servers += [_server("old", _V2003, "", "mailbox"), _server("plain", None, "")]
    servers += [_server(f"public{number}", _V2003, "", "mailbox") for number in range(8)]
    group = tuple(f"node{number}" for number in range(_COPIES))
    servers += [_server(name, _V2013, "Site 0", "mailbox") for name in group]
    databases = (Database("cn=one", "One", "node0", copies=group, group="DAG1"),)
    stores = tuple(PublicStore(f"cn=public{number}", "", f"public{number}") for number in range(8))
    topology = Topology(tuple(servers), databases, public_stores=stores, virtual_directories=tuple(directories))
    return World(topology, Policy(("fourthcoffee.com",), ("fourthcoffee.com",), proves=True), _health, "Site 0")


def _health(server: str, protocol: Protocol, application: str) -> Health | None:
    return _WELL


def _facts(home: str, protocol: Protocol, application: str) -> list[Facts]:
    """A thousand users."""
    accounts = [
        Mailbox(f"cn={n}", f"{n:032x}", f"user{n}", addresses=(f"user{n}@fourthcoffee.com",), home_server=home,
                database="cn=one" if home == "node0" else "", sid=f"S-1-5-21-1-2-3-{n}")
        for n in range(1000)
    ]  # fmt: skip
    return [Facts(protocol, Identity(each), each, application) for each in accounts]


def _deciding(world: World, facts: list[Facts]) -> Callable[[], float]:
    def work() -> float:
        for _ in range(_DECISIONS // len(facts)):
            for each in facts:
                decide(each, world)
        return _DECISIONS

    return work


def _peer() -> float:
    stamp = time.monotonic_ns()  # urlsplit remembers what it saw
    for number in range(_DECISIONS):
        urlsplit(f"https://site{stamp + number}.fourthcoffee.com/owa")
    return _DECISIONS


_CASES: tuple[tuple[str, str, Protocol, str], ...] = (
    ("plain server, IMAP4", "plain", "imap4", ""),
    ("2003, own mailbox", "old", "http", "exchange"),
    ("2003, public folders, 8 stores", "old", "http", "public"),
    ("2007, own site, 4 CAS", "mailbox0", "http", "owa"),
    ("2007, link page", "mailbox1", "http", "owa"),
    ("2007, proxy, 4 CAS", "mailbox2", "http", "owa"),
    ("2007, ActiveSync, proxy, 4 CAS", "mailbox2", "http", "activesync"),
    ("2007, EWS, proxy, 4 CAS", "mailbox2", "http", "ews"),
    ("2007, IMAP4", "mailbox2", "imap4", ""),
    ("2013, 4 copies", "node0", "http", "owa"),
    ("2013, IMAP4, 4 copies", "node0", "imap4", ""),
)


def main() -> None:
    """Print the table."""
    world, pid = _world(), os.getpid()
    candidates = {name: (pid, _deciding(world, _facts(*case))) for name, *case in _CASES}  # type: ignore[arg-type]
    title = f"A decision (at most {_MOST} µs)"
    compare(title, "µs a decision", {**candidates, "urlsplit": (pid, _peer)}, "urlsplit", scale=1e6)


if __name__ == "__main__":
    main()
