"""The links between sites of Active Directory, and the cheapest ways over them."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from attrs import frozen


@frozen
class SiteLink:
    """Sites with a connection between each two of them, and what it costs."""

    name: str
    sites: frozenset[str]
    cost: int


def cheapest_paths(links: Iterable[SiteLink], start: str) -> Mapping[str, int]:
    """The least sum of costs from `start` to each site that links reach, `start` itself at 0 (Dijkstra).

    Names compare as they are: the reader takes them from one place.
    """
    links_of: dict[str, list[SiteLink]] = {}
    for link in links:
        for site in link.sites:
            links_of.setdefault(site, []).append(link)
    costs: dict[str, int] = {}
    waiting = [(0, start)]
    while waiting:
        cost, site = heapq.heappop(waiting)
        if site in costs:
            continue
        costs[site] = cost
        for link in links_of.get(site, ()):
            for other in link.sites - costs.keys():
                heapq.heappush(waiting, (cost + link.cost, other))
    return costs
