"""What follows from the directory's base."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.defaults import default_domains, dns_domain, machine_name, with_defaults
from tests.support.configuration import SMALLEST, read


class DefaultsTests(SynchronousTestCase):
    def test_dns_domain_of_a_base(self) -> None:
        cases = [
            ("dc=fourthcoffee,dc=com", "fourthcoffee.com"),
            ("OU=Mail Users, DC=FourthCoffee , DC=com", "fourthcoffee.com"),
            ("ou=a\\,dc=b,dc=com", "com"),
            ("o=fourthcoffee", ""),
            ("", ""),
        ]
        for base, expected in cases:
            self.assertEqual(dns_domain(base), expected, base)

    def test_default_domains_of_a_base(self) -> None:
        base = "ou=x,dc=fourthcoffee,dc=com"
        self.assertEqual(default_domains(base), {"FOURTHCOFFEE": base})
        self.assertEqual(default_domains("o=fourthcoffee"), {})

    def test_missing_settings_are_filled(self) -> None:
        """S-DIR-4: without a word in the file, only hosts of the directory's own domain are allowed."""
        settings = with_defaults(read(SMALLEST)[0])
        self.assertEqual(settings.back_ends.suffixes, ("fourthcoffee.com",))
        self.assertEqual(settings.http.public_suffixes, ("fourthcoffee.com",))
        self.assertEqual(settings.directory.domains, {"FOURTHCOFFEE": "dc=fourthcoffee,dc=com"})
        self.assertIsNone(settings.back_ends.networks)

    def test_machine_name_is_a_full_one(self) -> None:
        """The name of a front end that mailbox servers of 2013 are told has a domain."""
        cases = [("mail1", "x.com", "mail1.x.com"), ("mail1.y.com", "x.com", "mail1.y.com"), ("mail1", "", "mail1")]
        for node, domain, expected in cases:
            self.assertEqual(machine_name(node, domain), expected)
        self.assertTrue(with_defaults(read(SMALLEST)[0]).proxy.server_name)

    def test_settings_that_are_there_stay(self) -> None:
        domains = 'domains = {A = "dc=a"}\n[[listener]]'
        text = SMALLEST.replace("[[listener]]", domains) + "[back_ends]\nsuffixes = []\n[http]\npublic_suffixes = []\n"
        settings = with_defaults(read(text)[0])
        self.assertEqual((settings.back_ends.suffixes, settings.http.public_suffixes), ((), ()))
        self.assertEqual(settings.directory.domains, {"A": "dc=a"})
