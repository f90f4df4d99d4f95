"""The list of all refusals."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from exfront.reasons import Reason, Refused, Severity

_ALL = {name: value for name, value in vars(reasons).items() if isinstance(value, Reason)}
# RFC 5530 section 3, and RFC 3501's ALERT is not among them: exfront's own texts are no alerts.
_IMAP_CODES = {
    "UNAVAILABLE", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN",
    "NOPERM", "INUSE", "EXPUNGEISSUED", "CORRUPTION", "SERVERBUG", "CLIENTBUG", "CANNOT", "LIMIT", "OVERQUOTA",
    "ALREADYEXISTS", "NONEXISTENT",
}  # fmt: skip
_POP3_CODES = {"AUTH", "SYS/TEMP", "SYS/PERM", "IN-USE", "LOGIN-DELAY"}  # RFC 2449, RFC 3206


class ReasonsTests(SynchronousTestCase):
    def test_codes_are_registered_ones(self) -> None:
        for name, reason in _ALL.items():
            self.assertRegex(reason.code, r"\AXF(-[A-Z0-9]+)+\Z", name)
            self.assertIn(reason.imap_code, _IMAP_CODES, name)
            self.assertIn(reason.pop3_code, _POP3_CODES, name)
            self.assertTrue(400 <= reason.http_status <= 599, name)

    def test_what_clients_read_is_one_plain_line(self) -> None:
        for name, reason in _ALL.items():
            for text in (reason.imap_text(), reason.pop3_text()):
                self.assertRegex(text, rb"\A\[[A-Z/-]+\] [ -~]+ \(XF[A-Z0-9-]+\)\Z", name)
                self.assertLess(len(text), 400)

    def test_wrong_credentials_look_alike(self) -> None:
        """S-AUTH-6: a guesser cannot tell an unknown user from a wrong password, a locked or a disabled account."""
        alike = (
            reasons.UNKNOWN_USER, reasons.WRONG_PASSWORD, reasons.EMPTY_PASSWORD, reasons.MALFORMED_CREDENTIALS,
            reasons.DISABLED_ACCOUNT, reasons.LOCKED_ACCOUNT, reasons.SERVICE_ACCOUNT, reasons.AMBIGUOUS_LOGIN,
            reasons.ACCOUNT_EXPIRED, reasons.LOGON_HOURS, reasons.WORKSTATION_NOT_ALLOWED, reasons.SOFT_LOCK,
            reasons.HIDDEN_EXPIRED, reasons.HIDDEN_MUST_CHANGE, reasons.WRONG_TOKEN,
        )  # fmt: skip
        seen = {
            (one.http_status, one.public_code, one.text, one.imap_text(), one.pop3_text(), one.retry_after)
            for one in alike
        }
        self.assertEqual(len(seen), 1)
        self.assertEqual(len({one.cause for one in alike}), len(alike))

    def test_expired_is_told(self) -> None:
        """S-AUTH-16: only the right password is told "expired"."""
        self.assertEqual(reasons.PASSWORD_EXPIRED.imap_text()[:9], b"[EXPIRED]")

    def test_trouble_of_ours_is_never_a_wrong_password(self) -> None:
        """S-AUTH-16: a directory or back end that fails is a temporary failure."""
        for name, reason in _ALL.items():
            if name.startswith(("DIRECTORY_", "SERVICE_BIND", "BACK_END_")):
                self.assertEqual((reason.imap_code, reason.pop3_code), ("UNAVAILABLE", "SYS/TEMP"), name)
                self.assertGreaterEqual(reason.http_status, 500, name)

    def test_alarms_are_of_faults(self) -> None:
        for name, reason in _ALL.items():
            if reason.severity is Severity.ALARM:
                self.assertGreaterEqual(reason.http_status, 500, name)

    def test_all_codes_are_documented(self) -> None:
        documented = set(
            re.findall(r"``(XF-[A-Z0-9-]+)``", Path(_repository(), "docs", "security.rst").read_text("utf-8"))
        )
        self.assertEqual({reason.code for reason in _ALL.values()} - documented, set())


class RefusedTests(SynchronousTestCase):
    def test_detail_is_for_the_log(self) -> None:
        refused = Refused(reasons.DIRECTORY_DOWN, "ldap://dc1 refused")
        self.assertIs(refused.reason, reasons.DIRECTORY_DOWN)
        self.assertIn("ldap://dc1", str(refused))
        self.assertNotIn(b"dc1", refused.reason.imap_text())


def _repository() -> Path:
    return Path(__file__).resolve().parent.parent
