"""Front ends and mailboxes of several generations of Exchange: who opens what, as the vendor's matrix has it.

Sources: *Transitioning Client Access to Exchange Server 2010*, *Client Connectivity in an Exchange 2013 Coexistence
Environment*, *Exchange 2013 interoperability with legacy versions*, *CASProxy mit Exchange 2007*, *Understanding How
Exchange ActiveSync Works with Proxying*. The rule of thumb behind it: a front end never serves a mailbox newer than
itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal

from exfront.reasons import (
    GENERATIONS_APART,
    MAIL_IN_OTHER_SITE,
    MAILBOX_NEWER,
    NO_SUCH_SERVICE,
    OTHER_ADDRESS,
    Reason,
)
from exfront.topology import FrontEnd, Protocol, Server

Generation = Literal["2003", "2007", "2010", "2013"]
Service = Literal["browser", "activesync", "ews", "oab", "autodiscover", "mapi", "rpc", "mail", "other"]

GENERATIONS: tuple[Generation, ...] = ("2003", "2007", "2010", "2013")


class Way(Enum):
    """How a front end gets a client to its mailbox; the value says it in words."""

    FLOW = "as Exchange of the mailbox's version does it"
    LINK = "to the ExternalURL of a Client Access server of the mailbox's version"
    LINK_IN_SITE = "to the ExternalURL in the own site, as ever elsewhere"
    LEGACY_URL = "to the Exchange2003Url of the own site"
    OWN_VERSION = "by a server of the front end's own version"


Rule = Way | Reason
_Row = tuple[Rule, Rule, Rule, Rule]  # by the mailbox's generation, in the order of GENERATIONS

_FLOW, _NEWER = Way.FLOW, MAILBOX_NEWER
_2003: _Row = (_FLOW, _NEWER, _NEWER, _NEWER)
_2007: _Row = (_FLOW, _FLOW, _NEWER, _NEWER)
_2010: _Row = (_FLOW, _FLOW, _FLOW, _NEWER)
_2013: _Row = (GENERATIONS_APART, _FLOW, _FLOW, _FLOW)

# What each generation's front end does with all services, and where a service is an exception.
_USUALLY: Mapping[FrontEnd, _Row] = {"2003": _2003, "2007": _2007, "2010": _2010, "2013": _2013}
_MATRIX: Mapping[tuple[FrontEnd, Service], _Row] = {
    ("2007", "browser"): (_FLOW, _FLOW, Way.LINK, Way.LINK),
    ("2007", "ews"): (NO_SUCH_SERVICE, _FLOW, _NEWER, _NEWER),
    ("2007", "autodiscover"): (Way.OWN_VERSION, _FLOW, _NEWER, _NEWER),
    ("2007", "oab"): (NO_SUCH_SERVICE, _FLOW, _NEWER, _NEWER),
    ("2007", "mapi"): (NO_SUCH_SERVICE, NO_SUCH_SERVICE, _NEWER, _NEWER),
    ("2010", "browser"): (Way.LEGACY_URL, Way.LINK_IN_SITE, _FLOW, Way.LINK),
    ("2010", "ews"): (NO_SUCH_SERVICE, OTHER_ADDRESS, _FLOW, _NEWER),
    ("2010", "autodiscover"): (Way.OWN_VERSION, _FLOW, _FLOW, _NEWER),
    ("2010", "oab"): (NO_SUCH_SERVICE, _FLOW, _FLOW, _NEWER),
    ("2010", "mapi"): (NO_SUCH_SERVICE, NO_SUCH_SERVICE, NO_SUCH_SERVICE, _NEWER),
    ("2013", "browser"): (GENERATIONS_APART, Way.LINK, _FLOW, _FLOW),
    ("2013", "ews"): (GENERATIONS_APART, OTHER_ADDRESS, _FLOW, _FLOW),
    ("2013", "autodiscover"): (GENERATIONS_APART, Way.OWN_VERSION, _FLOW, _FLOW),
    ("2013", "mapi"): (GENERATIONS_APART, NO_SUCH_SERVICE, NO_SUCH_SERVICE, _FLOW),
}

_SERVICES: Mapping[str, Service] = {
    "owa": "browser", "ecp": "browser", "exchange": "browser", "exchweb": "browser", "public": "browser",
    "activesync": "activesync", "ews": "ews", "oab": "oab", "autodiscover": "autodiscover", "mapi": "mapi",
    "rpc": "rpc",
}  # fmt: skip
_BY_MAJOR: Mapping[int, Generation] = {6: "2003", 8: "2007", 14: "2010", 15: "2013"}


def generation(server: Server) -> Generation | None:
    """Of a server: 2000 goes with 2003, 2016 and 2019 with 2013; None for all that is no Exchange of these."""
    return _BY_MAJOR.get(server.version.major) if server.version is not None else None


def service(protocol: Protocol, application: str) -> Service:
    """What a client wants of a mailbox."""
    return _SERVICES.get(application, "other") if protocol == "http" else "mail"


def rule(front_end: FrontEnd, mailbox: Generation, wanted: Service, *, own_site: bool) -> Rule:
    """The cell of the matrix: how a front end of that generation gets there, or why it does not.

    ``any`` is one door to all of them, and does for each mailbox what its own generation does. `own_site`: the mailbox
    is in the site of the front end.
    """
    if front_end == "any":
        return Way.FLOW
    if front_end == mailbox == "2007" and wanted == "mail" and not own_site:
        return MAIL_IN_OTHER_SITE
    row = _MATRIX.get((front_end, wanted)) or _USUALLY[front_end]
    return row[GENERATIONS.index(mailbox)]
