"""What is believed of a request's own words about its client."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.kinds import read_network
from exfront.web.headers import ClientFacts
from exfront.web.trust import told_by_proxy, within

PROXIES = tuple(map(read_network, ("10.0.0.0/8", "2001:db8:1::/48")))
PEER = ClientFacts("10.0.0.1", False, "0123456789abcdef")


def told(*headers: tuple[bytes, bytes], peer: ClientFacts = PEER) -> ClientFacts:
    return told_by_proxy(headers, peer, PROXIES)


class ClientTests(SynchronousTestCase):
    def test_the_client_is_the_right_most_address_that_is_no_trusted_proxy(self) -> None:
        """S-HTTP-19: what stands to the left of it may be anybody's invention."""
        for values, address in {
            (): "10.0.0.1",
            (b"192.0.2.7",): "192.0.2.7",
            (b"198.51.100.1, 192.0.2.7",): "192.0.2.7",
            (b"192.0.2.7, 10.0.0.2",): "192.0.2.7",
            (b"198.51.100.1", b"192.0.2.7,10.0.0.2"): "192.0.2.7",
            (b"192.0.2.7", b"198.51.100.1"): "198.51.100.1",
            (b"10.0.0.3, 10.0.0.2",): "10.0.0.3",
            (b"2001:db8:2::7, 2001:db8:1::1",): "2001:db8:2::7",
            (b"[2001:db8:2::7]:5000",): "2001:db8:2::7",
            (b"192.0.2.7:5000",): "192.0.2.7",
            (b"::ffff:192.0.2.7",): "192.0.2.7",
            (b"::ffff:10.0.0.2",): "10.0.0.2",
            (b"192.0.2.7, unknown",): "10.0.0.1",
            (b"192.0.2.7, ",): "10.0.0.1",
            (b"192.0.2.7, \xff\xfe",): "10.0.0.1",
            (b"192.0.2.7, _hidden, 10.0.0.2",): "10.0.0.2",
            (b"192.0.2.7 10.0.0.2",): "10.0.0.1",
            (b"192.0.2.7\r\nX: 1",): "10.0.0.1",
        }.items():
            headers = tuple((b"X-Forwarded-For", value) for value in values)
            self.assertEqual(told(*headers).address, address, values)

    def test_the_scheme_is_the_last_one(self) -> None:
        """S-HTTP-19: X-Forwarded-Proto of a trusted proxy counts, the connection to it only where that says nothing."""
        over_tls = ClientFacts("10.0.0.1", True, "0123456789abcdef")
        for value, secure in {
            b"https": True,
            b"HTTPS": True,
            b"http": False,
            b"http, https": True,
            b"x": False,
        }.items():
            for peer in (PEER, over_tls):
                self.assertEqual(told((b"x-forwarded-proto", value), peer=peer).secure, secure, value)
        self.assertFalse(told().secure)
        self.assertTrue(told(peer=over_tls).secure)

    def test_hops_are_counted(self) -> None:
        """S-ROUTE-5: one more than the trusted peer says; what is no count is too many."""
        for value, hop in {b"1": 2, b"2": 3, b"3": 4, b"0": 1, b"x": 4, b"": 4, b"-1": 4, b"9" * 5000: 4}.items():
            self.assertEqual(told((b"X-ExFront-Hop", value)).hop, hop, value[:9])
        self.assertEqual(told().hop, 1)

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=60), max_size=4))
    def test_nothing_in_the_field_does_harm(self, values: list[bytes]) -> None:
        """S-HTTP-19: whatever stands there, the client is an address."""
        client = told(*((b"X-Forwarded-For", value) for value in values))
        self.assertRegex(client.address, r"\A[0-9a-f:.]+\Z")


class NetworkTests(SynchronousTestCase):
    def test_addresses_of_either_kind(self) -> None:
        for address, inside in {
            "10.9.8.7": True, "11.0.0.1": False, "2001:db8:1::5": True, "2001:db8:2::5": False, "::ffff:10.0.0.1": True,
            "fe80::1%eth0": False, "": False, "nonsense": False,
        }.items():  # fmt: skip
            self.assertEqual(within(address, PROXIES), inside, address)
        self.assertFalse(within("10.0.0.1", ()))
