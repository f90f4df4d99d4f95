"""The cookies of second Client Access servers, kept for each user apart; no client ever sees them (RFC 6265)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime

from attrs import define, field

from exfront import limits
from exfront.wire.http1.events import Headers


@define(eq=False)
class CasSession:
    """Of one user at one second server: `log_ons` counts the proxy log-ons, so that who waited knows of a new one."""

    log_ons: int = 0
    _cookies: dict[tuple[bytes, bytes], bytes] = field(factory=dict, repr=False)  # by path and name

    def take(self, value: bytes, now: float) -> None:
        """Note the value of a Set-Cookie field; `now` in seconds since the epoch."""
        pair, *attributes = value.split(b";")
        name, equals, content = pair.strip(b" \t").partition(b"=")
        if not equals or not name or len(value) > limits.CAS_COOKIE_OCTETS:
            return
        said = {
            key.strip(b" \t").lower(): text.strip(b" \t") for key, _, text in (a.partition(b"=") for a in attributes)
        }
        path = said.get(b"path", b"/")
        key = (path if path.startswith(b"/") else b"/", name)
        self._cookies.pop(key, None)
        if not _is_over(said, now):
            self._cookies[key] = content
            if len(self._cookies) > limits.CAS_COOKIES:
                del self._cookies[next(iter(self._cookies))]

    def cookies(self, path: bytes) -> dict[bytes, bytes]:
        """Those for a request to `path`, by name; of two with one name that of the longer path."""
        fitting = [(kept, name) for kept, name in self._cookies if _fits(path.lower(), kept.lower())]
        return {name: self._cookies[kept, name] for kept, name in sorted(fitting, key=lambda each: len(each[0]))}


@define(eq=False)
class CasSessions:
    """By account and server; the least recently used go first."""

    most: int = limits.CAS_SESSIONS
    _sessions: OrderedDict[tuple[str, str], CasSession] = field(factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._sessions)

    def of(self, account_id: str, server: str) -> CasSession:
        """The session of a user at a server; a new one where there is none."""
        key = (account_id, server.lower())
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = CasSession()
            if len(self._sessions) > self.most:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(key)
        return session


def with_cookies(fields: Headers, session: CasSession, path: bytes) -> Headers:
    """The fields of a request with the second server's cookies, in place of a client's of the same names."""
    ours = session.cookies(path)
    if not ours:
        return fields
    theirs = [piece for name, value in fields if name.lower() == b"cookie" for piece in _pieces(value, ours)]
    pieces = [*theirs, *(b"%b=%b" % pair for pair in ours.items())]
    others = [pair for pair in fields if pair[0].lower() != b"cookie"]
    return (*others, (b"Cookie", b"; ".join(pieces)))


def _pieces(value: bytes, but: Iterable[bytes]) -> list[bytes]:
    pieces = [piece.strip(b" \t") for piece in value.split(b";")]
    return [piece for piece in pieces if piece and piece.partition(b"=")[0] not in but]


def _is_over(said: dict[bytes, bytes], now: float) -> bool:
    """RFC 6265 section 5.2.2 and 5.2.1: Max-Age wins over Expires."""
    age = said.get(b"max-age", b"")
    if age.removeprefix(b"-").isdigit():
        return age.startswith(b"-") or not age.strip(b"0")
    try:
        until = parsedate_to_datetime(said.get(b"expires", b"").decode("ascii"))
    except (ValueError, TypeError, UnicodeDecodeError):
        return False
    return (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp() <= now


def _fits(path: bytes, kept: bytes) -> bool:
    """RFC 6265 section 5.1.4; IIS knows no case in paths."""
    return path == kept or (path.startswith(kept) and (kept.endswith(b"/") or path[len(kept) :].startswith(b"/")))
