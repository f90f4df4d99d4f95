"""Messages of back ends, by theme."""

from collections.abc import Mapping

from tests.corpus.entry import Entry
from tests.corpus.responses import fields, framing, order, status_line

THEMES: Mapping[str, tuple[Entry, ...]] = {
    "status lines": status_line.ENTRIES,
    "fields of answers": fields.ENTRIES,
    "length and end of answers": framing.ENTRIES,
    "order of answers": order.ENTRIES,
}
