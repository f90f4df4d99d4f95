"""Any octets in any pieces: whatever a client says, each command is answered once and nobody is shown a secret."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from exfront.mail.kinds import IMAP4, POP3, Kind
from tests.mail.connection import FLOOR, MailConnection

PASSWORD = b"secret-alice"
PLAIN = b64encode(b"\0alice\0" + PASSWORD)
SECRETS = (PASSWORD, PLAIN, b"secret-typed-wrong")

_IMAP4_BODIES = (
    b"NOOP", b"CAPABILITY", b"LOGIN alice " + PASSWORD, b"LOGIN alice secret-typed-wrong", b"LOGIN alice",
    b"LOGIN {5+}\r\nalice {12+}\r\n" + PASSWORD, b'LOGIN "alice" "' + PASSWORD + b'"', b"LOGIN {5}\r\nalice x",
    b"LOGIN carol secret-carol", b"AUTHENTICATE PLAIN " + PLAIN, b"AUTHENTICATE PLAIN\r\n" + PLAIN,
    b"AUTHENTICATE PLAIN\r\n*", b"AUTHENTICATE X", b'ID ("name" "x")', b"ID NIL", b"XYZZY (a b)", b"SELECT INBOX",
    b"STARTTLS", b"LOGIN {99999}", b"ID (((", b"LOGOUT",
)  # fmt: skip
_POP3_BODIES = (
    b"NOOP", b"CAPA", b"USER alice", b"PASS " + PASSWORD, b"PASS secret-typed-wrong", b"AUTH", b"AUTH PLAIN " + PLAIN,
    b"AUTH PLAIN\r\n" + PLAIN, b"AUTH PLAIN\r\n*", b"AUTH X", b"XYZZY", b"STAT", b"APOP alice 0", b"USER", b"QUIT",
)  # fmt: skip
_NOISE = st.one_of(
    st.binary(min_size=1, max_size=12),
    st.sampled_from([b"\r\n", b"\n", b"\r", b"\0", b"{5}\r\n", b"{5+}\r\n", b'"', b"\\", b"(", b")", b"*", b"+", b" "]),
)
_TAGGED = re.compile(rb"^(t[0-9]+) (?:OK|NO|BAD)\b", re.MULTILINE)


def _lines(kind: Kind) -> st.SearchStrategy[list[bytes]]:
    bodies = st.lists(st.sampled_from(_IMAP4_BODIES if kind is IMAP4 else _POP3_BODIES), min_size=1, max_size=12)
    if kind is POP3:
        return bodies.map(lambda found: [body + b"\r\n" for body in found])
    return bodies.map(lambda found: [b"t%d %b\r\n" % (number, body) for number, body in enumerate(found)])


@st.composite
def _damaged(draw: Any, lines: st.SearchStrategy[list[bytes]]) -> bytes:
    """A conversation with noise put in, octets taken out, and pieces said twice."""
    octets = bytearray(b"".join(draw(lines)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(octets)))
        match draw(st.sampled_from(["in", "out", "twice"])):
            case "in":
                octets[place:place] = draw(_NOISE)
            case "out":
                del octets[place : place + draw(st.integers(1, 20))]
            case "twice":
                octets[place:place] = octets[place : place + 30]
    return bytes(octets)


def _cut(octets: bytes, places: Sequence[int]) -> list[bytes]:
    borders = [0, *sorted({place % (len(octets) + 1) for place in places}), len(octets)]
    return [octets[begin:end] for begin, end in pairwise(borders) if begin < end]


class _Talk:
    """One connection, whose back ends refuse every log-on: so all that is said is answered by exfront."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._connection = MailConnection(kind)
        self._served = 0
        self.heard = b""

    def play(self, pieces: Sequence[bytes]) -> None:
        """All of them, each log-on brought to its end before the next."""
        for piece in pieces:
            self.heard += self._connection.say(piece)
            self._settle()

    def _settle(self) -> None:
        """Until nothing more comes of what was said."""
        quiet = 0
        while quiet < 2:
            came = self._serve() + self._connection.wait(FLOOR)
            self.heard += came
            quiet = 0 if came else quiet + 1

    def _serve(self) -> bytes:
        dialled = self._connection.world.dialer.dialled
        came = b""
        while self._served < len(dialled):
            self._served += 1
            imap4 = self._kind is IMAP4
            greeting = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n" if imap4 else b"+OK hi\r\n"
            asked = self._connection.back_end_says(greeting)
            for _ in range(4):
                tag = asked.split(b" ")[0]
                answer = b"%b NO [UNAVAILABLE] not now\r\n" % tag if imap4 else b"-ERR [SYS/TEMP] not now\r\n"
                if not asked or not self._connection.back_end.connected:
                    break
                asked = self._connection.back_end_says(answer)
            came += self._connection.transport.take()
        return came

    @property
    def closed(self) -> bool:
        """By exfront."""
        return not self._connection.transport.connected or self._connection.transport.disconnecting

    @property
    def securing(self) -> bool:
        """Whether only TLS is read."""
        return self._connection.transport.tls_started > 0

    def end(self) -> str:
        """Wait until it is closed, as it must be; all that the access log got of it, but who was typed in as the user:
        damage makes names of passwords."""
        self._connection.wait(200.0)
        assert self.closed, "still open after the time for a log-on"
        assert self._connection.clock.getDelayedCalls() == []
        return repr([evolve(record, user="-") for record in self._connection.records])


class RandomConversationTests(SynchronousTestCase):
    """Nothing of it may raise: the log is looked at for that too."""

    def setUp(self) -> None:
        self.logged: list[LogEvent] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)

    def played(self, kind: Kind, pieces: Sequence[bytes]) -> _Talk:
        """What holds of every conversation."""
        talk = _Talk(kind)
        talk.play(pieces)
        behind_tags = re.sub(
            rb"^\S+", b"", talk.heard, flags=re.MULTILINE
        )  # any word may be a tag, and is answered as such
        said = behind_tags + talk.end().encode() + "".join(formatEvent(event) for event in self.logged).encode()
        self.assertEqual([secret for secret in SECRETS if secret in said], [])
        self.assertEqual([event for event in self.logged if "log_failure" in event], [])
        self.logged.clear()
        return talk

    @settings(deadline=None, max_examples=60)
    @given(_lines(IMAP4), st.lists(st.integers(0, 400), max_size=6))
    def test_each_tag_is_answered_once_and_in_order(self, lines: list[bytes], places: list[int]) -> None:
        """S-MAIL-10, S-AUTH-11: every whole command before the end has one tagged answer, however it came."""
        talk = self.played(IMAP4, _cut(b"".join(lines), places))
        tags = [found[1] for found in _TAGGED.finditer(talk.heard)]
        sent = [line.split(b" ")[0] for line in lines]
        self.assertEqual([tag for tag in tags if tag not in sent], [])
        self.assertEqual(tags, sent[: len(tags)] if len(tags) == len(set(tags)) else "each once")
        if not talk.heard.count(b"* BYE") and not talk.securing and not any(b"{" in line for line in lines):
            self.assertEqual(tags, sent)

    @settings(deadline=None, max_examples=80)
    @given(_damaged(_lines(IMAP4)), st.lists(st.integers(0, 400), max_size=6))
    def test_damaged_imap4_is_the_same_in_any_pieces(self, octets: bytes, places: list[int]) -> None:
        """S-MAIL-6, S-AUTH-11: the client hears the same, no traceback, no secret, and an end in time."""
        if b"STARTTLS" in octets.upper() or b"\x16" in octets:
            self.played(IMAP4, _cut(octets, places))  # what follows there depends on how it came
            return
        whole, pieces = self.played(IMAP4, [octets]), self.played(IMAP4, _cut(octets, places))
        self.assertEqual(whole.heard, pieces.heard)
        most = Counter(found[1] for found in _TAGGED.finditer(whole.heard))
        tags = Counter(re.findall(rb"t[0-9]+", octets))
        self.assertEqual([tag for tag, count in most.items() if count > tags[tag]], [], "answered more often than said")

    @settings(deadline=None, max_examples=80)
    @given(_damaged(_lines(POP3)), st.lists(st.integers(0, 400), max_size=6))
    def test_damaged_pop3_is_the_same_in_any_pieces(self, octets: bytes, places: list[int]) -> None:
        """S-MAIL-6, S-AUTH-11: the client hears the same, no traceback, no secret, and an end in time."""
        if b"\x16" in octets:
            self.played(POP3, _cut(octets, places))
            return
        whole, pieces = self.played(POP3, [octets]), self.played(POP3, _cut(octets, places))
        self.assertEqual(whole.heard, pieces.heard)
        statuses = len(re.findall(rb"^(?:\+OK|-ERR|\+ )", whole.heard, re.MULTILINE))
        self.assertLessEqual(
            statuses, octets.count(b"\n") + 1, "more answers than lines, and one for a line without end"
        )
