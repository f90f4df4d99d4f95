"""exfront with forms in front of the small company's mail."""

from __future__ import annotations

from typing import Any

from tests.support.exfront import ExFront, Section
from tests.support.mail_site import PUBLIC_NAME, MailSite
from tests.support.population import DNS_DOMAIN
from tests.support.process import temporary_folder

_PORT = "PORT"
_LISTENERS: dict[str, Section] = {"https": {"protocol": "http", "tls": "implicit"}}


def forms_front(site: MailSite, **changes: Any) -> ExFront:
    """Started, with the Exchange preset and ``forms = true``; what outlives a restart lies in a folder of its own.

    Its public name has the port, since what it writes must lead a browser back to it.
    """
    exchange = {"path": "/exchange", "application": "exchange", "authentication": ["forms", "basic"]}
    section = {
        "name": "mail", "public_name": f"{PUBLIC_NAME}:{_PORT}", "preset": "exchange", "forms": True,
        "virtual_directory": [{**exchange, "smtp_domain": DNS_DOMAIN}],
    }  # fmt: skip
    control = {"allow_root": True, "state_dir": str(temporary_folder("state"))}
    front = site.exfront(_LISTENERS, virtual_site=[section], control=control, **changes)
    text = front.configuration.read_text()
    front.configuration.write_text(text.replace(f"{PUBLIC_NAME}:{_PORT}", f"{PUBLIC_NAME}:{front.ports['https']}"))
    front.start()
    return front
