"""How long a browser waits for the answer to a failed log-on; proven passwords over HTTP."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.guarded_steps import put_guard
from tests.web.conversation import ALICE, Conversation, basic, read, request


class FailureDelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = Conversation()
        self.guard = put_guard(self.talk.world)

    def waits(self, name: str, password: str) -> float:
        """To the half second below, how long until the 401 comes."""
        said = self.talk.send(request(b"GET /exchange/", basic(name, password)))
        passed = 0.0
        while not said:
            said = self.talk.wait(0.5, 0.5)
            passed += 0.5
        self.assertEqual(read(said).status, 401)
        return passed - 0.5

    def test_each_failure_takes_twice_as_long(self) -> None:
        """S-MAIL-11: over HTTP too, for known and unknown users; the same credentials again take no longer."""
        self.assertEqual([self.waits("alice", "one"), self.waits("nobody", "two")], [2.0, 4.0])
        self.assertEqual([self.waits("alice", "one"), self.waits("bob", "three")], [4.0, 8.0])

    def test_a_page_without_credentials_waits_for_nothing(self) -> None:
        self.waits("alice", "one")
        self.assertEqual(self.talk.ask(b"GET /exchange/").status, 401)

    def test_too_many_failures_are_429(self) -> None:
        """S-AUTH-10: with Retry-After."""
        put_guard(self.talk.world, failures_per_network=1)
        self.waits("alice", "one")
        answer = self.talk.ask(b"GET /exchange/", basic("bob", "secret-bob"))
        self.assertEqual((answer.status, answer.headers[b"retry-after"]), (429, b"60"))

    def test_a_proven_password_is_proven_on_other_connections_until_a_back_end_refuses_it(self) -> None:
        """S-AUTH-9: one bind for all connections of a minute; a back end's 401 ends that."""
        checked = self.talk.world.passwords.checked
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.other().send(request(b"GET /exchange/", ALICE))
        self.assertEqual(checked, ["alice"])
        self.talk.answer(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        self.other().send(request(b"GET /exchange/", ALICE))
        self.assertEqual(checked, ["alice"] * 2)

    def other(self) -> Conversation:
        """Another connection to the same front end."""
        return Conversation(world=self.talk.world)
