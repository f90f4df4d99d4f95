"""The corpus against exfront, nginx, HAProxy and Apache, the same octets for all: writes docs/http-corpus.rst.

python -m tests.corpus.peers
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.corpus import requests, responses
from tests.corpus.entry import Answer, Entry
from tests.corpus.front import corpus_site
from tests.corpus.play import Result, answer_complaints, complaints, play, reached_complaints
from tests.corpus.proxies import Proxy, apache, haproxy, nginx
from tests.support.process import temporary_folder
from tests.support.recording_server import RecordingServer, Seen

OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "http-corpus.rst"
PATIENCE = 3.0  # seconds; who says nothing in that time says nothing

_OURS = ("without b'via'", "without b'x-forwarded-proto'", "with b'connection'")
_DATE = re.compile(r"\w{3}, \d\d \w{3} 20\d\d [\d:]{8} GMT")
_SPECIAL = re.compile(r"([\\*`|_])")
_HEAD = """Malformed and borderline HTTP: exfront and others
=================================================

``tests/corpus`` holds {entries} messages in both directions, {legal} of them legal; each names the rule of
:doc:`security` that it is about, the section or CVE that the rule stands on, and what must come of it. ``make test``
plays all of them through a running exfront to a back end that records every octet: nothing malformed comes through,
every legal message does, and nothing that was cut looks complete.

``make corpus`` plays the same octets through other proxies to the same back end and writes this page: every message
about which one of them differs from exfront, with what exfront does and why. What concerns exfront's own configuration
(paths that are not published, its own limits of a body) is left out: {asked} messages are compared.

The others are {names}: nginx with ``proxy_pass`` in HTTP/1.1, HAProxy in
``mode http`` with ``option forwardfor``, Apache with ``ProxyPass``; all pass the client's Host on and tell its address.
nginx has no limit of a body. Everything else is as it comes.

How to read it: ``400`` is the status for the client, and nothing came through; ``200, passed`` came through; other
words say what differs at the back end or at the client. Of the back end's answers only what the client gets is shown.
"same" is what exfront does. Another status of a refusal is a difference too. Some of what the others do depends on how
octets happen to come: a few cells differ from run to run.

"""


def said(result: Result) -> str:
    """What a front end made of an entry, in a few words."""
    statuses = " ".join(f"{answer.status}{'' if answer.complete else ' cut'}" for answer in result.answers)
    answered = statuses or _silence(result)
    complete = [seen for seen in result.reached if seen.complete]
    entry = result.entry
    if entry.answer is not None and (entry.early or len(complete) == len(entry.outcome.reached)):
        return ", ".join([answered, *_remarks(result, complete)])
    if not complete:
        return answered
    words = "passed" if len(complete) == 1 else f"{len(complete)} passed"
    return ", ".join([answered, words + _changed_target(result, complete), *_remarks(result, complete)])


def _silence(result: Result) -> str:
    if result.end == "open":
        return "no answer"
    return "a page without a head" if result.surplus else "closed"


def _changed_target(result: Result, complete: Sequence[Seen]) -> str:
    """What became of a target that should not have come through."""
    target = complete[0].target
    demanded_none = not result.entry.outcome.reached
    return f" as {target.decode('latin-1')}" if demanded_none and target not in result.entry.octets else ""


def _remarks(result: Result, complete: Sequence[Seen]) -> Iterator[str]:
    """What is wrong with what came through, the gravest first."""
    yield from (f"with {fault}" for seen in complete for fault in seen.faults[:1])
    outcome = result.entry.outcome
    for demanded, seen in zip(outcome.reached, complete, strict=False):
        yield from _without_ours(reached_complaints(demanded, seen))
    for answer, received in zip(outcome.answers, result.answers, strict=False):
        if answer.status == received.status:
            found = answer_complaints(answer, received)
            yield from (text for text in found if result.entry.answer or not text.startswith("body "))


def _without_ours(found: Iterator[str]) -> Iterator[str]:
    """Fields that only exfront adds are no difference, nor is it how others treat their own connections."""
    return (text for text in found if not text.startswith(_OURS))


def demanded(entry: Entry) -> str:
    """What exfront makes of it; the run has shown that it does."""
    statuses = " ".join(map(_status, entry.outcome.answers)) or "closed"
    reached = len(entry.outcome.reached) if entry.answer is None else 0
    return statuses + (", passed" if reached == 1 else f", {reached} passed" if reached else "")


def _status(answer: Answer) -> str:
    return f"{answer.status}{'' if answer.complete else ' cut'}"


def differences(
    theme: Sequence[Entry], played: Mapping[str, Sequence[Result]]
) -> Iterator[tuple[str, str, str, str, tuple[str, ...]]]:
    """Per entry on which a proxy differs: its name, source, what exfront does, why, what each of the others does."""
    for number, entry in enumerate(theme):
        ours = demanded(entry)
        theirs = [said(results[number]) for results in played.values()]
        if any(words != ours for words in theirs):
            cells = tuple("same" if words == ours else words for words in theirs)
            yield entry.name, entry.source, ours, entry.why, cells


def table(name: str, proxies: Sequence[str], rows: Sequence[tuple[str, str, str, str, tuple[str, ...]]]) -> str:
    """One theme."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for entry, source, ours, why, theirs in rows:
        writer.writerow([_plain(text) for text in (entry, ours, *theirs, f"{why} ({source})")])
    header = ", ".join(f'"{text}"' for text in ("message", "exfront", *proxies, "why"))
    body = "".join(f"   {line}\n" for line in out.getvalue().splitlines())
    return f"{name}\n{'-' * len(name)}\n\n.. csv-table::\n   :header: {header}\n\n{body}\n"


def _plain(text: str) -> str:
    """Short, ASCII, and without a meaning for reStructuredText."""
    text = _DATE.sub("(now)", text)
    short = text if len(text) <= 160 else text[:157] + "..."
    return _SPECIAL.sub(r"\\\1", short.encode("ascii", "backslashreplace").decode())


def run(proxy: Proxy, entries: Sequence[Entry], back_end: RecordingServer) -> list[Result]:
    """All entries through one of the others."""
    proxy.daemon.start()
    try:
        strays: list[Seen] = []
        results = play(entries, proxy.at, back_end, PATIENCE, strays)
    finally:
        proxy.daemon.stop()
    for seen in strays:
        print(f"{proxy.name}: at the back end without the client's address: {seen}")
    return results


def main() -> int:
    """Returns the exit status."""
    front, back_end = corpus_site()
    everything = {**requests.THEMES, **responses.THEMES}
    themes = {name: [entry for entry in entries if entry.peers] for name, entries in everything.items()}
    entries = [entry for theme in themes.values() for entry in theme]
    wrong = [result.entry.name for result in play(entries, front.at("http"), back_end) if any(complaints(result))]
    if wrong:
        print(f"exfront fails on {wrong}: make test says how")
        return 1
    folder = temporary_folder("proxies")
    proxies = [make(folder, (back_end.address, back_end.port)) for make in (nginx, haproxy, apache)]
    played = {proxy.name: run(proxy, entries, back_end) for proxy in proxies}
    names = [proxy.name for proxy in proxies]
    every = [entry for theme in everything.values() for entry in theme]
    parts = [
        _HEAD.format(
            entries=len(every), legal=sum(entry.legal for entry in every), asked=len(entries), names=", ".join(names)
        ),
        *_summary(names, entries, played),
    ]
    begin = 0
    for name, theme in themes.items():
        part = {proxy: results[begin : begin + len(theme)] for proxy, results in played.items()}
        begin += len(theme)
        rows = list(differences(theme, part))
        print(f"{name}: {len(theme)} messages, {len(rows)} on which they differ")
        if rows:
            parts.append(table(name[0].upper() + name[1:], names, rows))
    OUTPUT.write_text("".join(parts).rstrip("\n") + "\n", "utf-8")
    return 0


def _summary(names: Sequence[str], entries: Sequence[Entry], played: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    """How many of each kind: what must not pass and did, what must pass and did not, what was cut and looks whole."""
    yield "Figures\n-------\n\n.. csv-table::\n"
    yield '   :header: "", "exfront", ' + ", ".join(f'"{name}"' for name in names) + "\n\n"
    for words, counts in (
        ("not to be passed on, and passed on", _passed_on),
        ("legal, and refused or not answered", _refused),
        ("cut, and looks complete", _looks_complete),
    ):
        figures = [sum(map(counts, played[name])) for name in names]
        yield f'   "{words}", "0", ' + ", ".join(f'"{figure}"' for figure in figures) + "\n"
    yield "\n"


def _passed_on(result: Result) -> bool:
    """Of a request, to the back end; of an answer, to the client."""
    entry = result.entry
    if entry.answer is None:
        wanted = len(entry.outcome.reached)
        return not entry.legal and len([seen for seen in result.reached if seen.complete]) > wanted
    (answer,) = entry.outcome.answers
    return answer.status == 502 and any(received.status != 502 for received in result.answers)


def _refused(result: Result) -> bool:
    wanted = [answer.status for answer in result.entry.outcome.answers]
    return result.entry.legal and [answer.status for answer in result.answers] != wanted


def _looks_complete(result: Result) -> bool:
    answers = result.entry.outcome.answers
    cut = bool(answers) and not answers[-1].complete
    return cut and bool(result.answers) and result.answers[-1].complete and result.answers[-1].status < 400


if __name__ == "__main__":
    sys.exit(main())
