"""Writes docs/coexistence.rst: who lands where among several generations of Exchange, from the rows that tests hold.

python -m tests.coexistence_page           writes it
python -m tests.coexistence_page --check   fails if it is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from tests.routing.coexistence_rows import COLUMNS, MATRIX
from tests.routing.organisation import LINKED, OWN, PROXIED
from tests.web.mixed_rows import ACCESS, HOMES, MIXED_MODE

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "coexistence.rst"

_HEAD = f"""\
Several generations of Exchange behind one door
===============================================

A site that moves its mailboxes one by one has servers of two or more versions for years. With ``front_end = "any"``,
the default of ``[exchange]``, exfront opens each mailbox as Exchange of its version does it, and nobody changes a
setting. With ``"2003"``, ``"2007"``, ``"2010"`` or ``"2013"`` it does what that generation's own front end does:
nothing newer is opened, some users are sent to another address, some are refused in words.

This page is written by ``make docs`` from the rows that tests hold, each of them in an organisation of three sites:
{OWN} is exfront's own, {PROXIED} has no address in the Internet (InternalURL alone), {LINKED} has one (ExternalURL).
``chicago-cas07:443`` is what is relayed to, by server and port. ``proxy`` is a Client Access server of another site,
which learns who asks; ``link`` a page with a link; ``302`` and ``451`` (ActiveSync, with X-MS-Location) send the client
there. ``XF-`` is a refusal, of which docs/security.rst tells. URLs are shown where they may be (S-ROUTE-7) and never of
this front end itself; of several sites that would do, the nearest by the costs of the site links counts.

POP3 and IMAP4 of 2007 mailboxes are a case of their own. A 2007 Client Access server does not proxy them to another
site, and says so. exfront is not bound by that: with ``"any"`` it relays to a Client Access server of the mailbox's
site, as 2010 does.

What the vendor does and exfront does not: a 2010 server sends a user of 2003 on with the password, by a form that posts
itself; exfront's redirection carries none, and the user logs on again there.
"""

_DOUBLE_HOP = """
The table is that of *CASProxy mit Exchange 2007*; adam's mailbox is on 2007 too, olga's on 2003. Where exfront itself
asks who it is (``authentication = "basic"``), the log-on of Windows is answered by 401 with Basic: it leaves no
password for the next server (the double hop).
"""
_TITLES = {
    "any": 'One door to all: ``front_end = "any"``',
    "2003": 'A 2003 front end: ``front_end = "2003"``',
    "2007": 'A 2007 Client Access server: ``front_end = "2007"``',
    "2010": 'A 2010 Client Access server: ``front_end = "2010"``',
    "2013": 'A 2013 Client Access server: ``front_end = "2013"``',
}
_NAMES = {
    "owa": "/owa", "exchange": "/exchange", "activesync": "ActiveSync", "ews": "EWS", "oab": "OAB",
    "autodiscover": "Autodiscover", "rpc": "Outlook Anywhere", "mapi": "MAPI/HTTP", "imap4": "IMAP4", "pop3": "POP3",
}  # fmt: skip
_GENERATIONS = ("2003", "2007", "2010", "2013")


def page() -> str:
    """docs/coexistence.rst, made now."""
    sections = (_matrix(front_end, title) for front_end, title in _TITLES.items())
    return _HEAD + "".join(line for section in (*sections, _access(), _mixed()) for line in section)


def _matrix(front_end: str, title: str) -> Iterator[str]:
    rows = [(name, row) for (of, name), row in MATRIX.items() if of == front_end]
    cells = [[_NAMES[name], *(_cell(generation, row) for generation in _GENERATIONS)] for name, row in rows]
    yield from _table(title, ["", *(f"mailbox on {generation}" for generation in _GENERATIONS)], cells)


def _cell(generation: str, row: Sequence[str]) -> str:
    """What all sites share is said once."""
    found = [(site, landing) for (of, site), landing in zip(COLUMNS, row, strict=True) if of == generation]
    if len({landing for _, landing in found}) == 1:
        return f"``{found[0][1]}``"
    grouped = groupby(found, key=lambda pair: pair[1])
    return "; ".join(f"{', '.join(site for site, _ in pairs)}: ``{landing}``" for landing, pairs in grouped)


def _access() -> Iterator[str]:
    title = "By Integrated authentication or by form, at the own and at another mailbox"
    cells = [
        [_user(row.user), f"``{row.path}``", f"``{row.integrated}``", f"``{row.by_form}``", row.remark]
        for row in ACCESS
    ]
    yield from _table(title, ["user", "asks for", "by NTLM, passed through", "by form or Basic", ""], cells)
    yield _DOUBLE_HOP


def _mixed() -> Iterator[str]:
    title = "Mixed mode: the wrong URL and the right user"
    cells = [[_user(user), f"``{path}``", f"``{landing}``"] for user, path, landing in MIXED_MODE]
    yield from _table(title, ["user", "asks for", "lands at"], cells)


def _user(name: str) -> str:
    return f"{name}, on {HOMES[name]}"


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"\n{title}\n{'-' * len(title)}\n\n.. list-table::\n   :header-rows: 1\n\n"
    for row in (heads, *rows):
        for number, cell in enumerate(row):
            yield f"   {'* -' if number == 0 else '  -'} {cell}".rstrip() + "\n"


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    made = page()
    if "--check" not in arguments:
        OUTPUT.write_text(made, "utf-8")
        return 0
    return int(not OUTPUT.exists() or OUTPUT.read_text("utf-8") != made)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
