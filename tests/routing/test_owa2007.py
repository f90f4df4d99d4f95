"""*How Exchange Server 2007 CAS Proxying works for Outlook Web Access*: a row per step and branch.

Steps 5 and 6 are what the two Client Access servers say to each other. The organisation is the document's: a mailbox
server Chicago, whose Client Access server is Dallas, in another site than the first one.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.decision import Decision, LinkPage, ProxyToCas, Redirect, Refuse, Relay
from exfront.facts import Facts, Health, Identity, Policy, World
from exfront.reasons import CAS_CONFIGURATION, CAS_DOWN, EXTERNAL_URL_NOT_SHOWN, LOOP, Reason
from exfront.routing import decide
from exfront.topology import (
    AuthenticationMethod,
    Protocol,
    Server,
    ServerVersion,
    Service,
    Topology,
    VirtualDirectory,
)
from tests.support.directory import mailbox
from tests.support.steps import server

_V2007, _V2010 = ServerVersion(8, 2, 176), ServerVersion(14, 1, 218)
_HTTPS = Service(443, "implicit")
_INTEGRATED: frozenset[AuthenticationMethod] = frozenset({"ntlm", "integrated"})
_URL = "https://west.fourthcoffee.com/owa"


def cas(name: str, site: str = "Texas", version: ServerVersion = _V2007, **more: object) -> Server:
    """A Client Access server as the directory tells of it."""
    values: dict[str, object] = {"http": _HTTPS, "roles": frozenset({"client_access"}), "listed": False, **more}
    return server(name, site=site, version=version, **values)


def owa(name: str, **more: object) -> VirtualDirectory:
    """Its /owa: InternalURL and Integrated, as set-up makes it."""
    values: dict[str, object] = {
        "internal_url": f"https://{name}.fourthcoffee.com/owa", "internal_authentication": _INTEGRATED, **more,
    }  # fmt: skip
    return VirtualDirectory(name, "OWA", "owa (Default Web Site)", **values)  # type: ignore[arg-type]


_CHICAGO = cas("chicago", roles=frozenset({"mailbox"}))
_DALLAS = cas("dallas")


def world(*servers: Server, directories: tuple[VirtualDirectory, ...] = (), **more: object) -> World:
    """Chicago and these servers, seen from the site Illinois."""
    policy = Policy(("fourthcoffee.com",), ("fourthcoffee.com",), frozenset({"mail.fourthcoffee.com"}))
    values: dict[str, object] = {"policy": policy, "site": "Illinois", **more}
    return World(Topology((_CHICAGO, *servers), virtual_directories=directories), **values)  # type: ignore[arg-type]


def facts(name: str = "anna", protocol: Protocol = "http", application: str = "owa", home: str = "chicago") -> Facts:
    account = mailbox(name, home)
    return Facts(protocol, Identity(account), account, application if protocol == "http" else "")


def told(decision: Decision) -> list[str]:
    return [str(each) for each in decision.because]


class Case(SynchronousTestCase):
    def refused(self, where: World, reason: Reason, asked: Facts | None = None) -> Refuse:
        decision = decide(asked or facts(), where)
        assert isinstance(decision, Refuse), decision
        self.assertIs(decision.reason, reason)
        return decision

    def relayed(self, where: World, asked: Facts | None = None) -> Relay:
        decision = decide(asked or facts(), where)
        assert isinstance(decision, Relay), decision
        return decision

    def proxied(self, where: World, asked: Facts | None = None) -> ProxyToCas:
        decision = decide(asked or facts(), where)
        assert isinstance(decision, ProxyToCas), decision
        return decision


class OwnSiteTests(Case):
    """Step 2: "If the First CAS itself is the best CAS for the request it will handle the request"."""

    def test_a_client_access_server_of_the_site_by_https(self) -> None:
        relay = self.relayed(world(_DALLAS, site="Texas"))
        self.assertEqual((relay.server, relay.service), (_DALLAS, _HTTPS))
        self.assertEqual(told(relay), [
            "mailbox server: 2007 OWA step 1, chicago, 2007, Texas",
            "site: 2007 OWA step 2, Texas, the own site",
            "Client Access server: 2007 OWA step 2, dallas, the only one",
            "relay: dallas, 443, implicit",
        ])  # fmt: skip

    def test_urls_of_the_own_site_are_not_looked_at(self) -> None:
        self.relayed(world(_DALLAS, directories=(owa("dallas", external_url=_URL),), site="texas"))

    def test_an_own_site_that_is_not_known_is_taken_for_the_mailboxs(self) -> None:
        relay = self.relayed(world(_DALLAS, directories=(owa("dallas", external_url=_URL),), site=""))
        self.assertIn("the own site is not known", told(relay)[1])

    def test_none_there(self) -> None:
        """Step 2: "if could not find the best CAS"; servers of other versions, sites and roles are none."""
        for others in (
            (),
            (cas("boston", version=_V2010),),
            (cas("boston", "Ohio"),),
            (cas("boston", roles=frozenset({"hub_transport"})),),
            (cas("boston", version=None),),
        ):
            refused = self.refused(world(*others, site="Texas"), CAS_DOWN)  # type: ignore[arg-type]
            self.assertEqual(refused.detail, "site=Texas servers=-")

    def test_a_2010_mailbox_gets_a_2010_server(self) -> None:
        where = world(_DALLAS, cas("boston", version=_V2010), cas("tulsa", version=_V2010), site="Texas")
        names = {self.relayed(where, facts(f"user{number}", home="boston")).server.name for number in range(30)}
        self.assertEqual(names, {"boston", "tulsa"})

    def test_a_mailbox_server_without_a_site(self) -> None:
        """Missing objects: msExchServerSite."""
        homeless = world(cas("dallas", ""), site="Texas")
        lost = evolve(homeless, topology=evolve(homeless.topology, servers=(evolve(_CHICAGO, site=""), _DALLAS)))
        for site in ("Texas", ""):
            self.refused(evolve(lost, site=site), CAS_DOWN)

    def test_a_client_access_server_that_leads_back_here(self) -> None:
        """S-ROUTE-5: its name is one of exfront's own."""
        refused = self.refused(world(cas("mail"), site="Texas"), CAS_DOWN)
        self.assertIn("left out: mail, leads back here", told(refused))

    def test_a_client_access_server_outside_of_the_allowed_suffixes(self) -> None:
        """S-DIR-4"""
        refused = self.refused(world(cas("dallas", host="dallas.evil.example"), site="Texas"), CAS_DOWN)
        self.assertIn("left out: dallas, not below an allowed suffix", told(refused))


class ChoiceTests(Case):
    """Several Client Access servers: each user always gets the same living one."""

    def setUp(self) -> None:
        self.servers = tuple(cas(name) for name in ("dallas", "austin", "houston"))
        self.users = [facts(f"user{number}") for number in range(90)]

    def chosen(self, site: str = "Texas", **states: Health) -> list[str]:
        def health(name: str, protocol: Protocol, application: str) -> Health | None:
            return states.get(name)

        directories = tuple(owa(each.name) for each in self.servers)
        where = world(*self.servers, directories=directories, site=site, health=health)
        found = []
        for each in self.users:
            decision = decide(each, where)
            assert isinstance(decision, Relay | ProxyToCas), decision
            found.append(decision.server.name)
        return found

    def test_users_are_spread_and_stay(self) -> None:
        for site in ("Texas", "Illinois"):
            first = self.chosen(site)
            self.assertEqual(first, self.chosen(site))
            self.assertTrue(all(first.count(each.name) > 15 for each in self.servers), first)

    def test_one_of_three_is_dead(self) -> None:
        """Its users spread over the other two, nobody else moves."""
        for site in ("Texas", "Illinois"):
            before, after = self.chosen(site), self.chosen(site, austin=Health("out", "XF-BE-REFUSED"))
            moved = [new for old, new in zip(before, after, strict=True) if old == "austin"]
            self.assertEqual(set(moved), {"dallas", "houston"})
            stayed = [(old, new) for old, new in zip(before, after, strict=True) if old != "austin"]
            self.assertTrue(all(old == new for old, new in stayed))

    def test_one_that_is_due_is_tried_again_and_a_degraded_one_is_kept(self) -> None:
        """S-ROUTE-12: who is out is the next request's to try once the pause is over."""
        for health in (Health("out", due=True), Health("degraded")):
            self.assertEqual(self.chosen(austin=health), self.chosen())

    def test_all_dead(self) -> None:
        """Step 2: "are not responding"."""
        for site in ("Texas", "Illinois"):
            directories = tuple(owa(each.name) for each in self.servers)
            where = world(
                *self.servers, directories=directories, site=site, health=lambda *asked: Health("out", "gone")
            )
            refused = self.refused(where, CAS_DOWN)
            self.assertIn("left out: ", " ".join(told(refused)))

    def test_only_one_of_several_is_replaceable(self) -> None:
        self.assertTrue(self.relayed(world(*self.servers, site="Texas")).replaceable)
        self.assertFalse(self.relayed(world(_DALLAS, site="Texas")).replaceable)


class ExternalUrlTests(Case):
    """Step 4: "the First CAS will return a web page link to the client with the ExternalURL"."""

    def linked(self, url: str, **more: object) -> Decision:
        return decide(facts(), world(_DALLAS, directories=(owa("dallas", external_url=url),), **more))

    def test_a_link_page_although_there_is_an_internal_url(self) -> None:
        link = self.linked(_URL)
        assert isinstance(link, LinkPage)
        self.assertEqual(link.url, _URL)
        self.assertEqual(told(link), [
            "mailbox server: 2007 OWA step 1, chicago, 2007, Texas",
            "site: 2007 OWA step 1, Texas, not the own one, Illinois",
            f"ExternalURL: 2007 OWA step 4, dallas, {_URL}",
        ])  # fmt: skip

    def test_at_once_where_the_configuration_says_so(self) -> None:
        policy = Policy(("fourthcoffee.com",), ("fourthcoffee.com",), cross_site="silent")
        redirect = self.linked(_URL, policy=policy)
        assert isinstance(redirect, Redirect)
        self.assertEqual((redirect.url, redirect.status), (_URL, 302))

    def test_what_may_not_be_shown(self) -> None:
        """S-ROUTE-7: https, no userinfo, a host below an allowed suffix, nothing to escape."""
        for url in (
            "javascript:alert(1)", 'http://a"><script>', "http://west.fourthcoffee.com/owa", "https://evil.example/owa",
            "https://evil.example/west.fourthcoffee.com", "https://fourthcoffee.com.evil.example/",
            "https://evilfourthcoffee.com/owa", "https://fourthcoffee.com/owa", "https://u:p@west.fourthcoffee.com/owa",
            "https://west.fourthcoffee.com@evil.example/", "https://west.fourthcoffee.com/owa?x=1",
            "https://west.fourthcoffee.com/owa#x", 'https://west.fourthcoffee.com/"', "https://west.fourthcoffee.com/<",
            "https://west.fourthcoffee.com/\r\nX: y", "//west.fourthcoffee.com/owa", "https://west.fourthcoffee.com:0/",
            "https://west.fourthcoffee.com:65536/", "https://w\u00e9st.fourthcoffee.com/owa", "https:///owa", " ",
            "https://[::1]/owa", "https://west.fourthcoffee.com/" + "a" * 3000,
        ):  # fmt: skip
            refused = self.linked(url)
            assert isinstance(refused, Refuse), url
            self.assertIs(refused.reason, EXTERNAL_URL_NOT_SHOWN, url)

    def test_what_may(self) -> None:
        for url in (
            _URL,
            "HTTPS://West.FourthCoffee.com/owa/",
            "https://west.fourthcoffee.com:8443",
            _URL + "/a-b_c.d~e",
        ):
            self.assertIsInstance(self.linked(url), LinkPage, url)

    def test_one_of_several_is_enough(self) -> None:
        """Step 4 speaks of the best one; a server with a bad one beside it is passed over."""
        for urls in ((_URL, ""), ("javascript:x", _URL)):
            directories = tuple(owa(n, external_url=u) for n, u in zip(("dallas", "austin"), urls, strict=True))
            link = decide(facts(), world(_DALLAS, cas("austin"), directories=directories))
            assert isinstance(link, LinkPage), urls
            self.assertEqual(link.url, _URL)

    def test_one_that_is_this_front_end_is_none(self) -> None:
        """A link to where the client is already would lead him round and round: the site is proxied to."""
        where = world(_DALLAS, directories=(owa("dallas", external_url="https://Mail.fourthcoffee.com/owa"),))
        self.assertIn("ExternalURL leads back here", " ".join(told(self.proxied(where))))

    def test_the_virtual_directory_of_the_application_counts(self) -> None:
        ecp = VirtualDirectory("dallas", "ECP", "ecp", external_url="https://ecp.fourthcoffee.com/ecp")
        where = world(_DALLAS, directories=(owa("dallas", external_url=_URL), ecp))
        for application, url in (
            ("owa", _URL), ("exchange", _URL), ("public", _URL), ("exchweb", _URL), ("ecp", ecp.external_url),
        ):  # fmt: skip
            link = decide(facts(application=application), where)
            assert isinstance(link, LinkPage), application
            self.assertEqual(link.url, url)


class InternalUrlTests(Case):
    """Step 2: "has the InternalURL property configured ... and if the authentication method is Integrated"."""

    def directory(self, **more: object) -> World:
        return world(_DALLAS, directories=(owa("dallas", **more),))

    def test_proxied_to_the_internal_url(self) -> None:
        proxy = self.proxied(self.directory())
        self.assertEqual(
            (proxy.url, proxy.server.host, proxy.service, proxy.how),
            ("https://dallas.fourthcoffee.com/owa", "dallas.fourthcoffee.com", _HTTPS, "context"),
        )
        self.assertEqual(told(proxy)[2:], [
            "Client Access server: 2007 OWA step 2, dallas, the only one",
            "InternalURL: 2007 OWA step 2, https://dallas.fourthcoffee.com/owa",
            "Integrated authentication: 2007 OWA step 3, integrated, ntlm",
            "security context: 2007 OWA step 5, proxyLogon.owa after a 441",
        ])  # fmt: skip

    def test_either_bit_is_integrated(self) -> None:
        """Step 3: NTLM without Kerberos is told, and taken."""
        for methods in ({"ntlm"}, {"integrated"}, {"ntlm", "basic"}):
            self.proxied(self.directory(internal_authentication=frozenset(methods)))

    def test_a_directory_that_takes_passwords_too(self) -> None:
        """There exfront can do what a browser does; forms in front of it would ask for a cookie."""
        for methods, how in (({"ntlm", "basic"}, "basic"), ({"ntlm", "basic", "forms"}, "context")):
            proxy = self.proxied(self.directory(internal_authentication=frozenset(methods)))
            self.assertEqual(proxy.how, how)

    def test_not_integrated(self) -> None:
        """Step 2: "If the Integrated Windows authentication is not set on the Second CAS"."""
        for methods in (set(), {"basic"}, {"basic", "forms"}, {"digest", "certificate"}):
            where = self.directory(internal_authentication=frozenset(methods))
            refused = self.refused(where, CAS_CONFIGURATION)
            self.assertEqual(refused.detail, "dallas: Integrated authentication is not set")

    def test_no_internal_url(self) -> None:
        """Step 2: "if could not find the best CAS"."""
        self.refused(self.directory(internal_url=""), CAS_DOWN)
        self.refused(world(_DALLAS), CAS_DOWN)
        self.refused(world(), CAS_DOWN)

    def test_the_inner_directory_of_2013_is_none(self) -> None:
        self.refused(self.directory(back_end=True), CAS_DOWN)

    def test_an_internal_url_that_cannot_be_used(self) -> None:
        """S-ROUTE-9, S-DIR-4: https at its own port, below an allowed suffix; event 42 of a real one."""
        for url, fault in (
            ("http://dallas.fourthcoffee.com/owa", "InternalURL is not https"),
            ("dallas", "InternalURL is not https"),
            ("https://u:p@dallas.fourthcoffee.com/owa", "InternalURL is not https"),
            ("https://dallas.evil.example/owa", "InternalURL is not below an allowed suffix"),
            ("https://10.1.2.3/owa", "InternalURL is not below an allowed suffix"),
            ("https://dallas.fourthcoffee.com:22/owa", "InternalURL has a port of its own"),
        ):
            refused = self.refused(self.directory(internal_url=url), CAS_CONFIGURATION)
            self.assertEqual(refused.detail, f"dallas: {fault}")

    def test_one_that_leads_back_here(self) -> None:
        """S-ROUTE-5: an InternalURL of this front end."""
        refused = self.refused(self.directory(internal_url="https://mail.fourthcoffee.com/owa"), LOOP)
        self.assertEqual(refused.reason.http_status, 508)

    def test_the_one_of_several_that_has_the_configuration(self) -> None:
        directories = (owa("dallas", internal_authentication=frozenset()), owa("austin"))
        proxy = self.proxied(world(_DALLAS, cas("austin"), directories=directories))
        self.assertEqual(proxy.server.name, "austin")
        self.assertIn("left out: 2007 OWA step 2, dallas, Integrated authentication is not set", told(proxy))

    def test_a_balanced_name_is_what_is_connected_to(self) -> None:
        proxy = self.proxied(self.directory(internal_url="https://cas.fourthcoffee.com/owa"))
        self.assertEqual((proxy.server.name, proxy.server.host), ("dallas", "cas.fourthcoffee.com"))

    def test_the_configurations_address_of_the_server_wins(self) -> None:
        listed = server("dallas", http=Service(8443, "implicit"), address="127.0.0.9")
        where = self.directory()
        proxy = self.proxied(evolve(where, topology=where.topology.merge([listed])))
        self.assertEqual((proxy.server.address, proxy.service.port), ("127.0.0.9", 8443))
        without = evolve(where, topology=where.topology.merge([evolve(listed, http=None)]))
        self.refused(without, CAS_CONFIGURATION)


class MailTests(Case):
    """POP3 and IMAP4 of a 2007 or 2010 mailbox: a Client Access server of its site, from wherever."""

    def test_a_client_access_server_in_the_mailboxs_site(self) -> None:
        for site in ("Texas", "Illinois", ""):
            for protocol, port in (("imap4", 143), ("pop3", 110)):
                where = world(_DALLAS, directories=(owa("dallas", external_url=_URL),), site=site)
                relay = self.relayed(where, facts(protocol=protocol))  # type: ignore[arg-type]
                self.assertEqual((relay.server.name, relay.service), ("dallas", Service(port)))

    def test_none_is_unavailable_in_the_protocols_words(self) -> None:
        refused = self.refused(world(site="Texas"), CAS_DOWN, facts(protocol="imap4"))
        self.assertTrue(refused.reason.imap_text().startswith(b"[UNAVAILABLE] The available Microsoft Exchange"))
        self.assertTrue(refused.reason.pop3_text().startswith(b"[SYS/TEMP] The available Microsoft Exchange"))

    def test_one_without_the_protocol_is_passed_over(self) -> None:
        where = world(cas("dallas", pop3=None), cas("austin"), site="Texas")
        names = {self.relayed(where, facts(f"user{n}", protocol="pop3")).server.name for n in range(20)}
        self.assertEqual(names, {"austin"})

    def test_other_applications_go_to_the_mailboxs_site(self) -> None:
        for application in ("autodiscover", "oab", "rpc"):
            relay = self.relayed(world(_DALLAS), facts(application=application))
            self.assertEqual((relay.server.name, relay.service), ("dallas", _HTTPS), application)


class TextTests(SynchronousTestCase):
    def test_the_two_errors_of_step_2_word_for_word(self) -> None:
        """S-ROUTE-11: no names of servers, 503, Retry-After."""
        self.assertEqual(
            CAS_DOWN.text,
            "Outlook Web Access is not currently available for the user mailbox that you are trying to access. Please "
            "try again in a few minutes. If the problem continues, contact technical support for your organization and "
            "tell them the following: The available Microsoft Exchange Client Access servers in the target Active "
            "Directory site are not responding.",
        )
        self.assertEqual(
            CAS_CONFIGURATION.text,
            "Outlook Web Access is not available. If the problem continues, contact technical support for your "
            "organization and tell them the following: There is no Microsoft Exchange Client Access server that has "
            "the necessary configuration in the Active Directory site where the mailbox is stored.",
        )
        for reason in (CAS_DOWN, CAS_CONFIGURATION):
            self.assertEqual(reason.http_status, 503)
            self.assertTrue(reason.retry_after)


class NextHopTests(Case):
    def test_how_a_client_access_server_learns_who_asks(self) -> None:
        """Basic first, which forms take too; Integrated where that is not offered; else as the configuration says."""
        self.assertEqual(self.relayed(world(cas("dallas"), site="Texas")).schemes, ("basic", "ntlm", "negotiate"))
        told_so = world(cas("dallas", next_hop=("ntlm",)), site="Texas")
        self.assertEqual(self.relayed(told_so).schemes, ("ntlm",))
