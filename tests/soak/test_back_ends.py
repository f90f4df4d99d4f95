"""How fast a request is refused whose server is known to be dead, and what the counting costs; with figures."""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from exfront.backends.table import BackEndTable
from exfront.config.limits import LimitsSection
from tests.support.clients import basic, get
from tests.support.mail_site import LIMITS, LISTENERS, shared
from tests.support.network import deaf
from tests.support.process import wait_until

_REQUESTS = 1000
_QUICK = 0.05  # seconds (S-ROUTE-12)
_CALLS = 1_000_000


class DeadServerTests(SynchronousTestCase):
    timeout = 300

    def test_refused_quickly(self) -> None:
        """S-ROUTE-12: of 1000 requests one after the other to a server that answers no connection, 95 % in 50 ms."""
        site = shared()
        port = deaf(self, site.chicago.address)
        user = site.living_on("chicago")[3]
        limits = {**LIMITS, "back_end_connect_time": 1.0}
        servers = [site.chicago.section(http=port), site.dallas.section()]
        front = site.exfront({"http": LISTENERS["http"]}, server=servers, limits=limits)
        self.addCleanup(front.daemon.kill)
        front.start()
        for _ in range(_REQUESTS):
            page = get(front.at("http"), f"/exchange/{user.alias}/", basic(user.name, user.password))
            self.assertIn(page.status, (502, 504))
        wait_until(lambda: len(front.access_lines()) >= _REQUESTS, "an access-log line of each")
        times = sorted(float(line["time-taken"]) for line in front.access_lines())
        quick = sum(each < _QUICK for each in times)
        print(
            f"dead server: {quick} of {_REQUESTS} within {_QUICK * 1000:g} ms, "
            f"p50 {times[_REQUESTS // 2] * 1000:.1f} ms, longest {times[-1]:.2f} s"
        )
        self.assertGreaterEqual(quick, _REQUESTS * 0.95)


class CostTests(SynchronousTestCase):
    def test_counting_one_request(self) -> None:
        """All that the table costs a request: found, begun and answered, in processor time below a microsecond."""
        table = BackEndTable(LimitsSection(), time.monotonic)
        began = time.process_time()
        for _ in range(_CALLS):
            application = table.application("chicago", "http", "owa", port=80)
            application.begin()
            application.answered(200, 0.01, 5.0)
        cost = (time.process_time() - began) / _CALLS
        print(f"counting one request: {cost * 1e6:.2f} µs")
        self.assertLess(cost, 1e-6)
