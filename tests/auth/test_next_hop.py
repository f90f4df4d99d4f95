"""Which name is used at the back end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.next_hop import login_name
from exfront.facts import ANONYMOUS, Identity
from exfront.topology import LoginAs
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
