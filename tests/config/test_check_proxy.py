"""[proxy], and the listeners that take requests of other Client Access servers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.configuration import SMALLEST, errors, related, warnings

_LISTENER = '[[listener]]\nprotocol = "http"\naddress = "127.0.0.1:443"\ntls = "implicit"\n'
_SITE = """
[tls]
certificate = "mail.pem"
[[virtual_site]]
name = "mail"
public_name = "mail.fourthcoffee.com"
"""


def keys(listener: str, proxy: str) -> list[str]:
    """Of the errors that these lines make."""
    return [error.key for error in related(f"{SMALLEST}\n{_LISTENER}{listener}{_SITE}[proxy]\n{proxy}").errors]


class ActiveServersTests(SynchronousTestCase):
    """[exchange.active_servers]: names of servers by databases and groups, which compare without case."""

    def test_servers_and_names(self) -> None:
        for lines, wrong in (
            ('"Mailbox Database 1" = "HOUSTON"\nDAG1 = "austin.fourthcoffee.com"\n', []),
            ('DAG1 = "a b"\n', ["exchange.active_servers.DAG1"]),
            ('DAG1 = ""\n', ["exchange.active_servers.DAG1"]),
            ('DAG1 = "HOUSTON"\ndag1 = "AUSTIN"\n', ["exchange.active_servers.dag1"]),
        ):
            found = related(f"{SMALLEST}\n[exchange.active_servers]\n{lines}")
            self.assertEqual([error.key for error in found.errors], wrong, lines)


class ProxyTests(SynchronousTestCase):
    """S-AUTH-14"""

    def test_each_proof_needs_both_its_parts(self) -> None:
        peers = "proxy_peers = true\n"
        secret = 'secret_file = "secret"\npeer_networks = ["10.1.0.7/32"]\n'
        for listener, proxy, wrong in (
            ("", "", False),
            ("", secret, False),
            (peers, secret, False),
            (peers + 'client_ca_file = "ca.pem"\n', 'peer_names = ["cas1.fourthcoffee.com"]\n', False),
            (peers, "", True),
            (peers, 'secret_file = "secret"\n', True),
            (peers, 'peer_networks = ["10.1.0.7/32"]\n', True),
            (peers, 'peer_names = ["cas1.fourthcoffee.com"]\n', True),
            (peers + 'client_ca_file = "ca.pem"\n', "", True),
        ):
            self.assertEqual(keys(listener, proxy), ["listener[2].proxy_peers"] if wrong else [], (listener, proxy))

    def test_it_is_told_as_wider_trust(self) -> None:
        proxy = '[proxy]\nsecret_file = "secret"\npeer_networks = ["10.1.0.7/32"]\n'
        found = related(f"{SMALLEST}\n{_LISTENER}proxy_peers = true\n{_SITE}{proxy}")
        self.assertEqual(errors(found), [])
        self.assertIn("listener[2].proxy_peers", str(warnings(found)))

    def test_contexts_do_not_cross_the_network_in_clear(self) -> None:
        proxy = '[proxy]\nsecret_file = "secret"\npeer_networks = ["10.1.0.7/32"]\n'
        clear = _LISTENER.replace("implicit", "none")
        found = related(f"{SMALLEST}\n{clear}proxy_peers = true\n{_SITE}{proxy}")
        self.assertEqual([error.key for error in found.errors], ["listener[2].proxy_peers"])

    def test_names_networks_and_fields(self) -> None:
        for proxy, key in (
            ('sid_header = "Host"', "proxy.sid_header"),
            ('uri_header = "a b"', "proxy.uri_header"),
            ('version_header = "X-ExFront-Sid"', "proxy.version_header"),
            ('peer_names = ["a b"]', "proxy.peer_names[1]"),
            ('server_name = "a b"', "proxy.server_name"),
            ('peer_networks = ["0.0.0.0/0"]', "proxy.peer_networks[1]"),
        ):
            self.assertEqual(keys("", proxy + "\n"), [key])
