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
    the same with a slash (S-HTTP-22). `body_octets` is the limit of a request body, 0 for none; without `body_rate` a
    body may come as slowly as it likes. `moved` is the status of a redirection to TLS. With `by_query`
    the query is looked at too (S-ROUTE-13). With `plain_destination` the back end's own scheme and host stand in
    Destination: mod_dav knows no others as its own. Exchange does, by Front-End-Https.
    """

    name: str
    methods: frozenset[bytes]
    answer_time: float
    names_mailbox: Literal["always", "address", "never"]
    slash: bool = False
    body_octets: int = limits.HTTP_BODY_OCTETS
    body_rate: bool = True
    moved: int = 301
    by_query: bool = False
    plain_destination: bool = False


# The times are those of S-HTTP-26.
_ROWS = (
    Application("exchange", _READING | _DAV, 0.0, "always"),
    Application("exadmin", _READING | _DAV, 0.0, "never"),
    Application("public", _READING | _DAV, 0.0, "never"),
    Application("exchweb", _READING, 0.0, "never"),
    Application("oma", _READING, 0.0, "never"),
    Application("owa", _READING, 300.0, "address", slash=True),
    Application("ecp", _READING, 300.0, "address", slash=True),
    Application("activesync", frozenset({b"OPTIONS", b"POST", b"GET", b"HEAD"}), 3660.0, "never"),
    Application("ews", _READING, 1900.0, "never"),
    Application("oab", frozenset({b"GET", b"HEAD", b"OPTIONS"}), 0.0, "never"),
    Application("autodiscover", _READING, 0.0, "never", moved=302),  # MS-OXDSCLI awaits this one
    Application("mapi", _READING, 3660.0, "never"),
    Application("rpc", _RPC, 900.0, "never", body_octets=0, body_rate=False, by_query=True),
    Application("powershell", _READING, 300.0, "never"),
    Application("webdav", _GROUPWARE, 0.0, "never", plain_destination=True),
    Application("sogo", _GROUPWARE, 300.0, "never", plain_destination=True),
)
APPLICATIONS = {row.name: row for row in _ROWS}
