"""Settings that contradict each other, and settings that trust more than usual."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.check_names import is_distinguished_name
from exfront.config.errors import quoted
from exfront.directory import dn
from tests.support.configuration import DIRECTORY, LISTENER, SITE, SMALLEST, errors, related, warnings


def _listeners(*listeners: tuple[str, str, str]) -> str:
    """The smallest file with listeners of (protocol, address, tls), six lines for each from line 4 on."""
    piece = '[[listener]]\nprotocol = "{}"\naddress = "{}"\ntls = "{}"\nallow_plaintext = true\n\n'
    return DIRECTORY + "".join(piece.format(*listener) for listener in listeners)


class ListenerTests(SynchronousTestCase):
    def test_two_listeners_on_one_socket(self) -> None:
        cases = [
            ("127.0.0.1:143", "127.0.0.1:143", True),
            ("0.0.0.0:143", "127.0.0.1:143", True),
            ("127.0.0.1:143", "*:143", True),
            ("[::]:143", "[::1]:143", True),
            ("[::1]:143", "[0::1]:143", True),
            ("0.0.0.0:143", "[::]:143", False),  # IPv6 sockets take IPv6 only
            ("127.0.0.1:143", "127.0.0.2:143", False),
            ("127.0.0.1:143", "127.0.0.1:144", False),
            ("127.0.0.1:0", "127.0.0.1:0", False),  # a new port each
        ]
        for first, second, same in cases:
            found = errors(related(_listeners(("imap4", first, "none"), ("pop3", second, "none"))))
            self.assertEqual(len(found), int(same), (first, second, found))
            if same:
                self.assertTrue(found[0].startswith("12 listener[2].address: "), found)
                self.assertTrue(found[0].endswith("in line 6"), found)

    def test_starttls_for_http(self) -> None:
        text = _listeners(("http", "*:80", "starttls")) + SITE + '[tls]\ncertificate = "a"\n'
        self.assertEqual(errors(related(text)), ["7 listener[1].tls: HTTP has no STARTTLS"])

    def test_tls_without_a_certificate(self) -> None:
        for tls in ("starttls", "implicit"):
            found = errors(related(_listeners(("imap4", "*:143", tls))))
            self.assertEqual(found, [f"7 listener[1].tls: '{tls}' without a certificate"])

    def test_http_without_a_site(self) -> None:
        found = errors(related(_listeners(("http", "*:80", "none"))))
        self.assertEqual(found, ["5 listener[1].protocol: http without a [[virtual_site]] serves nothing"])

    def test_load_balancers(self) -> None:
        """S-MAIL-15: they are believed, which is a warning; everybody is not."""
        self.assertEqual(
            errors(related(SMALLEST + 'proxy_protocol = ["::/0"]\n')),
            ["8 listener[1].proxy_protocol[1]: ::/0 is everybody"],
        )
        found = warnings(related(SMALLEST + 'proxy_protocol = ["192.0.2.10/32"]\n'))
        self.assertEqual(found, ["8 listener[1].proxy_protocol[1]", "7 listener[1].allow_plaintext"])

    def test_unix_sockets(self) -> None:
        """S-OPS-12: each path once, and one that the kernel takes; a directory's DNS has none."""
        found = errors(related(_listeners(("imap4", "unix:/run/a", "none"), ("pop3", "unix:/run/a", "none"))))
        self.assertEqual(
            found, ["12 listener[2].address: unix:/run/a is taken by the listener on unix:/run/a in line 6"]
        )
        self.assertEqual(errors(related(_listeners(("imap4", "unix:/a", "none"), ("pop3", "unix:/b", "none")))), [])
        found = errors(related(_listeners(("imap4", "unix:/" + "a" * 120, "none"))))
        self.assertEqual(found, ["6 listener[1].address: 121 octets"])
        text = SMALLEST.replace("[directory]\n", '[directory]\ndiscover = "a.example"\ndns_servers = ["unix:/a"]\n')
        self.assertEqual(errors(related(text)), ["3 directory.dns_servers[1]: found 'unix:/a'"])

    def test_auth_http(self) -> None:
        """S-MAIL-15, S-OPS-11: only for who is named; passwords that cross the network are a warning."""
        asked = DIRECTORY + '[[listener]]\nprotocol = "auth_http"\naddress = "127.0.0.1:9000"\n'
        self.assertEqual((errors(related(asked)), warnings(related(asked))), ([], []))
        server = '[[server]]\nname = "a"\nhost = "a.b"\nimap4_tls = "starttls"\npop3 = 0\npop3_tls = "implicit"\n'
        self.assertEqual(warnings(related(asked + server)), ["10 server[1].imap4_tls"])
        found = errors(related(asked + 'tls = "implicit"\naskers = ["0.0.0.0/0"]\n[tls]\ncertificate = "a"\n'))
        self.assertEqual(
            found, ["7 listener[1].tls: nginx asks without TLS", "8 listener[1].askers[1]: 0.0.0.0/0 is everybody"]
        )
        self.assertEqual(warnings(related(asked + 'askers = ["10.0.0.0/8"]\n')), ["7 listener[1].askers[1]"])
        found = errors(related(SMALLEST + 'key_file = "key"\naskers = ["10.0.0.1/32"]\n'))
        self.assertEqual(
            found, ["8 listener[1].key_file: imap4 has none", "9 listener[1].askers: imap4 has none"][::-1]
        )

    def test_passwords_in_clear_are_a_warning(self) -> None:
        self.assertEqual(warnings(related(SMALLEST)), ["7 listener[1].allow_plaintext"])

    def test_a_listener_where_nobody_can_log_on_is_a_warning(self) -> None:
        text = SMALLEST.replace("allow_plaintext = true", "allow_plaintext = false")
        self.assertEqual(warnings(related(text)), ["5 listener[1].protocol"])


class DirectoryTests(SynchronousTestCase):
    clear = SMALLEST.replace("ldaps:", "ldap:")

    def test_clear_ldap_needs_an_explicit_switch(self) -> None:
        """S-DIR-10: without TLS and without allow_clear there is no start."""
        found = related(self.clear.replace("base", "starttls = false\nbase"))
        self.assertEqual(errors(found), ["3 directory.starttls: passwords would cross the network in clear"])

    def test_clear_ldap_with_the_switch_is_a_warning(self) -> None:
        """S-DIR-10: the switch is told of at every start."""
        found = related(self.clear.replace("base", "starttls = false\nallow_clear = true\nbase"))
        self.assertEqual(errors(found), [])
        self.assertIn("4 directory.allow_clear", warnings(found))

    def test_ldap_with_starttls_and_ldaps_without_are_fine(self) -> None:
        for text in (self.clear, SMALLEST.replace("base", "starttls = false\nbase")):
            self.assertEqual(errors(related(text)), [])

    def test_servers_or_a_domain_to_discover_them(self) -> None:
        text = '[directory]\nbase = "dc=a"\n'
        self.assertEqual(errors(related(text + LISTENER)), ["1 directory.servers: missing"])
        self.assertEqual(errors(related(text + 'discover = "fourthcoffee.com"\n' + LISTENER)), [])
        found = errors(related(text + 'discover = "a b"\nsite = "a.b"\n' + LISTENER))
        self.assertEqual(found, ["3 directory.discover: found 'a b'", "4 directory.site: found 'a.b'"])
        self.assertEqual(
            errors(related(DIRECTORY + 'forest = "fourthcoffee.com"\n' + LISTENER)),
            ["4 directory.forest: without discover it means nothing"],
        )
        self.assertEqual(errors(related(DIRECTORY + 'site = "Chicago"\n' + LISTENER)), [])  # routing's own site

    def test_plain_entries_need_a_class_and_an_account_name(self) -> None:
        for key, value in (("object_classes", "[]"), ("account_attribute", '""')):
            for schema, wrong in (("plain_ldap", True), ("active_directory", False)):
                found = related(DIRECTORY + f'schema = "{schema}"\n{key} = {value}\n' + LISTENER)
                self.assertEqual(errors(found), [f"5 directory.{key}: empty"] if wrong else [], (key, schema))

    def test_names_that_nobody_has_kept_longer_than_accounts_are_a_warning(self) -> None:
        for seconds, warned in (("60.0", False), ("61.0", True)):
            text = DIRECTORY + f"cache_time = 60.0\nnegative_cache_time = {seconds}\n" + LISTENER
            found = warnings(related(text))
            self.assertEqual("5 directory.negative_cache_time" in found, warned, found)

    def test_account_and_password_belong_together(self) -> None:
        cases = [
            ('bind_dn = "cn=a"', "4 directory.bind_dn: no bind_password_file for it"),
            ('bind_password_file = "a"', "4 directory.bind_password_file: no bind_dn for it"),
        ]
        for key, expected in cases:
            self.assertEqual(errors(related(DIRECTORY + key + "\n" + LISTENER)), [expected])

    def test_names_of_entries(self) -> None:
        text = SMALLEST.replace("dc=fourthcoffee,dc=com", "fourthcoffee.com")
        text += '[authentication]\ndeny_users = ["cn=a,dc=b", "a@b"]\n[[server]]\nname = "a"\nhost = "a"\n'
        self.assertEqual(
            errors(related(text)),
            ["3 directory.base: found 'fourthcoffee.com'", "9 authentication.deny_users[2]: found 'a@b'"],
        )

    def test_the_default_domain_must_be_known(self) -> None:
        for domain, right in (("FOURTHCOFFEE", True), ("fourthcoffee.COM", True), ("FORTHCOFFEE", False)):
            found = related(SMALLEST + f'[authentication]\ndefault_domain = "{domain}"\n')
            self.assertEqual([error.nearest for error in found.errors], [] if right else ["FOURTHCOFFEE"], domain)

    def test_distinguished_names(self) -> None:
        """What is taken here is a name for the directory, too."""
        good = ["dc=a", "CN=A B , OU = x,dc=a", "cn=a\\,b,dc=c", "2.5.4.3=x", "cn=a+sn=b,dc=c", "cn=\\C3\\BC", "cn=#04"]
        bad = ["a@b", "a", "cn=a,", ",", "cn=a;dc=b", "cn=a<b", "=a", "cn=\\FF", "cn=a\\", "", "cn=a,,dc=b"]
        for name in good:
            self.assertTrue(is_distinguished_name(name), name)
            self.assertNotEqual(dn.parse(name), ())
        for name in bad:
            self.assertFalse(is_distinguished_name(name), name)

    @settings(deadline=None)
    @given(st.text('ac=,+\\"0BFcdn ;.#', max_size=12).map("cn=".__add__))
    def test_any_name_taken_here_is_taken_by_the_directory(self, name: str) -> None:
        if is_distinguished_name(name):
            dn.parse(name)

    def test_the_service_account_is_named_by_its_dn(self) -> None:
        """S-AUTH-14: by its DN it is kept from logging on as a user."""
        account = 'bind_dn = "exfront@fourthcoffee.com"\nbind_password_file = "a"\n'
        found = errors(related(DIRECTORY + account + LISTENER))
        self.assertEqual(found, ["4 directory.bind_dn: found 'exfront@fourthcoffee.com'"])

    def test_a_realm_that_no_header_can_hold(self) -> None:
        for realm, count in (("Bücher", 1), ('4 "C"', 0), ("", 0)):
            found = related(SMALLEST + f"[authentication]\nrealm = '{realm}'\n").errors
            self.assertEqual(len(found), count, realm)


class BackEndTests(SynchronousTestCase):
    def test_suffixes_are_domains(self) -> None:
        """S-DIR-4: an empty suffix would allow every host."""
        for suffix in ("", ".", "*", "*.a", "a/b", "a b", "a..b"):
            found = related(SMALLEST + f'[back_ends]\nsuffixes = ["fourthcoffee.com", "{suffix}"]\n')
            self.assertEqual(errors(found), [f"9 back_ends.suffixes[2]: found '{suffix}'"])
            found = related(SMALLEST + f'[http]\npublic_suffixes = ["fourthcoffee.com", "{suffix}"]\n')
            self.assertEqual(errors(found), [f"9 http.public_suffixes[2]: found '{suffix}'"])

    def test_some_server_must_be_allowed(self) -> None:
        for text in (SMALLEST + "[back_ends]\nsuffixes = []\n", SMALLEST.replace("dc=", "o=")):
            self.assertEqual([error.key for error in related(text).errors], ["back_ends.suffixes"])

    def test_link_local_back_ends_are_a_warning(self) -> None:
        """S-DIR-4: cloud machines keep secrets at 169.254.169.254."""
        text = SMALLEST + '[back_ends]\nnetworks = ["127.0.0.0/8", "169.254.0.0/24", "::/0", "0.0.0.0/0"]\n'
        keys = [warning.key for warning in related(text).warnings if warning.key.startswith("back_ends")]
        self.assertEqual(keys, ["back_ends.networks[2]", "back_ends.networks[3]", "back_ends.networks[4]"])

    def test_servers_by_name_once_and_by_a_host_that_can_be(self) -> None:
        server = '[[server]]\nname = "{}"\nhost = "{}"\naddress = "{}"\n'
        text = SMALLEST + server.format("A", "a.b", "::1") + server.format("a", "a b", "a.b")
        self.assertEqual(errors(related(text)), [
            "14 server[2].host: found 'a b'",
            "15 server[2].address: found 'a.b'",
            "13 server[2].name: 'a' stands in line 9 already",
        ])  # fmt: skip

    def test_hosts(self) -> None:
        cases = [
            ("chicago", True), ("a.b.c", True), ("10.1.2.3", True), ("2001:db8::1", True), ("a_b", True),
            ("", False), ("a:80", False), ("-a", False), ("a-", False), ("a.", False), ("10.1.2", False),
            ("a/b", False), ("a@b", False), ("a" * 64, False), ("ä.b", False),
        ]  # fmt: skip
        for host, right in cases:
            found = errors(related(SMALLEST + f'[[server]]\nname = "a"\nhost = "{host}"\n'))
            self.assertEqual(found, [] if right else [f"10 server[1].host: found {quoted(host)}"], host)


class AuthenticationTests(SynchronousTestCase):
    def test_the_longest_delay_is_no_shorter_than_the_first(self) -> None:
        found = errors(related(SMALLEST + "[authentication]\nfailure_delay = 5\nfailure_delay_most = 4\n"))
        self.assertEqual(found, ["10 authentication.failure_delay_most: less than failure_delay"])

    def test_more_tries_than_usual_are_a_warning(self) -> None:
        """S-AUTH-7: the directory may lock an account before exfront does."""
        found = warnings(related(SMALLEST + "[authentication]\nfailures_per_account = 6\n"))
        self.assertIn("9 authentication.failures_per_account", found)


class ControlTests(SynchronousTestCase):
    def test_root_is_a_warning(self) -> None:
        """S-OPS-1: allow_root is told of."""
        self.assertIn("9 control.allow_root", warnings(related(SMALLEST + "[control]\nallow_root = true\n")))


class ConsequenceTests(SynchronousTestCase):
    """A mistake that only follows from another one is not shown."""

    def test_a_wrong_protocol_is_the_only_mistake_of_its_listener(self) -> None:
        self.assertEqual(
            errors(related(_listeners(("htp", "*:80", "starttls")) + '[tls]\ncertificate = "a"\n')),
            ["5 listener[1].protocol: found 'htp'"],
        )

    def test_a_wrong_certificate_key_is_the_only_mistake(self) -> None:
        text = _listeners(("imap4", "*:143", "implicit")) + "[tls]\ncertificate = 1\n"
        self.assertEqual(errors(related(text)), ["11 tls.certificate: found 1"])

    def test_mistakes_in_one_section_do_not_hide_those_of_others(self) -> None:
        text = DIRECTORY.replace("base", "bse") + LISTENER + LISTENER + "[limits]\nx = 1\n"
        keys = [error.key for error in related(text).errors]
        self.assertEqual(keys, ["directory.bse", "limits.x", "listener[2].address"])
