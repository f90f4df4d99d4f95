"""How we log on at a back end: which of the account's names is used there."""

from __future__ import annotations

from exfront.facts import Identity
from exfront.topology import LoginAs


def login_name(identity: Identity, login_as: LoginAs) -> bytes:
    """The user name for the back end's login.

    `typed` passes on the octets that the client typed; the others, in UTF-8, are the directory's own spelling, and fall
    back to the account name where the entry has no such value.
    """
    account = identity.account
    if account is None or login_as == "typed":
        return identity.typed
    if login_as == "upn":
        return (account.upn or account.account_name).encode("utf-8")
    if login_as == "address":
        return (account.addresses[0] if account.addresses else account.account_name).encode("utf-8")
    return account.account_name.encode("utf-8")
