"""Which refusals reach the server log."""

from __future__ import annotations

from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from exfront.decision import SessionRecord
from exfront.operate.fault_log import FaultLog
from exfront.reasons import BACK_END_CERTIFICATE, BACK_END_REFUSED, WRONG_PASSWORD, Reason


class FaultLogTests(SynchronousTestCase):
    def logged(self, reason: Reason | None) -> list[tuple[LogLevel, str]]:
        record = SessionRecord("5e55", "imap4", "192.0.2.7:5000", user="alice", back_end="chicago")
        if reason is not None:
            record.refuse(reason, "host=chicago port=143")
        with capturedLogs() as events:
            FaultLog().finished(record)
        return [(event["log_level"], formatEvent(event)) for event in events]

    def test_loud_reasons_are_told_with_their_cause(self) -> None:
        """S-ROUTE-8: a certificate fault is an alarm with its detail; a refused connection a warning."""
        text = "session=5e55 user=alice back_end=chicago host=chicago port=143"
        self.assertEqual(
            self.logged(BACK_END_CERTIFICATE), [(LogLevel.error, f"XF-BE-CERT certificate not verified {text}")]
        )
        self.assertEqual(self.logged(BACK_END_REFUSED), [(LogLevel.warn, f"XF-BE-REFUSED connection refused {text}")])

    def test_ordinary_ones_are_not(self) -> None:
        self.assertEqual(self.logged(WRONG_PASSWORD) + self.logged(None), [])
