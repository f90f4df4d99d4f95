"""What a schema is: which filter finds a key, which attributes are asked for, and what an entry means.

A new schema is one more file like active_directory.py, and one more row in `schema`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from exfront.because import Trace
from exfront.config.directory import DirectorySection
from exfront.directory.active_directory import ActiveDirectory, OwnerOf, unknown_owner
from exfront.directory.entry import Entry
from exfront.directory.filters import Filter
from exfront.directory.plain_ldap import PlainLdap
from exfront.names import LookupKey
from exfront.topology import Mailbox

# Reads one more entry: its DN and the attributes wanted; None where there is no such entry.
Fetch = Callable[[str, tuple[str, ...]], Awaitable[Entry | None]]


class Schema(Protocol):
    """Implemented by one class per sort of directory."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """What is asked for of an account's entry."""

    def filter(self, key: LookupKey) -> Filter | None:
        """Who is meant by `key`; None where entries hold nothing of that kind."""

    async def mailbox(self, entry: Entry, fetch: Fetch, trace: Trace | None) -> Mailbox:
        """Read an entry. Raises `Refused` for one that contradicts itself (S-DIR-12)."""


def schema(settings: DirectorySection, owner_of: OwnerOf = unknown_owner) -> Schema:
    """The one that the configuration names; `owner_of` gives the server of a database, where the topology knows it."""
    if settings.schema == "plain_ldap":
        return PlainLdap(
            home_server_attribute=settings.home_server_attribute,
            object_classes=settings.object_classes,
            account_attribute=settings.account_attribute,
            address_attributes=settings.address_attributes,
            upn_attribute=settings.upn_attribute,
            alias_attribute=settings.alias_attribute,
            id_attribute=settings.id_attribute,
        )
    return ActiveDirectory(settings.home_server_attribute, owner_of)
