"""The access log's lines and its behaviour on a broken stream."""

from __future__ import annotations

import io
import json
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from exfront.config.log import LogSection
from exfront.decision import SessionRecord, StepTimes
from exfront.interfaces import IRecordObserver
from exfront.operate.access_log import AccessLog, FlushOnStop, json_line, open_access_log, w3c_line
from exfront.reasons import (
    ADDRESS_NOT_ALLOWED,
    BACK_END_AUTH_MISMATCH,
    BACK_END_REFUSED,
    CREDENTIALS_NEEDED,
    NOT_PUBLISHED,
    PRIVACY_REQUIRED,
    WRONG_PASSWORD,
)


def record(**more: object) -> SessionRecord:
    made = SessionRecord("5e55", "imap4", "192.0.2.7:5000", "imap4@0.0.0.0:143", started=1_000_000.25)
    for name, value in more.items():
        setattr(made, name, value)
    return made


class LineTests(SynchronousTestCase):
    def test_both_statuses_and_the_reason_stand_in_a_line(self) -> None:
        """S-OPS-15: one line with both status columns, Reason, octets and times."""
        line = w3c_line(
            record(
                user="alice",
                back_end="chicago",
                front_end_status="NO",
                back_end_status="-",
                reason=BACK_END_REFUSED,
                octets_in=12,
                octets_out=34,
                steps=StepTimes(admit=0.5, authenticate=0.25),
            )
        )
        self.assertEqual(
            line,
            "1970-01-12 13:46:40.250 5e55 192.0.2.7:5000 imap4 imap4@0.0.0.0:143 alice - - - - - chicago NO - - "
            "XF-BE-REFUSED connection+refused 12 34 0.000000 0.500000 0.250000 - - - - - - - - -\n",
        )

    def test_whence_the_location_was_known_stands_in_it(self) -> None:
        """S-DIR-5: a stale one is marked."""
        self.assertEqual(json.loads(json_line(record(location="stale")))["x-location"], "stale")

    def test_hostile_text_stays_one_field_of_one_line(self) -> None:
        """S-HTTP-40: controls, quotes and backslashes are escaped, long values cut."""
        line = w3c_line(record(user='a\r\nb "c" \\ \x1b]0;x\x07\x85\u2028', target="/" + "x" * 5000))
        self.assertEqual(line.count("\n"), 1)
        self.assertIn(r"a\x0d\x0ab+\x22c\x22+\x5c+\x1b]0;x\x07\x85\x2028", line)
        self.assertLess(len(line), 1500)
        self.assertEqual(len(line.split(" ")), 32)

    def test_no_field_that_a_client_controls_writes_a_second_line(self) -> None:
        """S-HTTP-40: each of them with each control octet, quotes, backslashes and what terminals obey."""
        controls = [*map(chr, range(32)), "\x7f", *map(chr, range(0x80, 0xA0)), "\u2028", "\u2029"]
        hostile = "a" + "".join(controls) + '"\\ b\r\n1970-01-12 13:46:40 forged'
        fields = ("user", "mailbox", "virtual_directory", "method", "target", "detail", "back_end", "back_end_status",
                  "client", "schemes_offered", "scheme_used", "device", "command")  # fmt: skip
        for name in fields:
            line = w3c_line(record(**{name: hostile}))
            self.assertEqual(len(line.split(" ")), 32, name)
            self.assertRegex(line, r"\A[\x20\x21\x23-\x7e]+\n\Z", name)
            written = json_line(record(**{name: hostile}))
            self.assertRegex(written, r"\A[\x20-\x7e]+\n\Z", name)
            self.assertIn(hostile, json.loads(written).values(), name)

    def test_iis_sub_statuses(self) -> None:
        """S-OPS-15: 401 5 is a back end's refusal, 401 2 a want of credentials; other protocols have none."""
        for reason, number in (
            (CREDENTIALS_NEEDED, "2"), (WRONG_PASSWORD, "1"), (BACK_END_AUTH_MISMATCH, "5"), (PRIVACY_REQUIRED, "4"),
            (ADDRESS_NOT_ALLOWED, "6"), (NOT_PUBLISHED, "0"), (None, "0"),
        ):  # fmt: skip
            found = json.loads(json_line(record(protocol="http", reason=reason)))
            self.assertEqual(found["sc-substatus"], number, reason)
        self.assertEqual(json.loads(json_line(record(reason=WRONG_PASSWORD)))["sc-substatus"], "-")

    def test_a_line_in_one_piece_is_the_same_as_one_of_many(self) -> None:
        """S-HTTP-40: what needs no escaping is not looked at value by value, and nothing else is taken for it."""
        for target in ("/a", "/a b", "/a\nb", "", "/%41", "\n", 'a"b', "a\\b", "\x7f", "é", "x" * 1100, "/a\n"):
            changed = record(target=target)
            words = w3c_line(changed).rstrip("\n").split(" ")
            self.assertEqual(len(words), len(w3c_line(record()).split(" ")), target)
            self.assertNotRegex(w3c_line(changed)[:-1], r'[\x00-\x1f"\x7f]')
            self.assertEqual(json.loads(json_line(changed))["cs-uri"], target[:1024])
            self.assertEqual(json_line(changed).count("\n"), 1)

    def test_json_holds_the_same(self) -> None:
        """S-HTTP-40: JSON escapes by itself."""
        line = json_line(record(user="a\nb", reason=BACK_END_REFUSED))
        self.assertEqual(line.count("\n"), 1)
        read = json.loads(line)
        self.assertEqual((read["cs-username"], read["x-reason"]), ("a\nb", "XF-BE-REFUSED"))


class _Broken(io.StringIO):
    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


class AccessLogTests(SynchronousTestCase):
    def test_lines_are_written_together_within_a_moment(self) -> None:
        out, clock = io.StringIO(), Clock()
        log = AccessLog(out, clock, w3c_line)
        verifyObject(IRecordObserver, log)
        log.finished(record())
        log.finished(record())
        self.assertEqual(out.getvalue(), "")
        clock.advance(0.2)
        self.assertEqual(out.getvalue().count("\n"), 2)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_a_full_disk_drops_lines_and_nothing_else(self) -> None:
        """S-OPS-9: log trouble never stops the service; what was dropped is told once it is back."""
        out, clock = _Broken(), Clock()
        log = AccessLog(out, clock, w3c_line)
        for _ in range(3):
            log.finished(record())
            clock.advance(0.2)
        self.assertEqual(log.dropped, 3)
        out.full = False
        log.finished(record())
        clock.advance(0.2)
        self.assertEqual((log.dropped, out.getvalue().count("\n")), (0, 1))

    def test_a_stop_writes_what_is_queued(self) -> None:
        out = io.StringIO()
        log = AccessLog(out, Clock(), w3c_line)
        log.finished(record())
        FlushOnStop(log).stopService()
        self.assertEqual(out.getvalue().count("\n"), 1)

    def test_a_new_file_begins_with_its_fields_and_is_private(self) -> None:
        """S-OPS-1: log files are readable by their owner only."""
        file = Path(self.mktemp())
        for _ in range(2):
            log = open_access_log(LogSection(access=file), Clock())
            log.finished(record())
            log.flush()
            log.out.close()
        lines = file.read_text().splitlines()
        self.assertEqual([line.startswith("#") for line in lines], [True, True, False, False])
        self.assertEqual(len(lines[1].split()) - 1, len(lines[2].split()))
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
