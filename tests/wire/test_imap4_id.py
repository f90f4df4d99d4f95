"""The arguments of ID."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.imap4_commands import Argument, Atom, Group, String
from exfront.wire.imap4_id import BadId, read_id


def pairs(count: int, name: bytes = b"n", value: bytes = b"v") -> tuple[Argument, ...]:
    return (Group((String(name), String(value)) * count),)


class IdTests(SynchronousTestCase):
    def test_what_clients_send(self) -> None:
        """S-MAIL-16: up to 30 pairs of 30 and 1024 octets are read."""
        self.assertEqual(read_id((Atom(b"nil"),)), ())
        self.assertEqual(read_id((Group(()),)), ())
        self.assertEqual(read_id((Group((String(b"name"), Atom(b"NIL"))),)), ((b"name", b""),))
        self.assertEqual(read_id(pairs(30, b"n" * 30, b"v" * 1024)), ((b"n" * 30, b"v" * 1024),) * 30)

    def test_what_is_over_a_limit_or_no_list_of_pairs(self) -> None:
        """S-MAIL-16: over 30 pairs, 30 or 1024 octets, or no pairs of strings."""
        cases: tuple[tuple[Argument, ...], ...] = (
            pairs(31),
            pairs(3000),
            pairs(1, b"n" * 31),
            pairs(1, b"n", b"v" * 1025),
            (),
            (Atom(b"NIL"), Atom(b"NIL")),
            (Atom(b"x"),),
            (String(b"NIL"),),
            (Group((String(b"n"),)),),
            (Group((Atom(b"n"), String(b"v"))),),
            (Group((String(b"n"), Atom(b"v"))),),
        )
        for arguments in cases:
            with self.assertRaises(BadId, msg=str(arguments)):
                read_id(arguments)
