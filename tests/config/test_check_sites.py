"""Virtual sites and directories that cannot work as written."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.configuration import LISTENER, SITE, SMALLEST, errors, related, warnings

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
        other = SITE.replace("mail", "other")
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

    def test_a_strict_match_needs_a_domain(self) -> None:
        strict = 'smtp_domain_match = "strict"\n'
        found = errors(related(_BEFORE + _directory(more=strict)))
        self.assertEqual(found, ["17 virtual_site[1].virtual_directory[1].smtp_domain_match: no smtp_domain to match"])
        text = _BEFORE + _directory(more=f'{strict}smtp_domain = "fourthcoffee.com"\n')
        self.assertEqual(errors(related(text)), [])

    def test_passwords_without_tls_are_a_warning(self) -> None:
        found = related(_BEFORE + _directory(more='require_tls = "no"\n'))
        self.assertIn("17 virtual_site[1].virtual_directory[1].require_tls", warnings(found))

    def test_a_directory_that_proves_nobody_and_has_no_server_is_a_warning(self) -> None:
        for method in ("anonymous", "passthrough"):
            found = related(_BEFORE + _directory(more=f'authentication = "{method}"\n'))
            self.assertIn("17 virtual_site[1].virtual_directory[1].authentication", warnings(found))

    def test_authentication_methods(self) -> None:
        """One, or several; nobody is asked and somebody is asked are not both true."""
        for written, right in {
            '"basic"': True,
            '["basic"]': True,
            '["basic", "passthrough"]': True,
            '["passthrough"]': True,
            "[]": False,
            '["anonymous", "basic"]': False,
            '["basic", "ntlm"]': False,
            '"ntlm"': False,
            "true": False,
        }.items():
            found = related(_BEFORE + _directory(more=f"authentication = {written}\n")).errors
            keys = [(error.line, error.key.partition("authentication")[0]) for error in found]
            self.assertEqual(keys, [] if right else [(17, "virtual_site[1].virtual_directory[1].")], written)

    def test_who_is_sent_to_a_mailbox_must_be_known(self) -> None:
        """Each user of "owaredirect" is sent elsewhere."""
        for written, right in {
            '"basic"': True,
            '["forms", "basic"]': True,
            '"anonymous"': False,
            '"passthrough"': False,
            '["basic", "passthrough"]': False,
        }.items():
            here = _directory(more=f"authentication = {written}\n").replace('"owa"', '"owaredirect"')
            found = [error.key for error in related(_BEFORE + here).errors]
            key = "virtual_site[1].virtual_directory[1].authentication"
            self.assertEqual(found, [] if right else [key], written)

    def test_an_identity_by_header_goes_to_named_servers_only(self) -> None:
        """S-ROUTE-3: which there must be, and who is proven; it is wider trust than usual (S-OPS-11)."""
        key = "virtual_site[1].virtual_directory[1]."
        for more, wrong in {
            'header_servers = ["chicago"]\n': [],
            'header_servers = ["Chicago.fourthcoffee.com"]\n': [],
            "": [f"{key}header_servers"],
            'header_servers = ["dallas"]\n': [f"{key}header_servers[1]"],
            'header_servers = ["chicago"]\nauthentication = "anonymous"\n': [f"{key}identity"],
            'header_servers = ["chicago"]\nidentity_header = "Authorization"\n': [f"{key}identity_header"],
            'header_servers = ["chicago"]\nidentity_header = "a:b"\n': [f"{key}identity_header"],
        }.items():
            found = related(_BEFORE + _directory(more='identity = "header"\n' + more))
            self.assertEqual([error.key for error in found.errors], wrong, more)
            if not wrong:
                self.assertIn(f"17 {key}identity", warnings(found))

    def test_certificates_need_a_listener_that_asks_and_give_no_password(self) -> None:
        """S-ROUTE-3: and a listener with TLS, that speaks HTTP."""
        key = "virtual_site[1].virtual_directory[1]."
        asks = 'client_ca_file = "ca.pem"\ntls = "implicit"\n'
        takes = 'authentication = "certificate"\n'
        tls = '[tls]\ncertificate = "mail.pem"\n'
        for more, listener, wrong in (
            (takes + 'identity = "none"\n', asks, []),
            (takes + 'identity = "header"\nheader_servers = ["chicago"]\n', asks, []),
            (takes, asks, [f"{key}identity"]),
            (takes + 'identity = "none"\n', "", [f"{key}authentication"]),
            ("", 'client_ca_file = "ca.pem"\n', ["listener[3].client_ca_file"]),
        ):
            found = related(_BEFORE + _directory(more=more) + tls + _HTTP + listener)
            self.assertEqual([error.key for error in found.errors], wrong, (more, listener))
            self.assertEqual("listener[3].client_ca_file" in str(warnings(found)), listener == asks)
        (error,) = related(SMALLEST + 'client_ca_file = "ca.pem"\n').errors
        self.assertEqual(error.key, "listener[1].client_ca_file")


class SiteTests(SynchronousTestCase):
    def test_public_names(self) -> None:
        """S-HTTP-5: redirections and pages use this name as it stands."""
        for name, right in (("a.b", True), ("a.b:8443", True), ("", False), ("a.b:0", False), ("https://a.b", False),
                            ("a.b:", False), ("a.b/", False), ("a b", False)):  # fmt: skip
            found = errors(related(_BEFORE.replace("mail.fourthcoffee.com", name)))
            self.assertEqual(found, [] if right else [f"13 virtual_site[1].public_name: found '{name}'"], name)

    def test_names_and_host_names_once_in_all_sites(self) -> None:
        """Also the public name: it is one of the site's."""
        text = _BEFORE + 'host_names = ["a.b"]\n' + SITE + 'host_names = ["c.d", "A.b", "a b"]\n'
        self.assertEqual(sorted(errors(related(text))), [
            "16 virtual_site[2].name: 'mail' stands in line 12 already",
            "17 virtual_site[2].public_name: 'mail.fourthcoffee.com' stands in line 13 already",
            "18 virtual_site[2].host_names[2]: 'A.b' stands in line 14 already",
            "18 virtual_site[2].host_names[3]: found 'a b'",
        ])  # fmt: skip


_HTTP = """\
[[listener]]
protocol = "http"
address = "*:80"
[[listener]]
protocol = "http"
address = "*:81"
name = "inside"
"""
_TWO = SMALLEST + _HTTP  # 14 lines
_OTHER = SITE.replace('"mail"', '"other"')


class BindingTests(SynchronousTestCase):
    def test_a_listener_by_name_by_address_or_by_one_of_its_addresses(self) -> None:
        for bound in ('"inside"', '["INSIDE", "*:80"]', '"0.0.0.0:81"', '"192.0.2.1:80"'):
            found = related(_TWO + SITE + _OTHER + f"listeners = {bound}\n")
            self.assertEqual(errors(found), [], bound)

    def test_a_listener_that_there_is_not(self) -> None:
        """Nor may it be one of another protocol, or an address of no listener."""
        for bound in ("insid", "imap4", "127.0.0.1:1143", "*:82", "[::1]:80", ""):
            (error,) = related(_TWO + SITE + _OTHER + f'listeners = "{bound}"\n').errors
            self.assertEqual((error.line, error.key), (21, "virtual_site[2].listeners[1]"), bound)
            self.assertEqual(error.allowed, "0.0.0.0:80, inside, 0.0.0.0:81")
            self.assertEqual(error.nearest, "inside" if bound == "insid" else error.nearest)

    def test_one_host_name_at_two_listeners(self) -> None:
        """As IIS has it: port or address tell the sites apart; where neither does, the second would never be seen."""
        bound = 'listeners = "inside"\n'
        self.assertEqual(errors(related(_TWO + SITE + 'listeners = "*:80"\n' + _OTHER + bound)), [])
        self.assertEqual(errors(related(_TWO + SITE + _OTHER + bound)), [])
        found = errors(
            related(_TWO + SITE + bound + _OTHER + 'listeners = ["*:80", "*:81"]\n' + SITE.replace("mail", "x"))
        )
        self.assertEqual(found, ["21 virtual_site[2].public_name: 'mail.fourthcoffee.com' stands in line 17 already"])

    def test_a_listener_without_a_site(self) -> None:
        found = errors(related(_TWO + SITE + 'listeners = "inside"\n'))
        self.assertEqual(found, ["9 listener[2].protocol: every [[virtual_site]] is bound to other listeners"])

    def test_listener_names_once(self) -> None:
        found = errors(related(_TWO + SITE + LISTENER.replace("1143", "1144") + 'name = "Inside"\n'))
        self.assertEqual(found, ["22 listener[4].name: 'Inside' stands in line 14 already"])


class TrustTests(SynchronousTestCase):
    def test_trusted_proxies_are_wider_trust_than_usual(self) -> None:
        """S-OPS-11: a warning, and never everybody."""
        text = SMALLEST + SITE + _HTTP
        found = related(text + 'trusted_proxies = ["192.0.2.0/24"]\n')
        self.assertEqual((errors(found), warnings(found)[-1]), ([], "18 listener[3].trusted_proxies[1]"))
        for everybody in ("0.0.0.0/0", "::/0"):
            found = related(text + f'trusted_proxies = ["{everybody}"]\n')
            self.assertEqual([error.key for error in found.errors], ["listener[3].trusted_proxies[1]"])

    def test_what_does_not_pass_from_a_proxy_is_told(self) -> None:
        """S-HTTP-34: Negotiate and NTLM."""
        text = SMALLEST + SITE + _directory(more='authentication = "passthrough"\n') + _HTTP
        found = related(text + 'trusted_proxies = ["192.0.2.0/24"]\n')
        self.assertIn("22 listener[3].trusted_proxies", warnings(found))
        self.assertNotIn("listener[2]", str(warnings(found)))

    def test_other_protocols_have_no_host_names(self) -> None:
        (error,) = related(SMALLEST + "strict_hosts = true\n").errors
        self.assertEqual(error.key, "listener[1].strict_hosts")
        found = related(SMALLEST + 'trusted_proxies = ["192.0.2.0/24"]\n')
        self.assertEqual(errors(found), [])
        self.assertIn("8 listener[1].trusted_proxies[1]", warnings(found))

    def test_fields_that_a_request_needs_cannot_be_removed(self) -> None:
        """S-HTTP-18: settings add to the list."""
        for name, right in (("X-Remote-User", True), ("Host", False), ("content-length", False), ("a b", False)):
            found = errors(related(SMALLEST + f'[http]\nremoved_headers = ["{name}"]\n'))
            self.assertEqual(found, [] if right else [f"9 http.removed_headers[1]: found '{name}'"], name)
