"""Authentication schemes in the fields of HTTP: what a 401 offers, and what a client used (RFC 9110 section 11)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from exfront.decision import SessionRecord
from exfront.web.headers import CONNECTION_SCHEMES
from exfront.wire.http1.events import Headers, all_values

# A member of a comma-separated list; commas within quoted strings part nothing.
_MEMBER = re.compile(rb'(?:[^",]|"(?:[^"\\]|\\.)*+"?)++')
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}\Z")
_OF_A_REQUEST = frozenset({b"basic", b"bearer"})  # others may log the connection on (S-HTTP-33)
_MOST = 8  # a back end's list may be of any length, a log's field not


def offered(headers: Headers) -> str:
    """The schemes of all WWW-Authenticate fields in their order, ``Negotiate,NTLM,Basic``; ``-`` for none."""
    names = [name for value in all_values(headers, b"www-authenticate") for name in _schemes(value)]
    return ",".join(dict.fromkeys(names[:_MOST])) or "-"


def used(authorization: bytes | None) -> str:
    """The scheme of an Authorization value, never more of it; ``-`` for none, ``?`` for what is no scheme."""
    if authorization is None:
        return "-"
    return _name(authorization.strip(b" \t").partition(b" ")[0]) or "?"


def note(record: SessionRecord, authorization: bytes | None, challenges: Headers) -> None:
    """Write of a 401 what it offers and what was used into the record."""
    record.scheme_used, record.schemes_offered = used(authorization), offered(challenges)


def proven_here(methods: Collection[str], authorization: bytes | None) -> bool:
    """Whether exfront itself asks who it is, in a virtual directory with these authentication methods.

    Where both Basic and passing through are possible the back end is asked for its challenge first: it alone can make
    one for NTLM.
    """
    if "anonymous" in methods or "basic" not in methods:
        return False
    if "passthrough" not in methods:
        return True
    return authorization is not None and _word(authorization) in _OF_A_REQUEST


def by_form(methods: Collection[str], authorization: bytes | None, agent: bytes | None, others: Sequence[str]) -> bool:
    """Whether a request is one of a browser, which logs on by form, in a virtual directory with these methods.

    Where Basic is possible too, who brings it is taken at his word, and the clients whose User-Agent has a word of
    `others` are asked for it: they would show no form.
    """
    if "forms" not in methods:
        return False
    if "basic" not in methods:
        return True
    if authorization is not None and _word(authorization) == b"basic":
        return False
    return agent is None or not shows_no_form(agent.decode("latin-1"), others)


def shows_no_form(agent: str, others: Sequence[str]) -> bool:
    """Whether a User-Agent has one of the words of clients that do without pages, in any case."""
    lower = agent.lower()
    return any(word.lower() in lower for word in others)


def logs_connection_on(authorization: bytes | None) -> bool:
    """Whether an Authorization value is of a scheme that leaves no password: Negotiate, NTLM or Kerberos."""
    return authorization is not None and _word(authorization) in CONNECTION_SCHEMES


def passed_on(methods: Collection[str], authorization: bytes | None, proxied: bool) -> bytes | None:
    """What of an Authorization value that exfront does not prove goes to the back end; None for nothing.

    Passing through is for what exfront cannot prove: a password would reach the back end past the guard. What logs a
    connection on never comes by a proxy: its next request on that connection may be another user's (S-HTTP-34).
    """
    if authorization is None:
        return None
    of_a_request = _word(authorization) in _OF_A_REQUEST
    if "passthrough" in methods and of_a_request:
        return None
    return None if proxied and not of_a_request else authorization


def _word(authorization: bytes) -> bytes:
    return authorization.partition(b" ")[0].lower()


def _schemes(value: bytes) -> Iterator[str]:
    """A member that begins with a token and no ``=`` is a challenge; others are parameters of the one before."""
    for member in _MEMBER.findall(value):
        name = _name(member.strip(b" \t").partition(b" ")[0])
        if name:
            yield name


def _name(word: bytes) -> str:
    return word.decode("ascii") if _TOKEN.match(word) else ""
