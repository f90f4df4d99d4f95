"""[authentication]: how users log on."""

from __future__ import annotations

from typing import Annotated

from attrs import frozen

from exfront import limits
from exfront.config.kinds import Count, Range, Seconds, SecondsOrNone

Threshold = Annotated[int, Range(0, 999, "a whole number from 0 to 999")]
CacheTime = Annotated[
    float, Range(0.0, limits.CREDENTIAL_CACHE_MOST, f"seconds, from 0 to {limits.CREDENTIAL_CACHE_MOST:g}")
]


@frozen
class AuthenticationSection:
    """`realm` is shown in Basic challenges; `default_domain` is that of a bare user name.

    `lockout_threshold` is the domain's own (0: read from the directory), `lockout_window` the least time in seconds
    that the domain's count of failures is taken to live. `show_expired`: who knows the right password may hear that it
    has expired (S-AUTH-6).
    """

    realm: str = "Mail"
    default_domain: str = ""
    deny_users: tuple[str, ...] = ()  # DNs that never log on here, beside the service account (S-AUTH-14)
    show_expired: bool = True
    lockout_threshold: Threshold = 0
    lockout_window: Seconds = limits.LOCKOUT_WINDOW
    failures_per_account: Count = limits.ACCOUNT_FAILURES
    failure_memory_time: SecondsOrNone = limits.FAILURE_MEMORY_TIME
    failure_delay: SecondsOrNone = limits.FAILURE_DELAY
    failure_delay_most: SecondsOrNone = limits.FAILURE_DELAY_MOST
    failures_per_network: Count = limits.FAILURES_PER_NETWORK
    credential_cache_time: CacheTime = limits.CREDENTIAL_CACHE_TIME
    mail_credential_cache_time: CacheTime = 0.0
