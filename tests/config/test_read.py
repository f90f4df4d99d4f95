"""What the section classes declare is what a file may say; every mistake is noted with its line."""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.config.findings import Findings
from exfront.config.kinds import HostPort, LdapUrl
from exfront.config.lines import find_lines
from exfront.config.read import read_settings
from tests.support.configuration import DIRECTORY, FOLDER, LISTENER, SITE, SMALLEST, errors, read

_LISTENER_KEYS = (
    "protocol, address, tls, allow_plaintext, name, certificates, proxy_protocol, trusted_proxies, strict_hosts, "
    "askers, key_file, proxy_peers, client_ca_file"
)


class GoodTests(SynchronousTestCase):
    def test_the_smallest_file_leaves_all_else_to_the_defaults(self) -> None:
        settings, findings = read(SMALLEST)
        self.assertEqual(errors(findings), [])
        self.assertEqual(settings.directory.servers, (LdapUrl("ldaps", "dc1.fourthcoffee.com", 636),))
        self.assertEqual(settings.listener[0].address, HostPort("127.0.0.1", 1143))
        self.assertEqual(settings.limits.drain_time, limits.DRAIN_TIME)
        self.assertEqual(settings.server, ())

    def test_each_kind_of_value(self) -> None:
        text = SMALLEST + (
            'domains = { A = "dc=a" }\n'
            '[back_ends]\nnetworks = ["10.1.0.0/16", "::1"]\nsuffixes = []\nca_file = "ca.pem"\n'
            '[[server]]\nname = "a"\nhost = "b"\nimap4 = 0\n'
            "[limits]\ndrain_time = 5\n[control]\nallow_root = true\n"
        ).replace('domains = { A = "dc=a" }\n', "")
        settings, findings = read(text.replace("[[listener]]", 'domains = { A = "dc=a" }\n[[listener]]', 1))
        self.assertEqual(errors(findings), [])
        self.assertEqual(settings.directory.domains, {"A": "dc=a"})
        networks = (ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("::1"))
        self.assertEqual(settings.back_ends.networks, networks)
        self.assertEqual(settings.back_ends.suffixes, ())
        self.assertEqual(settings.server[0].imap4, 0)
        self.assertEqual((settings.limits.drain_time, type(settings.limits.drain_time)), (5.0, float))
        self.assertIs(settings.control.allow_root, True)

    def test_paths_are_taken_from_the_files_folder(self) -> None:
        settings, _ = read(SMALLEST + '[tls]\ncertificate = "sub/mail.pem"\nkey = "/keys/mail.key"\n', Path("/c"))
        self.assertEqual(settings.tls.certificate, Path("/c/sub/mail.pem"))
        self.assertEqual(settings.tls.key, Path("/keys/mail.key"))

    def test_directories_of_a_site_stay_with_their_site(self) -> None:
        directory = '[[virtual_site.virtual_directory]]\npath = "/{}"\napplication = "owa"\n'
        text = SMALLEST + SITE + directory.format("a") + directory.format("b") + SITE + directory.format("c")
        settings, findings = read(text)
        self.assertEqual(errors(findings), [])
        paths = [[each.path for each in site.virtual_directory] for site in settings.virtual_site]
        self.assertEqual(paths, [["/a", "/b"], ["/c"]])


# A piece that comes after the smallest file (7 lines), and the errors it makes.
_MISTAKES: list[tuple[str, list[str]]] = [
    ("[limit]\n", ["8 limit: unknown section"]),
    ("x = 1\n", ["8 listener[1].x: unknown key"]),
    ("[tls]\n\ncertifcate = 1\n", ["10 tls.certifcate: unknown key"]),
    ("[tls]\ncertificate = 1\n", ["9 tls.certificate: found 1"]),
    ('[tls]\ncertificate = ""\n', ["9 tls.certificate: found an empty text"]),
    ('[tls]\ncertificate = "a\\u0000b"\n', ["9 tls.certificate: found a text with a control character"]),
    ('[authentication]\nrealm = "a\\r\\nb"\n', ["9 authentication.realm: found a text with a control character"]),
    ("[control]\nallow_root = 1\n", ["9 control.allow_root: found 1"]),
    ("[limits]\nconnections = true\n", ["9 limits.connections: found true"]),
    ("[limits]\nconnections = 1.5\n", ["9 limits.connections: found 1.5"]),
    ("[limits]\nconnections = 0\n", ["9 limits.connections: found 0"]),
    ("[limits]\ndrain_time = false\n", ["9 limits.drain_time: found false"]),
    ("[limits]\ndrain_time = 0\n", ["9 limits.drain_time: found 0"]),
    ("[limits]\ndrain_time = -1.5\n", ["9 limits.drain_time: found -1.5"]),
    ("[limits]\ndrain_time = inf\n", ["9 limits.drain_time: found inf"]),
    ("[limits]\ndrain_time = nan\n", ["9 limits.drain_time: found nan"]),
    ("[limits]\ndrain_time = 1979-05-27\n", ["9 limits.drain_time: found a date or time"]),
    ("[limits]\ndrain_time = [1]\n", ["9 limits.drain_time: found an array"]),
    ("[limits]\ndrain_time = {}\n", ["9 limits.drain_time: found a table"]),
    ('[[server]]\nname = "a"\nhost = "b"\nimap4 = 65536\n', ["11 server[1].imap4: found 65536"]),
    ('[[server]]\nname = "a"\nhost = "b"\npop3 = -1\n', ["11 server[1].pop3: found -1"]),
    ('[[server]]\nname = "a"\n', ["8 server[1].host: missing"]),
    ('[[server]]\nnam = "a"\nhost = "b"\n', ["9 server[1].nam: unknown key"]),
    ('[server]\nname = "a"\n', ["8 server: found a table"]),
    ("[[tls]]\n", ["8 tls: found an array"]),
    ('[log]\nformat = "W3C"\n', ["9 log.format: found 'W3C'"]),
    ("[log]\nformat = 3\n", ["9 log.format: found 3"]),
    ('[back_ends]\nnetworks = ["10.0.0.1/8"]\n', ["9 back_ends.networks[1]: found '10.0.0.1/8'"]),
    (
        '[back_ends]\nnetworks = [\n "10.0.0.0/8",\n "x",\n 1]\n',
        ["11 back_ends.networks[2]: found 'x'", "12 back_ends.networks[3]: found 1"],
    ),
    ('[back_ends]\nsuffixes = "a.b"\n', ["9 back_ends.suffixes: found 'a.b'"]),
    ('[[listener]]\nprotocol = "smtp"\naddress = "a:1"\n', [
        "9 listener[2].protocol: found 'smtp'", "10 listener[2].address: found 'a:1'",
    ]),
    ('[[listener]]\nprotocol = "pop3"\naddress = "[::]:65536"\n', ["10 listener[2].address: found '[::]:65536'"]),
]  # fmt: skip


class MistakeTests(SynchronousTestCase):
    def test_each_mistake_is_found_with_its_line(self) -> None:
        for piece, expected in _MISTAKES:
            _, findings = read(SMALLEST + piece)
            self.assertEqual(errors(findings), expected, piece)

    def test_missing_sections_are_named_once(self) -> None:
        self.assertEqual(errors(read("")[1]), ["1 directory: missing", "1 listener: missing"])

    def test_needed_arrays_may_not_be_empty(self) -> None:
        text = 'listener = []\n[directory]\nservers = []\nbase = "dc=a"\n'
        expected = ["1 listener: found nothing in it"]  # servers are needed without discover only
        self.assertEqual(errors(read(text)[1]), expected)

    def test_domains_are_texts(self) -> None:
        text = DIRECTORY + "[directory.domains]\nA = 1\n" + LISTENER
        self.assertEqual(errors(read(text)[1]), ["5 directory.domains.A: found 1"])

    def test_directory_urls(self) -> None:
        urls = [
            "http://a",
            "ldap://",
            "ldap://a:99999",
            "ldap://a:0",
            "ldap://a/dc=x",
            "ldap://[::1",
            "ldaps://a?b",
            "",
        ]
        for url in urls:
            _, findings = read(SMALLEST.replace("ldaps://dc1.fourthcoffee.com", url))
            self.assertEqual(errors(findings), [f"2 directory.servers[1]: found {url!r}"], url)
            self.assertIn("ldaps://dc1.fourthcoffee.com", findings.errors[0].allowed)

    def test_a_password_in_a_url_is_not_repeated(self) -> None:
        """S-AUTH-11: an error says nothing of a secret that stands where none may stand."""
        _, findings = read(SMALLEST.replace("dc1.fourthcoffee.com", "exfront:hunter2@dc1"))
        self.assertEqual(errors(findings), ["2 directory.servers[1]: found a text with @"])
        self.assertNotIn("hunter2", str(findings.errors))

    def test_the_value_of_an_unknown_key_is_not_repeated(self) -> None:
        """S-AUTH-11: a password written into the file by mistake stays there."""
        _, findings = read(SMALLEST.replace("base =", 'bind_password = "hunter2"\nbase ='))
        self.assertEqual(errors(findings), ["3 directory.bind_password: unknown key"])
        self.assertNotIn("hunter2", str(findings.errors))

    def test_an_unknown_key_comes_with_the_nearest_spelling_and_all_that_are_allowed(self) -> None:
        (error,) = read(SMALLEST.replace("address", "adress"))[1].errors
        self.assertEqual(error.nearest, "address")
        self.assertEqual(error.allowed, _LISTENER_KEYS)

    def test_a_wrong_word_comes_with_the_nearest_and_all_that_are_allowed(self) -> None:
        (error,) = read(SMALLEST.replace('"imap4"', '"IMAP"'))[1].errors
        self.assertEqual((error.nearest, error.allowed), ('"imap4"', '"imap4", "pop3", "http", "auth_http"'))

    def test_the_way_to_write_a_table_is_told(self) -> None:
        (error,) = read(SMALLEST.replace("[[listener]]", "[listener]"))[1].errors
        self.assertEqual(error.allowed, "tables, each written [[listener]]")


_scalars: st.SearchStrategy[Any] = st.one_of(
    st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.dates(), st.sampled_from(["imap4", "ldap://a"])
)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["tls", "name", "address", "protocol", "servers", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_documents = st.dictionaries(
    st.sampled_from(["directory", "listener", "tls", "server", "virtual_site", "limits", "back_ends", "x"]), _values
)


class AnyDocumentTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(_documents)
    def test_nothing_that_toml_can_say_raises(self, document: dict[str, Any]) -> None:
        findings = Findings("f", find_lines(""))
        read_settings(document, FOLDER, findings)
        if "directory" not in document:
            self.assertNotEqual(findings.errors, [])


class NumberTests(SynchronousTestCase):
    def test_a_number_too_large_for_its_kind(self) -> None:
        """A whole number that no float holds."""
        text = SMALLEST + f"[limits]\ndrain_time = {'9' * 400}\n"
        self.assertIsInstance(tomllib.loads(text), dict)
        (error,) = read(text)[1].errors
        self.assertEqual((error.line, error.key), (9, "limits.drain_time"))
        self.assertLess(len(str(error)), 200)
