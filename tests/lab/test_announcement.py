"""What the lab prints follows its configuration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.kinds import HostPort
from exfront.config.listener import ListenerSection
from exfront.lab.announcement import commands

AUTHORITY = Path("/tmp/a b/lab-ca.pem")
IMAP = ListenerSection("imap4", HostPort("127.0.0.1", 1), "starttls", allow_plaintext=True)
IMAPS = ListenerSection("imap4", HostPort("127.0.0.1", 2), "implicit")
HTTPS = ListenerSection("http", HostPort("::1", 3), "implicit")


class CommandTests(SynchronousTestCase):
    """The commands to try."""

    def commands(self, listeners: Iterable[ListenerSection]) -> list[str]:
        return list(commands(tuple(listeners), AUTHORITY))

    def test_each_kind_of_listener_has_a_command_that_a_shell_takes(self) -> None:
        self.assertEqual(
            self.commands([IMAPS, IMAP, HTTPS]),
            [
                "curl -u anna:espresso-11 'imap://127.0.0.1:1/INBOX;MAILINDEX=1'",
                "curl --cacert '/tmp/a b/lab-ca.pem' -u 'FOURTHCOFFEE\\clara:macchiato-33'"
                " 'imaps://127.0.0.1:2/INBOX;MAILINDEX=1'",
                "curl --cacert '/tmp/a b/lab-ca.pem' -u anna.arnold@fourthcoffee.com:espresso-11"
                " 'https://[::1]:3/owa/'",
            ],
        )

    def test_without_a_listener_there_is_no_command(self) -> None:
        self.assertEqual(self.commands([]), [])
