"""How long a mail client waits for the answer to a failed log-on."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.reasons import SOFT_LOCK, WRONG_PASSWORD
from tests.mail.connection import MailConnection
from tests.support.guarded_steps import put_guard
from tests.support.steps import SmallWorld

_FAILED = b"a NO " + WRONG_PASSWORD.imap_text() + b"\r\n"


class FailureDelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = SmallWorld()
        self.guard = put_guard(self.world)

    def waits(self, password: str, name: str = "alice", client: MailConnection | None = None) -> float:
        """To the half second below, how long until the refusal comes."""
        client = client or MailConnection(world=self.world)
        said = client.say(f"a LOGIN {name} {password}\r\n".encode())
        passed = 0.0
        while not said:
            said = client.wait(0.5)
            passed += 0.5
        self.assertTrue(said.startswith(_FAILED), said)
        return passed - 0.5

    def test_each_different_password_takes_twice_as_long(self) -> None:
        """S-MAIL-11: 2, 4 and 8 s on one connection, then 15 s on any; unknown users like known ones (S-AUTH-6)."""
        client = MailConnection(world=self.world)
        waited = [
            self.waits("one", client=client),
            self.waits("two", "nobody", client),
            self.waits("three", "bob", client),
        ]
        self.assertEqual(waited, [2.0, 4.0, 8.0])
        self.assertEqual([self.waits("four", "carol"), self.waits("five", "nobody")], [15.0, 15.0])

    def test_the_same_password_again_takes_no_longer(self) -> None:
        """S-MAIL-11, S-AUTH-8: a phone with an old password; and one bind for all of it."""
        self.assertEqual([self.waits("old") for _ in range(6)], [2.0] * 6)
        self.assertEqual(self.world.passwords.checked, ["alice"])

    def test_a_right_password_is_not_held_back(self) -> None:
        """S-MAIL-11: it goes to the back end at once, and the next failure begins anew."""
        for password in ("one", "two"):
            self.waits(password)
        MailConnection(world=self.world).say(b"a LOGIN alice secret-alice\r\n")
        self.assertEqual(len(self.world.dialer.dialled), 1)
        self.assertEqual(self.waits("three"), 2.0)

    def test_a_locked_account_looks_and_waits_like_a_wrong_password(self) -> None:
        """S-AUTH-6, S-AUTH-7: the client cannot tell; the access log can."""
        waited = [self.waits(password) for password in ("one", "two", "three", "four", "five")]
        self.assertEqual(waited, [2.0, 4.0, 8.0, 15.0, 15.0])
        self.assertEqual([record.reason for record in self.world.records.all], [WRONG_PASSWORD] * 3 + [SOFT_LOCK] * 2)

    def test_too_many_failures_of_a_network(self) -> None:
        """S-AUTH-10: refused at once, for known and unknown users alike."""
        put_guard(self.world, failures_per_network=2)
        self.waits("one", "bob")
        self.waits("two", "carol")
        for name in ("alice", "nobody"):
            said = MailConnection(world=self.world).say(f"a LOGIN {name} secret-alice\r\n".encode())
            self.assertTrue(said.startswith(b"a NO [LIMIT] "), said)

    def test_trouble_of_ours_is_not_held_back(self) -> None:
        self.waits("one")
        client = MailConnection(world=self.world)
        self.assertEqual(client.say(b"a LOGIN carol secret-carol\r\n")[:19], b"a NO [CONTACTADMIN]")
