"""How we log on at a back end: by which name and scheme, and which passwords were refused there."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from exfront import limits
from exfront.facts import Identity
from exfront.secret import Secret, code
from exfront.topology import LoginAs, Scheme


def login_name(identity: Identity, login_as: LoginAs) -> bytes:
    """The user name for the back end's login.

    `typed` passes on the octets that the client typed; the others, in UTF-8, are the directory's own spelling, and fall
    back to the account name where the entry has no such value. Whoever names another mailbox with it, or public
    folders, is passed on as typed: no other spelling has a place for that. Who shows a certificate has typed nothing.
    """
    account = identity.account
    if account is None or identity.names_mailbox or identity.public_folders:
        return identity.typed
    if login_as == "typed" and identity.proof != "certificate":
        return identity.typed
    if login_as == "upn":
        return (account.upn or account.account_name).encode("utf-8")
    if login_as == "address":
        return (account.addresses[0] if account.addresses else account.account_name).encode("utf-8")
    return account.account_name.encode("utf-8")


def ntlm_name(identity: Identity, login_as: LoginAs, domain: str) -> str:
    r"""The user name for NTLM: ``DOMAIN\user`` by the directory, not as typed; a UPN where that is wanted.

    `domain` is the NetBIOS name of the account's domain. Without one it is the UPN, else the bare account name.
    """
    account = identity.account
    assert account is not None  # who is nobody has no password either
    if login_as in ("upn", "address"):
        return login_name(identity, login_as).decode("utf-8")
    return f"{domain}\\{account.account_name}" if domain else account.upn or account.account_name


def choose(schemes: Sequence[Scheme], offered: Collection[str]) -> Scheme | None:
    """The best of `schemes`, in their order, that is `offered` (names in lower case); None for none.

    We hold no tickets, so Negotiate would be NTLM in another wrapping: it is taken where NTLM itself is not offered.
    """
    possible = [scheme for scheme in schemes if scheme in offered]
    if possible and possible[0] == "negotiate" and "ntlm" in possible:
        return "ntlm"
    return possible[0] if possible else None


@frozen
class Place:
    """A service of a server, and a virtual directory there: each may offer something else."""

    server: str
    port: int
    path: str


@frozen
class _LogOn:
    """What came of the last one: `code` stands for the password, `name` is the account's in lower case."""

    code: bytes
    taken: bool
    until: float
    name: str


@define(eq=False)
class NextHops:
    """What was learned of the back ends, in one process. `seconds` is a clock that never goes back."""

    seconds: Callable[[], float]
    _offers: OrderedDict[Place, tuple[Scheme, float]] = field(factory=OrderedDict)
    _log_ons: OrderedDict[tuple[str, str], _LogOn] = field(factory=OrderedDict)
    _turns: dict[tuple[str, str], list[Deferred[None]]] = field(factory=dict)
    _key: bytes = field(factory=lambda: secrets.token_bytes(32), repr=False)

    def scheme(self, place: Place, schemes: Sequence[Scheme]) -> Scheme:
        """What to begin with: what was learned a moment ago, if it may be used; else the best."""
        learned = self.learned(place)
        return learned if learned is not None and learned in schemes else choose(schemes, schemes) or "basic"

    def learned(self, place: Place) -> Scheme | None:
        """The scheme that was found good there; None where that is not known (any more)."""
        found = self._offers.get(place)
        return found[0] if found is not None and self.seconds() < found[1] else None

    def learn(self, place: Place, scheme: Scheme) -> None:
        """It is what the back end offers."""
        self._offers[place] = (scheme, self.seconds() + limits.NEXT_HOP_SCHEME_TIME)
        self._offers.move_to_end(place)
        if len(self._offers) > limits.NEXT_HOP_SCHEMES:
            self._offers.popitem(last=False)

    def refuses(self, server: str, account_id: str, secret: Secret) -> bool:
        """Whether the server has refused this very password a moment ago: it is not sent again (S-AUTH-8)."""
        known = self._known(server, account_id, secret)
        return known is not None and not known.taken

    def note(self, server: str, account_id: str, secret: Secret, *, taken: bool, name: str = "") -> None:
        """The server has taken or refused the password; `name` is the account's, with a domain or without."""
        known_as = name.rpartition("\\")[2].casefold()
        life = limits.NEXT_HOP_LOG_ON_TIME if taken else limits.NEXT_HOP_REFUSAL_TIME
        key = (server, account_id)
        code = self._code(server, account_id, secret)
        self._log_ons[key] = _LogOn(code, taken, self.seconds() + life, known_as)
        self._log_ons.move_to_end(key)
        if len(self._log_ons) > limits.NEXT_HOP_LOG_ONS:
            self._log_ons.popitem(last=False)

    def unlock(self, account: str) -> bool:
        """Forget what was refused of an account, given by its id or name; False where there is nothing."""
        wanted = account.casefold()
        refused = [
            key
            for key, known in self._log_ons.items()
            if not known.taken and self.seconds() < known.until and wanted in (key[1].casefold(), known.name)
        ]
        for key in refused:
            del self._log_ons[key]
        return bool(refused)

    async def turn(self, server: str, account_id: str, secret: Secret) -> Callable[[], None]:
        """Wait until a log-on of the account may begin; call the result when it has ended.

        With a password that the server has taken before that is at once; with another one only one log-on at a time is
        under way, so that a wrong one counts once there, however many connections a client opens.
        """
        key = (server, account_id)
        while not self._is_taken(server, account_id, secret) and key in self._turns:
            turn: Deferred[None] = Deferred()
            self._turns[key].append(turn)
            await turn
        if self._is_taken(server, account_id, secret) or self.refuses(server, account_id, secret):
            return lambda: None
        self._turns[key] = []
        return lambda: self._end(key)

    def _end(self, key: tuple[str, str]) -> None:
        for turn in self._turns.pop(key):
            if not turn.called:  # who waits may have left
                turn.callback(None)

    def _is_taken(self, server: str, account_id: str, secret: Secret) -> bool:
        known = self._known(server, account_id, secret)
        return known is not None and known.taken

    def _known(self, server: str, account_id: str, secret: Secret) -> _LogOn | None:
        known = self._log_ons.get((server, account_id))
        if known is None or self.seconds() >= known.until:
            return None
        return known if hmac.compare_digest(known.code, self._code(server, account_id, secret)) else None

    def _code(self, server: str, account_id: str, secret: Secret) -> bytes:
        return code(self._key, f"{server}\0{account_id}\0".encode() + secret.reveal())
