"""What the directory said of each name, for a while: bounded, the least recently used out first (S-DIR-5, S-DIR-7).

Nothing is looked up here, and no clock is read: times are monotonic seconds, passed in.
"""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Literal

from attrs import define, field, frozen

from exfront import limits
from exfront.config.directory import DirectorySection
from exfront.interfaces import MISS, Miss
from exfront.names import LookupKey
from exfront.topology import Mailbox

_AHEAD = 0.8  # of a life: an entry asked for in the last fifth is renewed before it ends


@define(eq=False, weakref_slot=False)
class _Known:
    """`mailbox` is None for a name that nobody has, but by whose next spelling the account was found."""

    mailbox: Mailbox | None
    account_id: str
    read: float
    renewing: bool = False
    dropped: bool = False


@frozen
class CacheState:
    """What is held of one key, for explain; `age` in seconds. A stale entry serves only while no server answers."""

    kind: Literal["absent", "fresh", "stale", "negative"]
    age: float = 0.0
    mailbox: Mailbox | None = None


def spelling(key: LookupKey) -> str:
    """One text for all spellings that every directory takes for the same: upper and lower case, and Unicode's forms.

    It folds less than directories do (ß stays ß): two texts for one account cost a search, one for two would mix them.
    """
    value, domain = _folded(key.value), _folded(key.domain)
    return f"{key.kind.name}:{len(domain)}:{domain}{value}"


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


@define(eq=False)
class Cache:
    """`settings` is [directory]. `renew` is called for an entry in use whose life ends soon; it says whether it will.

    Names that lead to an account and names that lead to nobody have bounds of their own: a guesser cannot push out
    those who work.
    """

    settings: DirectorySection
    renew: Callable[[LookupKey], bool] = lambda key: False
    flushes: int = 0  # what a search brings that began before the last one is too old
    _found: OrderedDict[str, _Known] = field(factory=OrderedDict)
    _absent: OrderedDict[str, float] = field(factory=OrderedDict)
    _accounts: dict[str, tuple[str, ...]] = field(factory=dict)  # by account id: its names in `_found`

    def __len__(self) -> int:
        return len(self._found) + len(self._absent)

    def answer(self, keys: Sequence[LookupKey], now: float) -> Mailbox | Miss | None:
        """The mailbox, None for nobody, or MISS: what a look-up of `keys` in their order would find."""
        settings = self.settings
        doubtful = False
        for key in keys:
            name = spelling(key)
            known = self._found.get(name)
            if known is None:
                if not self._is_absent(name, now):
                    return MISS
                continue
            age = now - known.read
            if known.dropped or age >= settings.cache_time:
                return MISS
            self._found.move_to_end(name)
            if age >= _AHEAD * settings.cache_time and not known.renewing:
                known.renewing = self.renew(key)
            if known.mailbox is not None:
                return known.mailbox
            doubtful = doubtful or age >= settings.negative_cache_time
        return MISS if doubtful else None

    def stale(self, keys: Sequence[LookupKey], now: float) -> Mailbox | None:
        """Whom `keys` led to when the directory last answered, for as long as that may serve (S-DIR-5)."""
        oldest = now - self.settings.cache_time - self.settings.stale_time
        for key in keys if self.settings.stale_time else ():
            name = spelling(key)
            known = self._found.get(name)
            if (self._absent.get(name, oldest) if known is None else known.read) <= oldest:
                return None
            if known is not None and known.mailbox is not None:
                return known.mailbox
        return None

    def keep(self, key: LookupKey, mailbox: Mailbox | None, read: float) -> None:
        """Note the directory's answer to a search that was sent at `read`; an older answer changes nothing."""
        name = spelling(key)
        old = self._found.get(name)
        if (self._absent.get(name, read) if old is None else old.read) > read:
            return
        if mailbox is not None:
            self._put(name, _Known(mailbox, mailbox.account_id, read))
            self._share(mailbox)
        elif old is not None and old.mailbox is None:
            self._put(name, _Known(None, old.account_id, read))
        else:
            self._remove(name)
            self._absent[name] = read
            if len(self._absent) > limits.NEGATIVE_CACHE_ENTRIES:
                self._absent.popitem(last=False)

    def pass_over(self, keys: Sequence[LookupKey], mailbox: Mailbox) -> None:
        """Note that `mailbox` was found behind `keys`: that nobody has these is now as sure, and as used, as it."""
        for key in keys:
            name = spelling(key)
            read = self._absent.get(name)
            if read is not None:
                self._put(name, _Known(None, mailbox.account_id, read))

    def forget(self, what: Mailbox | Sequence[LookupKey], now: float) -> bool:
        """Doubt what is held of an account: it is looked up again, and served as it is only while no server answers.

        False where nothing is held, or nothing older than `limits.CACHE_YOUNG_TIME`, which cannot be wrong yet.
        """
        held = [known for name in self._names(what) if (known := self._found.get(name)) is not None]
        if not isinstance(what, Mailbox):
            for key in what:
                self._absent.pop(spelling(key), None)
        young = any(known.mailbox is not None and now - known.read < limits.CACHE_YOUNG_TIME for known in held)
        if not held or young:
            return False
        for known in held:
            known.dropped = True
        return True

    def flush(self, keys: Sequence[LookupKey] | None = None) -> int:
        """Hold nothing more: of those whom `keys` may mean in any domain, or of all. How many entries that were."""
        self.flushes += 1
        before = len(self)
        if keys is None:
            self._found.clear()
            self._absent.clear()
            self._accounts.clear()
            return before
        for name in (*self._names(keys), *self._names_of_owners({_folded(key.value) for key in keys})):
            self._remove(name)
        for key in keys:
            self._absent.pop(spelling(key), None)
        return before - len(self)

    def state(self, key: LookupKey, now: float) -> CacheState:
        """What is held of `key`."""
        name = spelling(key)
        known = self._found.get(name)
        if known is None:
            return CacheState("negative", now - self._absent[name]) if self._is_absent(name, now) else _ABSENT
        age = now - known.read
        if known.dropped or age >= self.settings.cache_time:
            return CacheState("stale", age, known.mailbox)
        return CacheState("negative" if known.mailbox is None else "fresh", age, known.mailbox)

    def _is_absent(self, name: str, now: float) -> bool:
        read = self._absent.get(name)
        if read is None or now - read >= self.settings.negative_cache_time:
            return False
        self._absent.move_to_end(name)
        return True

    def _names(self, what: Mailbox | Sequence[LookupKey]) -> list[str]:
        """All names of the account, or of the accounts that the keys lead to."""
        if isinstance(what, Mailbox):
            return list(self._accounts.get(what.account_id, ()))
        found = (self._found.get(spelling(key)) for key in what)
        accounts = dict.fromkeys(known.account_id for known in found if known is not None)
        return [name for account in accounts for name in self._accounts[account]]

    def _names_of_owners(self, wanted: set[str]) -> list[str]:
        """Names of accounts that are called, or have an address, like one of `wanted`."""
        owners = {
            known.account_id for known in self._found.values() if known.mailbox and _called(known.mailbox, wanted)
        }
        return [name for account in owners for name in self._accounts[account]]

    def _share(self, mailbox: Mailbox) -> None:
        """All names of an account hold the newest that was read of it, once."""
        for name in self._accounts[mailbox.account_id]:
            known = self._found[name]
            if known.mailbox is not None:
                known.mailbox = mailbox

    def _put(self, name: str, known: _Known) -> None:
        self._remove(name)
        names = self._accounts.get(known.account_id, ())
        if len(names) >= limits.CACHE_NAMES_PER_ACCOUNT:
            self._remove(names[0])
        self._found[name] = known
        self._accounts[known.account_id] = (*self._accounts.get(known.account_id, ()), name)
        while len(self._found) > self.settings.cache_entries:
            self._remove(next(iter(self._found)))

    def _remove(self, name: str) -> None:
        self._absent.pop(name, None)
        known = self._found.pop(name, None)
        if known is None:
            return
        names = tuple(other for other in self._accounts[known.account_id] if other != name)
        if names:
            self._accounts[known.account_id] = names
        else:
            del self._accounts[known.account_id]


_ABSENT = CacheState("absent")


def _called(mailbox: Mailbox, wanted: set[str]) -> bool:
    return any(
        _folded(text) in wanted for text in (mailbox.account_name, mailbox.alias, mailbox.upn, *mailbox.addresses)
    )
