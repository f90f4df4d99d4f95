"""exfront in front of the recording back end, configured for the corpus."""

from __future__ import annotations

import functools

from tests.corpus.entry import SMALL_BODY
from tests.support.exfront import ExFront, Section
from tests.support.mail_site import LISTENERS, PUBLIC_NAME, shared
from tests.support.recording_server import RecordingServer

BACK_END_ADDRESS = "127.0.0.24"

VIRTUAL_SITE: Section = {
    "name": "corpus",
    "public_name": PUBLIC_NAME,
    "host_names": ["other.fourthcoffee.com"],
    "virtual_directory": [
        {"path": "/public", "application": "public", "authentication": "anonymous", "server": "chicago",
         "require_tls": "no"},
        {"path": "/small", "application": "public", "authentication": "anonymous", "server": "chicago",
         "require_tls": "no", "body_octets": SMALL_BODY, "methods": ["GET", "POST"]},
        {"path": "/ws", "application": "webdav", "authentication": "anonymous", "server": "chicago",
         "require_tls": "no", "websocket": True},
        {"path": "/owa", "application": "owa", "authentication": "anonymous", "server": "chicago",
         "require_tls": "no"},
        {"path": "/exchange", "application": "exchange", "require_tls": "no"},
    ],
}  # fmt: skip


@functools.cache
def corpus_site() -> tuple[ExFront, RecordingServer]:
    """Both started; they end with the process."""
    site = shared()
    back_end = RecordingServer(BACK_END_ADDRESS)
    chicago = site.chicago.section(address=BACK_END_ADDRESS, http=back_end.port)
    listeners = {"http": LISTENERS["http"]}
    front = site.exfront(listeners, server=[chicago, site.dallas.section()], virtual_site=[VIRTUAL_SITE])
    front.start()
    return front, back_end
