"""[tls]: the certificate that listeners show."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen
class TlsSection:
    """PEM files; `certificate` may hold the key too, and the chain after the leaf."""

    certificate: Path | None = None
    key: Path | None = None  # default: in the certificate's file
