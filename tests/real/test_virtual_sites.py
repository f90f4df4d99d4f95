"""Virtual sites by address, port and host name, and whose word counts for a client: with curl, Apache and nginx.

Source: *Exchange 2000/2003 Front End Server Logon Process*, step 3: with one web site every request goes to it; with
several, port, IP address or host header say which.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from typing import Any

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import get, run
from tests.support.exfront import ExFront, toml
from tests.support.mail_site import LIMITS, PUBLIC_NAME, MailSite, shared
from tests.support.nginx import Nginx
from tests.support.process import remove, temporary_folder

LISTENERS = {
    "front": {"protocol": "http", "tls": "implicit", "name": "front"},
    "partners": {"protocol": "http", "name": "partners", "allow_plaintext": True},
    "admin": {"protocol": "http", "name": "admin", "strict_hosts": True},
}
_PROXY = "127.0.0.40"


def _public(server: str, **more: Any) -> dict[str, Any]:
    """/public of one server, for everybody, and /owa, which tells the public name of its site."""
    public = {"path": "/public", "application": "public", "authentication": "anonymous", "require_tls": "no"}
    owa = {"path": "/owa", "application": "owa", "require_tls": "no"}
    return {"virtual_directory": [{**public, "server": server, **more}, owa]}


# Three sites at one listener, by host name; two more by port, with the first one's host name.
SITES = (
    {"name": "mail", "public_name": PUBLIC_NAME, "listeners": "front", **_public("chicago")},
    {"name": "web", "public_name": "web.fourthcoffee.com", "listeners": "front", **_public("dallas")},
    {
        "name": "shop", "public_name": "shop.fourthcoffee.com", "host_names": ["store.fourthcoffee.com"],
        "listeners": ["front"], "preset": "webdav",
    },
    {"name": "partners", "public_name": f"{PUBLIC_NAME}:81", "listeners": "partners", **_public("dallas")},
    {"name": "admin", "public_name": f"{PUBLIC_NAME}:82", "listeners": "admin", **_public("chicago")},
)  # fmt: skip


@frozen
class Got:
    """What curl got: status, Location, and the body."""

    status: int
    location: str
    body: str


class _Case(SynchronousTestCase):
    def started(self, listeners: Any, **changes: Any) -> ExFront:
        """A front end of this test's own."""
        self.site: MailSite = shared()
        front: ExFront = self.site.exfront(listeners, **changes)
        self.addCleanup(front.daemon.kill)
        front.start()
        return front

    def curl(self, front: ExFront, listener: str, host: str, path: str, *more: str) -> Got:
        """One request to a listener, with a host name as a browser would have it from DNS."""
        address, port = front.at(listener)
        scheme = "https" if listener == "front" else "http"
        ended = run(
            "curl", "--silent", "--insecure", "--max-time", "20", "--resolve", f"{host}:{port}:{address}", *more,
            "--write-out", "\n%{http_code} %{redirect_url}", f"{scheme}://{host}:{port}{path}",
        )  # fmt: skip
        self.assertEqual(ended.status, 0, ended)
        body, _, last = ended.output.rpartition("\n")
        status, _, location = last.partition(" ")
        return Got(int(status), location, body)


class SiteTests(_Case):
    def setUp(self) -> None:
        self.front = self.started(LISTENERS, virtual_site=list(SITES))

    def test_step_3(self) -> None:
        """S-HTTP-4, S-HTTP-5, S-HTTP-22: host name, port, default; each site has its own directories and name."""
        chicago, dallas, missing = "folders on chicago", "folders on dallas", "XF-NOT-PUBLISHED"
        for listener, host, words, name in (
            ("front", PUBLIC_NAME, chicago, f"https://{PUBLIC_NAME}/"),
            ("front", PUBLIC_NAME.upper(), chicago, f"https://{PUBLIC_NAME}/"),
            ("front", "web.fourthcoffee.com", dallas, "https://web.fourthcoffee.com/"),
            ("front", "shop.fourthcoffee.com", missing, ""),
            ("front", "store.fourthcoffee.com", missing, ""),
            ("front", "unknown.example", chicago, f"https://{PUBLIC_NAME}/"),
            ("partners", PUBLIC_NAME, dallas, f"http://{PUBLIC_NAME}:81/"),
            ("partners", "web.fourthcoffee.com", dallas, f"http://{PUBLIC_NAME}:81/"),
            ("admin", PUBLIC_NAME, chicago, f"http://{PUBLIC_NAME}:82/"),
        ):
            self.assertIn(words, self.curl(self.front, listener, host, "/public/").body, (listener, host))
            location = self.curl(self.front, listener, host, "/owa").location
            self.assertEqual(location, name and f"{name}owa/", (listener, host))
        self.assertEqual(self.curl(self.front, "front", "store.fourthcoffee.com", "/dav/").status, 401)
        self.assertEqual(self.curl(self.front, "front", PUBLIC_NAME, "/dav/").status, 404)

    def test_a_strict_listener(self) -> None:
        """S-HTTP-4: 421 for what no site of it has, also for another listener's site."""
        for host in ("web.fourthcoffee.com", "unknown.example"):
            got = self.curl(self.front, "admin", host, "/public/")
            self.assertEqual(got.status, 421)
            self.assertIn("XF-HOST", got.body)

    def test_explain_names_site_and_directory(self) -> None:
        """As the requests went; offline, from the same file."""
        for url, site, directory in (
            (f"https://web.fourthcoffee.com:{self.front.ports['front']}/public/", "web", "/public"),
            (f"http://{PUBLIC_NAME}:{self.front.ports['partners']}/owa/", "partners", "/owa"),
        ):
            argv = ["explain", "http", self.site.users[0].name, "--url", url, "--offline", "--json"]
            command = [sys.executable, "-m", "exfront.control", *argv, "--config", str(self.front.configuration)]
            ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
            web = json.loads(ended.stdout)["web"]
            self.assertEqual((web["virtual_site"], web["virtual_directory"]), (site, directory))
            self.assertEqual(web["site_because"], "its host name")


class AddressTests(_Case):
    def test_one_listener_two_addresses(self) -> None:
        """S-HTTP-4: a listener on every address; the one that the client connected to says which site, TLS or not."""
        site = shared()
        listeners = {name: {"protocol": "http", "tls": tls} for name, tls in (("clear", "none"), ("tls", "implicit"))}
        front = ExFront(temporary_folder("front"), site.settings(), listeners, "0.0.0.0")
        self.addCleanup(front.daemon.kill)
        inner = {"name": "inner", "public_name": "inner.fourthcoffee.com", **_public("dallas")}
        outer = {"name": "outer", "public_name": PUBLIC_NAME, **_public("chicago")}
        bound = [f"127.0.0.33:{front.ports[name]}" for name in listeners]
        sections = tomllib.loads(front.configuration.read_text())
        front.configuration.write_text(toml({**sections, "virtual_site": [outer, {**inner, "listeners": bound}]}))
        front.start()
        for listener, scheme in (("clear", "http"), ("tls", "https")):
            for address, words in (("127.0.0.33", "folders on dallas"), ("127.0.0.34", "folders on chicago")):
                url = f"{scheme}://{address}:{front.ports[listener]}/public/"
                self.assertIn(words, run("curl", "--silent", "--insecure", "--max-time", "20", url).output, url)


class DirectoryTests(_Case):
    def test_port_and_tls_of_a_directory(self) -> None:
        """S-ROUTE-8: verified as elsewhere, where the server's own port is another one."""
        site = shared()
        chicago = site.chicago.section(http=site.dallas.apache.http)
        more = {"back_end_port": site.chicago.apache.https, "back_end_tls": "implicit"}
        sites = [{"name": "x", "public_name": PUBLIC_NAME, **_public("chicago", **more)}]
        front = self.started({"http": {"protocol": "http"}}, server=[chicago], virtual_site=sites)
        self.assertIn("folders on chicago", self.curl(front, "http", "x", "/public/").body)

    def test_redirection_addresses_and_the_log(self) -> None:
        """S-HTTP-22, S-AUTH-12, S-OPS-15: 301 to TLS, 403 by address, and each with its sub-status in the log."""
        directories = [
            {"path": "/moved", "application": "exchange", "require_tls": "redirect"},
            {"path": "/inner", "application": "exchange", "require_tls": "no", "allow_networks": ["10.0.0.0/8"]},
            {"path": "/exchange", "application": "exchange", "require_tls": "no"},
        ]
        site = {"name": "x", "public_name": PUBLIC_NAME, "virtual_directory": directories}
        front = self.started({"http": {"protocol": "http", "allow_plaintext": True}}, virtual_site=[site])
        moved = self.curl(front, "http", "x", "/moved/a?b=c")
        self.assertEqual((moved.status, moved.location), (301, f"https://{PUBLIC_NAME}/moved/a?b=c"))
        self.assertEqual(self.curl(front, "http", "x", "/moved/a", "--data", "x").status, 403)
        self.assertEqual(self.curl(front, "http", "x", "/inner/").status, 403)
        self.assertEqual(self.curl(front, "http", "x", "/exchange/").status, 401)
        forged = ("--header", "Authorization: Negotiate YII", "--user-agent", "a\x1b]0;x\x07")
        self.assertEqual(self.curl(front, "http", "x", "/exchange/%22%5c", *forged).status, 400)
        self.assertEqual(self.curl(front, "http", "x", "/exchange/%22", *forged[:2]).status, 401)
        lines = front.lines_since(0, 6)
        statuses = [f"{line['sc-status']} {line['sc-substatus']}" for line in lines]
        self.assertEqual(statuses, ["301 0", "403 4", "403 6", "401 2", "400 0", "401 2"])
        schemes = [(line["x-schemes-offered"], line["x-scheme-used"]) for line in lines]
        self.assertEqual(schemes, [("-", "-")] * 3 + [("Basic", "-"), ("-", "-"), ("Basic", "Negotiate")])


class ProxyTests(_Case):
    def test_the_client_behind_a_trusted_nginx(self) -> None:
        """S-HTTP-19: nginx names the client, to Apache and in the log; nobody else can."""
        listener = {"protocol": "http", "trusted_proxies": [f"{_PROXY}/32"]}
        site = {"name": "x", "public_name": PUBLIC_NAME, **_public("chicago")}
        front = self.started({"http": listener}, virtual_site=[site])
        folder = temporary_folder("nginx")
        self.addCleanup(remove, folder)
        nginx = Nginx(_PROXY, folder, front.at("http"))
        self.addCleanup(nginx.daemon.kill)
        nginx.daemon.start()
        told = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Host": PUBLIC_NAME}
        mark = len(self.site.chicago.apache.forwarded())
        self.assertEqual(get(nginx.at, "/public/", told).status, 200)
        self.assertEqual(get(front.at("http"), "/public/", told).status, 200)
        self.assertEqual(self.site.chicago.apache.forwarded()[mark:], [("On", "127.0.0.1"), ("-", "127.0.0.1")])
        by_proxy, direct = front.lines_since(0, 2)
        self.assertEqual(by_proxy["c-ip"], "127.0.0.1")
        self.assertRegex(direct["c-ip"], r"\A127\.0\.0\.1:\d+\Z")

    def test_two_front_ends_that_point_at_each_other(self) -> None:
        """S-ROUTE-5: 508, with or without trust in each other's counts."""
        for trusted in ([], ["127.0.0.0/8"]):
            shared_settings = {"virtual_site": [{"name": "x", "public_name": PUBLIC_NAME, **_public("chicago")}]}
            listeners = {"http": {"protocol": "http", "trusted_proxies": trusted}}
            site = shared()
            one = site.exfront(listeners, server=[site.chicago.section(http=1)], limits=LIMITS, **shared_settings)
            chicago = site.chicago.section(address=one.address, http=one.ports["http"])
            two = self.started(listeners, server=[chicago], **shared_settings)
            text = one.configuration.read_text().replace("http = 1\n", f"http = {two.ports['http']}\n")
            here = f'address = "{site.chicago.address}"'
            one.configuration.write_text(text.replace(here, f'address = "{two.address}"'))
            self.addCleanup(one.daemon.kill)
            one.start()
            self.assertEqual(self.curl(one, "http", "x", "/public/").status, 508, trusted)
            hops = len(one.access_lines()) + len(two.access_lines())
            self.assertLessEqual(hops, 4)
