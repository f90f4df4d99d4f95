"""A front end of one's own with a back end for bodies of any size and for held requests: everybody may come in."""

from __future__ import annotations

import resource

from attrs import frozen

from tests.support.exfront import ExFront
from tests.support.mail_site import LIMITS, LISTENERS, PUBLIC_NAME, MailSite, shared
from tests.support.octets import Octets
from tests.support.process import temporary_folder

PATH = "/public/"
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
    front = site.exfront(
        {name: LISTENERS[name] for name in ("http", "https")},
        server=[{"name": "octets", "host": "octets.fourthcoffee.com", "address": octets.address, "http": octets.port}],
        virtual_site=[{"name": "default", "public_name": PUBLIC_NAME, "virtual_directory": [directory]}],
        limits={**LIMITS, "connections_per_address": 10_000, "connections_per_back_end": 10_000},
    )
    octets.daemon.start()
    front.start()
    return OctetsStage(site, octets, front)
