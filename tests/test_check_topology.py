"""What ``exfrontctl check`` says of servers that are missing something, or contradict each other."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.check.topology import contradictions
from exfront.facts import Policy, World
from exfront.topology import Database, Server, ServerVersion, Service, Topology
from tests.routing.organisation import OWN, topology


class ContradictionTests(SynchronousTestCase):
    def said(self, known: Topology, site: str = OWN, **policy: object) -> list[str]:
        rows = contradictions(World(known, Policy(**{"proves": True, **policy}), site=site))  # type: ignore[arg-type]
        self.assertEqual({row.state for row in rows} - {"warning"}, set())
        self.assertTrue(all(row.advice for row in rows))
        return [row.found for row in rows]

    def changed(self, which: str, **changes: object) -> Topology:
        known = topology()
        servers = tuple(evolve(each, **changes) if each.name == which else each for each in known.servers)
        return evolve(known, servers=servers)

    def test_nothing_to_say(self) -> None:
        self.assertEqual(self.said(topology()), [])
        self.assertEqual(self.said(Topology(), ""), [])

    def test_each(self) -> None:
        for name, changes, words in (
            ("chicago-mbx07", {"version": None}, ["servers without a version: chicago-mbx07"]),
            ("be03", {"name": "ames-mbx10"}, ["two servers of one name: ames-mbx10"]),
            ("ames-mbx10", {"site": ""}, ["mailbox servers without a site: ames-mbx10"]),
            ("ames-cas07", {"site": ""}, ["no Client Access server in the site of: ames-mbx07"]),
            ("ames-cas07", {"version": ServerVersion(14)}, ["no Client Access server in the site of: ames-mbx07"]),
        ):
            self.assertEqual(self.said(self.changed(name, **changes)), words, (name, changes))  # type: ignore[arg-type]
        known = topology()
        less = tuple(each for each in known.virtual_directories if (each.server, each.kind) != ("dallas-cas10", "OWA"))
        self.assertEqual(
            self.said(evolve(known, virtual_directories=less)), ["Client Access servers without /owa: dallas-cas10"]
        )

    def test_mailbox_servers_of_2013(self) -> None:
        known = topology()
        told = "ames-mbx13, chicago-mbx13, dallas-mbx13"
        for where, policy, words in (
            (known, {"proves": False},
             [f"HTTP of Exchange 2013 needs a token, and nothing proves that we may say it: {told}"]),
            (self.changed("ames-mbx13", http=Service(80)), {},
             ["HTTP of Exchange 2013 is not asked in the clear: ames-mbx13"]),
            (self.changed("ames-mbx13", http=Service(80), next_hop=("basic",)), {}, []),
            (self.changed("ames-mbx13", http=None), {}, []),
            (evolve(known, databases=(Database("cn=1", "One", "gone"), Database("cn=2", "Two", "", copies=("gone",)))),
             {}, ["databases on servers that nobody knows: One, Two"]),
            (evolve(known, databases=(Database("cn=1", "One", "gone", copies=("ames-mbx13",)),)), {}, []),
            (known, {"active_servers": {"dag1": "gone", "dag2": "AMES-mbx13"}},
             ["[exchange] active_servers that nobody knows: gone"]),
        ):  # fmt: skip
            self.assertEqual(self.said(where, **policy), words, (policy, words))

    def test_an_own_site_that_is_not_known_where_there_are_several(self) -> None:
        self.assertEqual(self.said(topology(), ""), ["3 sites have Exchange 2007 or 2010, ours is not known"])

    def test_the_configuration_settles_it(self) -> None:
        twice = self.changed("be03", name="ames-mbx10").merge([Server("ames-mbx10", "x.fabrikam.com")])
        self.assertEqual(self.said(twice), [])

    def test_many_are_not_all_named(self) -> None:
        known = topology()
        many = (evolve(known.servers[0], name=f"server{number}", version=None) for number in range(50))
        (line,) = self.said(evolve(known, servers=(*known.servers, *many)))
        self.assertTrue(line.endswith(f" and {50 - limits.TOPOLOGY_NAMED_CHANGES} more"), line)
