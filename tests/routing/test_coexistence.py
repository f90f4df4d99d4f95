"""Front ends and mailboxes of several generations: every cell of the vendor's matrix; servers that contradict."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.decision import Decision, LinkPage, Redirect, Refuse
from exfront.facts import Facts, Health, Policy, World
from exfront.reasons import (
    CAS_CONFIGURATION,
    CAS_DOWN,
    EXTERNAL_URL_NOT_SHOWN,
    GENERATIONS_APART,
    MAIL_IN_OTHER_SITE,
    MAILBOX_NEWER,
    SERVER_TWICE,
    VERSION_UNKNOWN,
    Reason,
)
from exfront.routing import coexistence, decide
from exfront.site_links import SiteLink
from exfront.topology import FrontEnd, Server, ServerVersion, Service, Topology
from tests.routing.coexistence_rows import COLUMNS, MATRIX, cells
from tests.routing.organisation import (
    DOMAIN,
    LEGACY_URL,
    LINKED,
    OWN,
    PROXIED,
    client_access,
    external_url,
    facts,
    landing,
    mailbox_server,
    topology,
    world,
)


class Case(SynchronousTestCase):
    def refused(self, asked: Facts, where: World, reason: Reason) -> Refuse:
        decision = decide(asked, where)
        assert isinstance(decision, Refuse), decision
        self.assertIs(decision.reason, reason)
        return decision


class MatrixTests(Case):
    """Who may proxy, who redirects, who does nothing."""

    def test_every_cell(self) -> None:
        for cell in cells():
            with self.subTest(cell):
                decision = decide(facts(cell.wanted, cell.generation, cell.site), world(cell.front_end))
                self.assertEqual(landing(decision), cell.landing, cell)

    def test_every_front_end_has_rows_for_every_kind_of_client(self) -> None:
        for front_end in ("any", "2003", "2007", "2010", "2013"):
            wanted = {name for of, name in MATRIX if of == front_end}
            self.assertLessEqual({"owa", "imap4", "pop3", "rpc"}, wanted, front_end)
        self.assertEqual(len(set(COLUMNS)), len(COLUMNS))

    def test_a_front_end_never_serves_a_mailbox_newer_than_itself(self) -> None:
        """S-ROUTE-14: the rule of thumb, for every service that there is: nothing upwards but a link."""
        for front_end, newer in (("2003", "2007 2010 2013"), ("2007", "2010 2013"), ("2010", "2013")):
            for generation in newer.split():
                for application in ("owa", "ecp", "exchange", "activesync", "ews", "oab", "autodiscover", "mapi", "rpc",
                                    "oma", "powershell", "imap4", "pop3"):  # fmt: skip
                    decision = decide(facts(application, generation), world(front_end))  # type: ignore[arg-type]
                    self.assertIsInstance(decision, Refuse | LinkPage, (front_end, generation, application))

    def test_2000_goes_with_2003_and_2016_and_2019_with_2013(self) -> None:
        for version, generation in (
            ((6, 0), "2003"), ((6, 5), "2003"), ((8, 3), "2007"), ((14, 3), "2010"), ((15, 0), "2013"),
            ((15, 1), "2013"), ((15, 2), "2013"), ((5, 5), None), ((16, 0), None),
        ):  # fmt: skip
            server = Server("x", f"x.{DOMAIN}", version=ServerVersion(*version))
            self.assertEqual(coexistence.generation(server), generation)
        self.assertIs(coexistence.generation(Server("x", f"x.{DOMAIN}")), None)

    def test_why_is_told(self) -> None:
        refused = self.refused(facts("imap4", "2010"), world("2007"), MAILBOX_NEWER)
        self.assertEqual([str(each) for each in refused.because], [
            "home server: chicago-mbx10",
            "coexistence: front end 2007, mailbox 2010, mail",
            "not opened: the mailbox is newer than the front end",
        ])  # fmt: skip

    def test_an_own_site_that_is_not_known(self) -> None:
        """Bad input: no site of the own.

        Nothing is taken for it where that decides.
        """
        self.refused(facts("imap4", "2007"), world("2007", site=""), MAIL_IN_OTHER_SITE)
        self.refused(facts("owa", "2003"), world("2010", site=""), GENERATIONS_APART)


class ExternalUrlTests(Case):
    """Up to a newer Exchange, and down to an older one, only by a URL that may be shown."""

    def asked(self, front_end: FrontEnd, generation: str, site: str, where: Topology, **policy: object) -> Decision:
        given = world(front_end, topology=where)
        return decide(facts("owa", generation, site), evolve(given, policy=evolve(given.policy, **policy)))

    def without_urls(self, *names: str) -> Topology:
        known = topology()
        kept = [evolve(d, external_url="" if d.server in names else d.external_url) for d in known.virtual_directories]
        return evolve(known, virtual_directories=tuple(kept))

    def test_the_nearest_site_by_the_cost_of_its_links(self) -> None:
        known = self.without_urls(mailbox_server("2013", PROXIED))
        for near, far in ((OWN, LINKED), (LINKED, OWN)):
            links = (SiteLink("a", frozenset({PROXIED, near}), 10), SiteLink("b", frozenset({PROXIED, far}), 20))
            link = self.asked("2007", "2013", PROXIED, evolve(known, site_links=links))
            assert isinstance(link, LinkPage)
            self.assertEqual(link.url, external_url("2013", near))

    def test_no_link_reaches_a_site_with_one(self) -> None:
        known = evolve(topology(), site_links=())
        decision = self.asked("2007", "2013", PROXIED, known)
        assert isinstance(decision, Refuse)
        self.assertIs(decision.reason, MAILBOX_NEWER)

    def test_none_anywhere(self) -> None:
        for front_end, generation, reason in (
            ("2007", "2013", MAILBOX_NEWER), ("2010", "2013", MAILBOX_NEWER), ("2013", "2007", GENERATIONS_APART),
        ):  # fmt: skip
            of = mailbox_server if generation == "2013" else client_access
            known = self.without_urls(*(of(generation, site) for site in (OWN, PROXIED, LINKED)))
            decision = self.asked(front_end, generation, OWN, known)  # type: ignore[arg-type]
            assert isinstance(decision, Refuse)
            self.assertIs(decision.reason, reason)

    def test_one_that_may_not_be_shown(self) -> None:
        """S-ROUTE-7"""
        for front_end, generation in (("2007", "2013"), ("2013", "2007"), ("2010", "2003")):
            decision = self.asked(front_end, generation, OWN, topology(), public_suffixes=("fabrikam.com",))  # type: ignore[arg-type]
            assert isinstance(decision, Refuse)
            self.assertIs(decision.reason, EXTERNAL_URL_NOT_SHOWN)

    def test_one_that_leads_back_here_is_none(self) -> None:
        """S-ROUTE-5"""
        here = frozenset({"old07.chicago.fourthcoffee.com", "mail07.dallas.fourthcoffee.com", f"legacy.{DOMAIN}"})
        for front_end, generation in (("2013", "2007"), ("2010", "2003")):
            decision = self.asked(front_end, generation, OWN, topology(), own_names=here)  # type: ignore[arg-type]
            assert isinstance(decision, Refuse)
            self.assertIs(decision.reason, GENERATIONS_APART)

    def test_upwards_at_once_where_the_configuration_says_so_and_downwards_always(self) -> None:
        """LegacyRedirectType is silent, CrossSiteRedirectType is manual until the configuration says otherwise."""
        self.assertIsInstance(self.asked("2007", "2010", OWN, topology()), LinkPage)
        self.assertIsInstance(self.asked("2007", "2010", OWN, topology(), cross_site="silent"), Redirect)
        for front_end, generation in (("2013", "2007"), ("2010", "2007"), ("2010", "2003")):
            self.assertIsInstance(self.asked(front_end, generation, OWN, topology()), Redirect)  # type: ignore[arg-type]

    def test_the_legacy_url_is_that_of_the_own_site(self) -> None:
        redirect = self.asked("2010", "2003", OWN, topology())
        assert isinstance(redirect, Redirect)
        self.assertEqual((redirect.url, redirect.status), (LEGACY_URL, 302))
        elsewhere = world("2010", site=LINKED)
        self.refused(facts("owa", "2003"), elsewhere, GENERATIONS_APART)


class AutodiscoverTests(Case):
    """A front end has Autodiscover of older mailboxes answered by a server of its own version, the nearest."""

    def test_the_next_one_where_the_nearest_is_out(self) -> None:
        def health(name: str, *asked: str) -> Health | None:
            return Health("out", "gone") if name.startswith("chicago") else None

        links = (SiteLink("a", frozenset({OWN, LINKED}), 10), SiteLink("b", frozenset({OWN, PROXIED}), 20))
        where = world("2013", topology=evolve(topology(), site_links=links), health=health)
        self.assertEqual(landing(decide(facts("autodiscover", "2007"), where)), "dallas-mbx13:444")

    def test_none_answers(self) -> None:
        where = world("2013", health=lambda *asked: Health("out", "gone"))
        self.refused(facts("autodiscover", "2007"), where, GENERATIONS_APART)
        self.refused(facts("autodiscover", "2007"), world("2013", policy=Policy(front_end="2013")), GENERATIONS_APART)
        where = world("2010", health=lambda *asked: Health("out", "gone"))
        self.refused(facts("autodiscover", "2003"), where, GENERATIONS_APART)


class ContradictionTests(Case):
    """Servers and objects that are missing, or there twice: a Reason, and never a guess."""

    def changed(self, name: str, **changes: object) -> World:
        known = topology()
        servers = tuple(evolve(each, **changes) if each.name == name else each for each in known.servers)
        return world(topology=evolve(known, servers=servers))

    def test_a_server_without_version(self) -> None:
        """Bad input: a server object that tells no version."""
        for protocol in ("owa", "imap4"):
            where = self.changed("chicago-mbx07", version=None)
            self.refused(facts(protocol, "2007"), where, VERSION_UNKNOWN)

    def test_one_that_the_configuration_names_needs_none(self) -> None:
        """The administrator has said where it is, and how it is spoken to."""
        where = self.changed("chicago-mbx07", version=None)
        listed = Server("chicago-mbx07", "x.fabrikam.com", imap4=Service(993, "implicit"))
        merged = evolve(where, topology=where.topology.merge([listed]))
        self.assertEqual(landing(decide(facts("imap4", "2007"), merged)), "chicago-mbx07:993")

    def test_a_server_without_site(self) -> None:
        """Bad input: a server object of 2007 that tells no site."""
        self.refused(facts("owa", "2007"), self.changed("chicago-mbx07", site=""), CAS_DOWN)
        self.refused(facts("imap4", "2007"), self.changed("chicago-mbx07", site=""), CAS_DOWN)
        self.refused(facts("owa", "2007"), self.changed("chicago-cas07", site=""), CAS_DOWN)

    def test_a_client_access_server_without_virtual_directory(self) -> None:
        """Bad input: a Client Access server that has no virtual directory of the application."""
        known = evolve(topology(), virtual_directories=())
        self.refused(facts("owa", "2007", PROXIED), world(topology=known), CAS_DOWN)
        self.refused(facts("owa", "2010"), world("2007", topology=known), MAILBOX_NEWER)

    def test_one_without_integrated_authentication(self) -> None:
        kept = tuple(evolve(d, internal_authentication=frozenset()) for d in topology().virtual_directories)
        known = evolve(topology(), virtual_directories=kept)
        self.refused(facts("owa", "2007", PROXIED), world(topology=known), CAS_CONFIGURATION)

    def test_two_servers_of_one_name(self) -> None:
        """S-ROUTE-14: a Reason.

        Bad input: two servers of one name, in two administrative groups.
        """
        known = topology()
        twin = evolve(known.find("chicago-mbx07"), host=f"twin.{DOMAIN}", version=ServerVersion(6, 5), dn="CN=twin")
        twice = world(topology=evolve(known, servers=(*known.servers, twin)))
        for protocol in ("owa", "imap4"):
            self.refused(facts(protocol, "2007"), twice, SERVER_TWICE)
        self.assertEqual(landing(decide(facts("imap4", "2010"), twice)), "chicago-cas10:143")

    def test_a_client_access_server_whose_name_is_anothers_too(self) -> None:
        """Whose virtual directories are whose, nobody can tell."""
        known = topology()
        twin = evolve(known.find("ames-cas07"), host=f"twin.{DOMAIN}", site=LINKED)
        twice = world(topology=evolve(known, servers=(*known.servers, twin)))
        for protocol in ("owa", "imap4", "ews"):
            self.refused(facts(protocol, "2007", PROXIED), twice, CAS_DOWN)

    def test_the_configuration_ends_the_doubt(self) -> None:
        """It names one host: that is where the mailbox is opened, by no rule of either version."""
        known = topology()
        twin = evolve(known.find("chicago-mbx07"), version=ServerVersion(6, 5), dn="CN=twin")
        listed = Server("chicago-mbx07", "x.fabrikam.com", imap4=Service(993, "implicit"))
        merged = evolve(known, servers=(*known.servers, twin)).merge([listed])
        self.assertEqual(landing(decide(facts("imap4", "2007"), world(topology=merged))), "chicago-mbx07:993")
