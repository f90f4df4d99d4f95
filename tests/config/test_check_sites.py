"""Virtual sites and directories that cannot work as written."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.configuration import SITE, SMALLEST, errors, related, warnings

_SERVER = '[[server]]\nname = "chicago"\nhost = "chicago.fourthcoffee.com"\n'
_BEFORE = SMALLEST + _SERVER + SITE  # 13 lines


def _directory(path: str = "/owa", more: str = "") -> str:
    """Three lines, and `more`."""
    return f'[[virtual_site.virtual_directory]]\npath = "{path}"\napplication = "owa"\n{more}'


class VirtualDirectoryTests(SynchronousTestCase):
    def test_paths(self) -> None:
        good = ["/", "/exchange", "/Microsoft-Server-ActiveSync", "/a/b.c", "/..a", "/a~b"]
        bad = [
            "",
            "owa",
            "/owa/",
            "//owa",
            "/a//b",
            "/a/../b",
            "/.",
            "/..",
            "/a b",
            "/a%20b",
            "/a?b",
            "/a#b",
            "/ä",
            "/a\\\\b",
        ]
        for path in good:
            self.assertEqual(errors(related(_BEFORE + _directory(path))), [], path)
        for path in bad:
            keys = [(error.line, error.key) for error in related(_BEFORE + _directory(path)).errors]
            self.assertEqual(keys, [(15, "virtual_site[1].virtual_directory[1].path")], path)

    def test_a_path_twice_in_one_site(self) -> None:
        found = errors(related(_BEFORE + _directory("/owa") + _directory("/OWA")))
        self.assertEqual(found, ["18 virtual_site[1].virtual_directory[2].path: '/OWA' stands in line 15 already"])

    def test_a_path_in_two_sites_is_fine(self) -> None:
        other = SITE.replace('"mail"', '"other"')
        self.assertEqual(errors(related(_BEFORE + _directory() + other + _directory())), [])

    def test_a_server_that_there_is_not_comes_with_the_nearest(self) -> None:
        (error,) = related(_BEFORE + _directory(more='server = "chicgo"\n')).errors
        self.assertEqual((error.line, error.key), (17, "virtual_site[1].virtual_directory[1].server"))
        self.assertEqual((error.nearest, error.allowed), ("chicago", "chicago"))

    def test_a_server_by_its_name_in_any_case_or_its_host(self) -> None:
        for server in ("chicago", "Chicago", "chicago.fourthcoffee.com"):
            self.assertEqual(errors(related(_BEFORE + _directory(more=f'server = "{server}"\n'))), [])

    def test_methods(self) -> None:
        """S-HTTP-7: CONNECT and TRACE cannot be allowed."""
        found = related(
            _BEFORE + _directory(more='methods = ["GET", "RPC_IN_DATA", "TRACE", "CONNECT", "get", "A B"]\n')
        )
        self.assertEqual(
            [error.problem for error in found.errors], [f"found '{m}'" for m in ("TRACE", "CONNECT", "get", "A B")]
        )

    def test_smtp_domain(self) -> None:
        for domain, count in (("fourthcoffee.com", 0), ("@fourthcoffee.com", 1), ("a b", 1)):
            self.assertEqual(len(related(_BEFORE + _directory(more=f'smtp_domain = "{domain}"\n')).errors), count)

    def test_passwords_without_tls_are_a_warning(self) -> None:
        found = related(_BEFORE + _directory(more="require_tls = false\n"))
        self.assertIn("17 virtual_site[1].virtual_directory[1].require_tls", warnings(found))

    def test_an_anonymous_directory_without_a_server_is_a_warning(self) -> None:
        found = related(_BEFORE + _directory(more='authentication = "anonymous"\n'))
        self.assertIn("17 virtual_site[1].virtual_directory[1].authentication", warnings(found))


class SiteTests(SynchronousTestCase):
    def test_public_names(self) -> None:
        """S-HTTP-5: redirections and pages use this name as it stands."""
        for name, right in (("a.b", True), ("a.b:8443", True), ("", False), ("a.b:0", False), ("https://a.b", False),
                            ("a.b:", False), ("a.b/", False), ("a b", False)):  # fmt: skip
            found = errors(related(_BEFORE.replace("mail.fourthcoffee.com", name)))
            self.assertEqual(found, [] if right else [f"13 virtual_site[1].public_name: found '{name}'"], name)

    def test_names_and_host_names_once_in_all_sites(self) -> None:
        text = _BEFORE + 'host_names = ["a.b"]\n' + SITE + 'host_names = ["c.d", "A.b", "a b"]\n'
        self.assertEqual(errors(related(text)), [
            "16 virtual_site[2].name: 'mail' stands in line 12 already",
            "18 virtual_site[2].host_names[2]: 'A.b' stands in line 14 already",
            "18 virtual_site[2].host_names[3]: found 'a b'",
        ])  # fmt: skip
