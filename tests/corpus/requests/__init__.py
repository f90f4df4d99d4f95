"""Messages of clients, by theme."""

from collections.abc import Mapping

from tests.corpus.entry import Entry
from tests.corpus.requests import (
    chunks,
    connection,
    fields,
    host,
    lengths,
    paths,
    pipelines,
    request_line,
    sizes,
    targets,
    trailers,
    trust,
    web_sockets,
)

THEMES: Mapping[str, tuple[Entry, ...]] = {
    "request lines": request_line.ENTRIES,
    "fields": fields.ENTRIES,
    "Host": host.ENTRIES,
    "targets": targets.ENTRIES,
    "paths": paths.ENTRIES,
    "Content-Length": lengths.ENTRIES,
    "chunks": chunks.ENTRIES,
    "trailers": trailers.ENTRIES,
    "connections": connection.ENTRIES,
    "trust": trust.ENTRIES,
    "web sockets": web_sockets.ENTRIES,
    "pipelines": pipelines.ENTRIES,
    "limits": sizes.ENTRIES,
}
