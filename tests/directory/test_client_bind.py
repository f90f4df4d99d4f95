"""Binds on one connection."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from ldaptor.protocols import pureldap
from twisted.internet.defer import Deferred

from exfront.directory.client import BindResult
from exfront.directory.errors import ConnectionLost, DirectoryError, TimedOut
from tests.directory.connection import SECRET, ConnectionTests, close, raw
from tests.support.scripted_ldap import LdapPeer, Referral, bound, done, extended, replies, silent


class BindTests(ConnectionTests):
    async def test_result_and_message(self) -> None:
        server = self.serve(replies(bound(49, "80090308: data 52e, v1db1\0")))
        connection = await self.connect(server)
        result = await connection.bind("cn=Jürgen", SECRET)
        self.assertEqual(result, BindResult(49, "80090308: data 52e, v1db1"))
        self.assertEqual(server.binds(), [("cn=Jürgen".encode(), SECRET.reveal())])
        self.assertTrue(connection.alive)

    async def test_referral_to_a_bind_is_a_result_and_prints_nothing(self) -> None:
        connection = await self.connect(self.serve(replies(Referral(0x61, "ldap://evil/"))))
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.assertEqual((await connection.bind("cn=a", SECRET)).code, 10)
        self.assertEqual(printed.getvalue(), "")

    async def test_controls_that_nobody_asked_for_are_ignored(self) -> None:
        """389 Directory Server sends its password controls to every bind."""
        control = ("2.16.840.1.113730.3.4.5", None, "3600")

        def answer(peer: LdapPeer, identifier: int, request: Any) -> None:
            peer.write(pureldap.LDAPMessage(bound(), id=identifier, controls=[control]).toWire())

        connection = await self.connect(self.serve(answer))
        self.assertEqual((await connection.bind("cn=a", SECRET)).code, 0)

    async def test_time_out_closes(self) -> None:
        """S-AUTH-2: who is bound after a time-out is not known: the connection is closed."""
        connection = await self.connect(self.serve(silent))
        await self.fails(TimedOut, connection.bind("cn=a", SECRET))
        self.assertFalse(connection.alive)

    async def test_cancel_closes(self) -> None:
        """S-AUTH-2: a client that goes away during its bind takes the connection with it."""
        connection = await self.connect(self.serve(silent))
        running = Deferred.fromCoroutine(connection.bind("cn=a", SECRET))
        running.addErrback(lambda _: None)
        running.cancel()
        self.assertFalse(connection.alive)
        await running

    async def test_answer_of_another_kind_is_no_success(self) -> None:
        """S-AUTH-2: only a bind's own answer counts."""
        for answer in (done(0), extended(0)):
            connection = await self.connect(self.serve(replies(answer)))
            await self.fails(ConnectionLost, connection.bind("cn=a", SECRET))
            self.assertFalse(connection.alive)

    async def test_success_for_another_message_is_no_success(self) -> None:
        """S-AUTH-2: only result 0 to that very message id is success."""
        connection = await self.connect(self.serve(lambda peer, identifier, _: peer.send(identifier + 1, bound())))
        await self.fails(ConnectionLost, connection.bind("cn=a", SECRET))

    async def test_failures_do_not_hold_the_password(self) -> None:
        """S-AUTH-11: neither the failure nor the frames of its traceback show the password."""
        for answer in (silent, close, raw(b"garbage"), replies(done())):
            connection = await self.connect(self.serve(answer))
            error = await self.fails(DirectoryError, connection.bind("cn=a", SECRET))
            for octets in _reachable(error):
                self.assertNotIn(SECRET.reveal(), octets)


def _reachable(error: BaseException) -> list[bytes]:
    """The repr of the error, and of each local variable of the frames in its traceback and in those of its causes."""
    found: list[bytes] = []
    errors: list[BaseException | None] = [error]
    while errors:
        one = errors.pop()
        if one is None:
            continue
        errors += [one.__cause__, one.__context__]
        found.append(repr(one).encode("utf-8", "replace"))
        step = one.__traceback__
        while step is not None:
            for value in step.tb_frame.f_locals.values():
                found.append(value if isinstance(value, bytes) else repr(value).encode("utf-8", "replace"))
                wire = getattr(value, "toWire", None)
                if callable(wire) and not isinstance(value, type):
                    found.append(wire())
            step = step.tb_next
    return found
