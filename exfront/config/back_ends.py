"""[back_ends]: which servers exfront may connect to (the allow list, S-DIR-4)."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from exfront.config.kinds import Network, Port


@frozen
class BackEndsSection:
    """`[[server]]` names are always allowed; others below `suffixes`. Every address must lie in `networks`.

    `ports` are those beyond the standard ones where POP3 and IMAP4 of a server may be, by the directory's word.
    """

    suffixes: tuple[str, ...] | None = None  # default: the DNS domain of [directory] base
    networks: tuple[Network, ...] | None = None  # default: all but loopback, link-local, multicast, own listeners
    ports: tuple[Port, ...] = ()
    ca_file: Path | None = None  # default: the system's certificate authorities
