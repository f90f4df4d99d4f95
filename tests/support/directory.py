"""A directory in memory, and a password check over it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from exfront.because import Trace
from exfront.interfaces import MISS, ICheckPasswords, IDirectory, Miss
from exfront.names import KeyKind, LookupKey
from exfront.reasons import AMBIGUOUS_LOGIN, WRONG_PASSWORD, Reason, Refused
from exfront.secret import Secret
from exfront.topology import Mailbox


def guid(name: str) -> str:
    """The mailbox GUID of an account, as clients write it."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.mailbox"))


def mailbox(name: str, home_server: str = "chicago", **more: object) -> Mailbox:
    """An account ``name@fourthcoffee.com`` with its mailbox on `home_server`."""
    values: dict[str, object] = {
        "dn": f"cn={name},cn=Users,dc=fourthcoffee,dc=com",
        "account_id": f"id-{name}",
        "account_name": name,
        "upn": f"{name}@fourthcoffee.com",
        "alias": name,
        "addresses": (f"{name}@fourthcoffee.com",),
        "home_server": home_server,
    }
    return Mailbox(**{**values, **more})  # type: ignore[arg-type]


def _values(entry: Mailbox, kind: KeyKind) -> Iterable[str]:
    return {
        KeyKind.ACCOUNT: (entry.account_name,),
        KeyKind.UPN: (entry.upn,),
        KeyKind.ADDRESS: entry.addresses,
        KeyKind.ALIAS: (entry.alias,),
        KeyKind.CERTIFICATE: (f"X509:<I>CN=exfront test authority<S>CN={entry.account_name}",),
        KeyKind.MAILBOX_GUID: (guid(entry.account_name).replace("-", ""),),
        KeyKind.SID: (entry.sid,),
    }[kind]


@implementer(IDirectory)
@define(eq=False)
class MemoryDirectory:
    """Finds among `entries`; `fault` fails every look-up; `asked` are the keys of all look-ups so far.

    With `remembers` set, what was found stays known until it is forgotten.
    """

    entries: list[Mailbox] = field(factory=list)
    fault: BaseException | None = None
    asked: list[tuple[LookupKey, ...]] = field(factory=list)
    remembers: bool = False
    hold: bool = False  # look-ups wait until `release`
    _waiting: list[tuple[Deferred[Mailbox | None], tuple[LookupKey, ...]]] = field(factory=list)
    _known: dict[tuple[LookupKey, ...], Mailbox] = field(factory=dict)

    def cached_find(self, keys: Sequence[LookupKey]) -> Mailbox | Miss | None:
        return self._known.get(tuple(keys), MISS)

    def forget(self, mailbox: Mailbox) -> bool:
        before = len(self._known)
        self._known = {keys: known for keys, known in self._known.items() if known.account_id != mailbox.account_id}
        return len(self._known) < before

    def netbios_domain(self, account: Mailbox) -> str:
        return "FOURTHCOFFEE"

    def find(self, keys: Sequence[LookupKey], trace: Trace | None) -> Deferred[Mailbox | None]:
        self.asked.append(tuple(keys))
        if self.hold:
            waiting: Deferred[Mailbox | None] = Deferred()
            self._waiting.append((waiting, tuple(keys)))
            return waiting
        return self._found(keys)

    def release(self) -> None:
        """Answer the look-ups that wait."""
        self.hold = False
        while self._waiting:
            waiting, keys = self._waiting.pop(0)
            self._found(keys).chainDeferred(waiting)

    def _found(self, keys: Sequence[LookupKey]) -> Deferred[Mailbox | None]:
        if self.fault is not None:
            return fail(self.fault)
        for key in keys:
            found = [entry for entry in self.entries if key.value.lower() in map(str.lower, _values(entry, key.kind))]
            if len(found) > 1:
                return fail(Refused(AMBIGUOUS_LOGIN))
            if found:
                if self.remembers:
                    self._known[tuple(keys)] = found[0]
                return succeed(found[0])
        return succeed(None)


@implementer(ICheckPasswords)
@define(eq=False)
class MemoryPasswords:
    """Passwords by account name.

    `fault` answers every check with that reason. With `hold` set a check waits in `held` until the test fires it.
    `checked` are the account names of all checks so far.
    """

    passwords: dict[str, bytes] = field(factory=dict)
    fault: Reason | None = None
    hold: bool = False
    held: list[Deferred[str]] = field(factory=list)
    checked: list[str] = field(factory=list)

    def check(self, account: Mailbox, secret: Secret) -> Deferred[str]:
        self.checked.append(account.account_name)
        if self.hold:
            waiting: Deferred[str] = Deferred()
            self.held.append(waiting)
            return waiting
        if self.fault is not None:
            return fail(Refused(self.fault))
        if self.passwords.get(account.account_name) != secret.reveal():
            return fail(Refused(WRONG_PASSWORD))
        return succeed("memory")
