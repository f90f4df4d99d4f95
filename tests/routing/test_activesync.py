"""*How Exchange 2007 CAS Proxying works for ActiveSync*: a row per documented case, and per fault of the directory."""

from __future__ import annotations

from attrs import evolve

from exfront.decision import ProxyToCas, Redirect
from exfront.facts import Facts, Health, World
from exfront.reasons import (
    CAS_CONFIGURATION,
    CAS_DOWN,
    EXTERNAL_URL_NOT_SHOWN,
    LEGACY_BLOCKED,
    LOOP,
    NTLM_NOT_ON_DESTINATION,
)
from exfront.routing import decide
from exfront.topology import ServerVersion, Service, Topology, VirtualDirectory
from tests.routing import test_exchange2003, test_owa2007
from tests.routing.test_owa2007 import Case, cas, told, world

_V2010 = ServerVersion(14, 1, 218)
_URL = "https://west.fourthcoffee.com/Microsoft-Server-ActiveSync"
_INTERNAL = "https://dallas.fourthcoffee.com/Microsoft-Server-ActiveSync"
_HTTPS = Service(443, "implicit")


def mobile(name: str, **more: object) -> VirtualDirectory:
    """Its /Microsoft-Server-ActiveSync: InternalURL and Integrated."""
    values: dict[str, object] = {
        "internal_url": f"https://{name}.fourthcoffee.com/Microsoft-Server-ActiveSync",
        "internal_authentication": frozenset({"ntlm", "integrated", "basic"}), **more,
    }  # fmt: skip
    return VirtualDirectory(name, "Mobile", "Microsoft-Server-ActiveSync", **values)  # type: ignore[arg-type]


def facts(name: str = "anna", home: str = "chicago", version: int = 121) -> Facts:
    """A phone of that protocol version."""
    return evolve(test_owa2007.facts(name, application="activesync", home=home), activesync_version=version)


def where(*directories: VirtualDirectory, **more: object) -> World:
    """Dallas in Texas, seen from Illinois."""
    return world(cas("dallas"), directories=directories, **more)


def policy(found: World, **more: object) -> World:
    return evolve(found, policy=evolve(found.policy, **more))  # type: ignore[arg-type]


class ActiveSyncCase(Case):
    def moved(self, found: World, asked: Facts | None = None) -> Redirect:
        decision = decide(asked or facts(), found)
        assert isinstance(decision, Redirect), decision
        self.assertEqual(decision.status, 451)
        return decision

    def stays(self, found: World, asked: Facts | None = None) -> ProxyToCas:
        return self.proxied(found, asked or facts())


class OwnSiteTests(ActiveSyncCase):
    def test_a_living_client_access_server_of_the_site(self) -> None:
        """Whatever its URLs are; also where the own site is not known."""
        for site in ("Texas", ""):
            relay = self.relayed(where(mobile("dallas", external_url=_URL), site=site), facts())
            self.assertEqual((relay.server.name, relay.service, relay.proxy_url), ("dallas", _HTTPS, ""))

    def test_none_lives(self) -> None:
        out = where(mobile("dallas"), site="Texas", health=lambda *asked: Health("out", "gone"))
        self.refused(out, CAS_DOWN, facts())


class OtherSiteTests(ActiveSyncCase):
    def test_451_where_there_is_an_external_url(self) -> None:
        """S-ROUTE-7: ExternalURL before InternalURL; of 2007 for each phone, of whatever version."""
        for version in (0, 25, 120, 121, 141):
            moved = self.moved(where(mobile("dallas", external_url=_URL)), facts(version=version))
            self.assertEqual(moved.url, _URL)
        self.assertEqual(told(moved)[1:], [
            "site: ActiveSync, Texas, not the own one, Illinois",
            f"ExternalURL: ActiveSync, dallas, {_URL}",
            f"451 with X-MS-Location: ActiveSync, {_URL}",
        ])  # fmt: skip

    def test_2010_a_phone_that_does_not_know_autodiscover_is_proxied(self) -> None:
        """2010: 451 from version 12.1 on, else a proxy."""
        servers = (cas("boston", version=_V2010, roles=frozenset({"mailbox"})), cas("tulsa", version=_V2010))
        found = world(*servers, directories=(mobile("tulsa", external_url=_URL),))
        for version, moves in ((0, False), (25, False), (120, False), (121, True), (140, True)):
            asked = facts(home="boston", version=version)
            decision = self.moved(found, asked) if moves else self.stays(found, asked)
            self.assertIn("not sent elsewhere", " ".join(told(decision)) + ("not sent elsewhere" if moves else ""))

    def test_2010_such_a_phone_is_sent_where_nothing_can_be_proxied_to(self) -> None:
        servers = (cas("boston", version=_V2010, roles=frozenset({"mailbox"})), cas("tulsa", version=_V2010))
        for faulty in (mobile("tulsa", external_url=_URL, internal_url=""),
                       mobile("tulsa", external_url=_URL, internal_authentication=frozenset({"basic"}))):  # fmt: skip
            self.moved(world(*servers, directories=(faulty,)), facts(home="boston", version=25))

    def test_proxied_where_there_is_an_internal_url_only(self) -> None:
        """By the security context, where we can prove what we are; with the password else, if it takes one."""
        found = where(mobile("dallas"))
        proxy = self.stays(policy(found, proves=True))
        self.assertEqual((proxy.url, proxy.server.name, proxy.service, proxy.how),
                         (_INTERNAL, "dallas", _HTTPS, "context"))  # fmt: skip
        self.assertEqual(told(proxy)[2:], [
            "Client Access server: ActiveSync, dallas, the only one",
            f"InternalURL: ActiveSync, {_INTERNAL}",
            "Integrated authentication: ActiveSync, basic, integrated, ntlm",
            "security context: ActiveSync, a log-on at Proxy/default.eas after a 441",
        ])  # fmt: skip
        self.assertEqual(self.stays(found).how, "basic")
        self.assertEqual(
            self.stays(where(mobile("dallas", internal_authentication=frozenset({"ntlm"})))).how, "context"
        )

    def test_as_configured_no_phone_is_sent_elsewhere(self) -> None:
        """For phones that ignore a 451; where nothing can be proxied to, they get it all the same."""
        found = policy(where(mobile("dallas", external_url=_URL)), activesync_cross_site="proxy")
        self.assertIn("not sent elsewhere: ActiveSync, as configured", told(self.stays(found)))
        self.moved(policy(where(mobile("dallas", external_url=_URL, internal_url="")), activesync_cross_site="proxy"))

    def test_a_phone_that_ignores_451_gets_it_again(self) -> None:
        """S-ROUTE-7: again and again; the setting activesync_cross_site = "proxy" is for such phones.

        Bad input: 451 to a phone that ignores it.
        """
        found = where(mobile("dallas", external_url=_URL))
        self.assertEqual([self.moved(found).url for _ in range(3)], [_URL] * 3)


class FaultTests(ActiveSyncCase):
    """What the directory does not say, or says twice."""

    def test_integrated_is_missing_there(self) -> None:
        """The refusal of *CASProxy mit Exchange 2007*, 401 5, and which server it is about."""
        refused = self.refused(
            where(mobile("dallas", internal_authentication=frozenset({"basic"}))), NTLM_NOT_ON_DESTINATION, facts()
        )
        self.assertEqual((refused.server, refused.reason.http_status, refused.reason.substatus), ("dallas", 401, 5))

    def test_what_may_not_be_shown(self) -> None:
        """S-ROUTE-7"""
        for url in ("http://west.fourthcoffee.com/Microsoft-Server-ActiveSync", "https://evil.example/x", "x:y"):
            self.refused(where(mobile("dallas", external_url=url)), EXTERNAL_URL_NOT_SHOWN, facts())

    def test_no_object_no_url_and_nobody_alive(self) -> None:
        """S-ROUTE-11: as OWA has it.

        Bad input: no virtual directory, no InternalURL or no Integrated authentication for ActiveSync or EWS.
        """
        self.refused(where(), CAS_DOWN, facts())
        self.refused(where(test_owa2007.owa("dallas")), CAS_DOWN, facts())  # of another application
        self.refused(where(mobile("dallas", internal_url="")), CAS_DOWN, facts())
        self.refused(where(mobile("dallas"), health=lambda *asked: Health("out", "gone")), CAS_DOWN, facts())

    def test_urls_that_contradict(self) -> None:
        """S-ROUTE-5, S-DIR-4: back here, in clear, with a port of its own, outside of the suffixes."""
        for url, reason in (
            ("https://mail.fourthcoffee.com/Microsoft-Server-ActiveSync", LOOP),
            (_INTERNAL.replace("https", "http"), CAS_CONFIGURATION),
            ("https://dallas.fourthcoffee.com:8443/Microsoft-Server-ActiveSync", CAS_CONFIGURATION),
            ("https://dallas.evil.example/Microsoft-Server-ActiveSync", CAS_CONFIGURATION),
        ):
            self.refused(where(mobile("dallas", internal_url=url)), reason, facts())
        here = where(mobile("dallas", external_url="https://mail.fourthcoffee.com/Microsoft-Server-ActiveSync"))
        self.assertIn("ExternalURL leads back here", " ".join(told(self.stays(here))))

    def test_a_living_one_is_taken_for_a_dead_one(self) -> None:
        servers, directories = (cas("dallas"), cas("austin")), (mobile("dallas"), mobile("austin"))
        found = world(*servers, directories=directories,
                      health=lambda name, *_: Health("out", "gone") if name == "dallas" else None)  # fmt: skip
        self.assertEqual({self.stays(found, facts(f"user{n}")).server.name for n in range(20)}, {"austin"})


class LegacyTests(Case):
    """2003 mailbox: "direct to the BE's /Microsoft-Server-ActiveSync"."""

    def test_straight_to_the_back_end_by_integrated(self) -> None:
        relay = self.relayed(test_exchange2003._WORLD, test_exchange2003.facts(application="activesync"))
        self.assertEqual((relay.server.name, relay.service), ("backend", Service(80)))
        self.assertEqual(relay.schemes, ("negotiate", "ntlm", "basic"))

    def test_block_legacy_mailboxes(self) -> None:
        """Of ActiveSync alone; 403."""
        found = policy(test_exchange2003._WORLD, block_legacy=True)
        refused = self.refused(found, LEGACY_BLOCKED, test_exchange2003.facts(application="activesync"))
        self.assertEqual((refused.server, refused.reason.http_status), ("backend", 403))
        self.relayed(found, test_exchange2003.facts())


class EwsTests(Case):
    """EWS: "always proxied to the mailbox's site by InternalURL"; no 451, no redirection."""

    def found(self, **more: object) -> World:
        values: dict[str, object] = {"internal_url": "https://dallas.fourthcoffee.com/EWS/Exchange.asmx",
                                     "internal_authentication": frozenset({"integrated"}), **more}  # fmt: skip
        directory = VirtualDirectory("dallas", "WebServices", "EWS", **values)  # type: ignore[arg-type]
        return where(directory)

    def test_proxied_although_there_is_an_external_url(self) -> None:
        asked = test_owa2007.facts(application="ews")
        proxy = self.proxied(self.found(external_url="https://west.fourthcoffee.com/EWS/Exchange.asmx"), asked)
        self.assertEqual((proxy.server.name, proxy.how), ("dallas", "context"))
        self.assertEqual(told(proxy)[-1], "security context: EWS, SerializedSecurityContext in the header")

    def test_the_own_site(self) -> None:
        relay = self.relayed(evolve(self.found(), site="Texas"), test_owa2007.facts(application="ews"))
        self.assertEqual((relay.server.name, relay.proxy_url), ("dallas", ""))

    def test_faults(self) -> None:
        asked = test_owa2007.facts(application="ews")
        self.refused(self.found(internal_authentication=frozenset({"basic"})), CAS_CONFIGURATION, asked)
        self.refused(self.found(internal_url=""), CAS_DOWN, asked)
        self.refused(self.found(internal_url="https://mail.fourthcoffee.com/EWS/Exchange.asmx"), LOOP, asked)
        self.refused(evolve(self.found(), topology=Topology((test_owa2007._CHICAGO,))), CAS_DOWN, asked)
