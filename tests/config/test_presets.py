"""Presets: what a product publishes, in one line."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.defaults import with_defaults
from exfront.config.virtual_site import VirtualSiteSection
from exfront.web.virtual_sites import VirtualDirectory, VirtualSites
from tests.support.configuration import SITE, SMALLEST, read, related


def published(text: str) -> dict[str, VirtualDirectory]:
    """The directories of a site with `text` in it, by path."""
    whole = SMALLEST + SITE + text
    assert not related(whole).errors
    sites = with_defaults(read(whole)[0]).virtual_site
    return {directory.path: directory for directory in VirtualSites(sites).site(b"").directories}


class PresetTests(SynchronousTestCase):
    def test_exchange(self) -> None:
        """S-HTTP-22, S-HTTP-26: each directory with its time; what administers servers is off."""
        found = published('preset = "exchange"\n')
        times = {path: directory.application.answer_time for path, directory in found.items()}
        self.assertEqual(times, {
            "/exchange": 0.0, "/exchweb": 0.0, "/public": 0.0, "/owa": 300.0,
            "/Microsoft-Server-ActiveSync": 3660.0, "/EWS": 1900.0, "/OAB": 0.0, "/Autodiscover": 0.0,
            "/mapi": 3660.0, "/rpc": 900.0, "/rpcwithcert": 900.0, "/OMA": 0.0,
            "/owaredirect": 0.0,
        })  # fmt: skip
        sections = [directory.section for directory in found.values()]
        self.assertEqual({section.authentication for section in sections}, {("basic",)})
        in_clear = {section.path: section.require_tls for section in sections if section.require_tls != "refuse"}
        self.assertEqual(in_clear, {"/Autodiscover": "redirect"})
        self.assertIn(b"RPC_OUT_DATA", found["/rpc"].methods)

    def test_one_line_turns_on_what_is_off(self) -> None:
        """S-HTTP-22: /ecp, /powershell, /exadmin."""
        plain = published('preset = "exchange"\n')
        for name in ("ecp", "powershell", "exadmin"):
            more = published(f'preset = "exchange"\npublish = "{name}"\n')
            self.assertEqual(more.keys() - plain.keys(), {f"/{name}"})
        every = published('publish = ["ecp", "powershell", "exadmin"]\n')
        self.assertEqual(set(every), {"/ecp", "/powershell", "/exadmin"})

    def test_sogo_and_webdav(self) -> None:
        self.assertEqual(set(published('preset = "sogo"\n')), {"/SOGo", "/SOGo.woa", "/Microsoft-Server-ActiveSync"})
        (dav,) = published('preset = "webdav"\n').values()
        self.assertEqual(dav.path, "/dav")
        self.assertLessEqual({b"PROPFIND", b"REPORT", b"MKCALENDAR", b"LOCK"}, dav.methods)

    def test_a_directory_of_the_sites_own_takes_the_place_of_the_presets(self) -> None:
        own = '[[virtual_site.virtual_directory]]\npath = "/EXCHANGE"\napplication = "webdav"\n'
        found = published('preset = "exchange"\n' + own)
        self.assertNotIn("/exchange", found)
        self.assertEqual(found["/EXCHANGE"].application.name, "webdav")
        self.assertIn("/owa", found)

    def test_an_unknown_preset_comes_with_the_nearest(self) -> None:
        (error,) = related(SMALLEST + SITE + 'preset = "exchnage"\n').errors
        self.assertEqual((error.key, error.nearest), ("virtual_site[1].preset", '"exchange"'))

    def test_without_a_preset_nothing_is_added(self) -> None:
        site: Any = VirtualSiteSection("a", "a.b")
        self.assertEqual(published(""), {})
        self.assertEqual(site.virtual_directory, ())
