"""The one `authenticate`: a login name and a secret become an Identity, or a Refused."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from exfront import limits
from exfront.decision import SessionRecord
from exfront.directory.dn import normalised
from exfront.facts import Identity
from exfront.interfaces import ICheckPasswords, IDirectory
from exfront.names import BadName, decode, parse_login
from exfront.reasons import (
    DISABLED_ACCOUNT,
    EMPTY_PASSWORD,
    MALFORMED_CREDENTIALS,
    SERVICE_ACCOUNT,
    UNKNOWN_USER,
    Refused,
)
from exfront.secret import Secret


def _normalised(names: Iterable[str]) -> frozenset[str]:
    return frozenset(normalised(name) for name in names)


@define(eq=False)
class Portal:
    """`denied` are DNs that never log on here, in any spelling. Raises ValueError for one that is no DN."""

    directory: IDirectory
    passwords: ICheckPasswords
    denied: frozenset[str] = field(default=frozenset(), converter=_normalised)

    async def authenticate(self, name: bytes, secret: Secret, record: SessionRecord) -> Identity:
        """Find the account that `name` (as typed) means, and prove `secret` by the directory.

        Raises `Refused`. A name or password that cannot be one is refused before any bind (S-AUTH-1).
        """
        typed = decode(name)
        record.user = typed or "-"
        check_credentials(name, secret)
        try:
            login = parse_login(typed)
        except BadName as why:
            raise Refused(MALFORMED_CREDENTIALS, str(why)) from None
        account = await self.directory.find(login.keys, None)
        if account is None:
            raise Refused(UNKNOWN_USER)
        record.account_id = account.account_id
        if normalised(account.dn) in self.denied:
            raise Refused(SERVICE_ACCOUNT, account.dn)
        if account.disabled:
            raise Refused(DISABLED_ACCOUNT, account.dn)
        proof = await self.passwords.check(account, secret)
        return Identity(account, name, proof, secret, login.mailbox_keys)


def check_credentials(name: bytes, secret: Secret) -> None:
    """Refuse what must never reach a bind: an empty or over-long name or password, NUL, CR, LF (S-AUTH-1)."""
    password = secret.reveal()
    if not name or not password:
        raise Refused(EMPTY_PASSWORD)
    if len(name) > limits.USER_NAME_OCTETS or len(password) > limits.PASSWORD_OCTETS:
        raise Refused(MALFORMED_CREDENTIALS, "too long")
    if any(octet in value for octet in (b"\0", b"\r", b"\n") for value in (name, password)):
        raise Refused(MALFORMED_CREDENTIALS, "NUL, CR or LF")
