"""The corpus of malformed and borderline messages through the readers alone: in whatever pieces, the same events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.http1.request import RequestReader
from exfront.wire.http1.response import ResponseReader
from tests.corpus import requests, responses
from tests.corpus.entry import Entry
from tests.wire.http1.reading import play, refusal

_WHOLE_SPLITS = 600  # octets up to which every place is tried

# Refused for what the grammar does not know: methods, paths, limits of a directory, a wrong password.
_BY_GRAMMAR = ("request lines", "fields", "Host", "chunks", "trailers", "limits")


def cuts(octets: bytes) -> Iterator[list[bytes]]:
    """Octet by octet, and in two pieces at every place."""
    if len(octets) <= _WHOLE_SPLITS:
        yield [octets[place : place + 1] for place in range(len(octets))]
        for place in range(1, len(octets)):
            yield [octets[:place], octets[place:]]
    else:
        yield [octets[place : place + 1000] for place in range(0, len(octets), 1000)]
        for place in (1, 16, len(octets) // 2, len(octets) - 1):
            yield [octets[:place], octets[place:]]


class AnySplitTests(SynchronousTestCase):
    def test_requests(self) -> None:
        """S-HTTP-1, S-HTTP-2, S-HTTP-3, S-HTTP-8, S-HTTP-11: the pieces in which a request comes mean nothing."""
        for entry in _entries(requests.THEMES.values()):
            octets = entry.octets[:100_000]
            whole = play(RequestReader(), [octets], ended=True)
            for pieces in cuts(octets):
                self.assertEqual(play(RequestReader(), pieces, ended=True), whole, (entry.name, len(pieces)))

    def test_answers(self) -> None:
        """S-HTTP-27: the pieces in which an answer comes mean nothing."""
        for entry in _entries(responses.THEMES.values()):
            octets, method = (entry.answer or b"")[:200_000], entry.octets.split(b" ")[0]
            whole = play(ResponseReader(method), [octets], ended=True)
            for pieces in cuts(octets):
                self.assertEqual(play(ResponseReader(method), pieces, ended=True), whole, (entry.name, len(pieces)))


class RefusalTests(SynchronousTestCase):
    def test_the_grammar_refuses_by_itself(self) -> None:
        """S-HTTP-1, S-HTTP-2, S-HTTP-3, S-HTTP-4, S-HTTP-8, S-HTTP-10, S-HTTP-11, S-HTTP-12: with that status."""
        for entry in _entries(requests.THEMES[theme] for theme in _BY_GRAMMAR):
            statuses = [answer.status for answer in entry.outcome.answers]
            if entry.outcome.kept or entry.outcome.reached or not statuses or not entry.peers:
                continue
            found = refusal(play(RequestReader(), [entry.octets]))
            # Whatever is wrong within a body, the client is told 400.
            self.assertIn(found, (statuses[-1], 431 if entry.rule == "S-HTTP-12" else statuses[-1]), entry.name)


def _entries(themes: Iterable[Iterable[Entry]]) -> Iterator[Entry]:
    for theme in themes:
        yield from theme
