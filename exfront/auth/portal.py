"""The one `authenticate`: a login name and a secret become an Identity, or a Refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from attrs import define, evolve, field

from exfront import limits
from exfront.auth.guarded import GuardedPasswords
from exfront.because import Trace
from exfront.decision import SessionRecord
from exfront.directory.ask import look_up
from exfront.directory.dn import normalised
from exfront.facts import PROXY_LOG_ON, Identity
from exfront.interfaces import MISS, ICheckPasswords, IDirectory
from exfront.names import ANY_NAME, BadName, KeyKind, LoginName, LookupKey, NameRules, decode, parse_login
from exfront.reasons import (
    ACCOUNT_EXPIRED,
    CSC_ACCOUNT,
    DISABLED_ACCOUNT,
    EMPTY_PASSWORD,
    MALFORMED_CREDENTIALS,
    SERVICE_ACCOUNT,
    TOO_MANY_LOGON_FAILURES,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    Refused,
)
from exfront.secret import Secret
from exfront.topology import Mailbox

_FORBIDDEN = re.compile(rb"[\0\r\n]")
_PERHAPS_OLD = (WRONG_PASSWORD, UNKNOWN_USER, DISABLED_ACCOUNT)  # the account moved, or was made anew or enabled


def _normalised(names: Iterable[str]) -> frozenset[str]:
    return frozenset(normalised(name) for name in names)


@define(eq=False)
class Portal:
    """`denied` are DNs that never log on here, in any spelling. Raises ValueError for one that is no DN.

    With `guarded` passwords are proven through it, and `passwords` is not asked directly.
    """

    directory: IDirectory
    passwords: ICheckPasswords
    denied: frozenset[str] = field(default=frozenset(), converter=_normalised)
    guarded: GuardedPasswords | None = None
    rules: NameRules = ANY_NAME

    async def authenticate(self, name: bytes, secret: Secret, record: SessionRecord) -> Identity:
        """Find the account that `name` (as typed) means, and prove `secret` by the directory.

        Raises `Refused`. A name or password that cannot be one is refused before any bind (S-AUTH-1).
        """
        record.user = decode(name) or "-"
        try:
            return await self._authenticate(name, secret, record)
        except Refused as refused:
            self._tell_guard(refused, secret, record)
            raise

    def failure_delay(self, client: str) -> float:
        """How long a failed log-on of this client is held back, in seconds (S-MAIL-11)."""
        return self.guarded.guard.delay(client) if self.guarded is not None else 0.0

    def forget(self, identity: Identity) -> None:
        """A back end refused this password: the directory is asked again (S-AUTH-9)."""
        if self.guarded is not None and identity.account is not None:
            self.guarded.forget(identity.account.account_id)

    async def trust(self, name: str, keys: Sequence[LookupKey], record: SessionRecord) -> Identity:
        """The account of a client that others have proven, by a certificate: `keys` find it, `name` is for the log.

        No bind tells whether the account has expired: what the directory says is looked at. Raises `Refused`.
        """
        record.user = name
        account = await self._account(keys, record, None)
        if account.expires and account.expires <= record.started:
            raise Refused(ACCOUNT_EXPIRED, account.dn)
        return Identity(account, name.encode("utf-8", "surrogatepass"), "certificate", keys=tuple(keys))

    async def claimed(self, name: bytes, message: Secret, token: str, record: SessionRecord) -> Identity:
        """The account that `name` means, for a client with a token that only a back end can judge: nothing is proven.

        `message` is the client's, of the SASL mechanism `token`. Raises `Refused`.
        """
        record.user = decode(name) or "-"
        try:
            check_credentials(name, Secret(token.encode("ascii")))  # a token has no bind to be kept from
            identity = await self.identify(name, record)
        except Refused as refused:
            self._tell_guard(refused, message, record)
            raise
        account = identity.account
        assert account is not None
        if self.guarded is not None and self.guarded.guard.throttles(account.account_id, message, record.client):
            raise Refused(TOO_MANY_LOGON_FAILURES, "token")
        return evolve(identity, proof="token", secret=message, token=token)

    def token_refused(self, identity: Identity, record: SessionRecord) -> None:
        """A back end refused a token: that delays the client's network as a wrong password does (S-MAIL-11)."""
        if self.guarded is not None and identity.account is not None and identity.secret is not None:
            self.guarded.guard.refused(identity.account.account_id, identity.secret, record.client)

    async def vouched(self, sid: str, name: str, record: SessionRecord) -> Identity:
        """The account with this SID, whom another Client Access server has proven under the log-on name `name`.

        Raises `Refused`, also for an account that never logs on here.
        """
        try:
            identity = await self.trust(name, (LookupKey(KeyKind.SID, sid),), record)
        except Refused as refused:
            if refused.reason.public_code != WRONG_PASSWORD.public_code:
                raise
            raise Refused(CSC_ACCOUNT, f"{refused.reason.cause} {sid}") from None  # no 401: that is about the peer
        return evolve(identity, proof=PROXY_LOG_ON)

    async def _authenticate(self, name: bytes, secret: Secret, record: SessionRecord) -> Identity:
        check_credentials(name, secret)
        try:
            return await self._prove(name, secret, record)
        except Refused as refused:
            if refused.reason not in _PERHAPS_OLD or not await self._changed(name):
                raise
        if self.guarded is not None:
            self.guarded.guard.untried(record.account_id, secret)
        return await self._prove(name, secret, record)

    async def _prove(self, name: bytes, secret: Secret, record: SessionRecord) -> Identity:
        identity = await self.identify(name, record)
        assert identity.account is not None
        if self.guarded is None:
            proof = await self.passwords.check(identity.account, secret)
        else:
            proof = await self.guarded.check(identity.account, secret, record.client, record.protocol)
        return evolve(identity, proof=proof, secret=secret)

    def _tell_guard(self, refused: Refused, secret: Secret, record: SessionRecord) -> None:
        """Every refusal that looks like a wrong password delays like one (S-AUTH-6). Raises `Refused` for too many."""
        if self.guarded is None or refused.reason.public_code != WRONG_PASSWORD.public_code:
            return
        guard, who = self.guarded.guard, record.account_id
        if guard.throttles(who, secret, record.client):
            raise Refused(TOO_MANY_LOGON_FAILURES, refused.reason.cause) from None
        guard.refused(record.user.casefold() if who == "-" else who, secret, record.client)

    async def _changed(self, name: bytes) -> bool:
        """Whether a fresh look shows that what refused `name` was an old entry (design: one look, one more try).

        A written bind is never repeated (S-DIR-13): a DN that a password was tried for is not tried again.
        """
        keys = self._login(decode(name)).keys
        known = self.directory.cached_find(keys)
        if known is MISS or known is None or not self.directory.forget(known):
            return False
        try:
            now = await self.directory.find(keys, None)
        except Refused:  # then what the first try was told stands
            return False
        if now is None or known.disabled:  # no bind was written for a disabled one
            return now is not None and not now.disabled
        return normalised(now.dn) != normalised(known.dn)

    async def identify(self, name: bytes, record: SessionRecord, trace: Trace | None = None) -> Identity:
        """Who is meant by `name`, as far as that can be said without a password: `proof` is ``none``.

        Raises `Refused` for nobody, for two, and for an account that never logs on here.
        """
        typed = decode(name)
        record.user = typed or "-"
        login = self._login(typed)
        account = await self._account(login.keys, record, trace)
        return Identity(
            account,
            name,
            names_mailbox=login.mailbox_keys,
            keys=login.keys,
            public_folders=login.public_folders,
        )

    async def _account(self, keys: Sequence[LookupKey], record: SessionRecord, trace: Trace | None) -> Mailbox:
        account = await look_up(self.directory, keys, record, trace)
        if account is None:
            raise Refused(UNKNOWN_USER)
        record.account_id = account.account_id
        if normalised(account.dn) in self.denied:
            raise Refused(SERVICE_ACCOUNT, account.dn)
        if account.disabled:
            raise Refused(DISABLED_ACCOUNT, account.dn)
        return account

    def _login(self, typed: str) -> LoginName:
        try:
            return parse_login(typed, self.rules)
        except BadName as why:
            raise Refused(MALFORMED_CREDENTIALS, str(why)) from None


def check_credentials(name: bytes, secret: Secret) -> None:
    """Refuse what must never reach a bind: an empty or over-long name or password, NUL, CR, LF (S-AUTH-1)."""
    password = secret.reveal()
    if not name or not password:
        raise Refused(EMPTY_PASSWORD)
    if len(name) > limits.USER_NAME_OCTETS or len(password) > limits.PASSWORD_OCTETS:
        raise Refused(MALFORMED_CREDENTIALS, "too long")
    if _FORBIDDEN.search(name) or _FORBIDDEN.search(password):
        raise Refused(MALFORMED_CREDENTIALS, "NUL, CR or LF")
