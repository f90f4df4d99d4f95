"""Contexts that were received: a life, a bound, and nothing lost of them."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.contexts import Contexts
from exfront.wire.security_context import Group, SecurityContext


def context(number: int, *groups: Group) -> SecurityContext:
    return SecurityContext(f"S-1-5-21-1-2-3-{number}", "FOURTHCOFFEE\\alice", "Basic", groups)


class ContextsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.contexts = Contexts(self.clock.seconds, life=3600.0, most=2)

    def test_what_is_held_is_what_was_received(self) -> None:
        groups = [Group(f"S-1-5-21-1-2-3-{number}") for number in range(3)] + [Group("S-1-1-0", 16)]
        given = SecurityContext("S-1-5-21-1-2-3-9", "d\\u", "Basic", tuple(groups), (Group("S-1-5-32-545"),))
        self.contexts.keep(given)
        held = self.contexts.find(given.user)
        assert held is not None
        self.assertEqual(held.context(), given)

    def test_a_context_has_a_life(self) -> None:
        """Use does not lengthen it: groups change."""
        self.contexts.keep(context(1))
        for _ in range(35):
            self.clock.advance(100)
            self.assertIsNotNone(self.contexts.find(context(1).user))
        self.clock.advance(100)
        self.assertIsNone(self.contexts.find(context(1).user))
        self.assertEqual(len(self.contexts), 0)

    def test_a_new_one_takes_the_place_of_an_older_one(self) -> None:
        self.contexts.keep(context(1))
        self.clock.advance(3599)
        self.contexts.keep(context(1, Group("S-1-1-0")))
        self.clock.advance(3599)
        held = self.contexts.find(context(1).user)
        assert held is not None
        self.assertEqual(held.context().groups, (Group("S-1-1-0"),))

    def test_the_least_recently_used_goes_first(self) -> None:
        for number in (1, 2):
            self.contexts.keep(context(number))
        self.contexts.find(context(1).user)
        self.contexts.keep(context(3))
        found = [self.contexts.find(context(number).user) is not None for number in (1, 2, 3)]
        self.assertEqual(found, [True, False, True])

    def test_nobody_else_is_found(self) -> None:
        self.contexts.keep(context(1))
        self.assertIsNone(self.contexts.find(context(11).user))
