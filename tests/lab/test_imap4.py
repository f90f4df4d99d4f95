"""The IMAP4 service of the lab's mailbox servers, in conversations."""

from __future__ import annotations

import base64

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from exfront.lab.imap4 import Imap4Server
from exfront.lab.mailboxes import Mailboxes, mailboxes

PLAIN = base64.b64encode(b"\0anna\0espresso-11")
_ALL = rb"\Answered \Flagged \Deleted \Seen \Draft".decode()


class Client:
    """One connection to the chicago server."""

    def __init__(self, of: Mailboxes) -> None:
        self.transport = StringTransport()
        self.server = Imap4Server(of)
        self.server.makeConnection(self.transport)
        self.greeting = self.transport.value()
        self.transport.clear()

    def say(self, *lines: bytes) -> list[str]:
        """All lines of the answer."""
        self.server.dataReceived(b"".join(line + b"\r\n" for line in lines))
        return self.told()

    def told(self) -> list[str]:
        value = self.transport.value().decode("latin-1")
        self.transport.clear()
        return value.removesuffix("\r\n").split("\r\n") if value else []


class Imap4Tests(SynchronousTestCase):
    """What a client says, and what it is told."""

    def setUp(self) -> None:
        self.mailboxes = mailboxes("chicago")
        self.client = Client(self.mailboxes)

    def logged_in(self, select: bytes = b"") -> Client:
        client = Client(self.mailboxes)
        client.say(b"l LOGIN anna espresso-11", *([b"s SELECT " + select] if select else []))
        return client

    def conversation(self, client: Client, *turns: tuple[bytes, list[str]]) -> None:
        for line, told in turns:
            self.assertEqual(client.say(line), told, line)

    def test_the_greeting_names_the_server_and_what_it_can(self) -> None:
        self.assertEqual(
            self.client.greeting,
            b"* OK [CAPABILITY IMAP4rev1 LITERAL+ ID SASL-IR AUTH=PLAIN] chicago.fourthcoffee.com is ready\r\n",
        )

    def test_every_way_to_log_on_is_taken(self) -> None:
        welcome = "OK [CAPABILITY IMAP4rev1 LITERAL+ ID IDLE NAMESPACE UNSELECT UIDPLUS CHILDREN] logged in at "
        for lines in (
            [b"a LOGIN anna espresso-11"],
            [b'a LOGIN "FOURTHCOFFEE\\\\anna" {11+}', b"espresso-11"],
            [b"a AUTHENTICATE PLAIN " + PLAIN],
            [b"a AUTHENTICATE PLAIN", PLAIN],
        ):
            told = Client(self.mailboxes).say(*lines)
            self.assertEqual(told[-1], f"a {welcome}chicago.fourthcoffee.com", lines)

    def test_others_are_refused_and_may_try_again(self) -> None:
        for line in (b"a LOGIN anna wrong", b"a LOGIN clara macchiato-33", b'a LOGIN "" ""'):
            (told,) = self.client.say(line)
            self.assertTrue(told.startswith("a NO [AUTHENTICATIONFAILED] "), told)
        self.assertIn("a OK", self.client.say(b"a LOGIN anna espresso-11")[0])

    def test_a_bad_response_of_plain_is_told(self) -> None:
        for line in (b"a AUTHENTICATE PLAIN !", b"a AUTHENTICATE PLAIN ="):
            self.assertEqual(self.client.say(line), ["a BAD not a response of PLAIN"])
        self.assertEqual(self.client.say(b"a AUTHENTICATE PLAIN", b"*"), ["+ ", "a BAD not a response of PLAIN"])

    def test_commands_out_of_order_are_refused(self) -> None:
        for line in (b"a SELECT INBOX", b"a FETCH 1 UID", b"a NOTHING", b"a UID FETCH 1 UID", b"a IDLE"):
            self.assertEqual(self.client.say(line), ["a BAD not a command, or not at this time"])
        client = self.logged_in()
        for line in (b"a LOGIN anna espresso-11", b"a FETCH 1 UID", b"a CLOSE"):
            self.assertEqual(client.say(line), ["a BAD not a command, or not at this time"])

    def test_wrong_arguments_are_told(self) -> None:
        client = self.logged_in(b"INBOX")
        for line, why in (
            (b"a SELECT", "wrong number of arguments"),
            (b"a FETCH 1", "wrong number of arguments"),
            (b"a FETCH x UID", "not a sequence set"),
            (b"a UID NOOP", "nothing that UID goes with"),
            (b"a UID (X)", "unexpected list"),
            (b"a STATUS INBOX (SIZE)", "unknown item"),
            (b"a SEARCH", "no search key"),
            (b"a SEARCH NOT", "search key without its argument"),
            (b"a SEARCH ON yesterday", "not a date"),
            (b"a STORE 1 FLAG (\\Seen)", "neither FLAGS nor +FLAGS nor -FLAGS"),
        ):
            self.assertEqual(client.say(line), [f"a BAD {why}"], line)

    def test_the_server_says_who_it_is(self) -> None:
        self.conversation(
            self.client,
            (b"a ID NIL", ['* ID ("name" "exfront lab" "host" "chicago.fourthcoffee.com")', "a OK known"]),
            (b"a NOOP", ["a OK done"]),
            (b"a LOGOUT", ["* BYE from chicago.fourthcoffee.com", "a OK bye"]),
        )
        self.assertTrue(self.client.transport.disconnecting)

    def test_folders_are_listed_by_pattern(self) -> None:
        every = ["INBOX", "Drafts", "Sent Items", "Deleted Items"]
        for pattern, names in (
            (b'"" *', every),
            (b'"" %', every),
            (b'"" inbox', ["INBOX"]),
            (b'D "*s"', ["Drafts", "Deleted Items"]),
            (b'"" nothing', []),
        ):
            listed = [f'* LIST (\\HasNoChildren) "/" "{name}"' for name in names]
            self.assertEqual(self.logged_in().say(b"a LIST " + pattern), [*listed, "a OK listed"], pattern)

    def test_a_folder_is_opened(self) -> None:
        folder = self.mailboxes.log_on(b"anna", b"espresso-11").inbox  # type: ignore[union-attr]
        told = self.logged_in().say(b"a SELECT inbox")
        self.assertEqual(
            told,
            [
                f"* FLAGS ({_ALL})", f"* OK [PERMANENTFLAGS ({_ALL} \\*)] kept until the lab ends", "* 3 EXISTS",
                "* 0 RECENT", "* OK [UNSEEN 1] the first one not seen",
                f"* OK [UIDVALIDITY {folder.uid_validity}] for this run of the lab", "* OK [UIDNEXT 4] the next one",
                "a OK [READ-WRITE] at chicago.fourthcoffee.com",
            ],
        )  # fmt: skip

    def test_an_absent_folder_is_told_and_closes_the_one_before(self) -> None:
        self.conversation(
            self.logged_in(b"INBOX"),
            (b"a SELECT nothing", ["a NO [NONEXISTENT] there is no such folder"]),
            (b"a CHECK", ["a BAD not a command, or not at this time"]),
        )

    def test_folders_cannot_be_made_or_removed(self) -> None:
        for line in (b"a CREATE x", b"a DELETE INBOX", b"a SUBSCRIBE x"):
            self.assertEqual(self.logged_in().say(line), ["a NO [CANNOT] the lab's folders are as they are"])

    def test_fetching_a_body_marks_it_as_seen_and_peeking_does_not(self) -> None:
        self.conversation(
            self.logged_in(b"INBOX"),
            (b"a UID FETCH 2 (FLAGS)", ["* 2 FETCH (UID 2 FLAGS ())", "a OK fetched"]),
            (b"a FETCH 2 BODY.PEEK[]<0.2>", ["* 2 FETCH (BODY[]<0> {2}", "Re)", "a OK fetched"]),
            (b"a FETCH 2 FLAGS", ["* 2 FETCH (FLAGS ())", "a OK fetched"]),
            (
                b"a FETCH 2 BODY[]<0.2>",
                ["* 2 FETCH (BODY[]<0> {2}", "Re)", "* 2 FETCH (FLAGS (\\Seen) UID 2)", "a OK fetched"],
            ),
            (b"a STATUS INBOX (UNSEEN MESSAGES)", ['* STATUS "INBOX" (UNSEEN 2 MESSAGES 3)', "a OK this"]),
        )

    def test_flags_are_stored_and_told_unless_asked_not_to(self) -> None:
        self.conversation(
            self.logged_in(b"INBOX"),
            (b"a STORE 1 +FLAGS \\seen", ["* 1 FETCH (FLAGS (\\Seen))", "a OK stored"]),
            (b"a UID STORE 1 +FLAGS (tag)", ["* 1 FETCH (FLAGS (\\Seen tag) UID 1)", "a OK stored"]),
            (b"a STORE 1 -FLAGS.SILENT (tag)", ["a OK stored"]),
            (b"a STORE 1 FLAGS (\\Recent \\Flagged)", ["* 1 FETCH (FLAGS (\\Flagged))", "a OK stored"]),
        )

    def test_a_folder_opened_read_only_is_not_changed(self) -> None:
        client = self.logged_in()
        self.assertEqual(client.say(b"a EXAMINE INBOX")[-1], "a OK [READ-ONLY] at chicago.fourthcoffee.com")
        self.assertEqual(client.say(b"a STORE 1 +FLAGS (\\Seen)"), ["a NO the folder was opened read-only"])
        self.assertEqual(client.say(b"a FETCH 1 RFC822.HEADER")[-1], "a OK fetched")
        self.assertEqual(client.say(b"a SEARCH SEEN"), ["* SEARCH", "a OK searched"])

    def test_searches_find_what_they_ask_for(self) -> None:
        client = self.logged_in(b"INBOX")
        client.say(b"a STORE 2 +FLAGS (\\Seen \\Flagged tag)")
        for keys, found in (
            (b"ALL", "1 2 3"),
            (b"NEW", ""),
            (b"UNSEEN", "1 3"),
            (b"SEEN FLAGGED", "2"),
            (b"NOT KEYWORD tag", "1 3"),
            (b"OR SUBJECT welcome SUBJECT price", "1 2"),
            (b"(OR 1 3) FROM dietz", "3"),
            (b"HEADER content-language DE", "3"),
            (b"BODY nothing", ""),
            (b"TEXT postmaster", "1"),
            (b"LARGER 800", "2"),
            (b"SMALLER 800", "1 3"),
            (b"SENTON 3-Nov-2026", "2"),
            (b"SINCE 3-Nov-2026", "2 3"),
            (b"BEFORE 3-Nov-2026", "1"),
            (b"UID 2:*", "2 3"),
            (b"CHARSET UTF-8 2", "2"),
        ):
            self.assertEqual(client.say(b"a SEARCH " + keys), [f"* SEARCH {found}".rstrip(), "a OK searched"], keys)
        self.assertTrue(client.say(b"a SEARCH CHARSET KOI8-R ALL")[0].startswith("a NO [BADCHARSET"))

    def test_a_deleted_message_goes_with_expunge_and_others_are_told(self) -> None:
        client, other = self.logged_in(b"INBOX"), self.logged_in(b"INBOX")
        self.conversation(
            client,
            (b"a STORE 1,3 +FLAGS.SILENT (\\Deleted)", ["a OK stored"]),
            (b"a UID EXPUNGE 1:2", ["* 1 EXPUNGE", "a OK expunged"]),
            (b"a EXPUNGE", ["* 2 EXPUNGE", "a OK expunged"]),
            (b"a FETCH 1:* UID", ["* 1 FETCH (UID 2)", "a OK fetched"]),
        )
        self.assertEqual(other.say(b"a FETCH 3 UID"), ["* 3 FETCH (UID 3)", *self.flags_of_the_third, "a OK fetched"])
        self.assertEqual(other.say(b"a NOOP"), ["* 3 EXPUNGE", "* 1 EXPUNGE", "a OK done"])

    flags_of_the_third = ("* 1 FETCH (FLAGS (\\Deleted) UID 1)", "* 3 FETCH (FLAGS (\\Deleted) UID 3)")

    def test_close_expunges_and_unselect_does_not(self) -> None:
        client = self.logged_in(b"INBOX")
        client.say(b"a STORE 1 +FLAGS (\\Deleted)", b"a UNSELECT")
        self.assertEqual(client.say(b"a STATUS INBOX (MESSAGES)")[0], '* STATUS "INBOX" (MESSAGES 3)')
        client.say(b"a SELECT INBOX", b"a CLOSE")
        self.assertEqual(client.say(b"a STATUS INBOX (MESSAGES)")[0], '* STATUS "INBOX" (MESSAGES 2)')

    def test_messages_are_copied_with_their_flags(self) -> None:
        client = self.logged_in(b"INBOX")
        client.say(b"a STORE 3 +FLAGS (\\Flagged)")
        (told,) = client.say(b'a COPY 1,3 "Sent Items"')
        self.assertRegex(told, r"^a OK \[COPYUID \d+ 1,3 1,2\] copied$")
        client.say(b'a SELECT "Sent Items"')
        self.assertEqual(client.say(b"a FETCH 2 FLAGS"), ["* 2 FETCH (FLAGS (\\Flagged))", "a OK fetched"])

    def test_a_message_is_appended_and_told_to_who_idles(self) -> None:
        idler = self.logged_in(b"Drafts")
        self.assertEqual(idler.say(b"i IDLE"), ["+ idling"])
        (told,) = self.logged_in().say(b'a APPEND Drafts (\\Draft) " 2-Nov-2026 08:00:00 +0100" {6+}', b"a: b", b"")
        self.assertRegex(told, r"^a OK \[APPENDUID \d+ 1\] ")
        self.assertEqual(idler.told(), ["* 1 EXISTS"])
        self.assertEqual(idler.say(b"DONE"), ["i OK"])
        self.assertEqual(
            idler.say(b"a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)")[0],
            '* 1 FETCH (FLAGS (\\Draft) INTERNALDATE " 2-Nov-2026 08:00:00 +0100" RFC822.SIZE 6)',
        )

    def test_a_connection_that_ends_looks_at_nothing_any_more(self) -> None:
        client = self.logged_in(b"INBOX")
        folder = self.mailboxes.log_on(b"anna", b"espresso-11").inbox  # type: ignore[union-attr]
        self.assertEqual(len(folder.watchers), 1)
        client.server.connectionLost()
        self.assertEqual(folder.watchers, [])

    def test_too_much_closes_the_connection(self) -> None:
        self.assertEqual(self.client.say(b"a LOGIN {99999999}"), ["a BAD literal too long"])
        self.assertTrue(self.client.transport.disconnecting)
