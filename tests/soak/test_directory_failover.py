"""Fifty log-ons a second for a minute while one of two directory servers is frozen, killed, restarted; with figures."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from exfront import limits
from tests.support.failover import LogOns, TwoDirectories

_RATE, _SECONDS = 50.0, 60.0


class FailoverTests(TestCase):
    """Nothing fails that had a healthy server left, but binds already written to the lost one."""

    timeout = 300

    def setUp(self) -> None:
        self.site = TwoDirectories()
        self.addCleanup(self.site.close)
        self.log_ons = LogOns(self.site, reactor)
        self.addCleanup(self.log_ons.stop)

    async def try_it(self, name: str, events: dict[float, Callable[[], object]]) -> None:
        """Run, print the figures, and check what may have failed."""
        await self.log_ons.run(_RATE, _SECONDS, events)
        times = sorted(self.log_ons.times)
        median, last = times[len(times) // 2], times[int(len(times) * 0.99)]
        print(
            f"{name}: {dict(self.log_ons.outcomes)} failed in {dict(self.log_ons.failed_in)}; "
            f"p50 {median * 1000:.1f} ms, p99 {last * 1000:.0f} ms, longest {times[-1]:.2f} s"
        )
        self.assertLessEqual(set(self.log_ons.outcomes), {"in", "XF-LDAP-TIMEOUT", "XF-DIR-UNAVAILABLE"})
        self.assertEqual(self.log_ons.failed_in["search"], 0)
        self.assertLessEqual(self.log_ons.failed_in["bind"], limits.LDAP_BIND_CONNECTIONS)

    async def test_frozen(self) -> None:
        """S-DIR-13: SIGSTOP for 30 s."""
        first = self.site.first
        await self.try_it("SIGSTOP", {10.0: first.freeze, 40.0: first.thaw})

    async def test_killed(self) -> None:
        """S-DIR-13: SIGKILL, and a start after 20 s."""
        first = self.site.first
        await self.try_it("SIGKILL", {10.0: first.kill, 30.0: first.start})

    async def test_restarted(self) -> None:
        """S-DIR-13: a restart of each server in turn."""
        first, second = self.site.first, self.site.second
        events = {10.0: first.stop, 11.0: first.start, 40.0: second.stop, 41.0: second.start}
        await self.try_it("restart", events)
