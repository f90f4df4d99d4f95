"""Mailboxes that a request names elsewhere than in its path: in the two queries and two fields that may.

Each is a name to look up, never a host (S-HTTP-18, S-HTTP-23, S-ROUTE-1).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from exfront.decision import SessionRecord
from exfront.directory.ask import look_up
from exfront.names import BadName, LookupKey, NameRules, guid_keys, mailbox_keys
from exfront.reasons import AMBIGUOUS_LOGIN, BAD_INPUT, MAILBOX_NOT_FOUND, RPC_ENDPOINT, Refused
from exfront.steps import Steps
from exfront.topology import Mailbox
from exfront.web import rpc
from exfront.web.headers import ANCHORS, is_smtp_address
from exfront.web.paths import BadPath, percent_decoded
from exfront.web.virtual_sites import VirtualDirectory
from exfront.wire.http1.events import RequestHead

_MAILBOX_ID = b"mailboxid"


@frozen
class Named:
    """`keys` find the mailbox, none for the user's own; `server` is one that must be the mailbox's.

    `dropped` are fields, in lower case, that name somebody else, or nobody: the back end must not believe them.
    """

    keys: tuple[LookupKey, ...] = ()
    server: str = ""
    dropped: frozenset[bytes] = field(default=frozenset())


def by_url(directory: VirtualDirectory, segments: Sequence[bytes], query: bytes | None) -> Named:
    """Whom a URL in `directory` names, `segments` being its checked path. Raises `Refused` for whom nobody can be."""
    keys = directory.mailbox_keys(segments)
    if keys or not directory.application.named_by_query:
        return Named(keys)
    if directory.application.query == "rpc":
        return _endpoint(query, directory.rules)
    return Named(_mailbox_id(query, directory.rules))


def _endpoint(query: bytes | None, rules: NameRules) -> Named:
    name = rpc.endpoint_name(query)
    if "@" not in name:
        return Named(server=name)
    try:
        keys = guid_keys(name, rules)
    except BadName as why:
        raise Refused(RPC_ENDPOINT, str(why)) from None
    if not keys:
        raise Refused(RPC_ENDPOINT, "not a mailbox GUID")
    return Named(keys)


def _mailbox_id(query: bytes | None, rules: NameRules) -> tuple[LookupKey, ...]:
    """Of ``MailboxId=guid@domain`` ([MS-OXCMAPIHTTP] 2.2.2.1). Raises `Refused`."""
    try:
        pairs = [percent_decoded(pair).partition(b"=") for pair in (query or b"").split(b"&")]
    except BadPath as why:
        raise Refused(BAD_INPUT, str(why)) from None
    values = [value for name, _, value in pairs if name.lower() == _MAILBOX_ID]
    if len(values) > 1:
        raise Refused(BAD_INPUT, "two values of MailboxId")  # a back end may take the other one
    if not values or not values[0]:
        return ()
    try:
        keys = guid_keys(values[0].decode("ascii"), rules)
    except (BadName, UnicodeDecodeError):
        keys = ()
    if not keys:
        raise Refused(MAILBOX_NOT_FOUND, "not a mailbox GUID")
    return keys


async def by_fields(directory: VirtualDirectory, head: RequestHead, steps: Steps, record: SessionRecord) -> Named:
    """Whom X-AnchorMailbox or X-OWA-ExplicitLogonUser names; a name that leads nowhere counts for nothing.

    Raises `Refused` where the directory cannot be asked.
    """
    given = [(name, value) for name in ANCHORS for value in head.get_all(name)]
    if not given:
        return _NOBODY
    names, values = frozenset(name for name, _ in given), {value.lower() for _, value in given}
    if len(values) == 1 and directory.application.anchors and is_smtp_address(given[0][1]):
        keys = _address_keys(given[0][1], directory.rules)
        if keys and await found(steps, record, keys) is not None:
            return Named(keys)
    return Named(dropped=names)


_NOBODY = Named()


async def agreeing(url: Named, fields: Named, steps: Steps, record: SessionRecord) -> Named:
    """What holds where both may name somebody: the URL decides, and fields that name somebody else are dropped."""
    if not url.keys and not url.server:
        return fields
    if not fields.keys:
        return Named(url.keys, url.server, fields.dropped)
    mailbox, other = await found(steps, record, url.keys), await found(steps, record, fields.keys)
    same = mailbox is not None and other is not None and mailbox.account_id == other.account_id
    return Named(url.keys, url.server, frozenset() if same else frozenset(ANCHORS))


def _address_keys(address: bytes, rules: NameRules) -> tuple[LookupKey, ...]:
    try:
        return mailbox_keys(address.decode("ascii"), rules=rules)
    except BadName:
        return ()


async def found(steps: Steps, record: SessionRecord, keys: tuple[LookupKey, ...]) -> Mailbox | None:
    """The mailbox that `keys` lead to, if it is one and has a home. Raises `Refused` for no directory."""
    if not keys:
        return None
    try:
        mailbox = await look_up(steps.directory, keys, record)
    except Refused as refused:
        if refused.reason is AMBIGUOUS_LOGIN:
            return None
        raise
    return mailbox if mailbox is not None and mailbox.home_server else None
