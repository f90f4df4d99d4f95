"""What routing is told: who asks, whose mailbox, and the world it decides in; values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from attrs import evolve, field, frozen

from exfront.names import LookupKey
from exfront.secret import Secret
from exfront.topology import FrontEnd, Mailbox, Protocol, Tls, Topology


@frozen
class Identity:
    """Who a client proved to be. `account` is None for an anonymous request.

    `typed` is the login name in the octets typed, `proof` how it was proven (``ldap_bind``), `secret` what is held for
    the log-on at the next hop: a password, or with the SASL mechanism `token` the client's message of it, which is
    proven by the next hop alone (`proof` is ``token``). None for who has shown neither (``certificate``).
    `names_mailbox` are the keys of another mailbox that the login named (``DOMAIN/user/alias``), `public_folders` says
    that it named these (``DOMAIN/user/public.folders``); `keys` are those that `account` was found by.
    """

    account: Mailbox | None
    typed: bytes = b""
    proof: str = "none"
    secret: Secret | None = None
    names_mailbox: tuple[LookupKey, ...] = ()
    keys: tuple[LookupKey, ...] = field(default=(), eq=False)
    token: str = ""
    public_folders: bool = False


ANONYMOUS = Identity(account=None)
PROXY_LOG_ON = "proxy_logon"  # the proof of who another Client Access server has told of


# ``strict``: as before Service Pack 1 of Exchange 2003; ``sp1``: any mailbox will do.
SmtpDomainMatch = Literal["strict", "sp1"]


@frozen
class Facts:
    """The case to decide: `mailbox` is the one to be opened, `named_server` a server fixed by the configuration.

    `port` and `tls` are the configuration's for this virtual directory; 0 and None leave them to the server.
    `smtp_domain` is what its mailboxes have addresses in; `smtp_domain_match` says whether they must.
    `activesync_version` is the protocol version that a phone speaks, as Exchange's log writes it (121 is 12.1), 0 where
    it is not told.
    """

    protocol: Protocol
    identity: Identity
    mailbox: Mailbox | None
    application: str = ""
    explicit_logon: bool = False
    named_server: str = ""
    port: int = 0
    tls: Tls | None = None
    smtp_domain: str = ""
    smtp_domain_match: SmtpDomainMatch = "sp1"
    activesync_version: int = 0


@frozen
class Policy:
    """`suffixes` are DNS domains under which a server named by the directory alone may be used (S-DIR-4).

    `public_suffixes` are those whose hosts clients may be sent to (S-ROUTE-7); `own_names` are host names of this front
    end, in lower case: what leads to one of them leads back here. `cross_site` says how a client is sent to the
    ExternalURL of another site: by a page with a link, or at once; `activesync_cross_site` whether a phone is, by 451.
    With `block_legacy` mailboxes of Exchange 2003 have no ActiveSync. `proves` says whether we can prove to a second
    Client Access server that we are one. `front_end` says as which generation's front end exfront behaves.
    `active_servers` are names of servers by those of the databases, or of the
    availability groups, that are active there, in lower case.
    """

    suffixes: tuple[str, ...] = ()
    public_suffixes: tuple[str, ...] = ()
    own_names: frozenset[str] = frozenset()
    cross_site: Literal["manual", "silent"] = "manual"
    activesync_cross_site: Literal["redirect", "proxy"] = "redirect"
    block_legacy: bool = False
    proves: bool = False
    front_end: FrontEnd = "any"
    active_servers: Mapping[str, str] = field(factory=dict)


@frozen
class Health:
    """How a back end is for one application: `out` is left alone for a while, `error` is what was seen last.

    `due`: it has been left alone for long enough, and the next who comes may try.
    """

    state: Literal["healthy", "degraded", "out"]
    error: str = ""
    due: bool = False

    def __str__(self) -> str:
        return f"{self.state}, {self.error}" if self.error else self.state


# Of a database's DN: the server that had its active copy a moment ago, by its name; empty where nobody knows.
ActiveCopyOf = Callable[[str], str]


def no_memory(database: str) -> str:
    """For a world in which nobody remembers."""
    return ""


# Of a server's name, a protocol and an application's name; None where nothing is known.
HealthOf = Callable[[str, Protocol, str], Health | None]


def unknown(server: str, protocol: Protocol, application: str) -> Health | None:
    """For a world in which nobody looks."""
    return None


@frozen
class World:
    """What is known of the servers now, and the policy. `site` is exfront's own, empty where it is not known.

    `active` remembers where the active copy of a database was found.
    """

    topology: Topology
    policy: Policy = Policy()
    health: HealthOf = unknown
    site: str = ""
    active: ActiveCopyOf = no_memory

    def without(self, servers: frozenset[str]) -> World:
        """The same world for one who could not reach these servers (their names) just now."""

        def health(server: str, protocol: Protocol, application: str) -> Health | None:
            return _NOT_REACHED if server in servers else self.health(server, protocol, application)

        return evolve(self, health=health)


_NOT_REACHED = Health("out", "not reached just now")
