"""SOGo's ActiveSync through exfront: a groupware by others, over the site's slapd and Dovecot."""

from __future__ import annotations

import imaplib
import ssl
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.mail_site import LISTENERS, PUBLIC_NAME, shared
from tests.support.phone import Phone
from tests.support.process import temporary_folder, wait_until
from tests.support.sogo import PATH, sogo

_HEARTBEAT = 20.0


class SogoTests(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.site = site = shared()
        self.user = site.living_on("chicago")[10]
        groupware = sogo(temporary_folder("sogo"), "127.0.0.31", site, site.chicago)
        self.addCleanup(groupware.kill)
        groupware.start()
        directory = {"path": PATH, "application": "activesync"}
        self.front = site.exfront(
            {"https": LISTENERS["https"]},
            server=[site.chicago.section(address=groupware.address, http=groupware.port)],
            virtual_site=[{"name": "default", "public_name": PUBLIC_NAME, "virtual_directory": [directory]}],
        )
        self.addCleanup(self.front.daemon.kill)
        self.front.start()
        context = ssl.create_default_context(cafile=str(site.authority.ca_file))
        context.check_hostname = False  # by address
        address, password = self.front.at("https"), self.user.password.decode()
        self.phone = Phone(address, PUBLIC_NAME, self.user.name, password, context, path=PATH)

    def count_changes(self) -> None:
        """Dovecot does (RFC 7162) from the first client on that wants it; SOGo's sync keys are these numbers."""
        dovecot = self.site.chicago.dovecot
        with imaplib.IMAP4(self.site.chicago.address, dovecot.imap) as client:
            client.login(self.user.name, self.user.password.decode())
            client.enable("CONDSTORE")
            client.select("INBOX")

    def deliver(self, subject: str) -> None:
        """A mail into the user's inbox."""
        mail: Path = self.site.chicago.dovecot.mailbox(self.user.alias) / "new" / f"1000000001.{subject}.exfront"
        mail.write_bytes(f"From: a@b.c\r\nTo: {self.user.address}\r\nSubject: {subject}\r\n\r\nbody\r\n".encode())
        mail.chmod(0o644)
        self.addCleanup(self.remove, subject)

    def remove(self, subject: str) -> None:
        """Wherever Dovecot moved it."""
        for file in self.site.chicago.dovecot.mailbox(self.user.alias).glob(f"*/1000000001.{subject}.exfront*"):
            file.unlink()

    def synced(self, folder: str) -> list[str]:
        """The first news, which may be in a later answer."""
        for _ in range(5):
            found = self.phone.sync(folder)
            if found:
                return found
        return []

    def test_a_phone_reads_its_mail_and_is_told_of_more(self) -> None:
        """S-HTTP-26: OPTIONS, FolderSync, Sync, and a Ping that a new mail ends; not with a wrong password."""
        self.assertIn("14.1", self.phone.options().headers["ms-asprotocolversions"])
        self.count_changes()
        self.deliver("before")
        inbox = self.phone.fetch_folders()[0]
        self.assertEqual(self.phone.sync(inbox), [])  # the key alone
        self.assertIn("before", self.synced(inbox))
        self.assertEqual(self.phone.sync(inbox), [])
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.phone.ping, inbox, _HEARTBEAT)
            wait([waiting], timeout=1.0)
            self.assertFalse(waiting.done(), waiting)
            self.deliver("after")
            self.assertEqual(waiting.result(_HEARTBEAT + 10), "2")
        self.assertEqual(self.synced(inbox), ["after"])
        self.phone.password = "wrong"
        self.assertEqual(self.phone.options().status, 401)
        wait_until(lambda: "Ping" in [line["x-command"] for line in self.front.access_lines()], "the Ping's line")
