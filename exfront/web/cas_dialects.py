"""How a second Client Access server is spoken to, application by application: where requests and log-ons go.

Sources: *How Exchange Server 2007 CAS Proxying works for Outlook Web Access*, step 5; *... for ActiveSync*. Of the
latter's "proxy login request" no document has URL and answer: it is our own choice, and what both sides are configured
to.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from attrs import frozen

from exfront.config.proxy import ProxySection
from exfront.decision import Relay
from exfront.reasons import NOT_PUBLISHED, Refused

ACTIVESYNC, EWS = "activesync", "ews"
_ACCEPTED = 241
_ALSO_ACCEPTED = frozenset({200, _ACCEPTED})
_INNER = (b"proxy", b"default.eas")  # below the virtual directory of ActiveSync, for Client Access servers
_OUTER = ((), (b"",), (b"default.eas",))  # what phones ask for


@frozen
class LogOnPlace:
    """Where the proxy log-on is posted to, and the statuses by which it is taken."""

    target: bytes
    accepted: frozenset[int]


def log_on_place(relay: Relay, application: str, settings: ProxySection) -> LogOnPlace:
    """Of an application at the server that `relay` proxies to."""
    if application == ACTIVESYNC:
        query = settings.activesync_log_on.encode("ascii")
        return LogOnPlace(b"%b?%b" % (inner_path(relay), query), _ALSO_ACCEPTED)
    path = _path(relay) or "/owa"
    return LogOnPlace(path.encode("ascii") + b"/proxyLogon.owa", frozenset({_ACCEPTED}))


def proxied_path(relay: Relay, application: str, rest: tuple[bytes, ...]) -> bytes:
    """What stands in place of the path of a request; empty where the client's own goes on.

    `rest` are the segments behind the virtual directory. Raises `Refused` for a path that ActiveSync has not.
    """
    return inner_path(relay) if application == ACTIVESYNC and not is_inner(application, rest) else b""


def inner_path(relay: Relay) -> bytes:
    """``<InternalURL>/Proxy/default.eas``, where Integrated authentication is; the URL's own has Basic."""
    return (_path(relay) or "/Microsoft-Server-ActiveSync").encode("ascii") + b"/Proxy/default.eas"


def is_inner(application: str, rest: tuple[bytes, ...]) -> bool:
    """Whether a path is that for Client Access servers alone.

    Raises `Refused` for all that is neither this nor a phone's: Windows has more than one way to spell a folder.
    """
    if application != ACTIVESYNC:
        return False
    lower = tuple(map(bytes.lower, rest))
    if lower != _INNER and lower not in _OUTER:
        raise Refused(NOT_PUBLISHED, "not a path of ActiveSync")
    return lower == _INNER


def _path(relay: Relay) -> str:
    return urlsplit(relay.proxy_url).path.rstrip("/")
