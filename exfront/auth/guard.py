"""Keeps failed log-ons from locking accounts in the directory, over all protocols and spellings (S-AUTH-7 to -10).

Pure but for its clock: who binds asks `check` and `begin` before, and tells `failed`, `succeeded` or `ended` after.
Active Directory's count of an account's failures lives until its observation window has passed without one; so does
the count here, which therefore ends before the directory's.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from attrs import Factory, define, field, frozen
from twisted.logger import Logger

from exfront import limits
from exfront.auth.client_failures import ClientFailures
from exfront.auth.client_network import client_network
from exfront.auth.sprayed import Sprayed
from exfront.auth.wrong_passwords import WrongPasswords
from exfront.config.authentication import AuthenticationSection
from exfront.reasons import SOFT_LOCK, TOO_MANY_LOGON_FAILURES, WRONG_PASSWORD, Refused
from exfront.secret import Secret, code

_NEVER = float("-inf")
_TURNS = 16  # accounts that are looked at to make room for a new one


@frozen
class LockoutPolicy:
    """What the domain says: `threshold` failures lock an account (0: they never do, None: not known), and they are
    forgotten after `window` seconds without one (0.0: not known)."""

    threshold: int | None = None
    window: float = 0.0


@frozen
class Lockout:
    """An account with failures: `failures` of at most `limit`; `seconds` until they are forgotten.

    `locked`: log-ons from unknown networks are refused until then.
    """

    account_id: str
    name: str
    failures: int
    limit: int
    seconds: float
    locked: bool


@frozen
class Remembered:
    """What outlives a restart of one account; times are seconds of the wall clock."""

    account_id: str
    name: str
    failures: int
    failed: float
    networks: tuple[tuple[str, float], ...] = ()


@define
class _Account:
    name: str = ""
    failures: int = 0
    failed: float = _NEVER
    under_way: int = 0
    told: bool = False
    directory_count: int = 0
    networks: dict[str, float] = field(factory=dict)  # with a good log-on, and when


@define(eq=False)
class Guard:
    """`settings` is [authentication], `seconds` a monotonic clock; `changed` is called when `snapshot` has news."""

    log = Logger()

    _settings: AuthenticationSection
    seconds: Callable[[], float]
    policy: LockoutPolicy = LockoutPolicy()
    changed: Callable[[], None] = field(default=lambda: None)
    _accounts: OrderedDict[str, _Account] = field(factory=OrderedDict)
    _wrong: WrongPasswords = field(factory=WrongPasswords)
    _clients: ClientFailures = field(default=Factory(lambda self: ClientFailures(self._settings), takes_self=True))
    _sprayed: Sprayed = field(factory=Sprayed)
    _key: bytes = field(factory=lambda: secrets.token_bytes(32), repr=False)

    # --- the limits

    @property
    def settings(self) -> AuthenticationSection:
        """[authentication]; assign a new one to change it while running, what is counted stays."""
        return self._settings

    @settings.setter
    def settings(self, settings: AuthenticationSection) -> None:
        self._settings = self._clients.settings = settings

    @property
    def limit(self) -> int:
        """How many failed binds an account may have in a window."""
        threshold = self.settings.lockout_threshold or self.policy.threshold
        if threshold is None:
            threshold = limits.LOCKOUT_THRESHOLD
        most = self.settings.failures_per_account
        return max(1, min(most, threshold - limits.LOCKOUT_MARGIN) if threshold else most)

    @property
    def window(self) -> float:
        """For how many seconds after the last failure all of them count."""
        return max(self.settings.lockout_window, self.policy.window)

    # --- before a bind

    def check(
        self, account_id: str, secret: Secret, client: str, *,
        bad_password_count: int | None = None, password_set: int | None = None,
    ) -> None:  # fmt: skip
        """May this password be tried? Raises `Refused`, and nothing has changed then.

        `bad_password_count` and `password_set` are badPwdCount and pwdLastSet, where the directory tells them.
        """
        now = self.seconds()
        wrong = self._wrong
        if wrong.concern(account_id) and wrong.knows(self.digest(account_id, secret), password_set, now):
            raise Refused(WRONG_PASSWORD, "the same as a moment ago")
        account = self._accounts.get(account_id)
        network = client_network(client)
        if bad_password_count is not None:
            account = self._sighted(account_id, bad_password_count, now)
        if account is not None and self._counted(account, now) >= self._share(account, network, now):
            self._tell(account_id, account, now)
            raise Refused(SOFT_LOCK, f"failures={account.failures} limit={self.limit}")
        if self.throttles(account_id, secret, client):
            raise Refused(TOO_MANY_LOGON_FAILURES, f"net={network}")

    def throttles(self, account_id: str, secret: Secret, client: str) -> bool:
        """Whether the client's network has too many failures, or tries this password on many accounts (S-AUTH-10).

        Not for an account with a good log-on from there.
        """
        now, network = self.seconds(), client_network(client)
        account = self._accounts.get(account_id)
        if account is not None and self._is_known(account, network, now):
            return False
        return self._clients.too_many(network, now) or self._sprayed.refuses(self.digest("", secret), network, now)

    def begin(self, account_id: str, client: str) -> bool:
        """Take one of the tries that are left; False while others have taken them all: ask again when one has ended.

        To be followed by `failed`, `succeeded` or `ended`.
        """
        now = self.seconds()
        account = self._account(account_id)
        free = self._share(account, client_network(client), now) - self._counted(account, now) - account.under_way
        if free > 0:
            account.under_way += 1
        return free > 0

    # --- after a bind

    def failed(
        self, account_id: str, secret: Secret, client: str, *, name: str = "", password_set: int | None = None
    ) -> None:
        """The directory says that the password is wrong; `name` is the account's, for people."""
        now = self.seconds()
        account = self._ended(account_id)
        account.failures, account.failed = self._counted(account, now) + 1, now
        account.name, account.told = name or account.name, False
        until = now + self.settings.failure_memory_time
        self._wrong.note(self.digest(account_id, secret), account_id, password_set, until)
        self.changed()

    def succeeded(self, account_id: str, secret: Secret, client: str, *, name: str = "") -> None:
        """The directory says that it is right: failures are forgotten, and the network is known from now on."""
        now, network = self.seconds(), client_network(client)
        account = self._ended(account_id)
        news = account.failures > 0 or now - account.networks.get(network, _NEVER) >= limits.KNOWN_NETWORK_FRESH
        account.failures, account.told, account.name = 0, False, name or account.name
        if news:
            account.networks.pop(network, None)
            account.networks[network] = now
            if len(account.networks) > limits.KNOWN_NETWORKS:
                del account.networks[next(iter(account.networks))]
            self.changed()
        self._wrong.forget(self.digest(account_id, secret))
        self._clients.succeeded(network)

    def untried(self, account_id: str, secret: Secret) -> None:
        """The entry that refused this password was not the account's any more: it may be tried for the one that is."""
        self._wrong.forget(self.digest(account_id, secret))

    def ended(self, account_id: str) -> None:
        """The bind told nothing about the password: the directory is down, or the account may not log on anyway."""
        self._ended(account_id)

    # --- clients

    def refused(self, who: str, secret: Secret, client: str) -> None:
        """A client is told that its credentials are wrong; `who` is an account's id, or the name of nobody."""
        now, network = self.seconds(), client_network(client)
        self._clients.note(network, self.digest(who, secret), now)
        if self._sprayed.note(self.digest("", secret), who, network, now):
            self.log.error("spray net={network} accounts={accounts}", network=network, accounts=limits.SPRAY_ACCOUNTS)

    def delay(self, client_address: str) -> float:
        """How long a failure of this client is held back now, in seconds (S-MAIL-11)."""
        return self._clients.delay(client_network(client_address), self.seconds())

    # --- people

    def lockouts(self) -> list[Lockout]:
        """All accounts whose failures count now, those that are locked first."""
        now = self.seconds()
        found = []
        for account_id, account in self._accounts.items():
            failures = self._counted(account, now)
            if failures:
                left = account.failed + self.window - now
                locked = failures >= self._share(account, "", now)
                found.append(Lockout(account_id, account.name, failures, self.limit, left, locked))
        return sorted(found, key=lambda one: (not one.locked, one.seconds))

    def unlock(self, account: str) -> bool:
        """Forget the failures of an account, given by its id or name, and which passwords were wrong.

        False where there are none.
        """
        wanted = account.casefold()
        now, found = self.seconds(), False
        for account_id, known in self._accounts.items():
            if wanted in (account_id.casefold(), known.name.casefold()) and self._counted(known, now):
                known.failures, known.told, found = 0, False, True
                self._wrong.forget_account(account_id)
        if found:
            self.changed()
        return found

    # --- a restart

    def snapshot(self, wall: float) -> Iterator[Remembered]:
        """What must outlive a restart; `wall` is the wall clock's time now (S-AUTH-7)."""
        then = wall - self.seconds()
        for account_id, account in tuple(self._accounts.items()):
            failures = self._counted(account, self.seconds())
            if failures or account.networks:
                networks = tuple((network, when + then) for network, when in account.networks.items())
                failed = account.failed + then if failures else 0.0
                yield Remembered(account_id, account.name, failures, failed, networks)

    def restore(self, accounts: Iterable[Remembered], wall: float) -> None:
        """Take over what an earlier process left. What lies in the future happened now: clocks are set back."""
        now = self.seconds()
        then = wall - now
        for one in accounts:
            account = self._account(one.account_id)
            account.name, account.failures = one.name, one.failures
            account.failed = min(now, one.failed - then)
            account.networks = {network: min(now, when - then) for network, when in one.networks}

    # --- inside

    def _ended(self, account_id: str) -> _Account:
        account = self._account(account_id)
        account.under_way = max(0, account.under_way - 1)
        return account

    def _share(self, account: _Account, network: str, now: float) -> int:
        """The tries of `limit` that are for this network: one is kept for those with a good log-on."""
        known = any(self._fresh(when, now) for when in account.networks.values())
        return self.limit - 1 if known and self.limit > 1 and not self._is_known(account, network, now) else self.limit

    def _is_known(self, account: _Account, network: str, now: float) -> bool:
        return self._fresh(account.networks.get(network, _NEVER), now)

    @staticmethod
    def _fresh(when: float, now: float) -> bool:
        return now - when < limits.KNOWN_NETWORK_TIME

    def _counted(self, account: _Account, now: float) -> int:
        return account.failures if now - account.failed < self.window else 0

    def _sighted(self, account_id: str, count: int, now: float) -> _Account:
        """badPwdCount stays as it is long after its window: only a value that rises is news."""
        account = self._account(account_id)
        if count > max(account.directory_count, self._counted(account, now)):
            account.failures, account.failed = count, now
            self.changed()
        account.directory_count = count
        return account

    def _tell(self, account_id: str, account: _Account, now: float) -> None:
        if not account.told:
            account.told = True
            left = account.failed + self.window - now
            self.log.warn(
                "soft_lock {account} name={name} failures={failures} seconds={seconds:.0f}",
                account=account_id, name=account.name, failures=account.failures, seconds=left,
            )  # fmt: skip

    def _account(self, account_id: str) -> _Account:
        found = self._accounts.get(account_id)
        if found is None:
            self._make_room()
            found = self._accounts[account_id] = _Account()
        self._accounts.move_to_end(account_id)
        return found

    def _make_room(self) -> None:
        """The account that nobody asked for longest goes; one with failures or a bind under way gets another turn."""
        for _ in range(_TURNS if len(self._accounts) >= limits.GUARDED_ACCOUNTS else 0):
            account_id, account = self._accounts.popitem(last=False)
            if not account.under_way and not self._counted(account, self.seconds()):
                return
            self._accounts[account_id] = account
        if len(self._accounts) >= 2 * limits.GUARDED_ACCOUNTS:
            self._accounts.popitem(last=False)

    def digest(self, who: str, secret: Secret) -> bytes:
        """Stands for a password where it is only compared; the key never leaves this process."""
        return code(self._key, who.encode("utf-8", "surrogatepass") + b"\0" + secret.reveal())
