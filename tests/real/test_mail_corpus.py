"""The corpus of hostile and borderline mail conversations, against a running exfront."""

from __future__ import annotations

import json
import re
from collections import Counter

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from tests.catalogue import SECURITY, stated_rules
from tests.mail_corpus.back_end import Visit
from tests.mail_corpus.conversations import THEMES
from tests.mail_corpus.entry import LOGIN, NAME, PASSWORD, Entry, Outcome, imap4, plain, pop3
from tests.mail_corpus.front import corpus_site
from tests.mail_corpus.play import Result, complaints, fits, play

ENTRIES: list[Entry] = [entry for entries in THEMES.values() for entry in entries]
FEWEST = 520  # a floor, so that no entry gets lost unseen
_INTERNALS = (b"dc=fourthcoffee", b"chicago", b"dallas", b"127.0.0.", b"Error", b"Exception", b"twisted")
_CITED = r"RFC \d+|CVE-\d+-\d+|CWE-\d+|MS-[A-Z0-9]+ |proxy-protocol\.txt"


class CorpusTests(SynchronousTestCase):
    """One test a theme; all that is wrong with its entries is in the text of the failure, by name."""

    timeout = 120

    def play(self, theme: str) -> None:
        """As it is, and octet by octet. No traceback, no secret in a log, no word of what is inside, no connection."""
        site = corpus_site()
        mark, lines = len(site.front.server_log()), len(site.front.access_lines())
        found = []
        for pieces in (False, True):
            results = play(
                THEMES[theme], site.fronts(), site.back_ends, str(site.site.authority.ca_file), pieces=pieces
            )
            found += [
                f"{result.entry.name}{', octet by octet' if pieces else ''}: {text}; heard {result.heard[-200:]!r}"
                for result in results
                for text in complaints(result)
            ]
            found += [
                f"{result.entry.name}: tells {octets!r}"
                for result in results
                for octets in _INTERNALS
                if octets in result.heard
            ]
        if found:
            self.fail("\n".join([f"{len(found)} of {len(THEMES[theme])} conversations of {theme!r}", *found]))
        site.front.wait_for_connections(0, [(site.site.slapd.address, site.site.slapd.ldap)])
        log = site.front.server_log()[mark:]
        self.assertEqual(log.count("Traceback"), 0, log)
        self.assert_no_secret(log + json.dumps(site.front.access_lines()[lines:]))

    def assert_no_secret(self, log: str) -> None:
        """S-AUTH-11: neither as it is nor in base64."""
        for secret in (PASSWORD.decode(), plain().decode(), "password-5"):
            self.assertNotIn(secret, log)

    def test_starttls(self) -> None:
        """S-MAIL-1, S-MAIL-3, S-TLS-6: what is said in the clear around STARTTLS and STLS.

        Bad input: mail corpus: injected before TLS
        """
        self.play("STARTTLS and STLS")

    def test_literals(self) -> None:
        """S-MAIL-5, S-MAIL-7: sizes that are none, too large or without a place, and what literals hold.

        Bad input: mail corpus: literals
        """
        self.play("literals")

    def test_lines(self) -> None:
        """S-MAIL-6: tags, quoting, line ends, NUL, 8 bits, other protocols, lines without end.

        Bad input: mail corpus: tags, lines and octets
        """
        self.play("tags, lines and octets")

    def test_sasl(self) -> None:
        """S-MAIL-8: mechanisms, base64, PLAIN messages, authorization identities.

        Bad input: mail corpus: SASL
        """
        self.play("SASL")

    def test_identity(self) -> None:
        """S-MAIL-15, S-MAIL-16, S-MAIL-17: ID, XCLIENT, PROXY lines and APOP of clients that are nobody's proxy.

        Bad input: mail corpus: ID, XCLIENT and PROXY of a client
        """
        self.play("ID, XCLIENT and PROXY")

    def test_proxy_headers(self) -> None:
        """S-MAIL-15: of listed balancers, where they are wanted: good ones are taken, bad ones end it unanswered.

        Bad input: mail corpus: PROXY headers
        """
        self.play("PROXY headers of a balancer")

    def test_pipelining(self) -> None:
        """S-MAIL-10, S-MAIL-11, S-MAIL-19: what comes behind a log-on, good or wrong, arrives once and in order.

        Bad input: mail corpus: pipelined commands
        """
        self.play("order and pipelining")

    def test_names(self) -> None:
        """S-AUTH-1, S-AUTH-3, S-AUTH-4, S-AUTH-5, S-MAIL-7, S-MAIL-17: names and passwords in every form.

        Bad input: mail corpus: names and passwords
        """
        self.play("names and passwords")

    def test_back_ends(self) -> None:
        """S-MAIL-2, S-MAIL-9, S-MAIL-13, S-MAIL-14, S-MAIL-17, S-MAIL-19: greetings, refusals, nonsense.

        Bad input: mail corpus: back ends during the log-on
        """
        self.play("back ends during the log-on")

    def test_relay(self) -> None:
        """S-MAIL-18, S-MAIL-19, S-MAIL-20: cuts, half closes, resets, and octets of any kind.

        Bad input: mail corpus: cuts and half closes while relaying
        """
        self.play("the relay")


class CountTests(SynchronousTestCase):
    """The corpus itself."""

    def test_every_theme_is_played(self) -> None:
        """A theme without a test would be lost."""
        tests = [name for name in dir(CorpusTests) if name.startswith("test_")]
        self.assertEqual(len(tests), len(THEMES))

    def test_none_gets_lost(self) -> None:
        """So many there are at least, each under a name of its own."""
        twice = [name for name, times in Counter(entry.name for entry in ENTRIES).items() if times > 1]
        self.assertEqual(twice, [])
        self.assertGreaterEqual(len(ENTRIES), FEWEST)

    def test_many_are_legal(self) -> None:
        """Strictness that stops legal conversations would be a breakage."""
        legal = sum(entry.legal for entry in ENTRIES)
        print(f"figure: mail corpus: {len(ENTRIES)} conversations, {legal} of them legal")
        self.assertGreater(5 * legal, len(ENTRIES))

    def test_every_entry_says_why(self) -> None:
        """A rule that docs/security.rst states, a source, a reason."""
        rules = stated_rules(SECURITY.read_text("utf-8"))
        for entry in ENTRIES:
            self.assertIn(entry.rule, rules, entry.name)
            self.assertRegex(entry.source, re.compile(_CITED), entry.name)
            self.assertTrue(entry.why, entry.name)


_ENTERS = imap4("x", LOGIN, "a OK", "S-MAIL-5", "RFC 3501 4.3", "legal", logins=((NAME, PASSWORD),))
_HEARD = b"* OK hi\r\na OK in\r\n* BYE\r\nzz OK bye\r\n"


def _entered() -> Result:
    visit = Visit(logins=[(NAME, PASSWORD)], relayed=b"zz LOGOUT\r\n", over=True)
    return Result(_ENTERS, _HEARD, "fin", True, b"", [visit])


class ComplaintTests(SynchronousTestCase):
    """The judge: each thing that can be wrong is told."""

    def told(self, outcome: Outcome) -> list[str]:
        """The complaints about a log-on that went well, under another outcome."""
        result = _entered()
        result.entry = evolve(result.entry, outcome=outcome)
        return list(complaints(result))

    def test_what_is_as_it_should_be(self) -> None:
        """No complaint."""
        self.assertEqual(list(complaints(_entered())), [])

    def test_a_log_on_that_should_not_have_been(self) -> None:
        """Its answer, the further command and the log-on at the back end are wrong."""
        self.assertEqual(len(self.told(Outcome(("a BAD",), "told"))), 3)

    def test_invitations_and_words(self) -> None:
        """Invitations too few; what the client should see and should not."""
        found = self.told(evolve(_ENTERS.outcome, invited=1, has=(b"secret",), lacks=(b"hi",)))
        self.assertEqual(len(found), 3, found)

    def test_octets_at_the_back_end(self) -> None:
        """Lost, and malformed."""
        self.assertEqual(len(self.told(evolve(_ENTERS.outcome, relayed=b"b NOOP\r\n"))), 1)
        result = _entered()
        result.visits[0].wild.append(b"x LOGOUT\r\n")
        self.assertEqual(len(list(complaints(result))), 1)

    def test_a_close_without_a_word(self) -> None:
        """BYE in IMAP4, an error in POP3."""
        outcome = Outcome((), "told")
        silent = Result(evolve(_ENTERS, outcome=outcome), b"* OK hi\r\n", "fin")
        self.assertEqual(list(complaints(silent)), ["closed without a word"])
        silent.heard += b"* BYE\r\n"
        self.assertEqual(list(complaints(silent)), [])
        pop3_entry = pop3("y", b"X\r\n", "-ERR", "S-MAIL-6", "RFC 1939 3", "no command", end="told")
        self.assertEqual(list(complaints(Result(pop3_entry, b"+OK hi\r\n-ERR no\r\n", "fin"))), [])

    def test_codes(self) -> None:
        """Only demanded ones count."""
        self.assertTrue(fits("a NO|BAD", "a NO [UNAVAILABLE]"))
        self.assertTrue(fits("a NO [UNAVAILABLE]", "a NO [UNAVAILABLE]"))
        self.assertFalse(fits("a NO [UNAVAILABLE]", "a NO"))
        self.assertFalse(fits("a NO [UNAVAILABLE]", "a NO [AUTHENTICATIONFAILED]"))
        self.assertFalse(fits("a OK", "b OK"))
        self.assertTrue(fits("-ERR", "-ERR [AUTH]"))

    def test_answers_within_literals_are_none(self) -> None:
        """Nor greetings."""
        heard = b"* OK hi\r\n* 1 FETCH {12}\r\nb OK fooled\r\n)\r\nb OK done\r\n"
        self.assertEqual(Result(_ENTERS, heard, "fin").answers, ["b OK"])
