"""Which virtual site a connection and a host name mean: by listener, own address and name, as IIS chose.

Source: *Exchange 2000/2003 Front End Server Logon Process*, step 3.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.kinds import HostPort
from exfront.config.listener import ListenerSection
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.web.virtual_sites import listener_sites, removed_fields

HTTPS = ListenerSection("http", HostPort("0.0.0.0", 443), "implicit")
ADMIN = ListenerSection("http", HostPort("192.0.2.1", 8443), "implicit", name="admin", strict_hosts=True)
IMAP = ListenerSection("imap4", HostPort("0.0.0.0", 993), "implicit")
LISTENERS = (IMAP, HTTPS, ADMIN)
SITES = (
    VirtualSiteSection("mail", "mail.a.b"),
    VirtualSiteSection("web", "web.a.b", ("www.a.b",)),
    VirtualSiteSection("admin", "mail.a.b:8443", listeners="ADMIN"),
    VirtualSiteSection("inner", "mail.a.b", listeners="10.0.0.1:443"),
    VirtualSiteSection("second", "shop.a.b", listeners=("*:443", "192.0.2.1:8443")),
)


def chosen(listener: ListenerSection, authority: bytes, address: str = "192.0.2.1") -> str:
    return listener_sites(SITES, listener, LISTENERS).at(address).site(authority).section.name


class ChoiceTests(SynchronousTestCase):
    def test_three_sites_at_one_listener_by_host_name(self) -> None:
        for authority, name in {
            b"mail.a.b": "mail", b"web.a.b:443": "web", b"www.a.b.": "web", b"shop.a.b": "second",
        }.items():  # fmt: skip
            self.assertEqual(chosen(HTTPS, authority), name, authority)

    def test_one_host_name_is_two_sites_by_port(self) -> None:
        self.assertEqual(chosen(ADMIN, b"mail.a.b:8443"), "admin")
        self.assertEqual(chosen(HTTPS, b"mail.a.b"), "mail")

    def test_one_host_name_is_two_sites_by_address(self) -> None:
        """A listener on every address: the one that the client connected to decides."""
        self.assertEqual(chosen(HTTPS, b"mail.a.b", "10.0.0.1"), "inner")
        self.assertEqual(chosen(HTTPS, b"mail.a.b", "10.0.0.2"), "mail")
        self.assertEqual(chosen(HTTPS, b"shop.a.b", "10.0.0.1"), "second")

    def test_the_default_site_is_the_first_of_those_bound_most_closely(self) -> None:
        """S-HTTP-4: for a host name that no site lists, and for none."""
        for authority in (b"", b"unknown.example", b"192.0.2.1"):
            self.assertEqual(chosen(HTTPS, authority, "10.0.0.1"), "inner")
            self.assertEqual(chosen(HTTPS, authority), "second")
            self.assertEqual(chosen(ADMIN, authority), "admin")

    def test_a_site_is_not_seen_where_it_is_not_bound(self) -> None:
        plain = ListenerSection("http", HostPort("0.0.0.0", 80))
        self.assertEqual(listener_sites(SITES, plain, (*LISTENERS, plain)).sites.site(b"shop.a.b").section.name, "mail")

    def test_strict_hosts(self) -> None:
        """S-HTTP-4: a name that no site has is refused; HTTP/1.0 may name none."""
        strict, lax = (listener_sites(SITES, each, LISTENERS).sites for each in (ADMIN, HTTPS))
        for authority, refused in {
            b"mail.a.b": False,
            b"mail.a.b:1": False,
            b"x.a.b": True,
            b"192.0.2.1": True,
            b"": False,
        }.items():
            self.assertEqual(strict.refuses(authority), refused, authority)
            self.assertFalse(lax.refuses(authority))


class RemovedFieldsTests(SynchronousTestCase):
    def test_fields_that_name_the_user_are_removed_at_every_site(self) -> None:
        """S-HTTP-18: who may send them through another directory would be anybody to the same server."""
        directories = (
            VirtualDirectorySection("/a", "webdav", identity="header", identity_header="Remote-User"),
            VirtualDirectorySection("/b", "webdav", identity_header="Unused"),
        )
        sites = (*SITES, VirtualSiteSection("x", "x.a.b", (), directories))
        self.assertEqual(removed_fields(sites, ("X-Mine",)), {b"remote-user", b"x-mine"})
