"""How a step asks the directory: first what is known without asking; and the record tells whence the answer is."""

from __future__ import annotations

from collections.abc import Sequence

from exfront.because import Trace
from exfront.decision import SessionRecord
from exfront.interfaces import MISS, IDirectory
from exfront.names import LookupKey
from exfront.topology import Mailbox


async def look_up(
    directory: IDirectory, keys: Sequence[LookupKey], record: SessionRecord, trace: Trace | None = None
) -> Mailbox | None:
    """Whom `keys` mean; a traced look-up asks always. Raises `Refused`."""
    mailbox = directory.cached_find(keys) if trace is None else MISS
    location = "cache"
    if mailbox is MISS:
        mailbox, location = await directory.find(keys, trace), "directory"
    if mailbox is not None:
        record.location = "stale" if mailbox.stale else location
    return mailbox
