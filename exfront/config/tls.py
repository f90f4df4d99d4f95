"""[tls]: the certificate that listeners show."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen
class TlsSection:
    """PEM files; `certificate` may hold the key too, and the chain after the leaf.

    `more_certificates` are files of the same kind, each with its key, for clients that ask for a name in them.
    """

    certificate: Path | None = None
    key: Path | None = None  # default: in the certificate's file
    more_certificates: tuple[Path, ...] = ()
