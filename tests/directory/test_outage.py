"""Locations that serve on while no directory server answers."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from exfront.because import Trace
from exfront.config.directory import DirectorySection
from exfront.config.limits import LimitsSection
from exfront.directory.lookup import Directory
from exfront.interfaces import MISS
from exfront.names import parse_login
from exfront.reasons import (
    AMBIGUOUS_LOGIN,
    DIRECTORY_CERTIFICATE,
    DIRECTORY_DOWN,
    DIRECTORY_TIMEOUT,
    INCONSISTENT_MAILBOX,
    SERVICE_BIND_REFUSED,
    Reason,
    Refused,
)
from exfront.topology import Mailbox
from tests.support.population import BASE, DOMAIN, population
from tests.support.searches import MemorySearches, entry


class OutageTests(SynchronousTestCase):
    """user1 is known from before; 301 s later that is past its life."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.searches = MemorySearches([entry(name, values) for name, values in population(8).entries()])
        self.build()

    def build(self, **settings: Any) -> None:
        section = DirectorySection((), BASE, domains={DOMAIN: BASE}, **settings)
        self.directory = Directory(section, LimitsSection(), self.clock, DOMAIN, self.searches)
        self.known = self.found("user1")
        self.clock.advance(301)
        self.searches.asked.clear()

    def find(self, login: str, trace: Trace | None = None) -> Deferred[Mailbox | None]:
        return self.directory.find(parse_login(login).keys, trace)

    def found(self, login: str) -> Mailbox:
        mailbox = self.successResultOf(self.find(login))
        assert mailbox is not None, login
        return mailbox

    def refused(self, login: str, reason: Reason) -> None:
        self.assertIs(self.failureResultOf(self.find(login), Refused).value.reason, reason)

    def test_a_known_mailbox_is_found_whatever_keeps_the_servers_from_answering(self) -> None:
        """S-DIR-5: a location past its life serves while all servers fail, marked stale."""
        for reason in (DIRECTORY_DOWN, DIRECTORY_TIMEOUT, DIRECTORY_CERTIFICATE, SERVICE_BIND_REFUSED):
            self.searches.fault = Refused(reason)
            mailbox = self.found("user1")
            self.assertEqual((mailbox.home_server, mailbox.stale), (self.known.home_server, True))
        self.assertFalse(self.known.stale)

    def test_one_that_is_not_known_is_refused(self) -> None:
        """S-DIR-5: others get the temporary error."""
        self.searches.fault = Refused(DIRECTORY_DOWN)
        self.refused("user2", DIRECTORY_DOWN)
        self.refused("nobody", DIRECTORY_DOWN)

    def test_an_answer_of_a_server_is_no_outage(self) -> None:
        """S-DIR-5, S-AUTH-5: an entry that became ambiguous or contradicts itself is refused, whatever it was."""
        for reason in (AMBIGUOUS_LOGIN, INCONSISTENT_MAILBOX):
            self.searches.fault = Refused(reason)
            self.refused("user1", reason)
        self.assertEqual(self.directory.outage.stale_answers, 0)

    def test_within_its_life_nothing_is_stale(self) -> None:
        self.found("user1")
        self.searches.fault = Refused(DIRECTORY_DOWN)
        self.clock.advance(299)
        self.assertFalse(self.found("user1").stale)

    def test_it_ends_after_an_hour(self) -> None:
        """S-DIR-5: up to 60 min."""
        self.searches.fault = Refused(DIRECTORY_DOWN)
        self.clock.advance(3598)
        self.assertTrue(self.found("user1").stale)
        self.clock.advance(1)
        self.refused("user1", DIRECTORY_DOWN)

    def test_or_never_begins_where_the_setting_says_so(self) -> None:
        """S-DIR-5: how long is the administrator's choice."""
        self.build(stale_time=0.0)
        self.searches.fault = Refused(DIRECTORY_DOWN)
        self.refused("user1", DIRECTORY_DOWN)

    def test_a_look_up_that_takes_too_long_is_one_too(self) -> None:
        """S-DIR-1, S-DIR-5: after 10 s what was known serves."""
        self.searches.hold = True
        waiting = self.find("user1")
        self.clock.advance(10)
        mailbox = self.successResultOf(waiting)
        assert mailbox is not None
        self.assertTrue(mailbox.stale)

    def test_in_an_outage_nobody_waits_for_what_is_known(self) -> None:
        """A server that is silent costs the first who asks its time-out, and no second one."""
        self.searches.fault = Refused(DIRECTORY_TIMEOUT)
        self.found("user1")
        self.searches.hold = True
        self.clock.advance(60)
        for _ in range(100):
            mailbox = self.directory.cached_find(parse_login("user1").keys)
            self.assertTrue(mailbox is not MISS and mailbox is not None and mailbox.stale)

    def test_one_in_a_second_asks_whether_a_server_answers_again(self) -> None:
        self.searches.fault = Refused(DIRECTORY_DOWN)
        self.found("user1")
        self.searches.asked.clear()
        keys = parse_login("user1").keys
        for _ in range(100):
            self.found("user1")
            self.clock.advance(0.05)
        self.assertLessEqual(len(self.searches.asked), 5 * len(keys))
        self.assertGreaterEqual(len(self.searches.asked), 4)

    def test_the_first_answer_ends_it(self) -> None:
        self.searches.fault = Refused(DIRECTORY_DOWN)
        self.found("user1")
        self.searches.fault = None
        self.clock.advance(2)
        self.assertEqual([self.found("user1").stale for _ in range(2)], [True, False])
        self.assertFalse(self.directory.outage.lasts)

    def test_it_is_counted_each_time_and_logged_once(self) -> None:
        """S-DIR-5: stale answers are counted, and the log hears once of an outage, and once of its end."""
        with capturedLogs() as events:
            self.searches.fault = Refused(DIRECTORY_DOWN)
            for _ in range(10):
                self.found("user1")
            self.searches.fault = None
            self.found("user2")
        told = [formatEvent(event) for event in events if event["log_level"] >= LogLevel.info]
        self.assertEqual(told, [
            "directory_stale XF-DIR-UNAVAILABLE no directory server answers: known locations serve on",
            "directory_back: 10 stale locations were served",
        ])  # fmt: skip
        self.assertEqual(self.directory.outage.stale_answers, 10)

    def test_a_forgotten_location_serves_while_nobody_can_say_better(self) -> None:
        """S-ROUTE-10, S-DIR-5: a doubt does not take the mailbox away."""
        self.found("user1")
        self.clock.advance(5)
        self.searches.fault = Refused(DIRECTORY_DOWN)
        self.assertTrue(self.directory.forget(self.known))
        self.assertTrue(self.found("user1").stale)

    def test_the_trace_tells(self) -> None:
        self.searches.fault = Refused(DIRECTORY_DOWN)
        trace = Trace()
        self.assertTrue(getattr(self.successResultOf(self.find("user1", trace)), "stale", False))
        self.assertEqual(trace.steps[-1].rule, "stale location")
