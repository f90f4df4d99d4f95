"""Where a request goes whose log-on passes through: to the mailbox of its URL, or of our cookie, or a fixed server.

exfront does not know who asks. A name that an NTLM message claims is good for one thing: where the back end has let
its owner in, a sealed cookie with that name is set, so that the next connection goes to the owner's own server.
"""

from __future__ import annotations

from attrs import frozen

from exfront.decision import SessionRecord
from exfront.names import BadName, LookupKey, NameRules, parse_login
from exfront.steps import Steps
from exfront.web.anchors import found
from exfront.wire import ntlm, sealed_cookie
from exfront.wire.cookies import cookie
from exfront.wire.http1.events import RequestHead

_NAME = b"X-ExFront-Route"  # never reaches a back end: S-HTTP-18 takes cookies of such names away


@frozen
class RouteCookies:
    """Reads and writes the cookie; `key` is that of the process: after a restart the cookies of old mean nothing."""

    rules: NameRules
    key: bytes

    def name(self, head: RequestHead) -> str:
        """The login name in the cookie of a request; empty where there is none that we wrote."""
        sealed = cookie(head.get_all(b"cookie"), _NAME)
        content = None if sealed is None else sealed_cookie.unseal(self.key, _NAME, sealed)
        return "" if content is None else content.decode("utf-8")

    def line(self, name: str, secure: bool) -> bytes:
        """The Set-Cookie line for a login name."""
        sealed = sealed_cookie.seal(self.key, _NAME, name.encode("utf-8"))
        flags = b"; Secure; HttpOnly; SameSite=Lax" if secure else b"; HttpOnly; SameSite=Lax"
        return b"Set-Cookie: %b=%b; Path=/%b\r\n" % (_NAME, sealed, flags)

    def keys(self, name: str) -> tuple[LookupKey, ...]:
        """What a login name is looked up by; nothing where it is none."""
        try:
            return parse_login(name, self.rules).keys if name else ()
        except BadName:
            return ()


@frozen
class Passing:
    """`keys` find the mailbox whose server the request goes to, none for the fixed server; `cookie` is to be set."""

    keys: tuple[LookupKey, ...] = ()
    cookie: bytes = b""


async def passing(
    cookies: RouteCookies, steps: Steps, record: SessionRecord, head: RequestHead, secure: bool
) -> Passing:
    """Of a request whose URL names no mailbox. Raises `Refused` where the directory cannot be asked."""
    known = cookies.name(head)
    keys = cookies.keys(known)
    if await found(steps, record, keys) is None:
        keys = ()
    claimed = ntlm.claimed_user(head.get(b"authorization") or b"")
    if claimed == known or await found(steps, record, cookies.keys(claimed)) is None:
        return Passing(keys)
    return Passing(keys, cookies.line(claimed, secure))
