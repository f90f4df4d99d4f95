"""Mailboxes that queries and fields name: looked up like a path's, and nothing else comes of them."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.reasons import BAD_INPUT, DIRECTORY_DOWN, MAILBOX_NOT_FOUND, Refused
from tests.support.directory import MemoryDirectory, guid, mailbox
from tests.support.steps import SmallWorld
from tests.web.conversation import ALICE, OK, Conversation, fields_of, request

BOBS_ID = guid("bob").encode()


def conversation(application: Any, world: SmallWorld | None = None, **settings: Any) -> Conversation:
    """With one virtual directory, /x."""
    directory = VirtualDirectorySection("/x", application, **{"require_tls": "no", **settings})
    site = VirtualSiteSection("x", "mail.fourthcoffee.com", (), (directory,))
    return Conversation((site,), world=world or SmallWorld())


class FieldTests(SynchronousTestCase):
    def relayed(self, application: str, *fields: bytes, line: bytes = b"GET /x/") -> tuple[str, list[bytes]]:
        """The server that a request of Alice, who lives on chicago, goes to, and its fields there."""
        here = conversation(application)
        octets = here.relayed(ALICE, *fields, line=line)
        return here.world.dialer.dialled[0].relay.server.name, fields_of(octets)

    def test_an_address_is_resolved_like_a_path_mailbox(self) -> None:
        """S-HTTP-18: the request goes to that mailbox's server, as the caller, and the field with it."""
        for application, name in (
            ("ews", b"X-AnchorMailbox"), ("mapi", b"x-anchormailbox"), ("autodiscover", b"X-AnchorMailbox"),
            ("owa", b"X-OWA-ExplicitLogonUser"), ("ecp", b"X-OWA-ExplicitLogonUser"),
        ):  # fmt: skip
            field = name + b": bob@fourthcoffee.com"
            server, fields = self.relayed(application, field + b"\r\n")
            self.assertEqual(server, "dallas", application)
            self.assertIn(field, fields)
            self.assertIn(ALICE.strip(), fields)

    def test_what_leads_nowhere_counts_for_nothing(self) -> None:
        """S-HTTP-18, S-ROUTE-1: the caller's own mailbox is served, and no back end sees the name."""
        for value in (b"nobody@fourthcoffee.com", b"carol@fourthcoffee.com", b"be9/x@a.b", b"dallas", b"bob", b"a@b/c"):
            server, fields = self.relayed("ews", b"X-AnchorMailbox: " + value + b"\r\n")
            self.assertEqual(server, "chicago", value)
            self.assertNotIn(b"anchor", b"".join(fields).lower(), value)

    def test_two_names_are_none(self) -> None:
        """S-HTTP-18: a back end might take the other one."""
        both = (b"X-AnchorMailbox: bob@fourthcoffee.com\r\n", b"X-AnchorMailbox: alice@fourthcoffee.com\r\n")
        server, fields = self.relayed("ews", *both)
        self.assertEqual(server, "chicago")
        self.assertNotIn(b"anchor", b"".join(fields).lower())

    def test_the_path_decides(self) -> None:
        """S-ROUTE-2: a field that names somebody else is dropped, one for the same mailbox stays."""
        for name, kept in ((b"bob", True), (b"alice", False)):
            field = b"X-OWA-ExplicitLogonUser: " + name + b"@fourthcoffee.com"
            server, fields = self.relayed("owa", field + b"\r\n", line=b"GET /x/bob@fourthcoffee.com/")
            self.assertEqual((server, field in fields), ("dallas", kept))

    def test_elsewhere_they_mean_nothing(self) -> None:
        """S-HTTP-18: 2003 knows no such field."""
        server, fields = self.relayed("exchange", b"X-AnchorMailbox: bob@fourthcoffee.com\r\n")
        self.assertEqual(server, "chicago")
        self.assertNotIn(b"anchor", b"".join(fields).lower())

    def test_no_directory_is_no_reason_to_guess(self) -> None:
        """S-DIR-1: 503."""
        here = conversation("ews")
        here.relayed(ALICE, line=b"GET /x/")
        here.answer()
        here.world.directory.fault = Refused(DIRECTORY_DOWN)
        self.assertEqual(here.ask(b"GET /x/", ALICE, b"X-AnchorMailbox: bob@fourthcoffee.com\r\n").status, 503)

    def test_the_next_request_without_it_is_the_callers_own(self) -> None:
        """S-HTTP-18: nothing of it stays with the connection."""
        here = conversation("ews")
        for fields, number, server in (
            ((b"X-AnchorMailbox: bob@fourthcoffee.com\r\n",), 0, "dallas"),
            ((), 1, "chicago"),
        ):
            here.send(request(b"POST /x/", ALICE, *fields, b"Content-Length: 0\r\n"))
            self.assertEqual(here.world.dialer.dialled[number].relay.server.name, server)
            here.answer(OK, number)


class MapiTests(SynchronousTestCase):
    def test_the_mailbox_of_the_query_is_opened(self) -> None:
        """S-HTTP-23: ``MailboxId=guid@domain``, however it is written; without one, the caller's own."""
        for query, server in (
            (b"?MailboxId=" + BOBS_ID + b"@fourthcoffee.com", "dallas"),
            (b"?a=b&mailboxid=" + BOBS_ID.upper() + b"%40fourthcoffee.com", "dallas"),
            (b"?%4dailboxId=" + BOBS_ID + b"@fourthcoffee.com", "dallas"),
            (b"?MailboxId=", "chicago"),
            (b"?useMailboxOfAuthenticatedUser=true", "chicago"),
            (b"", "chicago"),
        ):
            here = conversation("mapi")
            line = b"POST /x/emsmdb/" + query
            octets = here.relayed(ALICE, b"Content-Length: 0\r\n", line=line)
            self.assertTrue(octets.startswith(line + b" HTTP/1.1\r\n"))
            self.assertEqual(here.world.dialer.dialled[0].relay.server.name, server, query)

    def test_who_is_not_there(self) -> None:
        """S-HTTP-23: 404, never a host to connect to; two mailboxes are 400."""
        for query, status, reason in (
            (b"MailboxId=" + guid("eve").encode() + b"@fourthcoffee.com", 404, MAILBOX_NOT_FOUND),
            (b"MailboxId=dallas@fourthcoffee.com", 404, MAILBOX_NOT_FOUND),
            (b"MailboxId=10.0.0.1", 404, MAILBOX_NOT_FOUND),
            (b"MailboxId=%zz", 400, BAD_INPUT),
            (b"MailboxId=" + BOBS_ID + b"@a.b&MailboxId=" + BOBS_ID + b"@a.b", 400, BAD_INPUT),
        ):
            here = conversation("mapi")
            answer = here.ask(b"POST /x/nspi/?" + query, ALICE, b"Content-Length: 0\r\n")
            self.assertEqual((answer.status, here.records[0].reason), (status, reason), query)
            self.assertEqual(here.world.dialer.dialled, [])

    def test_a_kept_connection_looks_at_each_query(self) -> None:
        """S-HTTP-23: the same fields, another mailbox."""
        world = SmallWorld(
            directory=MemoryDirectory([mailbox("alice", "chicago"), mailbox("bob", "dallas")], remembers=True)
        )
        here = conversation("mapi", world)
        for number, name in enumerate(("alice", "bob")):
            line = f"POST /x/emsmdb/?MailboxId={guid(name)}@fourthcoffee.com".encode()
            here.send(request(line, ALICE, b"Content-Length: 0\r\n"))
            here.answer(OK, number)
        self.assertEqual([each.relay.server.name for each in world.dialer.dialled], ["chicago", "dallas"])

    def test_no_password_no_mailbox(self) -> None:
        """S-ROUTE-3: what a query names opens nothing by itself."""
        here = conversation("mapi")
        query = b"?MailboxId=" + BOBS_ID + b"@fourthcoffee.com"
        self.assertEqual(here.ask(b"POST /x/emsmdb/" + query, b"Content-Length: 0\r\n").status, 401)
        self.assertEqual(here.world.directory.asked, [])

    def test_the_switch_of_the_mailbox_that_is_opened(self) -> None:
        """S-ROUTE-3: MAPI off for it is 403."""
        off = evolve(mailbox("bob", "dallas"), switched_off=frozenset({"mapi"}))
        world = SmallWorld(directory=MemoryDirectory([mailbox("alice", "chicago"), off]))
        here = conversation("mapi", world)
        query = b"?MailboxId=" + BOBS_ID + b"@fourthcoffee.com"
        self.assertEqual(here.ask(b"POST /x/emsmdb/" + query, ALICE, b"Content-Length: 0\r\n").status, 403)
