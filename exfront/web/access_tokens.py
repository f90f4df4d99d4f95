"""As the Client Access server before mailbox servers of Exchange 2013: what is said to them beside a request.

Source: *A New Attack Surface on MS Exchange, Part 1* (the names of the fields). A certificate or a secret proves who we
are, in place of Kerberos (S-AUTH-14).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from attrs import define, field, frozen

from exfront import limits
from exfront.config.proxy import ProxySection
from exfront.decision import Relay
from exfront.reasons import CONTEXT_NOT_POSSIBLE, Refused
from exfront.secret import Secret
from exfront.topology import Mailbox
from exfront.web.cas_proxy import logon_name, memberships
from exfront.wire.access_token import AccessToken, write
from exfront.wire.http1.events import Headers
from exfront.wire.sid import PackedSids

PROXY_URI = b"msExchProxyUri"


@frozen
class _Written:
    groups: PackedSids
    name: str
    value: bytes = field(repr=False)


@define(eq=False)
class AccessTokens:
    """Of one process. `settings` is [proxy], `secret` the content of its secret_file, `groups` gives an account's,
    `domain` the NetBIOS name of its domain, or nothing. A token is held as long as the groups are the same."""

    settings: ProxySection
    groups: Callable[[Mailbox], Awaitable[PackedSids]]
    domain: Callable[[Mailbox], str]
    secret: Secret | None = None
    _written: OrderedDict[str, _Written] = field(factory=OrderedDict, repr=False)

    def __len__(self) -> int:
        return len(self._written)

    async def of(self, account: Mailbox) -> bytes:
        """The token of an account. Raises `Refused` for one without a SID, or with more groups than a token holds."""
        groups, name = await self.groups(account), logon_name(account, self.domain(account))
        known = self._written.get(account.account_id)
        if known is None or known.groups is not groups or known.name != name:
            known = _Written(groups, name, token(account, name, groups))
            self._written[account.account_id] = known
            if len(self._written) > limits.ACCESS_TOKENS:
                self._written.popitem(last=False)
        self._written.move_to_end(account.account_id)
        return known.value

    def fields(self, value: bytes, relay: Relay, address: str, port: int) -> Headers:
        """What is said in each request: who the user is, and that we may say so. `address` is the client's; `port` too,
        0 where a proxy stands before it.

        The secret goes to servers of the configuration alone: whoever can write to the directory must not get it.
        """
        fields = [
            (b"X-CommonAccessToken", value),
            (b"X-IsFromCafe", b"1"),
            (b"X-SourceCafeServer", self.settings.server_name.encode("ascii")),
            (b"X-FE-ClientIP", address.encode("ascii")),
        ]
        if port:
            fields.append((b"X-Forwarded-Port", b"%d" % port))
        if self.secret and relay.server.listed:
            fields.append((self.settings.secret_header.encode("ascii"), self.secret.reveal()))
        return tuple(fields)

    def about_answer(self, relay: Relay, status: int) -> Headers:
        """What Exchange's own front end says of an answer, for the administrator who looks at it."""
        return (
            (b"X-FEServer", self.settings.server_name.partition(".")[0].upper().encode("ascii")),
            (b"X-CalculatedBETarget", relay.server.host.lower().encode("ascii")),
            (b"X-BackEndHttpStatus", b"%d" % status),
        )


def token(account: Mailbox, name: str, groups: PackedSids) -> bytes:
    """What tells of an account that is called `name`. Raises `Refused` as `AccessTokens.of`."""
    if not account.sid:
        raise Refused(CONTEXT_NOT_POSSIBLE, f"no objectSid: {account.dn}")
    try:
        return write(AccessToken(account.sid, name, "Basic", memberships(groups)))
    except ValueError as why:
        raise Refused(CONTEXT_NOT_POSSIBLE, f"{why}: {account.dn}") from None
