"""Which virtual site and directory a request means."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.names import KeyKind, LookupKey
from exfront.reasons import MAILBOX_NOT_FOUND, Refused
from exfront.web.paths import checked
from exfront.web.virtual_sites import VirtualDirectory, VirtualSites

EXCHANGE = VirtualDirectorySection("/exchange", "exchange", smtp_domain="fourthcoffee.com")
OWA = VirtualDirectorySection("/owa", "owa")
PUBLIC = VirtualDirectorySection("/public", "public")
ARCHIVE = VirtualDirectorySection("/exchange/Old Mail", "exchange")
FIRST = VirtualSiteSection("first", "mail.fourthcoffee.com", ("webmail.fourthcoffee.com",), (EXCHANGE, OWA, PUBLIC))
SECOND = VirtualSiteSection("second", "MAIL.contoso.com:8443", ("Contoso.com",), (EXCHANGE, ARCHIVE))
SITES = VirtualSites((FIRST, SECOND))


def directory(path: bytes, site: bytes = b"mail.fourthcoffee.com") -> str | None:
    found = SITES.site(site).directory(checked(path))
    return None if found is None else found.path


def only(section: VirtualDirectorySection) -> VirtualDirectory:
    sites = VirtualSites((VirtualSiteSection("x", "x", (), (section,)),))
    return sites.site(b"x").directories[0]


class SiteTests(SynchronousTestCase):
    def test_the_host_name_chooses_the_site(self) -> None:
        """S-HTTP-4: in any case, with port or trailing dot; what no site lists goes to the first."""
        for authority, name in {
            b"mail.fourthcoffee.com": "first",
            b"webmail.fourthcoffee.com:8080": "first",
            b"mail.contoso.com": "second",
            b"contoso.com.": "second",
            b"contoso.com.:443": "second",
            b"unknown.example": "first",
            b"[2001:db8::1]": "first",
            b"[2001:db8::1]:443": "first",
            b"": "first",
        }.items():
            self.assertEqual(SITES.site(authority).section.name, name, authority)

    def test_back_ends_get_the_clients_host_only_where_it_is_listed(self) -> None:
        """S-HTTP-5: the Host of a client is no more than a choice among configured names."""
        site = SITES.site(b"mail.contoso.com")
        for authority, host in {
            b"contoso.com": b"contoso.com",
            b"contoso.com:81": b"contoso.com:81",
            b"mail.contoso.com": b"mail.contoso.com",
            b"evil.example": b"mail.contoso.com:8443",
            b"": b"mail.contoso.com:8443",
        }.items():
            self.assertEqual(site.host_for_back_end(authority), host, authority)

    def test_urls_of_our_own_have_the_public_name(self) -> None:
        """S-HTTP-5: whatever the client called us."""
        self.assertEqual(SITES.site(b"evil.example").url(True), b"https://mail.fourthcoffee.com")
        self.assertEqual(SITES.site(b"contoso.com").url(False), b"http://mail.contoso.com:8443")

    def test_without_any_site_nothing_is_published(self) -> None:
        self.assertIsNone(VirtualSites(()).site(b"a").directory(checked(b"/owa/")))


class DirectoryTests(SynchronousTestCase):
    def test_whole_segments_without_case(self) -> None:
        """S-HTTP-21, S-HTTP-22: what is not configured does not exist, also not by encoding or double slash."""
        for path, expected in {
            b"/exchange": "/exchange",
            b"/ExChange/u/": "/exchange",
            b"/%65xchange/u/": "/exchange",
            b"/exchange2/": None,
            b"/exchangE%2fu": None,
            b"/": None,
            b"//owa": None,
            b"//owa/": None,
            b"/x/owa/": None,
            b"/powershell": None,
            b"/%70owershell": None,
            b"/ecp/": None,
            b"/exadmin/": None,
            b"/autodiscover/autodiscover.json": None,
            b"/autodiscover%2ejson": None,
            b"/OWA/x": "/owa",
        }.items():
            self.assertEqual(directory(path), expected, path)

    def test_the_longest_path_wins(self) -> None:
        self.assertEqual(directory(b"/exchange/Old%20mail/x", b"contoso.com"), "/exchange/Old Mail")
        self.assertEqual(directory(b"/exchange/Old%20mails/x", b"contoso.com"), "/exchange")

    def test_only_owa_itself_lacks_its_slash(self) -> None:
        """S-HTTP-22: /owa is answered with a redirect to /owa/."""
        self.assertTrue(only(OWA).lacks_slash(checked(b"/OWA")))
        self.assertFalse(only(OWA).lacks_slash(checked(b"/owa/")))
        self.assertFalse(only(EXCHANGE).lacks_slash(checked(b"/exchange")))

    def test_methods_of_the_application_unless_configured(self) -> None:
        """S-HTTP-7: DAV verbs for /exchange and /public."""
        self.assertIn(b"PROPFIND", only(EXCHANGE).methods)
        self.assertIn(b"BPROPPATCH", only(PUBLIC).methods)
        self.assertEqual(only(OWA).allow, b"GET, HEAD, OPTIONS, POST")
        self.assertEqual(only(VirtualDirectorySection("/a", "owa", methods=("GET", "REPORT"))).allow, b"GET, REPORT")


class ExplicitLogonTests(SynchronousTestCase):
    def test_the_segment_behind_exchange_names_a_mailbox(self) -> None:
        """S-ROUTE-2: a whole segment, decoded once; nothing of it leaves the path."""
        address = LookupKey(KeyKind.ADDRESS, "bob@fourthcoffee.com")
        by_alias = (address, LookupKey(KeyKind.ALIAS, "bob"), LookupKey(KeyKind.ACCOUNT, "bob"))
        for path, keys in {
            b"/exchange": (),
            b"/exchange/": (),
            b"/exchange/bob": by_alias,
            b"/exchange/bob/": by_alias,
            b"/exchange/%62ob/Inbox": by_alias,
            b"/exchange/bob@fourthcoffee.com/": (address,),
            b"/exchange/bob%40fourthcoffee.com/": (address,),
        }.items():
            self.assertEqual(only(EXCHANGE).mailbox_keys(checked(path)), keys, path)

    def test_without_an_smtp_domain_the_name_is_an_alias(self) -> None:
        keys = only(ARCHIVE).mailbox_keys(checked(b"/exchange/old%20mail/bob/"))
        self.assertEqual([key.kind for key in keys], [KeyKind.ALIAS, KeyKind.ACCOUNT])

    def test_owa_knows_addresses_only(self) -> None:
        self.assertEqual(only(OWA).mailbox_keys(checked(b"/owa/bob@a.b/")), (LookupKey(KeyKind.ADDRESS, "bob@a.b"),))
        self.assertEqual(only(OWA).mailbox_keys(checked(b"/owa/14.3.1/x.js")), ())

    def test_public_folders_name_nobody(self) -> None:
        self.assertEqual(only(PUBLIC).mailbox_keys(checked(b"/public/bob@a.b/")), ())

    def test_what_cannot_be_a_name_is_not_found(self) -> None:
        for path in (b"/exchange//Inbox", b"/exchange/" + b"x" * 300, b"/exchange/%e2%80%8ex/"):
            with self.assertRaises(Refused) as caught:
                only(EXCHANGE).mailbox_keys(checked(path))
            self.assertIs(caught.exception.reason, MAILBOX_NOT_FOUND)
