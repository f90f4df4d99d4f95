"""Which name and scheme are used at the back end, and what is remembered of it."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.auth.next_hop import NextHops, Place, choose, login_name, ntlm_name
from exfront.facts import ANONYMOUS, Identity
from exfront.names import KeyKind, LookupKey
from exfront.secret import Secret
from exfront.topology import LoginAs, Scheme
from tests.support.directory import mailbox

_JUERGEN = mailbox("jürgen", upn="jürgen@partner.example", addresses=("j.g@fourthcoffee.com", "old@fourthcoffee.com"))


class LoginNameTests(SynchronousTestCase):
    def test_each_setting(self) -> None:
        cases: tuple[tuple[LoginAs, bytes], ...] = (
            ("typed", b"FC\\j\xfcrgen"),
            ("account", "jürgen".encode()),
            ("upn", "jürgen@partner.example".encode()),
            ("address", b"j.g@fourthcoffee.com"),
        )
        identity = Identity(_JUERGEN, typed=b"FC\\j\xfcrgen")
        for login_as, name in cases:
            self.assertEqual(login_name(identity, login_as), name, login_as)

    def test_account_name_where_the_entry_has_no_such_value(self) -> None:
        identity = Identity(mailbox("bob", upn="", addresses=()), typed=b"x")
        for login_as in ("upn", "address"):
            self.assertEqual(login_name(identity, login_as), b"bob")

    def test_without_an_account_the_name_is_as_typed(self) -> None:
        self.assertEqual(login_name(ANONYMOUS, "upn"), b"")

    def test_who_names_another_mailbox_is_passed_on_as_typed(self) -> None:
        """S-MAIL-8: the account's own name alone would open the account's own mailbox, on the other one's server."""
        other = (LookupKey(KeyKind.ALIAS, "bob"),)
        for login_as in ("typed", "account", "upn", "address"):
            identity = Identity(_JUERGEN, typed=b"FC/j/bob", names_mailbox=other)
            self.assertEqual(login_name(identity, login_as), b"FC/j/bob")
            identity = Identity(_JUERGEN, typed=b"FC/j/public.folders", public_folders=True)
            self.assertEqual(login_name(identity, login_as), b"FC/j/public.folders")

    def test_who_shows_a_certificate_has_typed_nothing(self) -> None:
        identity = Identity(_JUERGEN, typed=b"CN=J", proof="certificate")
        self.assertEqual(login_name(identity, "typed"), "jürgen".encode())

    def test_the_name_for_ntlm(self) -> None:
        """Of the directory, not as typed: DOMAIN and account, or what the server is said to know."""
        identity = Identity(_JUERGEN, typed=b"x")
        cases: tuple[tuple[LoginAs, str, str], ...] = (
            ("typed", "FC", "FC\\jürgen"),
            ("account", "FC", "FC\\jürgen"),
            ("upn", "FC", "jürgen@partner.example"),
            ("address", "FC", "j.g@fourthcoffee.com"),
            ("typed", "", "jürgen@partner.example"),
        )
        for login_as, domain, name in cases:
            self.assertEqual(ntlm_name(identity, login_as, domain), name)
        self.assertEqual(ntlm_name(Identity(mailbox("bob", upn="")), "typed", ""), "bob")


class ChoiceTests(SynchronousTestCase):
    def test_the_best_that_is_offered(self) -> None:
        """2000/2003 comment 7: Kerberos, NTLM, Basic; without tickets Negotiate is NTLM too, so NTLM goes before it."""
        every: tuple[Scheme, ...] = ("negotiate", "ntlm", "basic")
        cases: tuple[tuple[tuple[Scheme, ...], tuple[str, ...], Scheme | None], ...] = (
            (every, ("negotiate", "ntlm", "basic"), "ntlm"),
            (every, ("negotiate", "basic"), "negotiate"),
            (every, ("basic", "digest"), "basic"),
            (every, ("digest",), None),
            (every, (), None),
            (("basic", "ntlm"), ("ntlm", "basic"), "basic"),
            (("ntlm",), ("basic",), None),
        )
        for schemes, offered, chosen in cases:
            self.assertEqual(choose(schemes, offered), chosen, (schemes, offered))


class NextHopsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.hops = NextHops(self.clock.seconds)

    def test_what_was_learned_holds_for_a_while(self) -> None:
        place, other = Place("a", 80, "/exchange"), Place("a", 80, "/public")
        self.hops.learn(place, "basic")
        self.assertEqual(self.hops.scheme(place, ("ntlm", "basic")), "basic")
        self.assertEqual(self.hops.scheme(place, ("ntlm",)), "ntlm", "it may not be used")
        self.assertEqual(self.hops.scheme(other, ("ntlm", "basic")), "ntlm")
        self.clock.advance(limits.NEXT_HOP_SCHEME_TIME)
        self.assertEqual(self.hops.scheme(place, ("ntlm", "basic")), "ntlm")

    def test_it_is_bounded(self) -> None:
        """S-OPS-4: the oldest go first."""
        self.patch(limits, "NEXT_HOP_SCHEMES", 2)
        self.patch(limits, "NEXT_HOP_LOG_ONS", 2)
        for name in ("a", "b", "c"):
            self.hops.learn(Place(name, 80, "/"), "basic")
            self.hops.note(name, "id", Secret(b"x"), taken=False)
        known = [self.hops.learned(Place(name, 80, "/")) for name in ("a", "b", "c")]
        self.assertEqual(known, [None, "basic", "basic"])
        self.assertEqual([self.hops.refuses(name, "id", Secret(b"x")) for name in ("a", "b", "c")], [False, True, True])

    def test_a_refused_password(self) -> None:
        """S-AUTH-8: that one, of that account, there; not for ever."""
        self.hops.note("a", "id", Secret(b"x"), taken=False)
        asked = (("a", "id", b"x"), ("a", "id", b"y"), ("a", "other", b"x"), ("b", "id", b"x"))
        found = [self.hops.refuses(server, account, Secret(secret)) for server, account, secret in asked]
        self.assertEqual(found, [True, False, False, False])
        self.clock.advance(limits.NEXT_HOP_REFUSAL_TIME)
        self.assertFalse(self.hops.refuses("a", "id", Secret(b"x")))
        self.hops.note("a", "id", Secret(b"x"), taken=True)
        self.assertFalse(self.hops.refuses("a", "id", Secret(b"x")))

    def test_an_administrator_lets_it_be_tried_again(self) -> None:
        """By the account's id, or its name in any case; what was taken stays known."""
        for account in ("id", "ALICE"):
            self.hops.note("a", "id", Secret(b"x"), taken=False, name="FC\\alice")
            self.hops.note("b", "id", Secret(b"x"), taken=True, name="FC\\alice")
            self.assertFalse(self.hops.unlock("bob"))
            self.assertTrue(self.hops.unlock(account))
            self.assertFalse(self.hops.refuses("a", "id", Secret(b"x")))
            self.assertFalse(self.hops.unlock(account))

    def test_nothing_tells_a_password(self) -> None:
        """S-AUTH-11"""
        self.hops.note("a", "id", Secret(b"pass-word"), taken=False)
        self.assertNotIn("pass-word", repr(self.hops))
