"""Login names in all their forms."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.names import (
    BadName,
    KeyKind,
    LoginName,
    LookupKey,
    NameRules,
    decode,
    guid_keys,
    mailbox_keys,
    parse_login,
)

ACCOUNT, UPN, ADDRESS, ALIAS = KeyKind.ACCOUNT, KeyKind.UPN, KeyKind.ADDRESS, KeyKind.ALIAS
Keys = tuple[tuple[KeyKind, str, str], ...]


def _read(keys: tuple[LookupKey, ...]) -> Keys:
    return tuple((key.kind, key.value, key.domain) for key in keys)


class ParseLoginTests(SynchronousTestCase):
    """Source: *Understanding login strings with POP3/IMAP* (2004)."""

    def test_forms(self) -> None:
        """S-AUTH-4: all forms of a login name are read."""
        bare: Keys = ((ACCOUNT, "bob", ""), (ALIAS, "bob", ""))
        in_domain: Keys = ((ACCOUNT, "bob", "FC"),)
        at: Keys = ((UPN, "bob@fc.com", ""), (ADDRESS, "bob@fc.com", ""), (ACCOUNT, "bob", "fc.com"))
        alias: Keys = ((ALIAS, "sales", ""), (ACCOUNT, "sales", ""))
        cases: list[tuple[str, Keys, Keys]] = [
            ("bob", bare, ()),
            (r"FC\bob", in_domain, ()),
            ("FC/bob", in_domain, ()),
            ("FC/bob/sales", in_domain, alias),
            (r"FC\bob\sales", in_domain, alias),
            ("FC/bob/sales@fc.com", in_domain, ((ADDRESS, "sales@fc.com", ""),)),
            ("bob@fc.com", at, ()),
            ("bob@fc.com/sales", at, alias),
            (r"bob@fc.com\sales", at, alias),
            (r"FC\bob/x", ((ACCOUNT, "bob/x", "FC"),), ()),
            ("s*t(a)r", ((ACCOUNT, "s*t(a)r", ""), (ALIAS, "s*t(a)r", "")), ()),
            ("jürgen", ((ACCOUNT, "jürgen", ""), (ALIAS, "jürgen", "")), ()),
            (" bob ", ((ACCOUNT, " bob ", ""), (ALIAS, " bob ", "")), ()),
            (
                '"a@b"@fc.com',
                ((UPN, '"a@b"@fc.com', ""), (ADDRESS, '"a@b"@fc.com', ""), (ACCOUNT, '"a@b"', "fc.com")),
                (),
            ),
            ("bob@", ((UPN, "bob@", ""), (ADDRESS, "bob@", "")), ()),
        ]
        for text, keys, mailbox in cases:
            login = parse_login(text)
            self.assertEqual((login.typed, _read(login.keys), _read(login.mailbox_keys)), (text, keys, mailbox), text)

    def test_public_folders(self) -> None:
        """Exchange 2003: they are no mailbox, so none is looked up for them; alone the word is a user's name."""
        for text, keys in (
            ("FC/bob/public.folders", ((ACCOUNT, "bob", "FC"),)),
            (r"FC\bob\Public.Folders", ((ACCOUNT, "bob", "FC"),)),
            ("bob@fc.com/PUBLIC.FOLDERS", _read(parse_login("bob@fc.com").keys)),
        ):
            login = parse_login(text)
            found = (login.typed, _read(login.keys), login.mailbox_keys, login.public_folders)
            self.assertEqual(found, (text, keys, (), True))
        for text in ("public.folders", "FC/public.folders", "FC/bob/public.folder", "FC/bob/sales", "FC/bob"):
            self.assertFalse(parse_login(text).public_folders, text)

    def test_what_cannot_be_a_name_is_refused(self) -> None:
        """S-AUTH-1, S-AUTH-4: empty and over-long names, control, unassigned and direction-changing characters.

        Bad input: user name with asterisk, parentheses, backslash and NUL
        Bad input: user name with filter characters, NUL, 10 kB, right-to-left or look-alike characters
        """
        for text in (
            "x" * 10_240, "\u202eanna", "anna\u2067@fc.com",
            "", "\\", "/", "FC\\", "\\bob", "FC//bob", "FC/bob/", r"a\b\c\d", "a/b/c/d", "\0", "bob\0", "a\rb", "a\nb",
            "a\x7fb", "a\u202eb", "a\u200fb", "\u2066a", "a\U000e0fffb", "a\ud800b",
            "x" * (limits.USER_NAME_OCTETS + 1), "ü" * (limits.USER_NAME_OCTETS // 2 + 1),
        ):  # fmt: skip
            with self.assertRaises(BadName, msg=repr(text)):
                parse_login(text)

    def test_longest_name(self) -> None:
        self.assertIsInstance(parse_login("x" * limits.USER_NAME_OCTETS), LoginName)

    def test_refusal_does_not_repeat_the_name(self) -> None:
        """A name may be a password typed into the wrong field."""
        with self.assertRaises(BadName) as caught:
            parse_login("secret\0")
        self.assertNotIn("secret", str(caught.exception))

    @given(st.text(max_size=300))
    @settings(deadline=None)
    def test_any_text_gives_keys_or_bad_name(self, text: str) -> None:
        try:
            login = parse_login(text)
        except BadName:
            return
        self.assertTrue(login.keys)
        for key in (*login.keys, *login.mailbox_keys):
            self.assertTrue(key.value)
            self.assertIn(key.value, unicodedata.normalize("NFC", text))


class RulesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rules = NameRules(frozenset(("FourthCoffee.com", "fc.example.")), "+")

    def test_composed_form(self) -> None:
        """A name typed as letter and accent is the same name as the one with both in one character."""
        self.assertEqual(_read(parse_login("ju\u0308rgen").keys), _read(parse_login("jürgen").keys))
        self.assertEqual(mailbox_keys("ju\u0308rgen@x"), mailbox_keys("jürgen@x"))
        self.assertEqual(parse_login("ju\u0308rgen").typed, "ju\u0308rgen")

    def test_look_alikes_are_other_names(self) -> None:
        """S-AUTH-4: nothing is folded here: comparing is the directory's.

        Bad input: user name with filter characters, NUL, 10 kB, right-to-left or look-alike characters
        """
        for one, other in (("anna", "\u0430nna"), ("anna", "\uff41nna"), ("ANNA", "anna"), ("strasse", "straße"),
                           ("i", "\u0131")):  # fmt: skip
            self.assertNotEqual(_read(parse_login(one).keys), _read(parse_login(other).keys))

    def test_address_of_an_accepted_domain(self) -> None:
        for suffix in ("fourthcoffee.com", "FOURTHCOFFEE.COM", "fc.example"):
            kinds = [key.kind for key in parse_login(f"bob@{suffix}", self.rules).keys]
            self.assertEqual(kinds, [UPN, ADDRESS, ACCOUNT], suffix)

    def test_other_domains_name_no_mailbox_but_may_be_a_upn(self) -> None:
        """A UPN is no SMTP address: its suffix need not be accepted."""
        keys = parse_login("bob@partner.example", self.rules).keys
        self.assertEqual([key.kind for key in keys], [UPN, ACCOUNT])
        for name in ("bob@partner.example", "bob@"):
            with self.assertRaises(BadName):
                mailbox_keys(name, rules=self.rules)
        with self.assertRaises(BadName):
            parse_login("FC/bob/sales@partner.example", self.rules)

    def test_address_without_its_tag_comes_last(self) -> None:
        self.assertEqual(
            _read(parse_login("bob+lists@fc.example", self.rules).keys),
            ((UPN, "bob+lists@fc.example", ""), (ADDRESS, "bob+lists@fc.example", ""),
             (ACCOUNT, "bob+lists", "fc.example"), (ADDRESS, "bob@fc.example", "")),
        )  # fmt: skip
        self.assertEqual(
            _read(mailbox_keys("bob+a+b@fc.example", rules=self.rules)),
            ((ADDRESS, "bob+a+b@fc.example", ""), (ADDRESS, "bob@fc.example", "")),
        )

    def test_what_is_no_tag(self) -> None:
        for name in ("+bob@fc.example", '"bob+x"@fc.example', "bob@fc.example"):
            self.assertEqual(len(mailbox_keys(name, rules=self.rules)), 1, name)
        self.assertEqual(len(mailbox_keys("bob+x@fc.example")), 1)
        self.assertEqual(len(mailbox_keys("bob-x@fc.example", rules=NameRules(tag_separator="-"))), 2)


class MailboxKeysTests(SynchronousTestCase):
    """Source: the 2000/2003 front-end document, comment 9."""

    def test_alias(self) -> None:
        self.assertEqual(_read(mailbox_keys("bob")), ((ALIAS, "bob", ""), (ACCOUNT, "bob", "")))

    def test_alias_with_the_virtual_directorys_domain(self) -> None:
        self.assertEqual(
            _read(mailbox_keys("bob", "fc.com")),
            ((ADDRESS, "bob@fc.com", ""), (ALIAS, "bob", ""), (ACCOUNT, "bob", "")),
        )

    def test_address_is_an_address_whatever_the_domain(self) -> None:
        for domain in ("", "fc.com"):
            self.assertEqual(_read(mailbox_keys("bob@other.com", domain)), ((ADDRESS, "bob@other.com", ""),))

    def test_bad_names_are_refused(self) -> None:
        for name in ("", "a\0b", "x" * 300):
            with self.assertRaises(BadName):
                mailbox_keys(name)


class DecodeTests(SynchronousTestCase):
    def test_utf8_else_latin1(self) -> None:
        """S-AUTH-12: UTF-8 if it is valid, else Latin-1."""
        for octets, text in ((b"bob", "bob"), ("jürgen".encode(), "jürgen"), (b"j\xfcrgen", "jürgen"), (b"\xff", "ÿ")):
            self.assertEqual(decode(octets), text)


class GuidTests(SynchronousTestCase):
    def test_a_mailbox_guid_with_its_domain(self) -> None:
        """S-HTTP-23: as Outlook writes it since Exchange 2013, in any case."""
        rules = NameRules(frozenset({"fc.com"}))
        key = LookupKey(KeyKind.MAILBOX_GUID, "0a1b2c3d00004000800000000000abcd")
        self.assertEqual(guid_keys("0A1B2C3D-0000-4000-8000-00000000ABCD@FC.com", rules), (key,))
        for other in ("chicago", "0a1b2c3d-0000-4000-8000-00000000abcd", "bob@fc.com", "0a1b2c3d@fc.com", "@fc.com"):
            self.assertEqual(guid_keys(other, rules), ())
        self.assertRaises(BadName, guid_keys, "0a1b2c3d-0000-4000-8000-00000000abcd@evil.example", rules)
