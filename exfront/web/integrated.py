"""Logs a connection on at a back end with Integrated authentication, as its user, before any request goes there.

exfront answers the back end's NTLM challenge with the password that it has proven (S-HTTP-33). The three messages go
with requests of our own, OPTIONS for the virtual directory: nothing is done by them, no body is sent before the log-on
is through, and their outcome tells of name and password alone, not of the rights to what the client asks for. From then
on the connection is kept for the account like one with Basic, and no request on it carries credentials.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from exfront.auth.next_hop import NextHops, Place, choose
from exfront.auth.ntlm import BadChallenge, NtlmLogOn
from exfront.reasons import (
    BACK_END_LOGIN_LOST,
    BACK_END_LOGIN_REFUSED,
    BACK_END_LOGIN_TIMEOUT,
    BACK_END_PROTOCOL,
    NEXT_HOP_REFUSED,
    NTLM_NOT_ON_DESTINATION,
    Refused,
)
from exfront.secret import Secret
from exfront.topology import Scheme
from exfront.web import schemes
from exfront.web.back_end import BackEndConnection
from exfront.web.own_request import OwnRequest
from exfront.wire.http1.events import Headers, Length, ResponseHead
from exfront.wire.http1.write import request_head

_UNAUTHORIZED = 401
_FIRST_ERROR = 400
_FIRST_FAULT = 500
_METHODS = (b"OPTIONS", b"HEAD")  # the second one where a back end answers the first to anybody
_NO_BODY = Length(0)  # S-HTTP-34


@frozen
class User:
    """Who is logged on: `name` as NTLM has it, with the password."""

    account_id: str
    name: str
    secret: Secret = field(repr=False)


@define(eq=False)
class LogOn:
    """Of one connection. `target` and `fields` are those of our own requests, `allowed` the schemes that may be used.

    `seconds` is how long all of it may take.
    """

    connection: BackEndConnection
    hops: NextHops
    place: Place
    allowed: Sequence[Scheme]
    user: User
    target: bytes
    fields: Headers
    clock: IReactorTime
    seconds: float
    status: int = field(default=0, init=False)  # the back end's last one
    _leg: OwnRequest | None = field(default=None, init=False)
    _turn: Deferred[Callable[[], None]] | None = field(default=None, init=False)

    async def run(self) -> bool:
        """Whether the connection is logged on, or needs no log-on; False where it must be Basic instead.

        Who asks nobody who he is may still want to know it: Basic tells him, where it is allowed.

        Raises `Refused`; the connection is of no use then.
        """
        timer = self.clock.callLater(self.seconds, self._too_late)
        try:
            return await self._in_turn()
        except (Refused, CancelledError):
            self.connection.abort()
            raise
        finally:
            if timer.active():
                timer.cancel()

    async def _in_turn(self) -> bool:
        server, account, secret = self.place.server, self.user.account_id, self.user.secret
        self._turn = Deferred.fromCoroutine(self.hops.turn(server, account, secret))
        ended = await self._turn
        try:
            if self.hops.refuses(server, account, secret):
                raise Refused(NEXT_HOP_REFUSED, "not sent again: refused a moment ago")
            return await self._log_on()
        finally:
            ended()

    async def _log_on(self) -> bool:
        status = 0
        for method in _METHODS:
            tried: tuple[Scheme, ...] = ()
            scheme = self.hops.scheme(self.place, self.allowed)
            while True:
                messages = NtlmLogOn(self.user.name, self.user.secret)
                head = await self._ask(method, scheme, messages.first())
                status = head.status
                if status != _UNAUTHORIZED:
                    break
                token = _token(head, scheme)
                if token is not None:
                    await self._answer(method, scheme, messages, token)
                    return True
                tried = (*tried, scheme)
                scheme = self._offered(head, tried)
                if scheme == "basic":
                    return False
        if status >= _FIRST_ERROR:  # whoever fails now may offer NTLM again in a moment: no password is sent instead
            raise Refused(BACK_END_LOGIN_REFUSED, f"status={status}")
        if "basic" in self.allowed:
            self.hops.learn(self.place, "basic")
            return False
        return True

    def _offered(self, head: ResponseHead, tried: Sequence[Scheme]) -> Scheme:
        """What the back end offers instead of a challenge."""
        offered = schemes.offered(head.headers).lower().split(",")
        scheme = choose([each for each in self.allowed if each not in tried], offered)
        if scheme is None:
            raise Refused(NTLM_NOT_ON_DESTINATION, not_there(self.place.server))
        self.hops.learn(self.place, scheme)
        return scheme

    async def _answer(self, method: bytes, scheme: Scheme, messages: NtlmLogOn, token: bytes) -> None:
        try:
            answer = messages.second(token)
        except BadChallenge as why:
            raise Refused(BACK_END_PROTOCOL, str(why)) from None
        head = await self._ask(method, scheme, answer)
        server, user = self.place.server, self.user
        if head.status >= _FIRST_FAULT:
            raise Refused(BACK_END_LOGIN_REFUSED, f"status={head.status}")
        taken = head.status != _UNAUTHORIZED
        self.hops.note(server, user.account_id, user.secret, taken=taken, name=user.name)
        if not taken:
            raise Refused(NEXT_HOP_REFUSED, f"scheme={scheme} name={user.name}")
        self.hops.learn(self.place, scheme)

    async def _ask(self, method: bytes, scheme: Scheme, message: bytes) -> ResponseHead:
        """One request of our own, and its answer."""
        value = b"%b %b" % (_WRITTEN[scheme], base64.b64encode(message))
        fields = (*self.fields, (b"Authorization", value))
        self._leg = leg = OwnRequest(self.connection, BACK_END_LOGIN_LOST)
        head = await leg.ask(method, request_head(method, self.target, fields, _NO_BODY))
        self.status, self._leg = head.status, None
        if not head.keep_alive or not self.connection.alive:
            raise Refused(BACK_END_LOGIN_LOST, "the back end closes the connection that it is logged on to")
        return head

    def _too_late(self) -> None:
        if self._leg is not None:
            self._leg.fail(BACK_END_LOGIN_TIMEOUT, "")
        elif self._turn is not None and not self._turn.called:
            self._turn.addErrback(_timed_out)
            self._turn.cancel()


def _timed_out(failure: Failure) -> Callable[[], None]:
    raise Refused(BACK_END_LOGIN_TIMEOUT, "others of this user are tried first")


_WRITTEN: dict[Scheme, bytes] = {"ntlm": b"NTLM", "negotiate": b"Negotiate"}


def not_there(server: str) -> str:
    """How the log names a server that offers nothing we could use (*CASProxy mit Exchange 2007*)."""
    return f"PrxTo:{server}_Error:{NTLM_NOT_ON_DESTINATION.cause}_"


def _token(head: ResponseHead, scheme: Scheme) -> bytes | None:
    """The challenge of a scheme in a 401; None where it has none."""
    for value in head.get_all(b"www-authenticate"):
        name, _, text = value.partition(b" ")
        if name.lower() == scheme.encode() and text.strip():
            try:
                return base64.b64decode(text.strip(), validate=True)
            except binascii.Error:
                raise Refused(BACK_END_PROTOCOL, "a challenge that is not base64") from None
    return None
