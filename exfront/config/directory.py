"""[directory]: where accounts and mailboxes are looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from attrs import field, frozen

from exfront import limits
from exfront.config.kinds import Count, HostPort, LdapUrl, Range, Seconds

# How a home server is found: Active Directory with Exchange's attributes, or one attribute of any LDAP.
Schema = Literal["active_directory", "plain_ldap"]

StaleTime = Annotated[float, Range(0.0, limits.CACHE_STALE_MOST, f"seconds, from 0 to {limits.CACHE_STALE_MOST:g}")]


@frozen
class DirectorySection:
    """One LDAP directory: `servers`, tried in order, or those that DNS names for the domain `discover`."""

    servers: tuple[LdapUrl, ...] = ()
    base: str = ""
    discover: str = ""  # a domain of Active Directory; `servers` serve while DNS names none
    forest: str = ""  # its root domain, where the global catalogs stand; default: discover
    site: str = ""  # of Active Directory, where exfront is: its servers come first
    dns_servers: tuple[HostPort, ...] = ()  # default: the system's
    search_connections: Count = limits.LDAP_SEARCH_CONNECTIONS  # to the server that is asked
    bind_dn: str = ""
    bind_password_file: Path | None = None
    schema: Schema = "active_directory"
    home_server_attribute: str = "mailHost"  # read when homeMDB and msExchHomeServerName say nothing
    # What plain_ldap's entries are, and which attributes mean what; an empty name is an attribute they do not have.
    object_classes: tuple[str, ...] = ("inetOrgPerson", "posixAccount")
    account_attribute: str = "uid"
    address_attributes: tuple[str, ...] = ("mail",)
    upn_attribute: str = ""
    alias_attribute: str = ""
    id_attribute: str = "entryUUID"
    accepted_domains: tuple[str, ...] = ()  # SMTP domains of addresses that may name a mailbox; default: all
    tag_separator: str = "+"  # user+tag@domain is user@domain's too; empty: it is not
    topology: bool | None = None  # read servers and databases from the configuration partition; default: by schema
    topology_time: Seconds = limits.TOPOLOGY_TIME
    starttls: bool = True  # on ldap:// servers
    allow_clear: bool = False  # ldap:// without StartTLS (S-DIR-10)
    ca_file: Path | None = None  # default: the system's certificate authorities
    cache_entries: Count = limits.CACHE_ENTRIES
    cache_time: Seconds = limits.CACHE_TIME
    negative_cache_time: Seconds = limits.NEGATIVE_CACHE_TIME  # for names that nobody has
    stale_time: StaleTime = limits.CACHE_STALE_TIME  # past cache_time, while no server answers (S-DIR-5)
    domains: dict[str, str] = field(factory=dict)  # DOMAIN = "naming context"; default: first dc of base
