"""A front end of one's own with a back end for bodies of any size and for held requests: everybody may come in.

Phones come as users of the site, whose servers are all this back end.
"""

from __future__ import annotations

import resource

from attrs import frozen

from tests.support.exfront import ExFront
from tests.support.mail_site import LIMITS, LISTENERS, PUBLIC_NAME, MailSite, shared
from tests.support.octets import Octets
from tests.support.process import temporary_folder

PATH = "/public/"
PHONES = "/Microsoft-Server-ActiveSync"
MEGABYTE = 1024 * 1024
_FILES = 16_384  # a front end of 5,000 clients has two sockets for each, and some more


@frozen
class OctetsStage:
    """Running."""

    site: MailSite
    octets: Octets
    front: ExFront

    def stop(self) -> None:
        """Both."""
        self.front.daemon.kill()
        self.octets.daemon.kill()


def octets_stage() -> OctetsStage:
    """Start one; the caller stops it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, _FILES), most))
    site = shared()
    octets = Octets(temporary_folder("octets"), "127.0.0.26")
    directory = {
        "path": "/public", "application": "public", "authentication": "anonymous", "server": "octets",
        "require_tls": "no", "body_octets": 0, "answer_time": 3600.0,
    }  # fmt: skip
    phones = {"path": PHONES, "application": "activesync", "require_tls": "no", "body_octets": 0}
    server = {"name": "octets", "host": "octets.fourthcoffee.com", "address": octets.address, "http": octets.port}
    front = site.exfront(
        {name: LISTENERS[name] for name in ("http", "https")},
        server=[server, *[{**server, "name": name} for name in site.servers]],
        virtual_site=[{"name": "default", "public_name": PUBLIC_NAME, "virtual_directory": [directory, phones]}],
        limits={**LIMITS, "connections_per_address": 10_000, "connections_per_back_end": 10_000},
    )
    octets.daemon.start()
    front.start()
    return OctetsStage(site, octets, front)
