"""[directory]: where accounts and mailboxes are looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import field, frozen

from exfront.config.kinds import LdapUrl

# How a home server is found: Active Directory with Exchange's attributes, or one attribute of any LDAP.
Schema = Literal["active_directory", "plain_ldap"]


@frozen
class DirectorySection:
    """One LDAP directory; `servers` are tried in order."""

    servers: tuple[LdapUrl, ...]
    base: str
    bind_dn: str = ""
    bind_password_file: Path | None = None
    schema: Schema = "active_directory"
    home_server_attribute: str = "mailHost"  # read when homeMDB and msExchHomeServerName say nothing
    starttls: bool = True  # on ldap:// servers
    allow_clear: bool = False  # ldap:// without StartTLS (S-DIR-10)
    ca_file: Path | None = None  # default: the system's certificate authorities
    domains: dict[str, str] = field(factory=dict)  # DOMAIN = "naming context"; default: first dc of base
