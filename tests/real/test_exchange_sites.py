"""Users of browsers in sites of Exchange 2007, and on a 2003 back end: the daemon, slapd, and nginx for the servers."""

from __future__ import annotations

from functools import cache

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from exfront.reasons import CAS_CONFIGURATION, CAS_DOWN, MAILBOX_ON_2003, Reason
from tests.support.cas_sites import BACK_END_2003, BACK_END_2003_HOST, LINKED, OWN
from tests.support.clients import Page, basic, get
from tests.support.exfront import ExFront
from tests.support.named_servers import NamedServers
from tests.support.population import BASE, DNS_DOMAIN, DOMAIN, with_cas_sites
from tests.support.process import temporary_folder, wait_until
from tests.support.slapd import Site, site_of

_LISTENERS = {"http": {"protocol": "http", "tls": "none", "allow_plaintext": True}}
_HOST = f"mail.{DNS_DOMAIN}"


@frozen
class _Stage:
    site: Site
    servers: NamedServers
    front: ExFront


def _stage() -> _Stage:
    """Started; the caller ends it."""
    site = site_of(with_cas_sites())
    hosts = {name: f"{name.lower()}.{DNS_DOMAIN}" for name in OWN.client_access} | {BACK_END_2003: BACK_END_2003_HOST}
    servers = NamedServers("127.0.0.41", temporary_folder("cas"), site.authority, hosts, frozenset({BACK_END_2003}))
    directory = {"servers": [site.slapd.url], "base": BASE, "bind_dn": site.slapd.bind_dn, "site": OWN.name,
                 "bind_password_file": str(site.slapd.password_file()), "ca_file": str(site.authority.ca_file),
                 "domains": {DOMAIN: BASE}}  # fmt: skip
    settings = {
        "directory": directory,
        "back_ends": {"networks": ["127.0.0.0/8"], "ca_file": str(site.authority.ca_file)},
        "limits": {"http_back_end_idle_time": 0.3, "back_end_connect_time": 3.0, "drain_time": 2.0},
        "server": [servers.section(name) for name in hosts],
        "virtual_site": [{"name": "mail", "public_name": _HOST, "virtual_directory": [
            {"path": "/exchange", "application": "exchange", "require_tls": "no", "smtp_domain": DNS_DOMAIN},
            {"path": "/strict", "application": "exchange", "require_tls": "no", "smtp_domain": "contoso.com",
             "smtp_domain_match": "strict"},
            {"path": "/public", "application": "public", "require_tls": "no"},
            {"path": "/owa", "application": "owa", "require_tls": "no"},
        ]}],
    }  # fmt: skip
    front = ExFront(temporary_folder("front"), settings, _LISTENERS, "127.0.0.42")
    return _Stage(site, servers, front)


@cache
def _shared() -> _Stage:
    """One for all tests of this module; its processes end with ours."""
    stage = _stage()
    stage.servers.start()
    stage.front.start()
    return stage


class ExchangeSitesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = _shared()
        self.front = self.stage.front

    def get(self, user: str, path: str) -> Page:
        headers = {"Host": _HOST, **basic(user, f"{user}-password".encode())}
        return get(self.front.at("http"), path, headers)

    def decisions(self, after: int) -> set[str]:
        """Of the user's requests; lines of other tests may come late."""
        lines = self.front.access_lines()[after:]
        return {line["x-decision"] for line in lines if line["cs-username"] == "texas"}

    def assert_error(self, page: Page, reason: Reason) -> None:
        self.assertEqual(page.status, reason.http_status)
        self.assertIn(f"<p>{reason.text}</p>", page.body.decode())
        self.assertIn(reason.code, page.body.decode())

    def test_the_2003_back_end_by_its_host_in_clear(self) -> None:
        """2000/2003 steps 5 to 8, and 2007 OWA step 1: the user proven, the client's Host, plain HTTP."""
        for path in ("/exchange/", "/exchange/backend/Inbox/", "/public/"):
            page = self.get("backend", path)
            self.assertEqual((page.status, page.body), (200, b"BACKEND http mail.fourthcoffee.com backend"), path)
        self.assert_error(self.get("backend", "/owa/"), MAILBOX_ON_2003)

    def test_no_address_in_the_smtp_domain(self) -> None:
        """2000/2003 step 6"""
        page = self.get("backend", "/strict/")
        self.assertEqual(page.status, 401)
        self.assertIn(b"Error: Access is denied.", page.body)

    def test_a_link_to_another_site(self) -> None:
        """2007 OWA step 4, S-ROUTE-7"""
        before = len(self.front.access_lines())
        page = self.get("texas", "/owa/")
        self.assertEqual(page.status, 200)
        self.assertIn(f'href="{LINKED.external_url}"', page.body.decode())
        wait_until(lambda: self.decisions(before) == {"LinkPage"}, "its line in the access log")

    def test_the_two_errors_of_step_2(self) -> None:
        """S-ROUTE-11"""
        for user, reason in (("ohio", CAS_CONFIGURATION), ("utah", CAS_DOWN)):
            page = self.get(user, "/owa/")
            self.assert_error(page, reason)
            self.assertIn("retry-after", page.headers)

    def test_one_of_three_servers_of_the_own_site_dies(self) -> None:
        """2007 OWA step 2: always the same server over verified TLS; another one while that is away."""
        first = self.get("illinois", "/owa/").body.split()[0].decode()
        self.assertIn(first, OWN.client_access)
        self.assertEqual({self.get("illinois", "/owa/").body.split()[0].decode() for _ in range(5)}, {first})
        self.stage.servers.daemons[first].kill()
        self.addCleanup(self.stage.servers.daemons[first].start)
        found = [self.get("illinois", "/owa/") for _ in range(6)]
        self.assertEqual([page.status for page in found[3:]], [200] * 3, found)
        second = {page.body.split()[0].decode() for page in found[3:]}
        self.assertEqual(len(second & set(OWN.client_access) - {first}), 1)
