"""The corpus of malformed and borderline HTTP, against a running exfront: nothing malformed passes, all else does."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.catalogue import SECURITY, stated_rules
from tests.corpus import requests, responses
from tests.corpus.entry import Answer, Entry, Outcome, Reached, passes, request
from tests.corpus.front import corpus_site
from tests.corpus.play import Received, Result, complaints, play
from tests.support.recording_server import Seen

THEMES = {**requests.THEMES, **responses.THEMES}
ENTRIES: list[Entry] = [entry for entries in THEMES.values() for entry in entries]
# A floor per direction, so that no entry gets lost unseen.
FEWEST_REQUESTS, FEWEST_ANSWERS = 665, 240


class CorpusTests(SynchronousTestCase):
    """One test a theme; all that is wrong with its entries is in the text of the failure, by name."""

    timeout = 120

    def play(self, theme: str) -> None:
        """Every entry of the theme comes out as it says; the process logs no traceback, and keeps no connection."""
        front, back_end = corpus_site()
        mark = len(front.server_log())
        results = play(THEMES[theme], front.at("http"), back_end)
        found = [f"{result.entry.name}: {text}" for result in results for text in complaints(result)]
        if found:
            self.fail("\n".join([f"{len(found)} of {len(results)} messages of {theme!r}", *found]))
        self.assertEqual(front.server_log()[mark:].count("Traceback"), 0, front.server_log()[mark:])

    def test_request_lines(self) -> None:
        """S-HTTP-1, S-HTTP-2, S-HTTP-7: request lines, HTTP/1.0, other versions and other protocols."""
        self.play("request lines")

    def test_fields(self) -> None:
        """S-HTTP-2, S-HTTP-3: field lines, line ends and control octets."""
        self.play("fields")

    def test_host(self) -> None:
        """S-HTTP-4, S-HTTP-5: Host, and which one the back end gets."""
        self.play("Host")

    def test_targets(self) -> None:
        """S-HTTP-6, S-HTTP-7: the forms of a target, CONNECT, TRACE and OPTIONS."""
        self.play("targets")

    def test_paths(self) -> None:
        """S-HTTP-21, S-HTTP-22, S-HTTP-23, S-ROUTE-2: paths with two readings; all others arrive octet for octet."""
        self.play("paths")

    def test_lengths(self) -> None:
        """S-HTTP-9, S-HTTP-25, S-HTTP-30: Content-Length, and bodies that end too early."""
        self.play("Content-Length")

    def test_chunks(self) -> None:
        """S-HTTP-10, S-HTTP-11: Transfer-Encoding, chunk by chunk."""
        self.play("chunks")

    def test_trailers(self) -> None:
        """S-HTTP-12: trailers are checked and dropped."""
        self.play("trailers")

    def test_connections(self) -> None:
        """S-HTTP-14, S-HTTP-15, S-HTTP-16: fields of one connection, expectations, upgrades."""
        self.play("connections")

    def test_trust(self) -> None:
        """S-HTTP-18, S-HTTP-19, S-HTTP-20, S-ROUTE-5: fields that only servers may send, Destination, loops."""
        self.play("trust")

    def test_web_sockets(self) -> None:
        """S-HTTP-16: what is a handshake and what is none, where web sockets are allowed."""
        self.play("web sockets")

    def test_pipelines(self) -> None:
        """S-HTTP-13: requests in order, and none smuggled in."""
        self.play("pipelines")

    def test_limits(self) -> None:
        """S-HTTP-8: the last size that passes and the first that does not."""
        self.play("limits")

    def test_status_lines(self) -> None:
        """S-HTTP-27, S-HTTP-30: status lines of back ends."""
        self.play("status lines")

    def test_fields_of_answers(self) -> None:
        """S-HTTP-27, S-HTTP-31, S-HTTP-34: field lines of back ends, and those that are taken away."""
        self.play("fields of answers")

    def test_length_and_end_of_answers(self) -> None:
        """S-HTTP-27, S-HTTP-29, S-HTTP-30: nothing that was cut looks complete."""
        self.play("length and end of answers")

    def test_order_of_answers(self) -> None:
        """S-HTTP-17, S-HTTP-28, S-HTTP-29: interim, early and surplus answers."""
        self.play("order of answers")


class CountTests(SynchronousTestCase):
    """The corpus itself."""

    def test_every_theme_is_played(self) -> None:
        """A theme without a test would be lost."""
        tests = [name for name in dir(CorpusTests) if name.startswith("test_")]
        self.assertEqual(len(tests), len(THEMES))

    def test_none_gets_lost(self) -> None:
        """So many there are at least, each under a name of its own."""
        self.assertGreaterEqual(sum(map(len, requests.THEMES.values())), FEWEST_REQUESTS)
        self.assertGreaterEqual(sum(map(len, responses.THEMES.values())), FEWEST_ANSWERS)
        twice = [name for name, times in Counter(entry.name for entry in ENTRIES).items() if times > 1]
        self.assertEqual(twice, [])

    def test_a_third_is_legal(self) -> None:
        """Strictness that stops legal messages would be a breakage."""
        legal = sum(entry.legal for entry in ENTRIES)
        print(f"figure: corpus: {len(ENTRIES)} messages, {legal} of them legal")
        self.assertGreater(3 * legal, len(ENTRIES))

    def test_every_entry_says_why(self) -> None:
        """A rule that docs/security.rst states, a source, a reason."""
        rules = stated_rules(SECURITY.read_text("utf-8"))
        for entry in ENTRIES:
            self.assertIn(entry.rule, rules, entry.name)
            self.assertRegex(entry.source, r"RFC \d+|CVE-\d+|MS-[A-Z]+ |KB \d+|exchange\.md", entry.name)
            self.assertTrue(entry.why, entry.name)


_OK = Received(200, ((b"content-length", b"14"),), b"seen /public/a", True, (), ())
_SEEN = Seen("127.9.0.1", 1, b"GET", b"/public/a", ((b"x-a", b"1"),), b"", True, ())
_PASSES = passes("x", request(), Reached(has=((b"x-a", b"1"),), lacks=(b"x-b",)), "S-HTTP-1", "RFC 9112 3", "legal")


class ComplaintTests(SynchronousTestCase):
    """The judge: each thing that can be wrong is told."""

    def told(self, outcome: Outcome, result: Result) -> list[str]:
        """The complaints about a result under another outcome."""
        result.entry = Entry("x", "S-HTTP-1", "RFC 9112 3", "why", request(), outcome, reuses=False)
        return list(complaints(result))

    def test_what_is_as_it_should_be(self) -> None:
        """No complaint."""
        self.assertEqual(list(complaints(Result(_PASSES, [_OK], "kept", reached=[_SEEN]))), [])

    def test_a_malformed_message_that_came_through(self) -> None:
        """Status, connection and the request at the back end are wrong."""
        found = self.told(Outcome((Answer(400),)), Result(_PASSES, [_OK], "kept", reached=[_SEEN]))
        self.assertEqual(len(found), 3, found)

    def test_a_legal_message_that_did_not(self) -> None:
        """Status, connection, body and the missing request are wrong."""
        answer = Received(400, ((b"connection", b"close"),), b"no", True, (), ())
        found = self.told(_PASSES.outcome, Result(_PASSES, [answer], "fin"))
        self.assertEqual(len(found), 4, found)

    def test_a_cut_answer_that_looks_complete(self) -> None:
        """And the other way round."""
        cut = Outcome((Answer(200, b"seen /public/a or so", complete=False),), (Reached(),))
        self.assertIn("the answer looks complete", self.told(cut, Result(_PASSES, [_OK], "fin", reached=[_SEEN])))
        answer = Received(200, (), b"see", False, (), ())
        whole = Outcome((Answer(200, b"seen /public/a"),), (Reached(),))
        self.assertIn("the answer is cut", self.told(whole, Result(_PASSES, [answer], "fin", reached=[_SEEN])))

    def test_no_answer_where_there_must_be_one(self) -> None:
        """Only a reset may overtake an answer that is cut anyway."""
        whole, cut = Outcome((Answer(400),)), Outcome((Answer(200, b"ab", complete=False),))
        self.assertTrue(self.told(whole, Result(_PASSES, [], "reset")))
        self.assertTrue(self.told(cut, Result(_PASSES, [], "fin")))
        self.assertEqual(self.told(cut, Result(_PASSES, [], "reset")), [])

    def test_fields_faults_and_connections(self) -> None:
        """A field too many or too few, malformed octets, a connection that should not have been used again."""
        seen = Seen("127.9.0.1", 1, b"GET", b"/public/a", ((b"x-b", b"1"),), b"", True, ("field line b'a\\nb'",))
        found = self.told(_PASSES.outcome, Result(_PASSES, [_OK], "kept", reached=[seen], probes=[_SEEN]))
        self.assertEqual(len(found), 4, found)

    def test_a_connection_that_stays_open(self) -> None:
        """Neither closed nor usable."""
        answer = Received(400, ((b"connection", b"close"),), b"no", True, (), ())
        self.assertEqual(len(self.told(Outcome((Answer(400),)), Result(_PASSES, [answer], "open"))), 1)
