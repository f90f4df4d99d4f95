"""What was decided for a request holds for those like it, and for no other."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.virtual_site import VirtualDirectorySection
from tests.support.directory import mailbox
from tests.web.conversation import ALICE, BOB, DIRECTORIES, OK, SITE, Conversation, read, request

DEEP = VirtualDirectorySection("/exchange/alice/deep", "public", "anonymous", server="dallas", require_tls="no")


class RouteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = Conversation()
        self.talk.world.directory.remembers = True

    def tearDown(self) -> None:
        self.talk.end()

    def ask(self, line: bytes, *fields: bytes) -> str:
        """Which server gets the request, in the very octets of its line."""
        before = len(self.talk.world.dialer.dialled)
        answered = self.talk.send(request(line, *(fields or (ALICE,))))
        for number, dialled in enumerate(self.talk.world.dialer.dialled):
            sent = dialled.line.take()
            if sent:
                self.assertTrue(sent.startswith(line + b" HTTP/1.1\r\n"), sent)
                self.assertEqual(self.talk.answer(OK, number), OK)
                return dialled.relay.server.name
        self.assertEqual(len(self.talk.world.dialer.dialled), before)
        return str(read(answered).status)

    def test_each_path_is_decided_by_its_own_segments(self) -> None:
        """S-HTTP-21, S-ROUTE-2: right behind another one, and with an encoded slash, dots, or nothing in a segment."""
        lines = {
            b"GET /exchange/": "chicago", b"GET /exchange/alice/": "chicago", b"GET /exchange/alice/a%20b": "chicago",
            b"GET /exchange/bob/": "dallas", b"GET /exchange/bob": "dallas", b"GET /exchange/bobby/": "404",
            b"GET /exchange/alice%2Fbob/": "404", b"GET /exchange/alice/bob": "chicago", b"GET /exchange//x": "404",
            b"GET /exchange/alice/../bob/": "400", b"GET /exchange/alice/%2e%2e/bob/": "400", b"GET /exchangex": "404",
            b"GET /exchange/alice/?a=/exchange/bob/": "chicago", b"GET /public/alice/": "chicago",
            b"GET /exchange/ALICE/": "chicago",
        }  # fmt: skip
        for first in lines:
            for second in lines:
                self.talk = Conversation()
                self.talk.world.directory.remembers = True
                self.assertEqual(self.ask(first), lines[first], first)
                if self.talk.client.connected:
                    self.assertEqual(self.ask(second), lines[second], (first, second))
                self.talk.end()

    def test_a_deeper_virtual_directory_is_seen(self) -> None:
        """S-HTTP-21: the longest one wins, also behind a shorter one."""
        self.talk = Conversation(sites=(evolve(SITE, virtual_directory=(*DIRECTORIES, DEEP)),))
        for line, name in (
            (b"GET /exchange/alice/a", "chicago"), (b"GET /exchange/alice/deep/a", "dallas"),
            (b"GET /exchange/alice/deeper/a", "chicago"), (b"GET /exchange/alice/deep", "dallas"),
        ):  # fmt: skip
            self.assertEqual(self.ask(line), name)

    def test_other_fields_are_another_request(self) -> None:
        """S-AUTH-9: other credentials, other user; none, none."""
        for who, name in ((ALICE, "chicago"), (BOB, "dallas"), (ALICE, "chicago")):
            self.assertEqual(self.ask(b"GET /exchange/", who), name)
        self.assertEqual(self.ask(b"GET /exchange/", b"X: y\r\n"), "401")

    def test_a_named_mailbox_that_moves_is_followed_at_once(self) -> None:
        """S-DIR-5: what the directory's cache holds counts, not what was decided before."""
        self.assertEqual(self.ask(b"GET /exchange/bob/"), "dallas")
        bob = self.talk.world.directory.entries[1]
        self.talk.world.directory.entries[1] = mailbox("bob", "chicago")
        self.assertEqual(self.ask(b"GET /exchange/bob/"), "dallas")
        self.talk.world.directory.forget(bob)
        self.assertEqual(self.ask(b"GET /exchange/bob/"), "chicago")

    def test_a_log_on_is_proven_again_when_its_minute_is_over(self) -> None:
        """S-AUTH-9: however steadily a client asks."""
        for _ in range(5):
            self.ask(b"GET /exchange/")
            self.talk.wait(16)
        self.assertEqual(self.talk.world.passwords.checked, ["alice", "alice"])

    def test_the_absolute_form_chooses_its_own_site(self) -> None:
        """S-HTTP-6: its authority takes the place of Host."""
        other = evolve(SITE, name="other", public_name="other.fourthcoffee.com", host_names=(), virtual_directory=())
        self.talk = Conversation(sites=(SITE, other))
        self.assertEqual(self.ask(b"GET /exchange/"), "chicago")
        answer = self.talk.send(request(b"GET http://other.fourthcoffee.com/exchange/", ALICE))
        self.assertEqual(read(answer).status, 404)

    def test_the_record_is_as_full_as_the_first_one(self) -> None:
        """S-OPS-15: a line in the access log does not tell less because it was decided before."""
        for _ in range(2):
            self.ask(b"GET /exchange/bob/")
        first, second = self.talk.records
        for name in ("user", "account_id", "mailbox", "virtual_directory", "decision", "back_end", "method", "target",
                     "front_end_status", "back_end_status", "octets_in", "octets_out"):  # fmt: skip
            self.assertEqual(getattr(first, name), getattr(second, name), name)
        self.assertEqual((first.location, second.location), ("directory", "cache"))
