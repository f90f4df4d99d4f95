"""One password check, guarded: refused without a bind, known from a moment ago, or a bind that the guard hears of."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from attrs import define, field
from twisted.internet.defer import Deferred

from exfront.auth.credential_cache import CredentialCache
from exfront.auth.guard import Guard
from exfront.config.authentication import AuthenticationSection
from exfront.directory.single_flight import SingleFlight
from exfront.interfaces import ICheckPasswords
from exfront.reasons import (
    HIDDEN_EXPIRED,
    HIDDEN_MUST_CHANGE,
    PASSWORD_EXPIRED,
    PASSWORD_MUST_CHANGE,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.secret import Secret
from exfront.topology import Mailbox

_UNAUTHORIZED = 401


@define(eq=False)
class GuardedPasswords:
    """`checker` asks the directory, and is asked once for equal passwords of one account at the same time (S-DIR-6).

    A check under way runs to its end even if all who wait for it are gone: it may count in the directory, so the guard
    must hear of it. `wall_clock` gives seconds since the epoch.
    """

    checker: ICheckPasswords
    guard: Guard
    cache: CredentialCache
    wall_clock: Callable[[], float] = time.time
    _flights: SingleFlight[tuple[str, bytes], str] = field(factory=SingleFlight)
    _waiting: dict[str, list[Deferred[None]]] = field(factory=dict)

    @property
    def settings(self) -> AuthenticationSection:
        """[authentication]; assign a new one to change it while running."""
        return self.guard.settings

    @settings.setter
    def settings(self, settings: AuthenticationSection) -> None:
        self.guard.settings = self.cache.settings = settings

    async def check(self, account: Mailbox, secret: Secret, client: str, protocol: str) -> str:
        """How the password was proven. `client` is an address, with or without a port. Raises `Refused`."""
        self._ask_guard(account, secret, client)
        if not self._expired(account) and self.cache.proves(account.account_id, secret, protocol, _state(account)):
            return "credential_cache"
        key = (account.account_id, self.guard.digest(account.account_id, secret))
        return await self._flights.join(key, lambda: self._bind(account, secret, client))

    def forget(self, account_id: str) -> None:
        """A back end refused a password of this account: the directory is asked again (S-AUTH-9)."""
        self.cache.drop(account_id)

    async def _bind(self, account: Mailbox, secret: Secret, client: str) -> str:
        while not self.guard.begin(account.account_id, client):
            await self._turn(account.account_id)
            self._ask_guard(account, secret, client)
        heard = False
        try:
            proof = await self.checker.check(account, secret)
            self.guard.succeeded(account.account_id, secret, client, name=account.account_name)
            self.cache.remember(account.account_id, secret, _state(account))
            heard = True
        except Refused as refused:
            if refused.reason.http_status == _UNAUTHORIZED:  # a directory that does not answer has refused nobody
                self.cache.drop(account.account_id)
            if refused.reason is WRONG_PASSWORD:
                self._failed(account, secret, client)
                heard = True
            raise Refused(self._shown(refused.reason), refused.detail) from None
        finally:
            if not heard:
                self.guard.ended(account.account_id)
            self._next(account.account_id)
        return proof

    def _expired(self, account: Mailbox) -> bool:
        """By its entry and our own clock: whether that is so, a bind tells."""
        return 0 < account.expires <= self.wall_clock()

    def _failed(self, account: Mailbox, secret: Secret, client: str) -> None:
        name, password_set = account.account_name, account.password_set
        self.guard.failed(account.account_id, secret, client, name=name, password_set=password_set)

    def _ask_guard(self, account: Mailbox, secret: Secret, client: str) -> None:
        self.guard.check(
            account.account_id, secret, client,
            bad_password_count=account.bad_password_count, password_set=account.password_set,
        )  # fmt: skip

    def _shown(self, reason: Reason) -> Reason:
        """Whether the owner of the right password hears that it has expired is the administrator's choice."""
        hidden = {PASSWORD_EXPIRED: HIDDEN_EXPIRED, PASSWORD_MUST_CHANGE: HIDDEN_MUST_CHANGE}
        return reason if self.settings.show_expired else hidden.get(reason, reason)

    def _turn(self, account_id: str) -> Deferred[None]:
        """Fires when a bind of this account has ended."""
        turn: Deferred[None] = Deferred()
        self._waiting.setdefault(account_id, []).append(turn)
        return turn

    def _next(self, account_id: str) -> None:
        for turn in self._waiting.pop(account_id, ()):
            turn.callback(None)


def _state(account: Mailbox) -> Hashable:
    """What an administrator, a guesser or the user changes, and what ends a proof from before (S-AUTH-9)."""
    return account.locked_since, account.password_set
