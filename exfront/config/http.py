"""[http]: what holds for all virtual sites."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import frozen


@frozen
class HttpSection:
    """`removed_headers` are added to the fields that are removed from every request (S-HTTP-18); none is taken away.

    `pages` is a folder of templates and catalogues in the place of exfront's own (see config/page_folder.py).
    """

    removed_headers: tuple[str, ...] = ()
    public_suffixes: tuple[str, ...] | None = None  # where clients may be sent; default: the DNS domain of the base
    cross_site: Literal["manual", "silent"] = "manual"  # to another site's ExternalURL: by a link page, or at once
    activesync_cross_site: Literal["redirect", "proxy"] = "redirect"  # the same of phones: by 451, or not at all
    block_legacy_mailboxes: bool = False  # no ActiveSync for mailboxes of Exchange 2003
    pages: Path | None = None
    diagnosis: bool = False  # whether answers tell of the servers behind (S-HTTP-31)
