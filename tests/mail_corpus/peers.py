"""The same octets through other mail proxies: writes docs/mail-corpus.rst.

python -m tests.mail_corpus.peers
"""

from __future__ import annotations

import csv
import io
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.mail_corpus.conversations import THEMES
from tests.mail_corpus.entry import Entry
from tests.mail_corpus.front import CorpusSite, corpus_site
from tests.mail_corpus.play import UNTOLD, Result, complaints, fits, play, was_told
from tests.mail_corpus.proxies import Home, Proxy, dovecot, nginx
from tests.support.process import temporary_folder

Themes = Mapping[str, Sequence[Entry]]

OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "mail-corpus.rst"
PATIENCE = 5.0  # seconds; who says nothing in that time says nothing

_SPECIAL = re.compile(r"([\\*`|_])")
KINDS = {
    "passes on": "what should have ended at the proxy reached a mailbox server: a log-on or octets that nobody may "
    "send, or a password for a server that talks nonsense",
    "shows": "the client sees what is not for it: a host name, text of a mailbox server, octets said before TLS",
    "misleads": "a fault of a server is told as a wrong password, or as a bare refusal, which clients take for one",
    "refuses": "a legal conversation does not come to its log-on, or octets are lost",
    "repeats": "the same log-on goes to a server again and again",
    "invites": "octets are asked for that no log-on has",
    "hangs": "no answer, and no end",
    "no reason": "closed without a word",
    "other words": "another answer or none, closed instead of kept or the other way round",
    "cannot": "nginx speaks no TLS to mailbox servers",
}
_HEAD = """Hostile and borderline mail: exfront and others
===============================================

``tests/mail_corpus`` holds {entries} conversations in IMAP4 and POP3, {legal} of them legal from end to end; each names
the rule of :doc:`security` that it is about, the section or CVE that the rule stands on, and what must come of it at
the client and at the mailbox server. ``make test`` plays all of them through a running exfront, as they are and once
more octet by octet, to mailbox servers that record everything and are scripted octet for octet.

``make mail-corpus`` plays the same octets through other proxies to the same servers and writes this page: every
conversation on which one of them differs from what is demanded of exfront, and why it is demanded. What concerns
exfront's own limits and forms of names is left out: {asked} conversations are compared.

The others are {names}: nginx ``mail`` with an auth_http server
(``starttls only`` where TLS is required, otherwise as it comes), Dovecot with a passdb that returns ``proxy`` and no
delay after failures, otherwise as it comes.

How to read it: answers in their order, ``+`` for each invitation to go on; "kept" takes a further command; "BYE" and
"closed" are ends; "silent": {patience:g} s without an answer or an end. What a mailbox server got stands behind "logs
on" and "relays". The kinds of difference, the gravest first, each conversation counted once:

{kinds}

"""


def kind(result: Result) -> str:
    """Which of `KINDS` a result is, empty when it is as demanded."""
    if not any(complaints(result)):
        return ""
    if result.unable:
        return "cannot"
    outcome = result.entry.outcome
    surplus = set(result.logins) - set(outcome.logins)
    if surplus or any(visit.wild for visit in result.visits) or not outcome.relayed.startswith(result.relayed):
        return "passes on"
    checks = (
        ("shows", any(octets in result.heard for octets in outcome.lacks)),
        ("misleads", _misleads(result)),
        ("refuses", len(result.logins) < len(outcome.logins) or result.relayed != outcome.relayed),
        ("repeats", len(result.logins) > len(outcome.logins)),
        ("invites", result.invited > outcome.invited),
        ("hangs", result.ended == "open" and len(result.answers) < max(1, len(outcome.answers))),
        ("no reason", UNTOLD in complaints(result) and all(map(fits, outcome.answers, result.answers))),
    )
    return next((name for name, applies in checks if applies), "other words")


def _misleads(result: Result) -> bool:
    """Where a fault must be told, a wrong password is, or a bare NO or -ERR, which clients take for one."""
    for demanded, answer in zip(result.entry.outcome.answers, result.answers, strict=False):
        code = demanded.partition(" [")[2].rstrip("]")
        fault = code and code not in ("AUTHENTICATIONFAILED", "AUTH", "AUTHORIZATIONFAILED", "PRIVACYREQUIRED")
        bare = re.fullmatch(r"\S+ NO|-ERR", answer) or "AUTHENTICATIONFAILED" in answer or answer == "-ERR [AUTH]"
        if fault and bare and not fits(demanded, answer):
            return True
    return False


def said(result: Result) -> str:
    """What a front end made of an entry, in a few words."""
    answers = ["+"] * result.invited + [answer.replace(" [CAPABILITY]", "") for answer in result.answers]
    if len(answers) > 4:
        answers = [answers[0], f"... {len(answers)} answers ...", answers[-1]]
    return ", ".join([*answers, _end(result), *_at_back_end(result)])


def _end(result: Result) -> str:
    if result.probed:
        return "kept"
    if result.ended == "open":
        return "silent"
    return "BYE" if result.entry.protocol == "imap4" and was_told(result) else "closed"


def _at_back_end(result: Result) -> Iterator[str]:
    outcome = result.entry.outcome
    for (name, _), times in (Counter(result.logins) - Counter(outcome.logins)).items():
        yield f"logs on as {name!r}" if not outcome.logins else f"{times + 1} log-ons"
    if len(result.logins) < len(outcome.logins):
        yield "no log-on"
    if result.relayed != outcome.relayed:
        yield f"relays {result.relayed!r}" if result.relayed else "relays nothing"
    yield from (f"sends {line!r}" for visit in result.visits for line in visit.wild[:1])
    yield from (f"shows {octets!r}" for octets in outcome.lacks if octets in result.heard)


def demanded(entry: Entry) -> str:
    """What exfront does; the run has shown that it does."""
    outcome = entry.outcome
    answers = ["+"] * outcome.invited + list(outcome.answers)
    if len(answers) > 4:
        answers = [answers[0], f"... {len(answers)} answers ...", answers[-1]]
    end = {"told": "BYE" if entry.protocol == "imap4" else "closed", "any": ""}.get(outcome.end, outcome.end)
    return ", ".join([*answers, *([end] if end else [])]) or "nothing"


def table(name: str, proxies: Sequence[str], entries: Sequence[Entry], played: Sequence[Sequence[Result]]) -> str:
    """One theme; empty where nobody differs."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for entry, *theirs in zip(entries, *played, strict=True):
        kinds = [kind(result) for result in theirs]
        if any(kinds):
            cells = [f"{each}: {said(result)}" if each else "same" for each, result in zip(kinds, theirs, strict=True)]
            writer.writerow(
                [_plain(text) for text in (entry.name, demanded(entry), *cells)]
                + [_plain(f"{entry.why} ({entry.source})")]
            )
    header = ", ".join(f'"{text}"' for text in ("conversation", "exfront", *proxies, "why"))
    body = "".join(f"   {line}\n" for line in out.getvalue().splitlines())
    title = name[0].upper() + name[1:]
    return f"{title}\n{'-' * len(title)}\n\n.. csv-table::\n   :header: {header}\n\n{body}\n" if body else ""


def figures(proxies: Sequence[str], themes: Themes, played: Mapping[str, Sequence[Sequence[Result]]]) -> str:
    """How many are as demanded, by theme; how many of each kind."""
    kinds = {name: [[kind(result) for result in results] for results in each] for name, each in played.items()}
    rows: list[list[str | int]] = []
    for name, entries in themes.items():
        rows.append([name, len(entries), len(entries), *(each.count("") for each in kinds[name])])
    totals = [[each for theme in kinds.values() for each in theme[number]] for number in range(len(proxies))]
    rows.append(["all", len(totals[0]), len(totals[0]), *(each.count("") for each in totals)])
    rows += [[name, "", 0, *(each.count(name) for each in totals)] for name in KINDS]
    header = ", ".join(f'"{text}"' for text in ("", "conversations", "exfront", *proxies))
    body = "".join("   " + ", ".join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    return (
        "Figures\n-------\n\nAs demanded, by theme; below that, how many differ in which way.\n\n"
        f".. csv-table::\n   :header: {header}\n\n{body}\n"
    )


def _kinds() -> Iterator[str]:
    for name, what in KINDS.items():
        yield textwrap.fill(f"- {name}: {what}.", 120, subsequent_indent="  ")


def _plain(text: str) -> str:
    """Short, ASCII, and without a meaning for reStructuredText."""
    short = text if len(text) <= 200 else text[:197] + "..."
    return _SPECIAL.sub(r"\\\1", short.encode("ascii", "backslashreplace").decode())


def through(proxy: Proxy, entries: Sequence[Entry], site: CorpusSite) -> list[Result]:
    """All entries through one of the others."""
    proxy.daemon.start()
    try:
        results = play(entries, dict(proxy.fronts), site.back_ends, str(site.site.authority.ca_file), PATIENCE)
    finally:
        proxy.daemon.stop()
    for result in results:
        result.unable = result.entry.upgraded and not proxy.upgrades
    return results


def main() -> int:
    """Returns the exit status."""
    site = corpus_site()
    themes = {name: [entry for entry in entries if entry.peers] for name, entries in THEMES.items()}
    asked = [entry for entries in themes.values() for entry in entries]
    ours = play(asked, site.fronts(), site.back_ends, str(site.site.authority.ca_file))
    wrong = [result.entry.name for result in ours if any(complaints(result))]
    if wrong:
        print(f"exfront fails on {wrong}: make test says how")
        return 1
    homes = [
        Home(back_end, [person for person in site.site.people if person.server == name])
        for name, back_end in zip(("chicago", "dallas"), site.back_ends, strict=True)
    ]
    folder = temporary_folder("mail-proxies")
    proxies = [make(folder, site.site.certificate, homes) for make in (nginx, dovecot)]
    results = [through(proxy, asked, site) for proxy in proxies]
    names = [proxy.name for proxy in proxies]
    played: dict[str, list[list[Result]]] = {}
    begin = 0
    for name, entries in themes.items():
        played[name] = [each[begin : begin + len(entries)] for each in results]
        begin += len(entries)
    every = [entry for entries in THEMES.values() for entry in entries]
    head = _HEAD.format(
        entries=len(every), legal=sum(entry.legal for entry in every), asked=len(asked), names=" and ".join(names),
        patience=PATIENCE, kinds="\n".join(_kinds()),
    )  # fmt: skip
    text = (
        head
        + figures(names, themes, played)
        + "".join(table(name, names, themes[name], played[name]) for name in themes)
    )
    OUTPUT.write_text(text.rstrip("\n") + "\n", "utf-8")
    for line in figures(names, themes, played).splitlines()[6:]:
        print(line.strip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
