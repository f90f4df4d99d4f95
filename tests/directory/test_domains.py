"""Names of domains and the naming contexts they stand for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.directory import DirectorySection
from exfront.directory.domains import Domains

_BASE = "DC=fourthcoffee,DC=com"
_WEST = "DC=west,DC=fourthcoffee,DC=com"


def _domains(default: str = "", base: str = _BASE, **domains: str) -> Domains:
    return Domains.read(DirectorySection((), base, domains=domains), default)


class DomainsTests(SynchronousTestCase):
    def test_first_label_of_the_base_is_the_domain_when_none_is_configured(self) -> None:
        domains = _domains()
        for name in ("fourthcoffee", "FOURTHCOFFEE", "fourthcoffee.com", "FourthCoffee.Com", ""):
            self.assertEqual(domains.base_of(name), _BASE, name)

    def test_unknown_domain_has_no_base(self) -> None:
        """S-AUTH-5: a domain must map to a configured naming context."""
        for name in ("contoso", "fourthcoffee.org", "com", "west"):
            self.assertIsNone(_domains().base_of(name), name)

    def test_configured_domains_by_netbios_and_dns_name(self) -> None:
        domains = _domains(FC=_BASE, WEST=_WEST)
        self.assertEqual(domains.base_of("fc"), _BASE)
        self.assertEqual(domains.base_of("fourthcoffee.com"), _BASE)
        self.assertEqual(domains.base_of("west"), _WEST)
        self.assertEqual(domains.base_of("west.fourthcoffee.com"), _WEST)
        self.assertIsNone(domains.base_of("fourthcoffee"))

    def test_default_domain_is_that_of_a_bare_name(self) -> None:
        self.assertEqual(_domains("west", FC=_BASE, WEST=_WEST).base_of(""), _WEST)
        self.assertEqual(_domains("", FC=_BASE, WEST=_WEST).base_of(""), _BASE)

    def test_base_without_dc_has_no_domain_names(self) -> None:
        domains = _domains(base="o=Fourth Coffee")
        self.assertEqual(domains.base_of(""), "o=Fourth Coffee")
        self.assertIsNone(domains.base_of("Fourth Coffee"))

    def test_entry_of_a_domain_below_is_not_the_domains_own(self) -> None:
        domains = _domains(FC=_BASE, WEST=_WEST)
        self.assertTrue(domains.owns("fc", f"cn=a,{_BASE}"))
        self.assertFalse(domains.owns("fc", f"cn=a,{_WEST.lower()}"))
        self.assertTrue(domains.owns("west", f"cn=a,{_WEST}"))
        self.assertTrue(domains.owns("", f"cn=a,{_WEST}"))

    def test_the_netbios_name_of_an_entrys_domain(self) -> None:
        """For NTLM: of nested domains the innermost, never a DNS name, and nothing where nothing is known."""
        domains = _domains(FC=_BASE, WEST=_WEST)
        self.assertEqual(domains.netbios_name(f"cn=a,ou=b,{_BASE.lower()}"), "FC")
        self.assertEqual(domains.netbios_name(f"CN=a,{_WEST}"), "WEST")
        self.assertEqual(domains.netbios_name("cn=a,dc=contoso,dc=com"), "")
        self.assertEqual(_domains(base="o=Fourth Coffee").netbios_name("cn=a,o=Fourth Coffee"), "")

    def test_naming_context_that_is_no_dn_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            _domains(FC="fourthcoffee.com")

    def test_learned_domains_are_known_by_both_names(self) -> None:
        learned = {"west": _WEST, "west.fourthcoffee.com": _WEST, "fourthc": _BASE.lower(), "far": "DC=far"}
        domains = Domains.read(DirectorySection((), _BASE), "", learned)
        self.assertEqual((domains.base_of("WEST"), domains.base_of("west.FourthCoffee.com")), (_WEST, _WEST))
        self.assertEqual(domains.base_of("FOURTHC"), _BASE)  # one spelling for one context
        self.assertTrue(domains.owns("FOURTHC", f"cn=a,{_BASE}"))
        self.assertFalse(domains.owns("FOURTHC", f"cn=a,{_WEST}"))
        self.assertIsNone(domains.base_of("far"))  # not below the base

    def test_configured_domains_win(self) -> None:
        staff = f"OU=Staff,{_BASE}"
        domains = Domains.read(DirectorySection((), _BASE, domains={"FC": staff}), "", {"fc": _BASE, "west": _WEST})
        self.assertEqual((domains.base_of("fc"), domains.base_of("west")), (staff, _WEST))
