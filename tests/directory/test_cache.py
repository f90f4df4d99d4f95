"""What is kept of the directory's answers, for how long, and what is thrown out first."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.config.directory import DirectorySection
from exfront.directory.cache import Cache, spelling
from exfront.interfaces import MISS
from exfront.names import KeyKind, LookupKey, parse_login
from tests.support.directory import mailbox

ALICE, BOB = mailbox("alice"), mailbox("bob")


def key(value: str, kind: KeyKind = KeyKind.ACCOUNT, domain: str = "") -> LookupKey:
    return LookupKey(kind, value, domain)


class CacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.renewed: list[LookupKey] = []
        self.renews = True
        self.cache = self.build()

    def build(self, **section: Any) -> Cache:
        return Cache(DirectorySection((), "dc=fourthcoffee,dc=com", **section), self.renew)

    def renew(self, which: LookupKey) -> bool:
        self.renewed.append(which)
        return self.renews

    def states(self, *names: str, now: float = 1.0) -> list[str]:
        return [self.cache.state(key(name), now).kind for name in names]


class LifeTests(CacheTests):
    def test_a_found_mailbox_serves_for_five_minutes(self) -> None:
        self.cache.keep(key("alice"), ALICE, 0.0)
        self.assertIs(self.cache.answer([key("alice")], 299.9), ALICE)
        self.assertIs(self.cache.answer([key("alice")], 300.0), MISS)

    def test_that_nobody_has_a_name_serves_for_thirty_seconds(self) -> None:
        """S-DIR-7: not-found is kept for 30 s."""
        self.cache.keep(key("nobody"), None, 0.0)
        self.assertIsNone(self.cache.answer([key("nobody")], 29.9))
        self.assertIs(self.cache.answer([key("nobody")], 30.0), MISS)

    def test_lives_are_settings_that_count_at_once(self) -> None:
        self.cache.keep(key("alice"), ALICE, 0.0)
        self.cache.settings = DirectorySection((), "dc=fourthcoffee,dc=com", cache_time=10.0)
        self.assertIs(self.cache.answer([key("alice")], 10.0), MISS)

    def test_what_was_never_asked_is_a_miss(self) -> None:
        self.assertIs(self.cache.answer([key("alice")], 0.0), MISS)

    def test_an_answer_that_is_older_than_what_is_held_changes_nothing(self) -> None:
        self.cache.keep(key("alice"), ALICE, 5.0)
        self.cache.keep(key("alice"), None, 4.0)
        self.assertIs(self.cache.answer([key("alice")], 6.0), ALICE)

    def test_a_name_that_changes_hands_leads_to_its_new_owner(self) -> None:
        self.cache.keep(key("sales"), ALICE, 0.0)
        self.cache.keep(key("sales"), BOB, 1.0)
        self.assertIs(self.cache.answer([key("sales")], 2.0), BOB)
        self.cache.keep(key("sales"), None, 2.0)
        self.assertIsNone(self.cache.answer([key("sales")], 3.0))
        self.assertEqual(len(self.cache), 1)

    def test_all_names_of_an_account_lead_to_the_newest_that_is_known_of_it(self) -> None:
        self.cache.keep(key("alice"), ALICE, 0.0)
        moved = mailbox("alice", "dallas")
        self.cache.keep(key("a@fourthcoffee.com", KeyKind.ADDRESS), moved, 100.0)
        self.assertIs(self.cache.answer([key("alice")], 101.0), moved)


class SpellingTests(CacheTests):
    def test_spellings_of_one_name_share_an_entry(self) -> None:
        """S-AUTH-4: letters' case and Unicode's two forms of one letter make no other name."""
        for one, other in (("ALICE", "alice"), ("jürgen", "ju\u0308rgen"), ("JÜRGEN", "jürgen"), ("\u212bke", "åke")):
            self.assertEqual(spelling(key(one)), spelling(key(other)))
        self.assertEqual(spelling(key("a", domain="WEST")), spelling(key("a", domain="west")))

    def test_names_that_a_directory_may_tell_apart_do_not(self) -> None:
        """S-AUTH-4: the cache folds less than any directory does, so that it never takes one user for another."""
        for one, other in (("straße", "strasse"), ("jürgen", "jurgen"), ("а", "a"), ("alice", "alice "), ("ﬁ", "fi")):
            self.assertNotEqual(spelling(key(one)), spelling(key(other)))
        self.assertNotEqual(spelling(key("a", KeyKind.ALIAS)), spelling(key("a", KeyKind.ACCOUNT)))
        self.assertNotEqual(spelling(key("a", domain="west")), spelling(key("a")))

    def test_a_name_never_passes_for_another_one_with_its_domain(self) -> None:
        self.assertNotEqual(spelling(key("b:0:c", domain="a")), spelling(key("c", domain="ab:0:")))
        self.assertNotEqual(spelling(key("bc", domain="a")), spelling(key("c", domain="ab")))


class OrderTests(CacheTests):
    """A question of several keys: ``user@suffix`` may be a UPN or an address."""

    def setUp(self) -> None:
        super().setUp()
        self.keys = parse_login("alice@fourthcoffee.com").keys
        self.cache.keep(self.keys[0], None, 0.0)
        self.cache.keep(self.keys[1], ALICE, 0.0)
        self.cache.pass_over(self.keys[:1], ALICE)

    def test_a_name_behind_which_the_account_was_found_lives_as_long_as_the_account(self) -> None:
        """Else everybody who logs on by an address that is no UPN cost a search each half minute."""
        self.assertIs(self.cache.answer(self.keys, 299.9), ALICE)
        self.assertIs(self.cache.answer(self.keys, 300.0), MISS)

    def test_alone_it_means_nobody_for_thirty_seconds_only(self) -> None:
        """S-DIR-7: not-found is kept for 30 s."""
        self.assertIsNone(self.cache.answer(self.keys[:1], 29.9))
        self.assertIs(self.cache.answer(self.keys[:1], 30.0), MISS)

    def test_a_key_in_front_that_is_not_known_is_a_miss(self) -> None:
        self.assertIs(self.cache.answer((key("x"), *self.keys), 1.0), MISS)

    def test_guessed_names_do_not_push_it_out(self) -> None:
        """S-DIR-7: names that nobody has are bounded apart from those in use."""
        with patch.object(limits, "NEGATIVE_CACHE_ENTRIES", 10):
            for number in range(100):
                self.cache.keep(key(f"guess{number}"), None, 1.0)
        self.assertIs(self.cache.answer(self.keys, 2.0), ALICE)
        self.assertEqual(len(self.cache), 12)

    def test_it_stays_passed_over_when_it_is_asked_for_again(self) -> None:
        self.cache.keep(self.keys[0], None, 200.0)
        self.cache.keep(self.keys[1], ALICE, 200.0)
        self.assertIs(self.cache.answer(self.keys, 450.0), ALICE)


class RenewTests(CacheTests):
    def setUp(self) -> None:
        super().setUp()
        self.cache.keep(key("alice"), ALICE, 0.0)

    def test_an_entry_asked_for_in_the_last_fifth_of_its_life_is_renewed_once(self) -> None:
        self.cache.answer([key("alice")], 239.9)
        self.assertEqual(self.renewed, [])
        for now in (240.0, 241.0, 299.0):
            self.assertIs(self.cache.answer([key("alice")], now), ALICE)
        self.assertEqual(self.renewed, [key("alice")])

    def test_one_that_nobody_asks_for_is_not(self) -> None:
        self.cache.keep(key("bob"), BOB, 0.0)
        self.cache.answer([key("alice")], 299.0)
        self.assertEqual(self.renewed, [key("alice")])

    def test_one_that_could_not_be_renewed_just_now_is_tried_again(self) -> None:
        self.renews = False
        self.cache.answer([key("alice")], 240.0)
        self.cache.answer([key("alice")], 241.0)
        self.assertEqual(len(self.renewed), 2)

    def test_a_renewed_entry_lives_on_and_is_renewed_again(self) -> None:
        self.cache.answer([key("alice")], 240.0)
        self.cache.keep(key("alice"), ALICE, 240.0)
        self.assertIs(self.cache.answer([key("alice")], 480.0), ALICE)
        self.assertEqual(len(self.renewed), 2)


class BoundTests(CacheTests):
    def test_the_least_recently_used_goes_first(self) -> None:
        self.cache = self.build(cache_entries=2)
        for name, box in (("alice", ALICE), ("bob", BOB)):
            self.cache.keep(key(name), box, 0.0)
        self.cache.answer([key("alice")], 1.0)
        self.cache.keep(key("carol"), mailbox("carol"), 1.0)
        self.assertEqual(self.states("alice", "bob", "carol"), ["fresh", "absent", "fresh"])

    def test_a_million_names_that_nobody_has_are_held_to_their_bound(self) -> None:
        """S-DIR-7: 1e6 names leave memory bounded; here with a hundredth of both."""
        with patch.object(limits, "NEGATIVE_CACHE_ENTRIES", 200):
            for number in range(10_000):
                self.cache.keep(key(f"guess{number}"), None, 0.0)
        self.assertEqual(len(self.cache), 200)
        self.assertEqual(self.states("guess9999", "guess0"), ["negative", "absent"])

    def test_names_of_one_account_are_bounded(self) -> None:
        for number in range(limits.CACHE_NAMES_PER_ACCOUNT + 10):
            self.cache.keep(key(f"a{number}"), ALICE, 0.0)
        self.assertEqual(len(self.cache), limits.CACHE_NAMES_PER_ACCOUNT)
        self.assertEqual(self.states("a9", "a10"), ["absent", "fresh"])

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(("keep", "nobody", "ask", "forget", "flush")), st.integers(0, 9))))
    def test_it_holds_what_a_plain_model_of_it_holds(self, actions: list[tuple[str, int]]) -> None:
        """Against a list in order of use, with room for four names that lead to somebody; names n and n+5 share one."""
        self.cache = self.build(cache_entries=4)
        model: list[int] = []
        for now, (action, number) in enumerate(actions):
            name, box = key(f"n{number}"), mailbox(f"m{number % 5}")
            if action == "keep":
                self.cache.keep(name, box, float(now) / 1000)
                model = [*(n for n in model if n != number), number][-4:]
            elif action == "nobody":
                self.cache.keep(name, None, float(now) / 1000)
                model = [n for n in model if n != number]
            elif action == "ask":
                answer = self.cache.answer([name], 1.0)
                self.assertEqual(answer == box, number in model)
                model = [*(n for n in model if n != number), number] if number in model else model
            elif action == "forget":
                self.assertFalse(self.cache.forget(box, 0.5))  # too young
            else:
                self.cache.flush([name])
                model = [n for n in model if n % 5 != number % 5] if number in model else model
            self.assertEqual({n for n in range(10) if self.states(f"n{n}") == ["fresh"]}, set(model))


class ForgetTests(CacheTests):
    def setUp(self) -> None:
        super().setUp()
        self.address = key("alice@fourthcoffee.com", KeyKind.ADDRESS)
        for each in (key("alice"), self.address):
            self.cache.keep(each, ALICE, 0.0)
        self.cache.keep(key("bob"), BOB, 0.0)

    def test_an_account_is_forgotten_by_all_its_names(self) -> None:
        self.assertTrue(self.cache.forget(ALICE, 10.0))
        self.assertEqual([self.cache.answer([each], 10.0) for each in (key("alice"), self.address)], [MISS, MISS])
        self.assertIs(self.cache.answer([key("bob")], 10.0), BOB)

    def test_or_by_one_of_them(self) -> None:
        self.assertTrue(self.cache.forget([key("alice")], 10.0))
        self.assertIs(self.cache.answer([self.address], 10.0), MISS)

    def test_a_name_that_nobody_has_is_forgotten_too(self) -> None:
        self.cache.keep(key("new"), None, 0.0)
        self.cache.forget([key("new")], 1.0)
        self.assertIs(self.cache.answer([key("new")], 1.0), MISS)

    def test_what_was_read_a_moment_ago_is_not_doubted(self) -> None:
        """A spray of wrong passwords makes one search a second, and not one each."""
        self.assertFalse(self.cache.forget(ALICE, 0.9))
        self.assertIs(self.cache.answer([key("alice")], 0.9), ALICE)

    def test_there_is_nothing_to_doubt_in_what_is_not_held(self) -> None:
        self.assertFalse(self.cache.forget(mailbox("carol"), 10.0))

    def test_flush_of_one_user_takes_every_name_and_leaves_the_others(self) -> None:
        self.assertEqual(self.cache.flush(parse_login("alice").keys), 2)
        self.assertEqual(self.states("alice", "bob"), ["absent", "fresh"])

    def test_flush_finds_an_account_by_a_name_it_was_not_looked_up_by(self) -> None:
        self.cache.flush([key("alice")])
        self.cache.keep(self.address, ALICE, 0.0)
        self.assertEqual(self.cache.flush(parse_login(r"FC\Alice").keys), 1)

    def test_flush_of_all(self) -> None:
        self.cache.keep(key("nobody"), None, 0.0)
        self.assertEqual((self.cache.flush(), len(self.cache)), (4, 0))


class StaleTests(CacheTests):
    def setUp(self) -> None:
        super().setUp()
        self.keys = parse_login("alice@fourthcoffee.com").keys
        self.cache.keep(self.keys[0], None, 0.0)
        self.cache.keep(self.keys[1], ALICE, 0.0)
        self.cache.pass_over(self.keys[:1], ALICE)

    def test_a_location_past_its_life_is_there_for_an_hour_more(self) -> None:
        """S-DIR-5: 60 min past the 5 of its life."""
        self.assertIs(self.cache.stale(self.keys, 3899.9), ALICE)
        self.assertIsNone(self.cache.stale(self.keys, 3900.0))

    def test_a_forgotten_one_too(self) -> None:
        self.cache.forget(ALICE, 10.0)
        self.assertIs(self.cache.stale(self.keys, 10.0), ALICE)

    def test_not_where_the_setting_is_zero(self) -> None:
        self.cache.settings = DirectorySection((), "dc=fourthcoffee,dc=com", stale_time=0.0)
        self.cache.forget(ALICE, 10.0)
        self.assertIsNone(self.cache.stale(self.keys, 10.0))

    def test_not_behind_a_key_that_was_never_asked_for(self) -> None:
        """S-AUTH-5: whom that one means nobody knows now, and it would come first."""
        self.assertIsNone(self.cache.stale((key("x"), *self.keys), 400.0))

    def test_that_nobody_has_a_name_is_no_stale_answer(self) -> None:
        self.cache.keep(key("nobody"), None, 0.0)
        self.assertIsNone(self.cache.stale([key("nobody")], 40.0))


class StateTests(CacheTests):
    def test_the_four_states_of_a_key(self) -> None:
        for name, box in (("alice", ALICE), ("nobody", None)):
            self.cache.keep(key(name), box, 0.0)
        self.assertEqual(self.states("alice", "nobody", "carol", now=29.0), ["fresh", "negative", "absent"])
        self.assertEqual(self.states("alice", "nobody", now=301.0), ["stale", "absent"])
        state = self.cache.state(key("ALICE"), 29.0)
        self.assertEqual((state.age, state.mailbox), (29.0, ALICE))
