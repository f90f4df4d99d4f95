"""What a directory's answer to a user's bind means."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.bind_outcome import bind_outcome
from exfront.directory.client import BindResult
from exfront.directory.password_policy import OID
from exfront.reasons import (
    ACCOUNT_EXPIRED,
    DIRECTORY_DOWN,
    DISABLED_ACCOUNT,
    LOCKED_ACCOUNT,
    LOGON_HOURS,
    PASSWORD_EXPIRED,
    PASSWORD_MUST_CHANGE,
    UNKNOWN_USER,
    WORKSTATION_NOT_ALLOWED,
    WRONG_PASSWORD,
    Reason,
)

_AD = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data %s, v1db1"
_ERROR = {None: b"\x30\x00", **{number: b"\x30\x03\x81\x01%c" % number for number in range(9)}}


class BindOutcomeTests(SynchronousTestCase):
    def outcome(self, code: int, message: str = "", error: int | None = None) -> Reason | None:
        refused = bind_outcome(BindResult(code, message, {OID: _ERROR[error]}))
        return refused.reason if refused is not None else None

    def test_sub_codes_of_active_directory(self) -> None:
        """S-AUTH-16: each its Reason; all but the last two look like a wrong password to the client."""
        alike = {
            "525": UNKNOWN_USER, "52e": WRONG_PASSWORD, "52E": WRONG_PASSWORD, "52f": WRONG_PASSWORD,
            "530": LOGON_HOURS, "531": WORKSTATION_NOT_ALLOWED, "533": DISABLED_ACCOUNT, "701": ACCOUNT_EXPIRED,
            "775": LOCKED_ACCOUNT, "": WRONG_PASSWORD,
        }  # fmt: skip
        for code, reason in alike.items():
            self.assertIs(self.outcome(49, _AD % code), reason, code)
            self.assertEqual(reason.imap_text(), WRONG_PASSWORD.imap_text())
        for code, reason in {"532": PASSWORD_EXPIRED, "773": PASSWORD_MUST_CHANGE}.items():
            self.assertIs(self.outcome(49, _AD % code), reason)
            self.assertEqual((reason.imap_code, reason.public_code), ("EXPIRED", "XF-EXPIRED"))

    def test_password_policy(self) -> None:
        """S-AUTH-16: what a plain LDAP server says with the control of its password policy."""
        cases = (
            (0, None, None), (0, 2, PASSWORD_MUST_CHANGE), (49, None, WRONG_PASSWORD), (49, 0, PASSWORD_EXPIRED),
            (49, 1, LOCKED_ACCOUNT), (49, 2, PASSWORD_MUST_CHANGE), (49, 7, WRONG_PASSWORD), (53, 1, LOCKED_ACCOUNT),
        )  # fmt: skip
        for code, error, reason in cases:
            self.assertIs(self.outcome(code, "", error), reason, (code, error))

    def test_other_results(self) -> None:
        """S-AUTH-16: a few say why the account may not log on; all others are a temporary failure."""
        cases = (
            (19, "Exceed password retry limit. Please try later.", LOCKED_ACCOUNT),
            (48, "", DISABLED_ACCOUNT),
            (53, "Account inactivated. Contact system administrator.", DISABLED_ACCOUNT),
            (53, "unauthenticated bind (DN with no password) disallowed", DIRECTORY_DOWN),
        )
        for code, message, reason in cases:
            self.assertIs(self.outcome(code, message), reason, message)
        for code in (1, 2, 3, 8, 10, 11, 13, 14, 32, 34, 50, 51, 52, 54, 80, 118):
            self.assertIs(self.outcome(code), DIRECTORY_DOWN, code)

    def test_a_control_that_cannot_be_read_proves_nothing(self) -> None:
        """S-AUTH-2: not even beside a success."""
        for code in (0, 49):
            refused = bind_outcome(BindResult(code, "", {OID: b"garbage"}))
            assert refused is not None
            self.assertIs(refused.reason, DIRECTORY_DOWN)

    def test_the_log_learns_what_the_server_said(self) -> None:
        for result, detail in (
            (BindResult(49, _AD % "775"), "data=775"),
            (BindResult(49, "", {OID: _ERROR[1]}), "ppolicy=1"),
            (BindResult(49, "no"), ""),
            (BindResult(53, "why"), "bind result=53 why"),
        ):
            refused = bind_outcome(result)
            assert refused is not None
            self.assertEqual(refused.detail, detail)
