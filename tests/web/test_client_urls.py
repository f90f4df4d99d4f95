"""*Understanding How Exchange Server Handles OWA, Outlook Profiles, and Mobile Access*: a URL says what is wanted.

"MAPI over HTTP and Outlook Anywhere are different - don't mix them."
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.presets import with_preset
from exfront.config.virtual_site import VirtualSiteSection
from exfront.decision import Refuse, Relay
from exfront.routing import decide
from exfront.web.paths import checked
from exfront.web.virtual_sites import VirtualSites
from tests.routing.organisation import facts, world

# "How Exchange Knows What You're Trying to Do"
_TOLD = (
    (b"/owa", "owa"),
    (b"/autodiscover/autodiscover.xml", "autodiscover"),
    (b"/Microsoft-Server-ActiveSync", "activesync"),
    (b"/EWS/Exchange.asmx", "ews"),
    (b"/mapi", "mapi"),
)
_MORE = (
    (b"/mapi/emsmdb/", "mapi"), (b"/rpc/rpcproxy.dll", "rpc"), (b"/rpcwithcert/rpcproxy.dll", "rpc"),
    (b"/OAB/1/oab.xml", "oab"), (b"/exchange/anna/", "exchange"), (b"/public/", "public"),
    (b"/exchweb/img/x.gif", "exchweb"), (b"/OMA/oma.aspx", "oma"), (b"/Autodiscover/Autodiscover.svc", "autodiscover"),
    (b"/owaredirect", "owaredirect"),
)  # fmt: skip


class ClientUrlTests(SynchronousTestCase):
    def setUp(self) -> None:
        section = with_preset(VirtualSiteSection("x", "mail.fourthcoffee.com", preset="exchange"))
        self.site = VirtualSites((section,)).site(b"mail.fourthcoffee.com")

    def test_every_path_has_its_application(self) -> None:
        """S-HTTP-22: in any case of its letters; what is no application's is nobody's."""
        for path, application in (*_TOLD, *_MORE):
            for written in (path, path.upper(), path.lower()):
                directory = self.site.directory(checked(written))
                assert directory is not None, written
                self.assertEqual(directory.application.name, application, written)
        for path in (b"/", b"/mapix", b"/ews2/x", b"/rpc.dll", b"/owaredirect/x", b"/ecp/", b"/powershell"):
            self.assertIs(self.site.directory(checked(path)), None, path)

    def test_outlook_anywhere_is_not_mapi_over_http(self) -> None:
        """2010 has the one and not the other; of 2013 each goes to its own virtual directory at 444."""
        self.assertIsInstance(decide(facts("rpc", "2010"), world("2010")), Relay)
        self.assertIsInstance(decide(facts("mapi", "2010"), world("2010")), Refuse)
        for wanted in ("rpc", "mapi"):
            relay = decide(facts(wanted, "2013"), world("2013"))
            assert isinstance(relay, Relay)
            self.assertEqual((relay.service.port, relay.service.tls), (444, "implicit"))
        rpc, mapi = (self.site.directory(checked(path)) for path in (b"/rpc/rpcproxy.dll", b"/mapi/emsmdb/"))
        assert rpc is not None and mapi is not None
        self.assertEqual(rpc.methods - mapi.methods, {b"RPC_IN_DATA", b"RPC_OUT_DATA"})
        self.assertIn(b"POST", mapi.methods - rpc.methods)
