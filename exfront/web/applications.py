"""What is published: one row per application, with its methods, times and what its paths say."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

NEVER_RELAYED = frozenset({b"CONNECT", b"TRACE"})  # S-HTTP-7

_READING = frozenset({b"GET", b"HEAD", b"POST", b"OPTIONS"})
# RFC 4918, RFC 5323, and Exchange's own WebDAV verbs (exchange.md 2.2)
_DAV = frozenset({
    b"PUT", b"DELETE", b"PROPFIND", b"PROPPATCH", b"MKCOL", b"COPY", b"MOVE", b"LOCK", b"UNLOCK", b"SEARCH", b"POLL",
    b"SUBSCRIBE", b"UNSUBSCRIBE", b"BMOVE", b"BCOPY", b"BDELETE", b"BPROPFIND", b"BPROPPATCH", b"X-MS-ENUMATTS",
})  # fmt: skip

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
    the same with a slash (S-HTTP-22).
    """

    name: str
    methods: frozenset[bytes]
    answer_time: float
    names_mailbox: Literal["always", "address", "never"]
    slash: bool = False


APPLICATIONS = {
    "exchange": Application("exchange", _READING | _DAV, 0.0, "always"),
    "owa": Application("owa", _READING, 300.0, "address", slash=True),  # S-HTTP-26
    "public": Application("public", _READING | _DAV, 0.0, "never"),
}
