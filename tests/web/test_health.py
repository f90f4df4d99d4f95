"""healthcheck.htm: what a load balancer is told of each application."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.config.kinds import read_network
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.facts import World
from exfront.reasons import BACK_END_REFUSED, Refused
from exfront.topology import Topology
from exfront.web.applications import APPLICATIONS
from tests.web.conversation import ALICE, Conversation

HEALTHY = ("owa", "ecp", "ews", "oab", "autodiscover", "activesync", "rpc", "mapi", "powershell", "oma")


def conversation(application: Any = "owa", **settings: Any) -> Conversation:
    """With /x; its back ends are asked of the table."""
    directory = VirtualDirectorySection("/x", application, **settings)
    here = Conversation((VirtualSiteSection("x", "mail.fourthcoffee.com", (), (directory,)),))
    world = here.world
    known = World(Topology(world.servers), health=world.back_ends.health)
    world.steps.world = lambda: known
    return here


def kill(here: Conversation, server: str, application: str = "owa") -> None:
    """Let it be out for that application."""
    table = here.world.back_ends
    table.application(server, "http", application, port=80)
    for _ in range(limits.BACK_END_CONNECT_FAILURES):
        table.take(server, "http", 80).failed(Refused(BACK_END_REFUSED))


class HealthTests(SynchronousTestCase):
    def test_each_application_without_a_log_on(self) -> None:
        """S-HTTP-22: Exchange's own text, in any case, in the clear too, and nothing is looked up."""
        for application in HEALTHY:
            here = conversation(application)
            for name in (b"healthcheck.htm", b"HealthCheck.HTM"):
                found = here.ask(b"GET /x/" + name)
                self.assertEqual((found.status, found.body), (200, b"200 OK<br/>MAIL.FOURTHCOFFEE.COM"), application)
                self.assertEqual(found.headers[b"content-type"], b"text/html")
            self.assertEqual(here.ask(b"HEAD /x/healthcheck.htm").body, b"")
            self.assertEqual((here.world.directory.asked, here.world.dialer.dialled), ([], []))

    def test_where_names_of_people_stand_it_may_be_one(self) -> None:
        for application in sorted(APPLICATIONS.keys() - {*HEALTHY, "owaredirect"}):  # nothing lies below that one
            here = conversation(application, require_tls="no")
            self.assertEqual(here.ask(b"GET /x/healthcheck.htm").status, 401, application)

    def test_only_that_page(self) -> None:
        here = conversation(require_tls="no")
        for line in (b"GET /x/healthcheck.html", b"GET /x/a/healthcheck.htm", b"POST /x/healthcheck.htm"):
            self.assertEqual(here.ask(line, b"Content-Length: 0\r\n").status, 401, line)

    def test_one_living_back_end_is_enough(self) -> None:
        """S-ROUTE-12: 503 when the last one is out, 200 as soon as one is back."""
        here = conversation()
        kill(here, "chicago")
        self.assertEqual(here.ask(b"GET /x/healthcheck.htm").status, 200)
        kill(here, "dallas")
        found = here.ask(b"GET /x/healthcheck.htm")
        self.assertEqual((found.status, found.body), (503, b"503 Service Unavailable"))
        self.assertNotIn(b"chicago", b"".join(found.headers.values()))
        here.clock.advance(limits.BACK_END_OUT_FIRST)
        here.world.back_ends.take("dallas", "http", 80).connected()
        self.assertEqual(here.ask(b"GET /x/healthcheck.htm").status, 200)

    def test_a_service_that_stops(self) -> None:
        """S-OPS-7: 503, so that nobody new is sent here."""
        here = conversation(require_tls="no")
        here.relayed(ALICE, line=b"GET /x/")
        here.client.receive(b"GET /x/healthcheck.htm HTTP/1.1\r\nHost: mail.fourthcoffee.com\r\n\r\n")
        here.world.sessions.draining = True
        self.assertIn(b"HTTP/1.1 503 ", here.answer())

    def test_who_may_not_come_here(self) -> None:
        """S-HTTP-22: sees no more of it than that."""
        here = conversation(allow_networks=(read_network("10.0.0.0/8"),))
        self.assertEqual(here.ask(b"GET /x/healthcheck.htm").status, 403)

    def test_it_is_asked_again_on_the_same_connection(self) -> None:
        here = conversation()
        for _ in range(3):
            self.assertEqual(here.ask(b"GET /x/healthcheck.htm").status, 200)
        self.assertEqual([each.front_end_status for each in here.records], ["200"] * 3)
