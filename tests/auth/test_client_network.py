"""Which network a client belongs to."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.client_network import client_network


class ClientNetworkTests(SynchronousTestCase):
    def test_each_form_of_a_client(self) -> None:
        """S-MAIL-11: an IPv4 address, an IPv6 /64, with or without a port."""
        cases = (
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:5000", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("[2001:db8:1:2:ffff::1]:993", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("-", "-"),
            ("", ""),
            ("[", "["),
        )
        for client, network in cases:
            self.assertEqual(client_network(client), network)
