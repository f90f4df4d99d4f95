"""One of two directory servers freezes, dies and comes back under steady log-ons. Over minutes: tests/soak."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from exfront import limits
from exfront.config.limits import LimitsSection
from tests.support.failover import LogOns, TwoDirectories

_RATE = 10.0  # log-ons a second
_TIMES = LimitsSection(ldap_bind_time=3.0, ldap_search_time=3.0)


class FailoverTests(TestCase):
    """Nothing fails that had a healthy server left, but binds already written to the lost one."""

    timeout = 90

    def setUp(self) -> None:
        self.site = TwoDirectories()
        self.addCleanup(self.site.close)
        self.log_ons = LogOns(self.site, reactor, _TIMES)
        self.addCleanup(self.log_ons.stop)

    def only_written_binds_failed(self) -> None:
        """None of them as a wrong password, and never more than there are bind connections."""
        outcomes = self.log_ons.outcomes
        self.assertLessEqual(set(outcomes), {"in", "XF-LDAP-TIMEOUT", "XF-DIR-UNAVAILABLE"})
        self.assertEqual(self.log_ons.failed_in["search"], 0, self.log_ons.details)
        self.assertLessEqual(self.log_ons.failed_in["bind"], limits.LDAP_BIND_CONNECTIONS)

    async def test_frozen_server(self) -> None:
        """S-DIR-13: one of two servers is frozen: searches go to the other, written binds are not repeated."""
        first = self.site.first
        await self.log_ons.run(_RATE, 6, {1.0: first.freeze})
        self.only_written_binds_failed()
        self.assertEqual(self.log_ons.servers.states()[0].state, "down")

    async def test_thawed_server_serves_what_waited(self) -> None:
        first = self.site.first
        await self.log_ons.run(_RATE, 4, {1.0: first.freeze, 2.5: first.thaw})
        self.assertEqual(self.log_ons.outcomes, {"in": int(4 * _RATE)})

    async def test_killed_server_and_its_return(self) -> None:
        """S-DIR-2, S-DIR-13: a server that is killed costs nothing but binds on the wire.

        Bad input: one of two directory servers killed
        """
        await self.log_ons.run(_RATE, 3, {1.0: self.site.first.kill})
        self.only_written_binds_failed()
        down, up = self.log_ons.servers.states()
        self.assertEqual((down.state, up.state), ("down", "healthy"))

    async def test_restarted_servers(self) -> None:
        """S-DIR-13: each server is stopped and started in turn."""
        first, second = self.site.first, self.site.second
        await self.log_ons.run(_RATE, 4, {0.5: first.stop, 1.0: first.start})
        await self.log_ons.run(_RATE, 2, {0.5: second.stop, 1.0: second.start})
        self.only_written_binds_failed()
