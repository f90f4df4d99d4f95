"""Distinguished names: reading, comparing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.directory import dn
from exfront.directory.dn import BadName, Rdn, parse

_STORE = "CN=Mailbox Store (SRV),CN=First Storage Group,CN=InformationStore,CN=SRV,CN=Servers,DC=x"


def _escaped(value: str) -> str:
    """RFC 4514 section 2.4, by hexadecimal escapes for everything: independent of the reader under test."""
    return "".join(f"\\{octet:02X}" for octet in value.encode())


class ParseTests(SynchronousTestCase):
    def test_names(self) -> None:
        """S-DIR-12: a DN is never split on a bare comma, and escapes are undone."""
        cases: list[tuple[str, list[tuple[str, str]]]] = [
            ("", []),
            ("dc=com", [("dc", "com")]),
            ("CN=a,DC=b", [("cn", "a"), ("dc", "b")]),
            ("CN = a , DC = b ", [("cn", "a"), ("dc", "b")]),
            (r"CN=Berg\, Bob,DC=b", [("cn", "Berg, Bob"), ("dc", "b")]),
            (r"CN=Berg\2C Bob,DC=b", [("cn", "Berg, Bob"), ("dc", "b")]),
            (r"CN=Berg\2c Bob,DC=b", [("cn", "Berg, Bob"), ("dc", "b")]),
            (r"CN=J\C3\BCrgen,DC=b", [("cn", "Jürgen"), ("dc", "b")]),
            ("CN=Jürgen,DC=b", [("cn", "Jürgen"), ("dc", "b")]),
            (r"CN=a\+b\=c\<d\>\;\"\\,DC=b", [("cn", 'a+b=c<d>;"\\'), ("dc", "b")]),
            ("CN=a=b,DC=b", [("cn", "a=b"), ("dc", "b")]),
            (r"CN=\ a\ ,DC=b", [("cn", " a "), ("dc", "b")]),
            (r"CN=a\\ ,DC=b", [("cn", "a\\"), ("dc", "b")]),
            (r"CN=\#1,DC=b", [("cn", "#1"), ("dc", "b")]),
            (r"CN=old\0ACNF:6c1e,DC=b", [("cn", "old\nCNF:6c1e"), ("dc", "b")]),
            ("CN=a+UID=b,DC=c", [("cn", "a"), ("dc", "c")]),
            ("2.5.4.3=a", [("2.5.4.3", "a")]),
            ("CN=,DC=b", [("cn", ""), ("dc", "b")]),
        ]
        for text, expected in cases:
            self.assertEqual(parse(text), tuple(Rdn(*step) for step in expected), text)

    def test_what_is_no_name_is_refused(self) -> None:
        for text in (
            "a",
            ",",
            "CN=a,",
            ",CN=a",
            "CN=a;DC=b",
            'CN="a"',
            "CN=a\\",
            r"CN=\FF",
            "=a",
            "C N=a",
            "CN=a\0",
            "/o=x/cn=y",
        ):
            with self.assertRaises(BadName, msg=text):
                parse(text)

    def test_store_of_exchange_2003(self) -> None:
        self.assertEqual([step.value for step in parse(_STORE)][2:5], ["InformationStore", "SRV", "Servers"])

    @given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=20), min_size=1, max_size=5))
    @settings(deadline=None)
    def test_any_value_survives_its_escaping(self, values: list[str]) -> None:
        text = ",".join(f"cn={_escaped(value)}" for value in values)
        self.assertEqual([step.value for step in parse(text)], values)

    @given(st.text(st.sampled_from('ab=,+\\"<>;# \0é1F'), max_size=40))
    @settings(deadline=None)
    def test_nothing_but_bad_name_is_raised(self, text: str) -> None:
        try:
            parse(text)
        except BadName:
            pass


class CompareTests(SynchronousTestCase):
    def test_case_spaces_and_spelling_do_not_count(self) -> None:
        """S-DIR-12: DNs compare by RFC 4517's rules."""
        name = dn.normalised(r"CN=Berg\, Bob,OU=Staff,DC=Fourthcoffee,DC=com")
        for other in (
            r"cn=berg\2C bob,ou=staff,dc=fourthcoffee,dc=com",
            r"CN = BERG\,  BOB , OU = STAFF , DC = FOURTHCOFFEE , DC = COM",
        ):
            self.assertEqual(dn.normalised(other), name)
        self.assertNotEqual(dn.normalised("CN=Berg,OU=Bob,OU=Staff,DC=Fourthcoffee,DC=com"), name)

    def test_below(self) -> None:
        base = "DC=fourthcoffee,DC=com"
        for text, expected in (
            ("dc=FourthCoffee, dc=com", True),
            ("cn=a,dc=fourthcoffee,dc=com", True),
            ("dc=com", False),
            ("dc=notfourthcoffee,dc=com", False),
            (r"cn=a\,dc=fourthcoffee,dc=com", False),
        ):
            self.assertEqual(dn.is_below(text, base), expected, text)
        self.assertTrue(dn.is_below("cn=a", ""))

    def test_dns_domain(self) -> None:
        for text, expected in (
            ("dc=fourthcoffee,dc=com", "fourthcoffee.com"),
            ("ou=Staff,dc=fourthcoffee,dc=com", "fourthcoffee.com"),
            ("o=Fourth Coffee", ""),
            ("", ""),
        ):
            self.assertEqual(dn.dns_domain(text), expected)
