"""What can be asked over the control socket: reads a question's members, calls what service.py handed in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast, get_args

from attrs import frozen

from exfront.interfaces import IDirectory
from exfront.names import ANY_NAME, BadName, NameRules, decode, parse_login
from exfront.operate.control_socket import BadQuestion, Command
from exfront.operate.plain_values import plain
from exfront.reasons import UNKNOWN_USER, Refused
from exfront.secret import Secret
from exfront.topology import Protocol

# Protocol, login name in the octets typed, URL, password or None, method, client's address; the answer is explain.py's.
Explain = Callable[[Protocol, bytes, str, Secret | None, str, str], Awaitable[Mapping[str, Any]]]


@frozen
class ControlTable:
    """The callables behind the commands.

    `flush` takes a login name, or None for everything, and gives the number of answers forgotten; `lockouts`,
    `servers`, `back_ends`, `devices` and `limits` give attrs values; `unlock` takes an account's id or name and says
    whether there was anything to unlock.
    """

    directory: IDirectory
    explain: Explain
    flush: Callable[[str | None], int]
    lockouts: Callable[[], Sequence[object]]
    unlock: Callable[[str], bool]
    servers: Callable[[], Sequence[object]]
    back_ends: Callable[[], Sequence[object]]
    devices: Callable[[], Sequence[object]]
    limits: Callable[[], Sequence[object]]
    rules: NameRules = ANY_NAME

    def commands(self) -> Mapping[str, Command]:
        """By the names that exfrontctl uses."""
        return {
            "explain": self._explain,
            "flush": self._flush,
            "lockouts": self._lockouts,
            "unlock": self._unlock,
            "servers": self._servers,
            "backends": self._back_ends,
            "devices": self._devices,
            "limits": self._limits,
        }

    async def _explain(self, members: Mapping[str, Any]) -> object:
        protocol = _text(members, "protocol")
        if protocol not in get_args(Protocol):
            raise BadQuestion(f"protocol: one of {', '.join(get_args(Protocol))}")
        password = _octets(members, "password", needed=False)
        secret = Secret(password) if "password" in members else None
        login = _octets(members, "login")
        url, method, client = (_text(members, name, needed=False) for name in ("url", "method", "client"))
        return await self.explain(cast(Protocol, protocol), login, url, secret, method or "GET", client)

    async def _flush(self, members: Mapping[str, Any]) -> object:
        user = _text(members, "user", needed=False)
        return {"flushed": self.flush(user or None)}

    async def _lockouts(self, members: Mapping[str, Any]) -> object:
        return plain(self.lockouts())

    async def _servers(self, members: Mapping[str, Any]) -> object:
        return plain(self.servers())

    async def _back_ends(self, members: Mapping[str, Any]) -> object:
        return plain(self.back_ends())

    async def _devices(self, members: Mapping[str, Any]) -> object:
        return plain(self.devices())

    async def _limits(self, members: Mapping[str, Any]) -> object:
        return plain(self.limits())

    async def _unlock(self, members: Mapping[str, Any]) -> object:
        """By an account's id as `lockouts` shows it, or by a login name."""
        user = _text(members, "user")
        if self.unlock(user):
            return {"unlocked": True}
        return {"unlocked": self.unlock(await self._account_id(user))}

    async def _account_id(self, user: str) -> str:
        try:
            login = parse_login(decode(_octets({"user": user}, "user")), self.rules)
        except BadName as why:
            raise BadQuestion(f"user: {why}") from None
        account = await self.directory.find(login.keys, None)
        if account is None:
            raise Refused(UNKNOWN_USER)
        return str(account.account_id)


def _text(members: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
    value = members.get(name, "")
    if not isinstance(value, str) or (needed and not value):
        raise BadQuestion(f"{name}: a text is needed")
    return value


def _octets(members: Mapping[str, Any], name: str, *, needed: bool = True) -> bytes:
    """Octets that are no UTF-8 come as lone surrogates, as Python has them from a command line (PEP 383)."""
    try:
        return _text(members, name, needed=needed).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise BadQuestion(f"{name}: not a text") from None
