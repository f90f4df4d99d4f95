"""The connections that users' passwords are tried on, with two servers of which one is silent."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from exfront import limits
from exfront.auth.ldap_bind import LdapBindChecker
from exfront.config.limits import LimitsSection
from exfront.reasons import Refused
from exfront.secret import Secret
from tests.support.directory import mailbox
from tests.support.scripted_ldap import ScriptedLdap, friendly, on_bind, section, silent


class SilentServerTests(TestCase):
    timeout = 30

    async def test_only_binds_already_written_fail(self) -> None:
        """S-DIR-13: who waits for a place at a silent server binds at the other; what was written is not repeated."""
        servers = [ScriptedLdap(on_bind(silent)), ScriptedLdap(friendly)]
        for server in servers:
            self.addCleanup(server.stop)
        checker = LdapBindChecker(section(*servers), LimitsSection(ldap_bind_time=3.0), reactor)
        self.addCleanup(checker.stop)
        outcomes: Counter[str] = Counter()

        async def log_on(name: str) -> None:
            try:
                await checker.check(mailbox(name), Secret(b"password"))
                outcomes["in"] += 1
            except Refused as refused:
                outcomes[refused.reason.code] += 1

        running: list[Deferred[Any]] = [Deferred.fromCoroutine(log_on(f"user{number}")) for number in range(20)]
        for one in running:
            await one
        written = limits.LDAP_BIND_CONNECTIONS
        self.assertEqual(outcomes, {"in": 20 - written, "XF-LDAP-TIMEOUT": written})
        self.assertEqual([len(server.binds()) for server in servers], [written, 20 - written])
