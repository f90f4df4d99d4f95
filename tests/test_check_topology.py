"""What ``exfrontctl check`` says of servers that are missing something, or contradict each other."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.check.topology import contradictions
from exfront.topology import Server, ServerVersion, Topology
from tests.routing.organisation import OWN, topology


class ContradictionTests(SynchronousTestCase):
    def said(self, known: Topology, site: str = OWN) -> list[str]:
        rows = contradictions(known, site)
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
