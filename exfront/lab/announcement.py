"""What the lab prints once it runs: what listens where, who may log on, and commands to try."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from exfront.config.listener import ListenerSection
from exfront.config.settings import Settings
from exfront.lab.people import DNS_DOMAIN, DOMAIN, PEOPLE, Person
from exfront.lab.servers import LoopbackServer

_TLS = {"none": "", "starttls": " (STARTTLS)", "implicit": " (TLS)"}
_ANNA, _BEN, _CLARA, _DAVID = PEOPLE


def announcement(settings: Settings, servers: Sequence[LoopbackServer], folder: Path, authority: Path) -> str:
    """The text, ended by an empty line; `folder` holds the lab's files, `authority` is what clients may trust."""
    parts = (
        ["", "exfront's lab is running; Control-C ends it.", ""],
        ["exfront listens on"],
        (f"  {_name(listener):<6} {listener.address}{_tls(listener)}" for listener in settings.listener),
        ["", "behind it"],
        (f"  {server.place}  {server.what}" for server in servers),
        ["", f"{'user':<8}{'password':<14}{'home server':<13}also logs on as"],
        (
            f"{each.account:<8}{each.password:<14}{each.server:<13}{each.alias}@{DNS_DOMAIN}, {DOMAIN}\\{each.account}"
            for each in PEOPLE
        ),
        ["", "Try, in another terminal:"],
        (f"  {command}" for command in commands(settings.listener, authority)),
        ["", f"Files: {folder}", "", ""],
    )
    return "\n".join(line for part in parts for line in part)


@frozen
class _Try:
    """A command for a kind of listener; `url` has a place for its address."""

    protocol: str
    implicit_tls: bool
    person: Person
    user: str
    url: str


_TRIES = (
    _Try("imap4", False, _ANNA, _ANNA.account, "imap://{}/INBOX;MAILINDEX=1"),
    _Try("imap4", True, _CLARA, f"{DOMAIN}\\{_CLARA.account}", "imaps://{}/INBOX;MAILINDEX=1"),
    _Try("pop3", False, _BEN, f"{_BEN.account}@{DNS_DOMAIN}", "pop3://{}/1"),
    _Try("http", False, _DAVID, _DAVID.account, "http://{}/exchange/"),
    _Try("http", True, _ANNA, f"{_ANNA.alias}@{DNS_DOMAIN}", "https://{}/owa/"),
)


def commands(listeners: Sequence[ListenerSection], authority: Path) -> Iterator[str]:
    """A shell command for each kind of listener, if there is one."""
    for one in _TRIES:
        listener = next((each for each in listeners if _fits(one, each)), None)
        if listener is not None:
            trust = ("--cacert", str(authority)) if one.implicit_tls else ()
            url = one.url.format(listener.address)
            yield shlex.join(["curl", *trust, "-u", f"{one.user}:{one.person.password}", url])


def _fits(one: _Try, listener: ListenerSection) -> bool:
    return listener.protocol == one.protocol and (listener.tls == "implicit") is one.implicit_tls


def _name(listener: ListenerSection) -> str:
    encrypted = listener.protocol == "http" and listener.tls == "implicit"
    return "HTTPS" if encrypted else listener.protocol.upper()


def _tls(listener: ListenerSection) -> str:
    if listener.protocol == "http":
        return ""
    return _TLS[listener.tls].replace("STARTTLS", "STLS") if listener.protocol == "pop3" else _TLS[listener.tls]
