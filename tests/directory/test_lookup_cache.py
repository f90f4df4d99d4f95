"""Look-ups that need no search: what is kept, renewed, forgotten."""

from __future__ import annotations

from attrs import evolve
from twisted.logger import capturedLogs, formatEvent

from exfront import limits
from exfront.because import Trace
from exfront.directory.entry import Entry
from exfront.interfaces import MISS
from exfront.names import parse_login
from exfront.reasons import AMBIGUOUS_LOGIN, DIRECTORY_DOWN, INCONSISTENT_MAILBOX, Refused
from exfront.topology import Mailbox
from tests.directory.test_lookup import LookupTests
from tests.support.population import BASE
from tests.support.searches import entry


class CacheTests(LookupTests):
    def asked(self) -> int:
        """Searches since the last call."""
        count, self.searches.asked = len(self.searches.asked), []
        return count

    def test_a_second_look_up_asks_nobody(self) -> None:
        """S-AUTH-4: nor does one in another spelling."""
        first = self.found("user1")
        self.asked()
        self.clock.advance(200)
        self.assertIs(self.found("USER1"), first)
        self.assertIs(self.directory.cached_find(parse_login("User1").keys), first)
        self.assertEqual(self.asked(), 0)

    def test_an_address_that_is_no_upn_is_found_without_a_search_too(self) -> None:
        self.found("user1.old@fourthcoffee.com")
        self.asked()
        self.clock.advance(200)
        self.found("user1.old@fourthcoffee.com")
        self.assertEqual(self.asked(), 0)

    def test_what_is_not_known_is_a_miss_and_asks_nobody(self) -> None:
        self.assertIs(self.directory.cached_find(parse_login("user1").keys), MISS)
        self.assertEqual(self.asked(), 0)

    def test_a_user_who_is_made_after_a_miss_is_found_within_thirty_seconds(self) -> None:
        """S-DIR-7: not-found is kept for 30 s, and no longer."""
        self.assertIsNone(self.successResultOf(self.find("new")))
        self.searches.entries.append(entry(f"cn=new,{BASE}", {"objectClass": ["user"], "sAMAccountName": ["new"]}))
        self.asked()
        self.clock.advance(29)
        self.assertIsNone(self.successResultOf(self.find("new")))
        self.assertEqual(self.asked(), 0)
        self.clock.advance(1)
        self.assertEqual(self.found("new").account_name, "new")

    def test_an_error_is_not_kept(self) -> None:
        """S-DIR-6, S-DIR-7: errors are kept for 0 s."""
        self.searches.fault = Refused(DIRECTORY_DOWN)
        self.refused("user1", DIRECTORY_DOWN)
        self.refused("twins@fourthcoffee.com", DIRECTORY_DOWN)
        self.searches.fault = None
        self.found("user1")
        for _ in range(2):
            self.refused("twins@fourthcoffee.com", AMBIGUOUS_LOGIN)

    def test_an_entry_in_use_is_renewed_in_the_background(self) -> None:
        """Nobody waits for a search as long as the user comes back in time."""
        self.found("user1")
        self.asked()
        for _ in range(5):
            self.clock.advance(250)
            self.assertIsInstance(self.directory.cached_find(parse_login("user1").keys), Mailbox)
            self.assertEqual(self.asked(), 1)

    def test_a_renewal_shows_a_move(self) -> None:
        self.found("user1")
        index = next(n for n, one in enumerate(self.searches.entries) if one.dn == self.found("user1").dn)
        moved = {**self.searches.entries[index].attributes, "homemdb": (), "mailhost": (b"houston",)}
        moved.pop("msexchhomeservername", None)
        self.searches.entries[index] = Entry(self.searches.entries[index].dn, moved)
        self.clock.advance(250)
        self.assertEqual([self.found("user1").home_server for _ in range(2)], ["dallas", "houston"])

    def test_a_renewal_that_fails_is_logged_and_harms_nobody(self) -> None:
        known = self.found("user1")
        self.clock.advance(250)
        self.searches.fault = Refused(INCONSISTENT_MAILBOX, "two homes")
        with capturedLogs() as events:
            self.assertIs(self.found("user1"), known)
        self.assertIn("two homes", "".join(map(str, map(formatEvent, events))))
        self.assertIs(self.found("user1"), known)
        self.clock.advance(50)
        self.refused("user1", INCONSISTENT_MAILBOX)

    def test_renewals_are_bounded(self) -> None:
        """The look-ups that people wait for are not held up."""
        self.directory.settings = evolve(self.directory.settings, cache_time=1000.0)
        for number in range(limits.CACHE_RENEWALS + 5):
            name = f"many{number}"
            values = {"objectClass": ["user"], "sAMAccountName": [name], "mailHost": ["chicago"]}
            self.searches.entries.append(entry(f"cn={name},{BASE}", values))
            self.found(name)
        self.asked()
        self.clock.advance(900)
        self.searches.hold = True
        for number in range(limits.CACHE_RENEWALS + 5):
            self.found(f"many{number}")
        self.assertEqual(self.asked(), limits.CACHE_RENEWALS)
        self.searches.release()

    def test_a_forgotten_account_is_looked_up_again(self) -> None:
        known = self.found("user1")
        self.assertFalse(self.directory.forget(known))  # it was read just now
        self.clock.advance(2)
        self.assertTrue(self.directory.forget(known))
        self.asked()
        self.found("user1")
        self.assertEqual(self.asked(), 1)

    def test_flush_of_a_user_and_of_all(self) -> None:
        for name in ("user1", "user1@fourthcoffee.com", "user2"):
            self.found(name)
        self.assertEqual(self.directory.cached(parse_login("user1").keys[0]).kind, "fresh")
        self.assertEqual(self.directory.flush(r"FOURTHCOFFEE\user1"), 2)
        self.assertEqual(self.directory.cached(parse_login("user1").keys[0]).kind, "absent")
        self.assertEqual(self.directory.flush("no\0name"), 0)
        self.assertEqual(self.directory.flush(None), 1)

    def test_flush_reads_a_name_as_a_log_on_does(self) -> None:
        """With its tag, and without an address in a domain that is not accepted."""
        self.directory.settings = evolve(self.directory.settings, accepted_domains=("fourthcoffee.com",))
        self.found("user1@fourthcoffee.com")
        self.found("user2")
        self.assertEqual(self.directory.flush("user1+lists@fourthcoffee.com"), 1)
        self.assertEqual(self.directory.flush(r"FOURTHCOFFEE\user2/sales@partner.example"), 0)
        self.assertEqual(self.directory.flush(None), 1)

    def test_what_was_under_way_at_a_flush_is_not_kept(self) -> None:
        self.searches.hold = True
        waiting = self.find("user1")
        self.directory.flush("user1")
        self.searches.release()
        self.assertIsNotNone(self.successResultOf(waiting))
        self.assertIs(self.directory.cached_find(parse_login("user1").keys), MISS)

    def test_other_settings_hold_nothing_of_before_and_equal_ones_all(self) -> None:
        self.found("user1")
        self.directory.settings = evolve(self.directory.settings)
        self.assertIsNot(self.directory.cached_find(parse_login("user1").keys), MISS)
        self.directory.settings = evolve(self.directory.settings, home_server_attribute="host")
        self.assertIs(self.directory.cached_find(parse_login("user1").keys), MISS)

    def test_a_traced_look_up_goes_past_the_cache(self) -> None:
        self.found("user1")
        self.asked()
        self.successResultOf(self.find("user1", Trace()))
        self.assertEqual(self.asked(), 1)
