"""A front end whose directories pass log-ons of connections through, and the back end that asks for them."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Mapping

from attrs import frozen

from tests.support.connection_bound import ConnectionBound
from tests.support.exfront import ExFront
from tests.support.mail_site import LIMITS, LISTENERS, PUBLIC_NAME, MailSite, shared
from tests.support.population import DNS_DOMAIN
from tests.support.process import temporary_folder
from tests.support.whose_mailbox import Door

PASS_THROUGH = "passthrough"  # the authentication of a directory whose back end asks by itself
ADDRESS = "127.0.0.24"
AT_ONCE = 200  # clients


@frozen
class Stage:
    """A back end and an exfront of these tests; `people` are known to the back end and to the directory."""

    site: MailSite
    bound: ConnectionBound
    front: ExFront
    people: Mapping[str, str]

    def door(self, path: str = "/bound", listener: str = "http") -> Door:
        """One of the ways in."""
        context = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
        context.check_hostname = False  # clients come by address
        return Door(self.front.at(listener), path, context if listener == "https" else None)

    @property
    def ways(self) -> tuple[Door, ...]:
        """In the clear and by TLS, to a back end in the clear and by TLS."""
        return tuple(self.door(path, listener) for listener in ("http", "https") for path in ("/bound", "/secured"))


def directory(path: str, server: str) -> dict[str, object]:
    """Passes everything through to one server."""
    return {
        "path": path, "application": "public", "authentication": PASS_THROUGH, "server": server, "require_tls": "no",
    }  # fmt: skip


@functools.cache
def stage(loud: bool) -> Stage:
    """Started once, and ended with the process; both kinds of back end serve the same pages."""
    site = shared()
    people = {user.name: user.password.decode() for user in site.users}
    folder = temporary_folder("bound")
    name = f"bound.{DNS_DOMAIN}"
    bound = ConnectionBound(folder, ADDRESS, people, site.authority.issue(name, [ADDRESS]), loud)
    bound.daemon.start()
    plain = {"name": "bound", "host": name, "address": ADDRESS, "http": bound.http}
    secured = {**plain, "name": "secured", "http": bound.https, "http_tls": "implicit"}
    exchange = {"path": "/exchange", "application": "exchange", "require_tls": "no", "smtp_domain": DNS_DOMAIN}
    front = site.exfront(
        {name: LISTENERS[name] for name in ("http", "https")},
        server=[plain, secured, {**plain, "name": "chicago"}, {**plain, "name": "dallas"}],
        virtual_site=[
            {
                "name": "default", "public_name": PUBLIC_NAME,
                "virtual_directory": [directory("/bound", "bound"), directory("/secured", "secured"), exchange],
            }
        ],
        limits={**LIMITS, "connections_per_address": 4 * AT_ONCE},
    )  # fmt: skip
    front.start()
    return Stage(site, bound, front, people)
