"""testssl.sh against each kind of TLS listener: nothing above LOW but what is explained here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.mail_site import LISTENERS, PUBLIC_NAME, shared
from tests.support.process import program, temporary_folder

_TIME = 600.0  # seconds for one listener; a minute or two is usual
_GRAVE = ("MEDIUM", "HIGH", "CRITICAL")
_LISTENERS: Mapping[str, tuple[str, ...]] = {
    "imaps": (), "pop3s": (), "https": (), "imap": ("--starttls", "imap"), "pop3": ("--starttls", "pop3"),
}  # fmt: skip

# What testssl finds in any test of this kind: the certificate is a test authority's.
_EXPLAINED: Mapping[str, str] = {
    "cert_expirationStatus": "for 30 days",
    "cert_notAfter": "the same",
    "cert_revocation": "its authority publishes no revocations",
}


class TestsslTests(SynchronousTestCase):
    timeout = 3600

    def setUp(self) -> None:
        self.site = shared()
        self.front = self.site.exfront(LISTENERS)
        self.addCleanup(self.front.stop)
        self.front.start()

    def findings(self, listener: str) -> list[dict[str, str]]:
        """All that testssl has to say of a listener."""
        report = Path(temporary_folder("testssl")) / "report.json"
        host, port = self.front.at(listener)
        command = [
            program("testssl", "testssl.sh"), "--quiet", "--color", "0", "--warnings", "batch", "--ip", host,
            "--add-ca", str(self.site.authority.ca_file), "--jsonfile", str(report), "--nodns", "none",
            "--protocols", "--std", "--fs", "--server-defaults", "--server-preference", "--vulnerable",
            *_LISTENERS[listener], f"{PUBLIC_NAME}:{port}",
        ]  # fmt: skip
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIME, check=False)
        self.assertTrue(report.exists(), ended.stdout[-2000:] + ended.stderr[-2000:])
        found: list[dict[str, str]] = json.loads(report.read_text())
        return found

    def grave(self, found: list[dict[str, str]]) -> list[str]:
        return [
            f"{each['severity']} {each['id']}: {each['finding']}"
            for each in found
            if each["severity"] in _GRAVE and each["id"] not in _EXPLAINED
        ]

    def test_each_listener(self) -> None:
        """S-TLS-1, S-TLS-7: versions, suites, tickets and all that testssl knows of attacks."""
        grave = {}
        for listener in _LISTENERS:
            found = self.findings(listener)
            offered = {each["id"]: each["finding"] for each in found}
            self.assertIn("offered", offered["TLS1_3"], listener)
            self.assertEqual(offered["TLS1_1"], "not offered", listener)
            grave[listener] = self.grave(found)
        self.assertEqual(grave, {listener: [] for listener in _LISTENERS})
