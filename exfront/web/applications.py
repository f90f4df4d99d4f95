"""What is published: one row per application, with its methods, times and what its paths say."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from exfront import limits

NEVER_RELAYED = frozenset({b"CONNECT", b"TRACE"})  # S-HTTP-7

_READING = frozenset({b"GET", b"HEAD", b"POST", b"OPTIONS"})
_RPC = frozenset({b"RPC_IN_DATA", b"RPC_OUT_DATA", b"GET", b"HEAD", b"OPTIONS"})  # MS-RPCH 2.1.2
# RFC 4918, RFC 5323, and Exchange's own WebDAV verbs (exchange.md 2.2)
_DAV = frozenset({
    b"PUT", b"DELETE", b"PROPFIND", b"PROPPATCH", b"MKCOL", b"COPY", b"MOVE", b"LOCK", b"UNLOCK", b"SEARCH", b"POLL",
    b"SUBSCRIBE", b"UNSUBSCRIBE", b"BMOVE", b"BCOPY", b"BDELETE", b"BPROPFIND", b"BPROPPATCH", b"X-MS-ENUMATTS",
})  # fmt: skip

# RFC 3253, RFC 3744, RFC 4791, RFC 5789: what calendars and address books over WebDAV speak as well
_GROUPWARE = _READING | _DAV | frozenset({b"REPORT", b"ACL", b"MKCALENDAR", b"PATCH", b"VERSION-CONTROL"})

KNOWN_METHODS = (
    _READING
    | _DAV
    | NEVER_RELAYED
    | frozenset({
        b"PATCH", b"REPORT", b"ACL", b"MKCALENDAR", b"MKACTIVITY", b"MERGE", b"CHECKIN", b"CHECKOUT", b"UNCHECKOUT",
        b"VERSION-CONTROL", b"BASELINE-CONTROL", b"LABEL", b"UPDATE", b"MKWORKSPACE", b"ORDERPATCH", b"BIND", b"UNBIND",
        b"REBIND", b"LINK", b"UNLINK", b"MKREDIRECTREF", b"UPDATEREDIRECTREF", b"NOTIFY", b"RPC_IN_DATA",
        b"RPC_OUT_DATA",
    })
)  # fmt: skip
"""IANA's registry of methods, and Microsoft's: a method outside of it is 501, one inside that is not listed 405."""

REPEATABLE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PROPFIND", b"SEARCH"})  # S-HTTP-32


@frozen
class Application:
    """One row.

    `answer_time` is what a back end has for its answer after the full request, in seconds; 0 means [limits]
    http_answer_time. `names_mailbox` says when the segment behind the virtual directory names a mailbox (explicit
    logon): always, only as an SMTP address, or never. With `slash` the path of the directory itself is redirected to
    the same with a slash (S-HTTP-22). `body_octets` is the limit of a request body, 0 for none; with `body_idle` a body
    may come as slowly as it likes, and pause for so many seconds. `moved` is the status of a redirection to TLS.
    `query` is what a query is read as: these are the only ones (S-HTTP-23). With `anchors` fields may name a mailbox
    too (S-HTTP-18). With `health` there is a ``healthcheck.htm``. With `plain_destination` the back end's own scheme
    and host stand in Destination: mod_dav knows no others as its own. Exchange does, by Front-End-Https. With `alone`
    nothing lies below the directory's own path.
    """

    name: str
    methods: frozenset[bytes]
    answer_time: float
    names_mailbox: Literal["always", "address", "never"]
    slash: bool = False
    body_octets: int = limits.HTTP_BODY_OCTETS
    body_idle: float = 0.0
    moved: int = 301
    query: Literal["", "rpc", "mapi", "activesync"] = ""
    anchors: bool = False
    health: bool = True
    plain_destination: bool = False
    alone: bool = False

    @property
    def named_by_query(self) -> bool:
        """Whether a query decides on the mailbox or server."""
        return self.query in ("rpc", "mapi")


# The times are those of S-HTTP-26. Where people's own names stand in the paths there is no page of ours among them.
_ROWS = (
    Application("exchange", _READING | _DAV, 0.0, "always", health=False),
    Application("exadmin", _READING | _DAV, 0.0, "never", health=False),
    Application("public", _READING | _DAV, 0.0, "never", health=False),
    Application("exchweb", _READING, 0.0, "never", health=False),
    Application("oma", _READING, 0.0, "never"),
    Application("owa", _READING, 300.0, "address", slash=True, anchors=True),
    Application("ecp", _READING, 300.0, "address", slash=True, anchors=True),
    Application("activesync", frozenset({b"OPTIONS", b"POST", b"GET", b"HEAD"}), 3660.0, "never", query="activesync"),
    Application("ews", _READING, 1900.0, "never", anchors=True),
    Application("oab", frozenset({b"GET", b"HEAD", b"OPTIONS"}), 0.0, "never"),
    Application("autodiscover", _READING, 0.0, "never", moved=302, anchors=True),  # MS-OXDSCLI awaits this status
    Application("mapi", _READING, 3660.0, "never", query="mapi", anchors=True),
    Application("rpc", _RPC, 900.0, "never", body_octets=0, body_idle=900.0, query="rpc"),
    Application("powershell", _READING, 300.0, "never"),
    Application("owaredirect", frozenset({b"GET", b"HEAD"}), 0.0, "never", health=False, alone=True),
    Application("webdav", _GROUPWARE, 0.0, "never", health=False, plain_destination=True),
    Application("sogo", _GROUPWARE, 300.0, "never", health=False, plain_destination=True),
)
APPLICATIONS = {row.name: row for row in _ROWS}
