"""A mail is taken apart without changing an octet."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.lab.imap4_fetch import fetched, items
from exfront.lab.imap4_syntax import BadSyntax
from exfront.lab.mailboxes import Message, mailboxes
from exfront.lab.mime import Part, body_structure, envelope

INNER = b"Subject: inner\r\nFrom: b@example.com\r\n\r\ninner text\r\n"
NESTED = (
    b"Subject: outer\r\nFROM: =?utf-8?q?A?= <a@example.com>,\r\n\tb@example.com\r\n"
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\npreamble\r\n"
    b"--x\r\n\r\nplain\r\n"
    b"--x\r\nContent-Type: message/rfc822\r\n\r\n" + INNER + b"\r\n"
    b"--x\r\nContent-Type: multipart/alternative; boundary=xy\r\n\r\n"
    b"--xy\r\nContent-Type: text/plain\r\n\r\none\r\n--xy\r\nContent-Type: text/html\r\n\r\n<b>\r\n--xy--\r\n"
    b"--x--\r\nepilogue\r\n"
)
SECTIONS = (
    (b"BODY[]", NESTED),
    (b"BODY[1]", b"plain"),
    (b"BODY[2]", INNER),
    (b"BODY[2.HEADER]", b"Subject: inner\r\nFrom: b@example.com\r\n\r\n"),
    (b"BODY[2.TEXT]", b"inner text\r\n"),
    (b"BODY[2.1]", b"inner text\r\n"),
    (b"BODY[2.MIME]", b"Content-Type: message/rfc822\r\n\r\n"),
    (b"BODY[2.HEADER.FIELDS (SUBJECT)]", b"Subject: inner\r\n\r\n"),
    (b"BODY[3.1]", b"one"),
    (b"BODY[3.2]", b"<b>"),
    (b"BODY[4]", b""),
    (b"BODY[3.9.1]", b""),
    (b"BODY[HEADER.FIELDS (subject)]", b"Subject: outer\r\n\r\n"),
    (
        b"BODY[HEADER.FIELDS.NOT (subject content-type)]",
        b"FROM: =?utf-8?q?A?= <a@example.com>,\r\n\tb@example.com\r\n\r\n",
    ),
)


def message(octets: bytes) -> Message:
    return mailboxes("chicago").log_on(b"anna", b"espresso-11").inbox.append(octets)  # type: ignore[union-attr]


class MimeTests(SynchronousTestCase):
    """Header, body, parts; and what FETCH makes of them."""

    def test_each_section_is_the_very_octets(self) -> None:
        mail = message(NESTED)
        for name, octets in SECTIONS:
            answer = b"(%s {%d}\r\n%s)" % (name, len(octets), octets)
            self.assertEqual(fetched(mail, items(name.replace(b"BODY[", b"BODY.PEEK["))), answer, name)

    def test_a_part_of_a_section_is_cut_out(self) -> None:
        mail = message(NESTED)
        for name, octets in ((b"BODY[1]<1.3>", b"lai"), (b"BODY[1]<3.100>", b"in"), (b"BODY[1]<99.1>", b"")):
            start = name[name.index(b"<") + 1 : name.index(b".")]
            answer = b"(BODY[1]<%s> {%d}\r\n%s)" % (start, len(octets), octets)
            self.assertEqual(fetched(mail, items(name)), answer)

    def test_an_unknown_item_is_refused(self) -> None:
        for name in (b"BODY[", b"NOTHING", b"BODY[1]<a>", b"RFC822.PEEK"):
            self.assertRaises(BadSyntax, items, name)
        self.assertRaises(BadSyntax, fetched, message(NESTED), items(b"BODY[1.NOTHING]"))

    def test_the_structure_names_each_part(self) -> None:
        inner = envelope(Part(INNER))
        plain = b'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" %d %d)'
        self.assertEqual(
            body_structure(Part(NESTED), extended=False),
            b"(" + plain % (5, 0)
            + b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" %d ' % len(INNER) + inner + b" " + plain % (12, 1) + b" 4)"
            + b'(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 0)("TEXT" "HTML" NIL NIL NIL "7BIT" 3 0) "ALTERNATIVE")'
            + b' "MIXED")',
        )  # fmt: skip

    def test_the_envelope_holds_fields_as_they_are_on_one_line(self) -> None:
        people = b'(("=?utf-8?q?A?=" NIL "a" "example.com")(NIL NIL "b" "example.com"))'
        self.assertEqual(
            envelope(Part(NESTED)), b'(NIL "outer" %s %s %s NIL NIL NIL NIL NIL)' % (people, people, people)
        )

    @given(
        st.lists(st.binary(max_size=30) | st.sampled_from([b"\r\n", b"--x", b"--", b"Content-Type: message/rfc822"]))
    )
    @settings(deadline=None)
    def test_no_mail_is_too_odd(self, pieces: list[bytes]) -> None:
        odd = Part(NESTED[:130] + b"".join(pieces))
        self.assertEqual(odd.header + odd.body, odd.octets)
        envelope(odd)
        body_structure(odd, extended=True)
