"""A guard on a fake clock, and settings whose numbers a test can count with."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.task import Clock

from exfront.auth.guard import Guard
from exfront.config.authentication import AuthenticationSection
from exfront.reasons import Refused
from exfront.secret import Secret

HOME, OFFICE, EVIL = "192.0.2.1", "192.0.2.2", "203.0.113.9"


def settings(**more: Any) -> AuthenticationSection:
    """A domain that locks at 5, and whose count lives for 1,000 s."""
    return AuthenticationSection(**{"lockout_threshold": 5, "lockout_window": 1000.0, **more})


@define(eq=False)
class Guarded:
    """A guard, its clock, and a directory's own count of bad passwords per account."""

    clock: Clock = field(factory=Clock)
    settings: AuthenticationSection = field(factory=settings)
    guard: Guard = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.guard = Guard(self.settings, self.clock.seconds)

    def attempt(
        self, password: str, client: str = EVIL, account: str = "alice", right: str = "right", **more: Any
    ) -> str:
        """One log-on as the portal does it: ``bound`` or ``failed`` after a bind, else the code of the refusal."""
        secret = Secret(password.encode())
        try:
            self.guard.check(account, secret, client, **more)
        except Refused as refused:
            return refused.reason.code
        if not self.guard.begin(account, client):
            return "busy"
        if password == right:
            self.guard.succeeded(account, secret, client, name=account)
            return "bound"
        self.guard.failed(account, secret, client, name=account, password_set=more.get("password_set"))
        return "failed"

    def attempt_begins(self, secret: Secret, client: str, account: str = "alice") -> bool:
        """Whether a bind begins; to be ended by the test."""
        try:
            self.guard.check(account, secret, client)
        except Refused:
            return False
        return self.guard.begin(account, client)

    def attempts(self, count: int, client: str = EVIL, account: str = "alice", begin: int = 0) -> int:
        """So many different wrong passwords; how many of them were bound."""
        tried = [self.attempt(f"wrong-{begin + number}", client, account) for number in range(count)]
        return tried.count("failed")
