"""What of the servers that the directory names is missing or contradicts itself: before users find it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from exfront import limits
from exfront.check.rows import Rows
from exfront.facts import Policy, World
from exfront.operate.check_table import Row
from exfront.topology import Server, Topology

_BY_CLIENT_ACCESS = (8, 14)  # major versions whose mailboxes are opened by a Client Access server of their site
_BY_TOKEN = 15
_SUBJECT = "topology"


def contradictions(world: World) -> Rows:
    """Warnings about the topology of `world`, with the servers of the configuration in it, and what becomes of it."""
    topology, own_site = world.topology, world.site
    of_2013 = _of_2013(topology, world.policy)
    found = ((what, sorted(names), advice) for what, names, advice in chain(_found(topology), of_2013))
    rows = [Row("warning", _SUBJECT, f"{what}: {_shown(names)}", advice) for what, names, advice in found if names]
    sites = {server.site for server in topology.servers if _major(server) in _BY_CLIENT_ACCESS and server.site}
    if len(sites) > 1 and not own_site:
        advice = "set [directory] site: every site is taken for the own one"
        rows.append(
            Row("warning", _SUBJECT, f"{len(sites)} sites have Exchange 2007 or 2010, ours is not known", advice)
        )
    return rows


def _found(topology: Topology) -> Iterator[tuple[str, set[str], str]]:
    settle = "add a [[server]] of that name, with its host"
    known = [server for server in topology.servers if not server.listed]
    yield "two servers of one name", _names(each for each in known if topology.is_twice(each)), settle
    yield "servers without a version", _names(each for each in known if each.dn and each.version is None), settle
    homes = [each for each in topology.servers if _major(each) in _BY_CLIENT_ACCESS and "mailbox" in each.roles]
    yield "mailbox servers without a site", _names(each for each in homes if not each.site), "see msExchServerSite"
    yield (
        "no Client Access server in the site of",
        _names(each for each in homes if each.site and not topology.client_access(each.site, _major(each))),
        "nobody opens these mailboxes",
    )
    cas = (each for each in topology.servers if _major(each) in _BY_CLIENT_ACCESS and "client_access" in each.roles)
    without = _names(each for each in cas if topology.virtual_directory(each.name, "OWA") is None)
    yield "Client Access servers without /owa", without, "users of their site are not proxied to them"


def _of_2013(topology: Topology, policy: Policy) -> Iterator[tuple[str, set[str], str]]:
    """What is told who asks by a token, and cannot be; and databases that nobody has."""
    told = [each for each in topology.servers if _major(each) >= _BY_TOKEN and "mailbox" in each.roles]
    told = [each for each in told if each.http is not None and not each.next_hop]
    if not policy.proves:
        advice = "set [proxy] certificate or secret_file, or next_hop of their [[server]]"
        yield "HTTP of Exchange 2013 needs a token, and nothing proves that we may say it", _names(told), advice
    in_clear = _names(each for each in told if each.http is not None and each.http.tls != "implicit")
    yield "HTTP of Exchange 2013 is not asked in the clear", in_clear, "set http = 444, http_tls = implicit"
    lost = {
        each.name for each in topology.databases
        if not any(topology.find(name) is not None for name in (each.server, *each.copies) if name)
    }  # fmt: skip
    yield "databases on servers that nobody knows", lost, "nobody opens these mailboxes"
    unknown = {name for name in policy.active_servers.values() if topology.find(name) is None}
    yield "[exchange] active_servers that nobody knows", unknown, "the owner of the database is asked instead"


def _names(servers: Iterable[Server]) -> set[str]:
    return {server.name for server in servers}


def _major(server: Server) -> int:
    return 0 if server.version is None else server.version.major


def _shown(names: list[str]) -> str:
    more = len(names) - limits.TOPOLOGY_NAMED_CHANGES
    return ", ".join(names[: limits.TOPOLOGY_NAMED_CHANGES]) + (f" and {more} more" if more > 0 else "")
