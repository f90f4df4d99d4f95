"""Writes docs/explain.rst: what ``exfrontctl explain`` prints for some users of a real slapd.

python -m tests.explained           writes it
python -m tests.explained --check   fails if it is out of date
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.support.cas_sites import OWN
from tests.support.exfront import toml
from tests.support.population import BASE, DNS_DOMAIN, DOMAIN, SERVERS, with_generations
from tests.support.slapd import Site, new_site, site_of

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "docs" / "explain.rst"

_TIME = 60.0  # seconds for one run
_AT_ONCE = 4
_URL = re.compile(r"ldap://127\.0\.0\.1:\d+")
_MILLISECONDS = re.compile(r"\b\d+\.\d ms")
_UUID = re.compile(r"\b[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}\b")

_HEAD = """Where would this log-on go, and why?
====================================

``exfrontctl explain PROTOCOL LOGIN`` asks the running exfront, with its topology and the state of its directory
servers, and prints what a log-on would do: the keys that the login name means, each LDAP search exactly as it is sent,
the raw values of the entry, how they were read, and the rules that led to the decision. It runs the very code that
serves log-ons, with a trace. The searches are made anew; beside each key stands what the cache holds, which is what a
log-on would take. Where the two differ it says so: ``exfrontctl flush USER`` forgets the old answer.

``--password-stdin`` tries a password too (a wrong one counts as one), ``--url`` chooses virtual site and directory for
``http``, ``--json`` prints the same for programs, and ``--offline --config FILE`` needs no running exfront. The exit
status is 0 where the log-on would be let through, 1 where it would be refused, 2 for a wrong command line, 3 where no
exfront answers on the socket (``[control] socket``).

``make docs`` writes this page by running the command against OpenLDAP with entries as Active Directory has them.
"""


@frozen
class Example:
    """One run: a heading, some words, and the command line behind ``exfrontctl explain``."""

    title: str
    words: str
    arguments: tuple[str, ...]
    schema: str = "active_directory"
    sites: bool = False  # asked where there are sites with Exchange 2007, 2010 and 2013
    brief: bool = False  # the page has the decision alone
    front_end: str = "any"  # [exchange] front_end


EXAMPLES: tuple[Example, ...] = (
    Example(
        "A mailbox on Exchange 2003",
        "The DN in homeMDB names the server: the step left of Servers, right of InformationStore.",
        ("imap4", f"{DOMAIN}\\user1"),
    ),
    Example(
        "A mailbox on Exchange 2010",
        "The DN in homeMDB names no server: whose database it is, the topology knows, or the database's own entry.",
        ("pop3", f"user2@{DNS_DOMAIN}"),
    ),
    Example(
        "Plain LDAP",
        "``schema = \"plain_ldap\"``: uid, mail, and mailHost for the home server.",
        ("imap4", "paula"),
        schema="plain_ldap",
    ),
    Example("A disabled account", "The client is told what it is told for a wrong password.", ("imap4", "disabled")),
    Example("Not found", "Each key was tried, none matched.", ("imap4", f"nobody@{DNS_DOMAIN}")),
    Example(
        "Ambiguous",
        "Two entries have the address: neither is chosen.",
        ("imap4", f"twins@{DNS_DOMAIN}"),
    ),
    Example(
        "Another mailbox over HTTP",
        "The URL names a mailbox (explicit logon): it is looked up beside the account.",
        ("http", f"{DOMAIN}\\user1", "--url", "/exchange/user2/Inbox/"),
    ),
    Example(
        "Exchange 2003 behind a virtual directory",
        "The steps are those of *Exchange 2000/2003 Front End Server Logon Process*.",
        ("http", "backend", "--url", f"https://mail.{DNS_DOMAIN}/exchange/"),
        sites=True,
    ),
    Example(
        "Exchange 2007: the own site",
        "The steps are those of *How Exchange Server 2007 CAS Proxying works for Outlook Web Access*. A Client Access "
        "server of the mailbox's site has the page; of several, a user always gets the same one.",
        ("http", "illinois", "--url", f"https://mail.{DNS_DOMAIN}/owa/"),
        sites=True,
    ),
    Example(
        "Exchange 2007: a link to another site",
        "Step 4: the other site has an address of its own in the Internet.",
        ("http", "texas", "--url", f"https://mail.{DNS_DOMAIN}/owa/"),
        sites=True,
    ),
    Example(
        "Exchange 2007: a proxy to another site",
        "Steps 2, 3 and 5: it has none, but an InternalURL with Integrated authentication. As that server takes no "
        "password, it learns by a security context who the user is.",
        ("http", "iowa", "--url", f"https://mail.{DNS_DOMAIN}/owa/"),
        sites=True,
    ),
    Example(
        "Exchange 2007: no server that can be proxied to",
        "The second error of step 2: Integrated authentication is not set.",
        ("http", "ohio", "--url", f"https://mail.{DNS_DOMAIN}/owa/"),
        sites=True,
    ),
    Example(
        "Exchange 2007: no server that answers",
        "The first error of step 2: the site has no Client Access server.",
        ("http", "utah", "--url", f"https://mail.{DNS_DOMAIN}/owa/"),
        sites=True,
    ),
)  # fmt: skip


_BY_MAIL = (
    ("2003", "backend", "The mailbox server itself.", "The mailbox server itself."),
    ("2007", "illinois", "A Client Access server of the mailbox's site.", "The same one as by IMAP4."),
    ("2010", "on2010", "The same for 2010, whatever the site.", "The same one as by IMAP4."),
    ("2013", "on2013", "The server with the active copy, where its front ends' IMAP4 listens behind: 1993, with TLS.",
     "The same at 1995."),
)  # fmt: skip
EXAMPLES += tuple(
    Example(f"{name} of a mailbox on {generation}", words, (protocol, login), sites=True, brief=True)
    for generation, login, by_imap4, by_pop3 in _BY_MAIL
    for name, protocol, words in (("IMAP4", "imap4", by_imap4), ("POP3", "pop3", by_pop3))
)
EXAMPLES += (
    Example(
        "Exchange 2010: a proxy to another site",
        "The site of the mailbox has an InternalURL alone.",
        ("http", "on2010", "--url", f"https://mail.{DNS_DOMAIN}/owa/"),
        sites=True,
        brief=True,
    ),
    Example(
        "Exchange 2013",
        "The server with the active copy of the database, at 444; the token says who asks.",
        ("http", "on2013", "--url", f"https://mail.{DNS_DOMAIN}/owa/"),
        sites=True,
        brief=True,
    ),
    Example(
        "ActiveSync of a site with an address of its own",
        "451: the phone goes there by itself.",
        ("http", "texas", "--url", f"https://mail.{DNS_DOMAIN}/Microsoft-Server-ActiveSync", "--method", "POST"),
        sites=True,
        brief=True,
    ),
    Example(
        "Exchange Web Services of another site",
        "There is no redirection: the other site's server is told who asks in the SOAP header.",
        ("http", "iowa", "--url", f"https://mail.{DNS_DOMAIN}/EWS/Exchange.asmx", "--method", "POST"),
        sites=True,
        brief=True,
    ),
    Example(
        "OWARedirect",
        "One address for all: it leads to the path of the mailbox's version.",
        ("http", "backend", "--url", f"https://mail.{DNS_DOMAIN}/owaredirect"),
        sites=True,
        brief=True,
    ),
    Example(
        "POP3 of another site behind a 2007 front end",
        'With ``front_end = "2007"``: 2007 does not proxy POP3 and IMAP4 between sites.',
        ("pop3", "iowa"),
        sites=True,
        brief=True,
        front_end="2007",
    ),
    Example(
        "A mailbox newer than the front end",
        'With ``front_end = "2007"``; a browser would get a link, if the newer server had an ExternalURL.',
        ("imap4", "on2013"),
        sites=True,
        brief=True,
        front_end="2007",
    ),
)

_DECISION = "\ndecision: "


def page() -> str:
    """docs/explain.rst, made now."""
    plain, many = new_site(), site_of(with_generations())
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            shown = pool.map(lambda example: _section(many if example.sites else plain, example), EXAMPLES)
            return _HEAD + "".join(shown)
    finally:
        plain.close()
        many.close()


def _section(site: Site, example: Example) -> str:
    return "".join(_lines(site, example))


def _lines(site: Site, example: Example) -> Iterator[str]:
    shown = " ".join(f"'{word}'" if "\\" in word else word for word in example.arguments)
    yield f"\n{example.title}\n{'-' * len(example.title)}\n\n{textwrap.fill(example.words, 120)}\n\n"
    yield ".. code-block:: text\n\n"
    output = masked(run(site, example))
    if example.brief:
        output = "…\n" + output[output.index(_DECISION) :]
    yield textwrap.indent(f"$ exfrontctl explain {shown}\n{output}", "    ")


def run(site: Site, example: Example) -> str:
    """What the command prints. Raises AssertionError where it fails otherwise than by a refusal."""
    configuration = site.slapd.folder / f"{EXAMPLES.index(example)}.toml"
    configuration.write_text(toml(_settings(site, example)))
    argv = [sys.executable, "-m", "exfront.control", "explain", *example.arguments]
    argv += ["--offline", "--config", str(configuration)]
    ended = subprocess.run(argv, capture_output=True, timeout=_TIME, check=False)
    if ended.returncode not in (0, 1) or ended.stderr:
        raise AssertionError(f"{argv}: {ended.returncode} {ended.stderr.decode('utf-8', 'backslashreplace')}")
    return ended.stdout.decode("utf-8")


def masked(text: str) -> str:
    """Without what differs from run to run: ports, times, and the ids that slapd made up."""
    text = _URL.sub(f"ldap://dc1.{DNS_DOMAIN}", text)
    text = _UUID.sub(lambda found: "00000000-0000-4000-8000-000000000000".replace("-", found[1]), text)
    return _MILLISECONDS.sub("0.4 ms", text)


def _settings(site: Site, example: Example) -> dict[str, Any]:
    return {
        "directory": {
            "servers": [site.slapd.url],
            "base": BASE,
            "bind_dn": site.slapd.bind_dn,
            "bind_password_file": str(site.slapd.password_file()),
            "ca_file": str(site.authority.ca_file),
            "domains": {DOMAIN: BASE},
            "schema": example.schema,
            "site": OWN.name,
        },
        "back_ends": {"suffixes": [DNS_DOMAIN, "msxfaq.de"]},
        "exchange": {"front_end": example.front_end},
        "proxy": {"secret_file": str(site.slapd.password_file())},
        "server": [{"name": name, "host": f"{name}.{DNS_DOMAIN}"} for name in SERVERS],
        "listener": [{"protocol": "http", "address": "127.0.0.1:0", "tls": "none", "allow_plaintext": True}],
        "virtual_site": [
            {
                "name": "default",
                "public_name": f"mail.{DNS_DOMAIN}",
                "virtual_directory": [
                    {"path": "/exchange", "application": "exchange", "smtp_domain": DNS_DOMAIN},
                    {"path": "/owa", "application": "owa"},
                    {"path": "/EWS", "application": "ews"},
                    {"path": "/Microsoft-Server-ActiveSync", "application": "activesync"},
                    {"path": "/owaredirect", "application": "owaredirect"},
                ],
            }
        ],
    }


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    made = page()
    if "--check" not in arguments:
        OUTPUT.write_text(made, "utf-8")
        return 0
    return int(not OUTPUT.exists() or OUTPUT.read_text("utf-8") != made)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
