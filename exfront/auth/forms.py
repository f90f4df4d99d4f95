"""Log-ons by form: the cookies that stand for them, how long they last, and what ends them (S-HTTP-35 to -37)."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable

from attrs import define, evolve, field

from exfront import limits
from exfront.auth.cookie_keys import CookieKeys
from exfront.auth.revocations import Revocations
from exfront.config.forms import FormsSection
from exfront.facts import Identity
from exfront.reasons import FORM_COOKIE, FORM_REVOKED, FORM_TIMED_OUT, Refused
from exfront.secret import Secret
from exfront.topology import Mailbox
from exfront.wire import sealed_cookie
from exfront.wire.logon_cookie import SESSION_ID_OCTETS, LogonCookie, decode

_FILETIME = 10_000_000  # ticks a second, of pwdLastSet ...
_FILETIME_EPOCH = 11_644_473_600  # ... since 1601


@define(eq=False)
class FormLogOns:
    """Of one process. `settings` is [forms], `wall` seconds since the epoch; `changed` is called when something must
    outlive a restart.

    What is sealed for one `place` (a virtual site) opens at no other.
    """

    settings: FormsSection
    wall: Callable[[], float]
    keys: CookieKeys = field(init=False)
    revoked: Revocations = field(init=False)
    changed: Callable[[], None] = field(default=lambda: None)
    _held: OrderedDict[bytes, tuple[float, Secret]] = field(factory=OrderedDict, repr=False)  # with their time

    def __attrs_post_init__(self) -> None:
        self.keys = CookieKeys(self.wall, lambda: self.settings.longest, lambda: self.changed())
        self.revoked = Revocations(self.wall)

    def begin(self, identity: Identity, *, private: bool, old_form: bool, holds_password: bool) -> LogonCookie:
        """A new log-on of a user who was just proven; the password is kept only where `holds_password`."""
        account, now = identity.account, int(self.wall())
        assert account is not None
        secret = identity.secret if holds_password else None
        session_id = secrets.token_bytes(SESSION_ID_OCTETS)
        if secret is not None and self.settings.password == "memory":
            self._hold(session_id, secret)
            secret = None
        return LogonCookie(
            session_id, account.account_id, identity.typed, now, now, private, old_form, account.password_set, secret
        )

    def seal(self, cookie: LogonCookie, place: bytes) -> bytes:
        """The cookie's value."""
        key = self.keys.current()
        return sealed_cookie.seal(key.octets, place, cookie.encode(), key.id)

    def open(self, value: bytes, place: bytes) -> LogonCookie:
        """The log-on that a cookie's value stands for. Raises `Refused` for one that it is not, or is no more."""
        key = self.keys.find(sealed_cookie.key_id(value))
        content = None if key is None else sealed_cookie.unseal(key.octets, place, value)
        cookie = None if content is None else decode(content)
        if cookie is None:
            raise Refused(FORM_COOKIE, "no key for it" if key is None else "does not open")
        self._check(cookie)
        return cookie

    def lasts(self, cookie: LogonCookie) -> float:
        """Until when, if nothing more is done; seconds since the epoch."""
        return min(cookie.used + self._idle(cookie), self._end(cookie))

    def due(self, cookie: LogonCookie) -> float:
        """When its last use is to be written anew; seconds since the epoch."""
        return cookie.used + self._idle(cookie) / limits.LOGON_RENEWALS

    def used(self, cookie: LogonCookie) -> LogonCookie:
        """The same log-on, used now."""
        return evolve(cookie, used=int(self.wall()))

    def secret(self, cookie: LogonCookie) -> Secret | None:
        """The password, where it is held."""
        _, held = self._held.get(cookie.session_id, (0.0, None))
        return cookie.secret if cookie.secret is not None else held

    def check_account(self, cookie: LogonCookie, account: Mailbox) -> None:
        """Raises `Refused` where `account` is not (any more) whom the log-on was for; a new password ends it."""
        if account.account_id != cookie.account_id:
            raise Refused(FORM_REVOKED, "the name means another account now")
        if 0 < account.expires <= self.wall():
            raise Refused(FORM_REVOKED, "account expired")
        if _new_password(cookie, account):
            self.revoke(cookie)
            raise Refused(FORM_REVOKED, "the password was changed")

    def revoke(self, cookie: LogonCookie) -> None:
        """It is over, wherever copies of it are."""
        self._held.pop(cookie.session_id, None)
        self.revoked.add(cookie.session_id, self._end(cookie))
        self.changed()

    def is_live(self, cookie: LogonCookie) -> bool:
        """Whether it was not ended since it was opened."""
        return not self.revoked.refuses(cookie.session_id, self._end(cookie))

    def _check(self, cookie: LogonCookie) -> None:
        now = self.wall()
        if not self.is_live(cookie):
            raise Refused(FORM_REVOKED, "logged off, or ended")
        if now >= self.lasts(cookie):
            self._held.pop(cookie.session_id, None)
        if now >= self.lasts(cookie) or cookie.used > now + limits.LOGON_KEY_TIME:
            raise Refused(FORM_TIMED_OUT, "private computer" if cookie.private else "public computer")

    def _idle(self, cookie: LogonCookie) -> float:
        return self.settings.idle_time(cookie.private, cookie.old_form)

    def _end(self, cookie: LogonCookie) -> float:
        return cookie.issued + max(limits.LOGON_ABSOLUTE_TIME, self._idle(cookie))

    def _hold(self, session_id: bytes, secret: Secret) -> None:
        """Those whose log-on must have ended are forgotten, and the oldest where there are too many."""
        now = self.wall()
        self._held[session_id] = (now, secret)
        longest = max(limits.LOGON_ABSOLUTE_TIME, self.settings.longest)
        while len(self._held) > limits.LOGONS_HELD or next(iter(self._held.values()))[0] + longest <= now:
            self._held.popitem(last=False)


def _new_password(cookie: LogonCookie, account: Mailbox) -> bool:
    """Whether it was set after the log-on; 0 means that it must be changed, which an administrator says with a new one.

    What the cookie holds may be older than its log-on: entries are cached.
    """
    now, then = account.password_set, cookie.password_set
    if now is None or then is None or now == then:
        return False
    return now == 0 or now / _FILETIME - _FILETIME_EPOCH > cookie.issued
