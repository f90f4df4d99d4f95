"""Passwords that were wrong a moment ago: the same one again costs the directory nothing (S-AUTH-8).

Pure: times are seconds of a monotonic clock, passed in. Passwords are known by keyed digests only.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from attrs import define, field

from exfront import limits


@define(eq=False)
class WrongPasswords:
    """By digest of account and password: until when, and the account's pwdLastSet at that time (None: not known).

    At most `WRONG_PASSWORDS` are known, the oldest go first.
    """

    _known: OrderedDict[bytes, tuple[float, str, int | None]] = field(factory=OrderedDict)
    _accounts: Counter[str] = field(factory=Counter)  # how many of each

    def __len__(self) -> int:
        return len(self._known)

    def concern(self, account_id: str) -> bool:
        """Whether one of them is this account's: else no digest is needed."""
        return account_id in self._accounts

    def note(self, digest: bytes, account_id: str, password_set: int | None, until: float) -> None:
        """The directory has just refused it."""
        self.forget(digest)
        self._known[digest] = (until, account_id, password_set)
        self._accounts[account_id] += 1
        if len(self._known) > limits.WRONG_PASSWORDS:
            self.forget(next(iter(self._known)))

    def knows(self, digest: bytes, password_set: int | None, now: float) -> bool:
        """Whether it is still wrong, as far as one can know: not if the account has another password by now."""
        found = self._known.get(digest)
        if found is None:
            return False
        until, _, then = found
        if now < until and (password_set is None or then is None or password_set == then):
            return True
        self.forget(digest)
        return False

    def forget(self, digest: bytes) -> None:
        """It was right after all."""
        found = self._known.pop(digest, None)
        if found is not None:
            account_id = found[1]
            self._accounts[account_id] -= 1
            if not self._accounts[account_id]:
                del self._accounts[account_id]

    def forget_account(self, account_id: str) -> None:
        """All of one account."""
        for digest in [digest for digest, known in self._known.items() if known[1] == account_id]:
            self.forget(digest)
