"""Basic authentication of requests: who asks, remembered for a minute on the same connection (S-AUTH-9, -12)."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from exfront import limits
from exfront.auth.client_certificate import ClientCertificate
from exfront.config.limits import LimitsSection
from exfront.decision import SessionRecord
from exfront.facts import Identity
from exfront.names import decode
from exfront.reasons import (
    CERTIFICATE_UNKNOWN,
    CREDENTIALS_NEEDED,
    DOUBLE_HOP,
    MALFORMED_CREDENTIALS,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.secret import code
from exfront.steps import Steps
from exfront.web import schemes
from exfront.wire import basic

_KEY = secrets.token_bytes(32)  # of this process; what it signs is never written anywhere
_HTTP_UNAUTHORIZED = 401


def digest(value: bytes) -> bytes:
    """Stands for credentials where they are only compared."""
    return code(_KEY, value)


def _jitter() -> float:
    return secrets.SystemRandom().uniform(0, limits.FAILURE_JITTER)


@define(eq=False)
class LogOns:
    """The log-ons of one client connection. `settings` is [limits]."""

    steps: Steps
    settings: LimitsSection
    clock: IReactorTime
    jitter: Callable[[], float] = _jitter
    _digest: bytes = field(default=b"", init=False, repr=False)
    _identity: Identity | None = field(default=None, init=False, repr=False)
    until: float = field(default=0.0, init=False)  # of what is remembered

    def remembered(self, authorization: bytes | None) -> Identity | None:
        """Who the same header value was proven to be a moment ago; None when that must be asked."""
        if authorization is None or self._identity is None or self.clock.seconds() >= self.until:
            return None
        return self._identity if hmac.compare_digest(self._digest, digest(authorization)) else None

    @staticmethod
    def note(record: SessionRecord, identity: Identity) -> None:
        """What a log-on writes into the record, for a remembered one."""
        record.user = decode(identity.typed)
        if identity.account is not None:
            record.account_id = identity.account.account_id

    def forget(self) -> None:
        """A back end has refused these credentials: the directory is asked again."""
        if self._identity is not None:
            self.steps.portal.forget(self._identity)
        self._identity, self._digest = None, b""

    async def log_on(self, record: SessionRecord, authorization: bytes | None) -> Identity:
        """Prove an Authorization value by the directory. Raises `Refused`.

        A refusal comes no sooner than the floor, whatever its cause (S-AUTH-6).
        """
        if authorization is None:
            raise Refused(CREDENTIALS_NEEDED)
        identity = await self.held_back(record, self._prove(record, authorization))
        self._identity, self._digest = identity, digest(authorization)
        self.until = self.clock.seconds() + self.settings.remembered_logon_time
        return identity

    async def held_back(self, record: SessionRecord, proving: Awaitable[Identity]) -> Identity:
        """Whom `proving` proves; a refusal comes no sooner than the floor. Raises `Refused`."""
        began = self.clock.seconds()
        try:
            return await proving
        except Refused as refused:
            if refused.reason.http_status == _HTTP_UNAUTHORIZED:
                await self._wait_until(began + self._floor(record, refused.reason) + self.jitter())
            raise

    async def by_certificate(self, record: SessionRecord, certificate: ClientCertificate) -> Identity:
        """Whose certificate it is. Raises `Refused`: whoever it is not, a password is not what is missing."""
        shown = digest(b"certificate " + certificate.fingerprint)
        known = self._identity if self.clock.seconds() < self.until else None
        if known is not None and hmac.compare_digest(self._digest, shown):
            self.note(record, known)
            return known
        try:
            identity = await self.steps.trust(record, certificate.name, certificate.keys)
        except Refused as refused:
            if refused.reason.http_status != _HTTP_UNAUTHORIZED:
                raise
            raise Refused(CERTIFICATE_UNKNOWN, refused.reason.cause) from None
        self._identity, self._digest = identity, shown
        self.until = self.clock.seconds() + self.settings.remembered_logon_time
        return identity

    def _floor(self, record: SessionRecord, reason: Reason) -> float:
        """How long a refusal is held back, in seconds: longer with each failure of a network (S-MAIL-11)."""
        if reason.public_code != WRONG_PASSWORD.public_code:
            return self.settings.failure_floor
        return max(self.settings.failure_floor, self.steps.portal.failure_delay(record.client))

    async def _prove(self, record: SessionRecord, authorization: bytes) -> Identity:
        credentials = basic.parse(authorization)
        if credentials is None and schemes.logs_connection_on(authorization):
            raise Refused(DOUBLE_HOP, f"scheme={schemes.used(authorization)}")
        if credentials is None:
            raise Refused(MALFORMED_CREDENTIALS, "not Basic credentials")
        return await self.steps.authenticate(record, *credentials)

    async def _wait_until(self, then: float) -> None:
        left = then - self.clock.seconds()
        if left <= 0:
            return
        waiting: Deferred[None] = Deferred()
        timer = self.clock.callLater(left, waiting.callback, None)
        try:
            await waiting
        except CancelledError:
            timer.cancel()
            raise
