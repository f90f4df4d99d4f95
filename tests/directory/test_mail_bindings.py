"""Where a server of the topology speaks POP3 and IMAP4, by its protocols' objects."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.directory.mail_bindings import STANDARD_PORTS, served
from exfront.topology import MailSettings, ServerVersion, Service
from tests.support.steps import server


class BindingTests(SynchronousTestCase):
    def found(
        self, *bindings: str, tls: tuple[str, ...] = (), ports: tuple[int, ...] = (), major: int = 8
    ) -> Service | None:
        settings = MailSettings("BOSTON", "imap4", bindings, tls)
        one = server("boston", version=ServerVersion(major))
        (boston,), self.strange = served([one], [settings], STANDARD_PORTS | set(ports))
        self.assertEqual((boston.pop3, boston.http), (Service(110), Service(80)))
        return boston.imap4

    def test_spellings(self) -> None:
        """IIS' address:port:host of 2003, address:port of 2007 and later, IPv6 with and without brackets."""
        for text in ("0.0.0.0:1143", ":1143:", "10.1.0.5:1143:mail.x", "10.1.0.5:1143", ":::1143", "[::]:1143"):
            self.assertEqual(self.found(text, ports=(1143,)), Service(1143), text)

    def test_clear_first_and_tls_where_there_is_nothing_else(self) -> None:
        self.assertEqual(self.found("0.0.0.0:143", tls=("0.0.0.0:993",)), Service(143))
        self.assertEqual(self.found(tls=("0.0.0.0:993",)), Service(993, "implicit"))

    def test_2010_is_spoken_to_with_tls_where_it_has_it(self) -> None:
        """Set-ImapSettings: InternalConnectionSettings is fqdn:993:SSL before fqdn:143:TLS."""
        self.assertEqual(self.found("0.0.0.0:143", tls=("0.0.0.0:993",), major=14), Service(993, "implicit"))
        self.assertEqual(self.found("0.0.0.0:143", major=14), Service(143))

    def test_what_front_ends_of_2013_listen_on_is_not_where_its_mailboxes_are(self) -> None:
        self.assertEqual(self.found("0.0.0.0:1143", tls=("0.0.0.0:993",), ports=(1143,), major=15), Service(143))

    def test_the_standard_port_of_several(self) -> None:
        self.assertEqual(self.found("0.0.0.0:1143", "0.0.0.0:143", ports=(1143,)), Service(143))
        self.assertEqual(self.found("0.0.0.0:2143", "0.0.0.0:1143", ports=(1143, 2143)), Service(2143))

    def test_a_port_that_is_not_allowed_is_told_and_not_used(self) -> None:
        """S-DIR-4: who can write to the directory cannot make exfront connect to any port of a server."""
        self.assertEqual(self.found("0.0.0.0:22"), Service(143))
        self.assertEqual(self.strange, ["imap4 of boston at port 22"])
        self.assertEqual(self.found("0.0.0.0:22", "0.0.0.0:143"), Service(143))
        self.assertEqual(self.strange, [])

    def test_what_cannot_be_read_leaves_the_standard_port(self) -> None:
        for text in ("", "143", "a:b", "0.0.0.0:", "0.0.0.0:0", "0.0.0.0:65536", "127.0.0.1:143", "[::1]:143"):
            self.assertEqual(self.found(text), Service(143), text)
            self.assertEqual(self.strange, [])

    def test_other_servers_keep_theirs(self) -> None:
        settings = MailSettings("nobody", "pop3", (), ("0.0.0.0:995",))
        (boston,), _ = served([server("boston")], [settings], STANDARD_PORTS)
        self.assertEqual(boston, server("boston"))
