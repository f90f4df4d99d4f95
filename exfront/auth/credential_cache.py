"""Passwords proven a moment ago, in memory only (S-AUTH-9)."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable

from attrs import define, field, frozen

from exfront import limits
from exfront.config.authentication import AuthenticationSection
from exfront.secret import Secret, code


@frozen
class _Proven:
    salt: bytes
    code: bytes = field(repr=False)
    when: float
    state: Hashable


@define(eq=False)
class CredentialCache:
    """One password per account, as a code under a key of this process; `seconds` is a monotonic clock.

    At most `CREDENTIALS` accounts, the oldest go first.
    """

    _settings: AuthenticationSection
    seconds: Callable[[], float]
    _proven: OrderedDict[str, _Proven] = field(factory=OrderedDict)
    _key: bytes = field(factory=lambda: secrets.token_bytes(32), repr=False)

    def __len__(self) -> int:
        return len(self._proven)

    @property
    def settings(self) -> AuthenticationSection:
        """[authentication]; assigning new ones forgets everything."""
        return self._settings

    @settings.setter
    def settings(self, settings: AuthenticationSection) -> None:
        self._settings = settings
        self._proven.clear()

    def proves(self, account_id: str, secret: Secret, protocol: str, state: Hashable = None) -> bool:
        """Whether the directory accepted this password not too long ago for `protocol` (``imap4``, ``pop3``, ``http``).

        `state` is what the account's entry says that a password hangs on; another one than at the proof ends it.
        A wrong password changes nothing here: the directory is asked about it.
        """
        found = self._proven.get(account_id)
        if found is None or found.state != state or self.seconds() - found.when >= self._life(protocol):
            return False
        return hmac.compare_digest(found.code, self._code(found.salt, account_id, secret))

    def remember(self, account_id: str, secret: Secret, state: Hashable = None) -> None:
        """The directory has just accepted it."""
        if not max(self._settings.credential_cache_time, self._settings.mail_credential_cache_time):
            return
        salt = secrets.token_bytes(16)
        self._proven[account_id] = _Proven(salt, self._code(salt, account_id, secret), self.seconds(), state)
        self._proven.move_to_end(account_id)
        if len(self._proven) > limits.CREDENTIALS:
            self._proven.popitem(last=False)

    def drop(self, account_id: str) -> None:
        """A bind failed, or a back end refused the password."""
        self._proven.pop(account_id, None)

    def _life(self, protocol: str) -> float:
        http = protocol == "http"
        return self._settings.credential_cache_time if http else self._settings.mail_credential_cache_time

    def _code(self, salt: bytes, account_id: str, secret: Secret) -> bytes:
        return code(self._key, salt + account_id.encode() + b"\0" + secret.reveal())
