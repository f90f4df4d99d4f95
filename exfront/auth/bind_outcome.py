"""What a directory's answer to a user's bind means (S-AUTH-16).

Sources: Active Directory's codes in the diagnostic message of result 49; RFC 4511 section 4.1.9; the password policy
control (password_policy.py); 389 Directory Server for results 19 and 53.
"""

from __future__ import annotations

import re

from exfront.directory.client import SUCCESS, BindResult
from exfront.directory.framing import BadFrame
from exfront.directory.password_policy import (
    ACCOUNT_LOCKED,
    CHANGE_AFTER_RESET,
    EXPIRED,
    PasswordPolicy,
    password_policy,
)
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
    Refused,
)

_CONSTRAINT_VIOLATION, _INAPPROPRIATE_AUTHENTICATION, _INVALID_CREDENTIALS, _UNWILLING = 19, 48, 49, 53
_SUB_CODE = re.compile(r"\bdata ([0-9a-f]{1,8})\b", re.IGNORECASE)

# The client can tell only the last two from a wrong password, and those come for the right one only.
_SUB_CODES: dict[str, Reason] = {
    "525": UNKNOWN_USER,
    "52e": WRONG_PASSWORD,
    "530": LOGON_HOURS,
    "531": WORKSTATION_NOT_ALLOWED,
    "533": DISABLED_ACCOUNT,
    "701": ACCOUNT_EXPIRED,
    "775": LOCKED_ACCOUNT,
    "532": PASSWORD_EXPIRED,
    "773": PASSWORD_MUST_CHANGE,
}
_POLICY: dict[int, Reason] = {
    EXPIRED: PASSWORD_EXPIRED,
    ACCOUNT_LOCKED: LOCKED_ACCOUNT,
    CHANGE_AFTER_RESET: PASSWORD_MUST_CHANGE,
}


def bind_outcome(result: BindResult) -> Refused | None:
    """None where the password is proven; else why not, and what the server said for the log.

    Only `WRONG_PASSWORD` says that the password itself is wrong; what is known neither way is a temporary failure.
    """
    try:
        policy = password_policy(result.controls)
    except BadFrame as why:
        return Refused(DIRECTORY_DOWN, f"bind result={result.code} {why}")
    if result.code == SUCCESS:
        return Refused(PASSWORD_MUST_CHANGE, "ppolicy=2") if policy.error == CHANGE_AFTER_RESET else None
    if result.code == _INVALID_CREDENTIALS:
        return _invalid(result.message, policy)
    reason = _of_code(result, policy)
    return Refused(reason, f"bind result={result.code} {result.message}")


def _invalid(message: str, policy: PasswordPolicy) -> Refused:
    if policy.error in _POLICY:
        return Refused(_POLICY[policy.error], f"ppolicy={policy.error}")
    found = _SUB_CODE.search(message)
    code = found[1].lower() if found else ""
    return Refused(_SUB_CODES.get(code, WRONG_PASSWORD), f"data={code}" if code else "")


def _of_code(result: BindResult, policy: PasswordPolicy) -> Reason:
    """Of a refusal other than 49: it says nothing about the password."""
    if policy.error == ACCOUNT_LOCKED or result.code == _CONSTRAINT_VIOLATION:
        return LOCKED_ACCOUNT
    if result.code == _INAPPROPRIATE_AUTHENTICATION:  # an entry without a password
        return DISABLED_ACCOUNT
    if result.code == _UNWILLING and "inactivated" in result.message:
        return DISABLED_ACCOUNT
    return DIRECTORY_DOWN
