"""Who lands where, cell by cell: what the vendor's matrix says, in the organisation of tests/routing/organisation.py.

Sources: *Transitioning Client Access to Exchange Server 2010*, *Client Connectivity in an Exchange 2013 Coexistence
Environment*, *CASProxy mit Exchange 2007*. ``host:port`` is relayed to, ``proxy`` goes to another site's Client Access
server, ``link`` is a page with a link, ``302`` and ``451`` a redirection, ``XF-`` a refusal. Where the matrix has no
cell, or a dash, the Reason stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen

from exfront.topology import FrontEnd
from tests.routing.organisation import LINKED, OWN, PROXIED

NEWER = "XF-GENERATION: the mailbox is newer than the front end"
APART = "XF-GENERATION: front end and mailbox are of generations that do not work together"
NONE = "XF-GENERATION: the mailbox's version of Exchange has no such service"
AUTODISCOVER = "XF-GENERATION: clients get another address from Autodiscover"
OTHER_SITE = "XF-OTHER-SITE: POP3 and IMAP4 of a 2007 mailbox are its own site's"
OWA_2003 = "XF-LEGACY-MAILBOX: a mailbox of Exchange 2000 or 2003 is not opened by this path"

_LEGACY = "302 https://legacy.fourthcoffee.com/exchange"
_OLD07 = "302 https://old07.chicago.fourthcoffee.com/owa"
_AT07 = "302 https://mail07.dallas.fourthcoffee.com/owa"

# The mailbox's generation and site, in the order of the columns.
COLUMNS: tuple[tuple[str, str], ...] = (
    ("2003", OWN),
    ("2007", OWN), ("2007", PROXIED), ("2007", LINKED),
    ("2010", OWN), ("2010", PROXIED), ("2010", LINKED),
    ("2013", OWN), ("2013", LINKED),
)  # fmt: skip

_SITES_07 = ("chicago-cas07:443", "proxy ames-cas07:443", "link https://mail07.dallas.fourthcoffee.com/owa")
_SITES_10 = ("chicago-cas10:443", "proxy ames-cas10:443", "link https://mail10.dallas.fourthcoffee.com/owa")
_RELAY_07 = ("chicago-cas07:443", "ames-cas07:443", "dallas-cas07:443")
_RELAY_10 = ("chicago-cas10:443", "ames-cas10:443", "dallas-cas10:443")
_RELAY_13 = ("chicago-mbx13:444", "dallas-mbx13:444")
_LINK_10 = (
    "link https://old10.chicago.fourthcoffee.com/owa",
    "link https://old10.chicago.fourthcoffee.com/owa",  # Iowa has none: the nearest site that has one
    "link https://mail10.dallas.fourthcoffee.com/owa",
)
_LINK_13 = (
    "link https://old13.chicago.fourthcoffee.com/owa",
    "link https://mail13.dallas.fourthcoffee.com/owa",
)
_EWS_07 = ("chicago-cas07:443", "proxy ames-cas07:443", "proxy dallas-cas07:443")
_EWS_10 = ("chicago-cas10:443", "proxy ames-cas10:443", "proxy dallas-cas10:443")
_PHONES_07 = (*_EWS_07[:2], "451 https://mail07.dallas.fourthcoffee.com/owa")
_PHONES_10 = (*_EWS_10[:2], "451 https://mail10.dallas.fourthcoffee.com/owa")
_IMAP_07 = ("chicago-cas07:143", "ames-cas07:143", "dallas-cas07:143")
_IMAP_10 = ("chicago-cas10:143", "ames-cas10:143", "dallas-cas10:143")
_IMAP_13 = ("chicago-mbx13:1993", "dallas-mbx13:1993")
_POP_07 = ("chicago-cas07:110", "ames-cas07:110", "dallas-cas07:110")
_POP_10 = ("chicago-cas10:110", "ames-cas10:110", "dallas-cas10:110")
_POP_13 = ("chicago-mbx13:1995", "dallas-mbx13:1995")


def _all(text: str) -> tuple[str, str, str]:
    return text, text, text


_N3, _N2 = _all(NEWER), (NEWER, NEWER)

# Of a front end's generation and what is asked for: a landing for each column.
MATRIX: Mapping[tuple[FrontEnd, str], tuple[str, ...]] = {
    ("2003", "exchange"): ("be03:80", *_N3, *_N3, *_N2),
    ("2003", "owa"): (OWA_2003, *_N3, *_N3, *_N2),
    ("2003", "activesync"): ("be03:80", *_N3, *_N3, *_N2),
    ("2003", "imap4"): ("be03:143", *_N3, *_N3, *_N2),
    ("2003", "pop3"): ("be03:110", *_N3, *_N3, *_N2),
    ("2003", "rpc"): ("be03:80", *_N3, *_N3, *_N2),
    ("2007", "exchange"): ("be03:80", *_SITES_07, *_LINK_10, *_LINK_13),
    ("2007", "owa"): (OWA_2003, *_SITES_07, *_LINK_10, *_LINK_13),
    ("2007", "activesync"): ("be03:80", *_PHONES_07, *_N3, *_N2),
    ("2007", "ews"): (NONE, *_EWS_07, *_N3, *_N2),
    ("2007", "autodiscover"): ("chicago-cas07:443", *_RELAY_07, *_N3, *_N2),
    ("2007", "oab"): (NONE, *_RELAY_07, *_N3, *_N2),
    ("2007", "imap4"): ("be03:143", "chicago-cas07:143", OTHER_SITE, OTHER_SITE, *_N3, *_N2),
    ("2007", "pop3"): ("be03:110", "chicago-cas07:110", OTHER_SITE, OTHER_SITE, *_N3, *_N2),
    ("2007", "rpc"): ("be03:80", *_RELAY_07, *_N3, *_N2),
    ("2007", "mapi"): (NONE, *_all(NONE), *_N3, *_N2),
    ("2010", "exchange"): (_LEGACY, _OLD07, *_SITES_07[1:], *_SITES_10, *_LINK_13),
    ("2010", "owa"): (_LEGACY, _OLD07, *_SITES_07[1:], *_SITES_10, *_LINK_13),
    ("2010", "activesync"): ("be03:80", *_PHONES_07, *_PHONES_10, *_N2),
    ("2010", "ews"): (NONE, *_all(AUTODISCOVER), *_EWS_10, *_N2),
    ("2010", "autodiscover"): ("chicago-cas10:443", *_RELAY_07, *_RELAY_10, *_N2),
    ("2010", "oab"): (NONE, *_RELAY_07, *_RELAY_10, *_N2),
    ("2010", "imap4"): ("be03:143", *_IMAP_07, *_IMAP_10, *_N2),
    ("2010", "pop3"): ("be03:110", *_POP_07, *_POP_10, *_N2),
    ("2010", "rpc"): ("be03:80", *_RELAY_07, *_RELAY_10, *_N2),
    ("2010", "mapi"): (NONE, *_all(NONE), *_all(NONE), *_N2),
    ("2013", "exchange"): (APART, _OLD07, _OLD07, _AT07, *_SITES_10, "302 /owa", "302 /owa"),
    ("2013", "owa"): (APART, _OLD07, _OLD07, _AT07, *_SITES_10, *_RELAY_13),
    ("2013", "activesync"): (APART, *_EWS_07, *_EWS_10, *_RELAY_13),
    ("2013", "ews"): (APART, *_all(AUTODISCOVER), *_EWS_10, *_RELAY_13),
    ("2013", "autodiscover"): (APART, *_all("chicago-mbx13:444"), *_RELAY_10, *_RELAY_13),
    ("2013", "oab"): (APART, *_RELAY_07, *_RELAY_10, *_RELAY_13),
    ("2013", "imap4"): (APART, *_IMAP_07, *_IMAP_10, *_IMAP_13),
    ("2013", "pop3"): (APART, *_POP_07, *_POP_10, *_POP_13),
    ("2013", "rpc"): (APART, *_RELAY_07, *_RELAY_10, *_RELAY_13),
    ("2013", "mapi"): (APART, *_all(NONE), *_all(NONE), *_RELAY_13),
    ("any", "exchange"): ("be03:80", *_SITES_07, *_SITES_10, "302 /owa", "302 /owa"),
    ("any", "owa"): (OWA_2003, *_SITES_07, *_SITES_10, *_RELAY_13),
    ("any", "activesync"): ("be03:80", *_PHONES_07, *_PHONES_10, *_RELAY_13),
    ("any", "ews"): ("be03:80", *_EWS_07, *_EWS_10, *_RELAY_13),
    ("any", "oab"): ("be03:80", *_RELAY_07, *_RELAY_10, *_RELAY_13),
    ("any", "autodiscover"): ("be03:80", *_RELAY_07, *_RELAY_10, *_RELAY_13),
    ("any", "imap4"): ("be03:143", *_IMAP_07, *_IMAP_10, *_IMAP_13),
    ("any", "pop3"): ("be03:110", *_POP_07, *_POP_10, *_POP_13),
    ("any", "rpc"): ("be03:80", *_RELAY_07, *_RELAY_10, *_RELAY_13),
    ("any", "mapi"): ("be03:80", *_RELAY_07, *_RELAY_10, *_RELAY_13),
}  # fmt: skip


@frozen
class Cell:
    """One question and its answer."""

    front_end: FrontEnd
    wanted: str
    generation: str
    site: str
    landing: str


def cells() -> Iterator[Cell]:
    """All of the matrix."""
    for (front_end, wanted), row in MATRIX.items():
        for (generation, site), landing in zip(COLUMNS, row, strict=True):
            yield Cell(front_end, wanted, generation, site, landing)
