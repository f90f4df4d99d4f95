"""The allow list of back-end addresses."""

from __future__ import annotations

import ipaddress

from twisted.trial.unittest import SynchronousTestCase

from exfront.backends.allowed import AllowList
from exfront.config.kinds import HostPort
from exfront.reasons import BACK_END_NOT_ALLOWED, LOOP


class AllowListTests(SynchronousTestCase):
    def test_by_default_what_is_no_network_of_back_ends_is_refused(self) -> None:
        """S-DIR-4: loopback, link-local, multicast and unspecified addresses are no back ends."""
        allowed = AllowList(None)
        for address in ("127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0", "::1", "fe80::1%eth0", "ff02::1"):
            self.assertIs(allowed.refusal(address, 143), BACK_END_NOT_ALLOWED, address)
        for address in ("10.1.2.3", "192.0.2.1", "2001:db8::1"):
            self.assertIsNone(allowed.refusal(address, 143), address)

    def test_an_ipv4_address_in_ipv6_clothes_is_judged_as_ipv4(self) -> None:
        """S-DIR-4: ::ffff:127.0.0.1 is loopback."""
        self.assertIs(AllowList(None).refusal("::ffff:127.0.0.1", 143), BACK_END_NOT_ALLOWED)

    def test_with_networks_only_they_are_allowed(self) -> None:
        """S-DIR-4: listed networks replace the default."""
        allowed = AllowList((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("2001:db8::/32")))
        for address, wanted in (
            ("127.0.0.20", None),
            ("2001:db8::5", None),
            ("10.0.0.1", BACK_END_NOT_ALLOWED),
            ("2001:db9::1", BACK_END_NOT_ALLOWED),
        ):
            self.assertIs(allowed.refusal(address, 143), wanted, address)

    def test_an_own_listener_is_a_loop(self) -> None:
        """S-ROUTE-5: a target that is an own listener is refused before connecting."""
        networks = (ipaddress.ip_network("127.0.0.0/8"),)
        listeners = (HostPort("127.0.0.1", 1143), HostPort("0.0.0.0", 993))
        allowed = AllowList(networks, listeners)
        for address, port, wanted in (
            ("127.0.0.1", 1143, LOOP),
            ("127.0.0.2", 1143, None),
            ("127.0.0.1", 143, None),
            ("127.0.0.5", 993, LOOP),
        ):
            self.assertIs(allowed.refusal(address, port), wanted, f"{address}:{port}")
