"""A 2003 back end and a 2007 Client Access server of one site, in memory, written from documents.

**S5** is *CASProxy mit Exchange 2007*, **KB293386** what Outlook Web Access says where an address matches no mailbox,
**XIM** a trace of a 2007 Client Access server of October 2007. Each answers one request: octets in, octets out.
Passwords are ``secret-`` and the name; of NTLM only the name in the last message is looked at. It shares no code
with exfront.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping

from attrs import frozen

BACK_END, CAS = "be03", "chicago-cas07"

_REQUEST = re.compile(rb"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/1\.1\r\n(?P<fields>.*?)\r\n\r\n", re.DOTALL)
_AUTHORIZATION = re.compile(rb"^Authorization: (\S+) (\S+)\r?$", re.MULTILINE)
_CHALLENGES = b'WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Basic realm="be"\r\n'
_NO_MAILBOX = b"Outlook Web Access could not find a mailbox for this user."


@frozen
class MixedSite:
    """`homes` are the servers of all mailboxes by their alias: ``be03`` or a mailbox server of 2007."""

    homes: Mapping[str, str]

    def answer(self, server: str, octets: bytes) -> bytes:
        """What `server` says to one request without a body."""
        asked = _REQUEST.fullmatch(octets)
        assert asked is not None, octets
        serve: Mapping[str, Callable[[str, tuple[str, ...]], bytes]] = {BACK_END: self._back_end, CAS: self._cas}
        user, refusal = _who(asked["fields"])
        if refusal:
            return refusal
        path = asked["path"].decode().partition("?")[0].lower()
        return serve[server](user, tuple(path.strip("/").split("/")))

    def _back_end(self, user: str, path: tuple[str, ...]) -> bytes:
        """KB293386: one's own mailbox that is not here is 401, one that is named 404."""
        if path[0] != "exchange":
            return _page(404)
        named = path[1] if len(path) > 1 else user
        if self.homes.get(named) != BACK_END:
            return _page(404) if named != user else _challenge()
        return _page(200, f"{BACK_END} {named}".encode())

    def _cas(self, user: str, path: tuple[str, ...]) -> bytes:
        """S5: a 2003 mailbox is not found under /owa; /exchange of a 2007 user leads there."""
        named = path[1].partition("@")[0] if len(path) > 1 else user
        if path[0] == "exchange" and self.homes.get(named) != BACK_END:
            return _page(302, fields=b"Location: /owa/\r\n")
        if path[0] != "owa":
            return _page(404)
        if self.homes.get(named) == BACK_END:
            return _page(403, _NO_MAILBOX)
        return _page(200, f"{CAS} {named}".encode(), b"X-OWA-Version: 8.1.177.3\r\n")  # XIM


def _who(fields: bytes) -> tuple[str, bytes]:
    """The user, or the answer to who did not say it yet."""
    found = _AUTHORIZATION.search(fields)
    if found is None:
        return "", _challenge()
    token = base64.b64decode(found[2])
    if found[1] == b"Basic":
        name, _, password = token.decode().partition(":")
        return (name, b"") if password == f"secret-{name}" else ("", _challenge())
    if token[8:12] == b"\1\0\0\0":
        return "", _page(401, fields=b"WWW-Authenticate: NTLM TlRMTVNTUAACAAAA\r\n")
    length, at = int.from_bytes(token[36:38], "little"), int.from_bytes(token[40:44], "little")
    return token[at : at + length].decode("utf-16-le").lower(), b""


def _challenge() -> bytes:
    return _page(401, fields=_CHALLENGES)


def _page(status: int, body: bytes = b"", fields: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d x\r\n%bContent-Length: %d\r\n\r\n%b" % (status, fields, len(body), body)
