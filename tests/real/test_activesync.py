"""A phone and an ActiveSync server, both written from the specifications, with exfront between them."""

from __future__ import annotations

import functools
import ssl
from concurrent.futures import ThreadPoolExecutor, wait

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from tests.support.activesync_server import COMMANDS, INBOX, VERSIONS, ActiveSyncServer
from tests.support.exfront import ExFront
from tests.support.mail_site import LISTENERS, PUBLIC_NAME, MailSite, shared
from tests.support.phone import PATH, Phone
from tests.support.process import temporary_folder, wait_until


@frozen
class Stage:
    """Running."""

    site: MailSite
    server: ActiveSyncServer
    front: ExFront


@functools.cache
def stage() -> Stage:
    """Started once; chicago speaks ActiveSync, dallas is somebody else's."""
    site = shared()
    people = {user.name: user.password.decode() for user in site.living_on("chicago")}
    server = ActiveSyncServer(temporary_folder("activesync"), "127.0.0.27", people)
    server.daemon.start()
    front = site.exfront(
        {"https": LISTENERS["https"]},
        server=[site.chicago.section(address=server.address, http=server.port)],
        virtual_site=[{"name": "default", "public_name": PUBLIC_NAME, "preset": "exchange"}],
    )
    front.start()
    return Stage(site, server, front)


class ConversationTests(SynchronousTestCase):
    """OPTIONS, Provision, FolderSync, Sync, Ping ([MS-ASHTTP] 4, [MS-ASPROV] 4.1, [MS-ASCMD] 4)."""

    timeout = 60

    def setUp(self) -> None:
        self.stage = stage()
        self.context = ssl.create_default_context(cafile=str(self.stage.site.authority.ca_file))
        self.context.check_hostname = False  # the phone comes by address

    def phone(self, number: int, *, packed: bool = False) -> Phone:
        """Of one of chicago's users."""
        user = self.stage.site.living_on("chicago")[number]
        address = self.stage.front.at("https")
        return Phone(address, PUBLIC_NAME, user.name, user.password.decode(), self.context, packed)

    def test_in_both_forms_of_the_query(self) -> None:
        """S-HTTP-23, S-HTTP-26: from the first OPTIONS to the mail that a Ping told of."""
        for number, packed in ((20, False), (21, True)):
            phone = self.phone(number, packed=packed)
            told = phone.options().headers
            self.assertEqual((told["ms-asprotocolversions"], told["ms-asprotocolcommands"]), (VERSIONS, COMMANDS))
            self.assertEqual(phone.fetch_folders(), [INBOX])
            self.assertEqual(phone.fetch_folders(), [])
            self.assertEqual(phone.sync(INBOX), [])
            self.assertEqual(self.ping_until_mail(phone), "2")
            self.assertIn("Mail 1 für dich", phone.sync(INBOX))
            self.assertEqual(phone.sync(INBOX), [])
            self.assertEqual(phone.ping(INBOX, 0.2), "1")

    def ping_until_mail(self, phone: Phone) -> str:
        """The Ping may come after a mail: then there is one more."""
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(phone.ping, INBOX, 50)
            while not waiting.done():
                self.stage.server.deliver(phone.user)
                wait([waiting], timeout=0.2)
            return waiting.result()

    def lines_of(self, phone: Phone, count: int) -> list[dict[str, str]]:
        """The log's lines of one user."""

        def found() -> list[dict[str, str]]:
            return [line for line in self.stage.front.access_lines() if line["cs-username"] == phone.user]

        wait_until(lambda: len(found()) >= count, f"{count} lines of {phone.user}")
        self.assertEqual(len(found()), count)
        return found()

    def test_the_log_tells_each_command_of_the_device(self) -> None:
        """S-OPS-15: with the two statuses, 449 among them."""
        phone = self.phone(22, packed=True)
        phone.fetch_folders()
        lines = self.lines_of(phone, 4)
        self.assertEqual([line["x-command"] for line in lines], ["FolderSync", "Provision", "Provision", "FolderSync"])
        self.assertEqual({line["x-device"] for line in lines}, {"SmartPhone/v140Device"})
        self.assertEqual([line["sc-status"] for line in lines], ["449", "200", "200", "200"])
        self.assertEqual({line["s-back-end"] for line in lines}, {"chicago"})

    def test_a_wrong_password_reaches_no_server(self) -> None:
        """S-AUTH-7: 401 from exfront."""
        phone = self.phone(23)
        phone.password = "wrong"
        self.assertEqual(phone.options().status, 401)
        (line,) = self.lines_of(phone, 1)
        self.assertEqual(line["x-back-end-status"], "-")

    def test_octets_that_are_no_wbxml_are_the_servers_business(self) -> None:
        """S-HTTP-25: 8 MiB of zeros pass; the back end says 400."""
        phone = self.phone(24)
        phone.fetch_folders()
        answer = phone.post("Sync", bytes(1 << 23))
        self.assertEqual((answer.status, answer.body), (400, b"not WBXML of ActiveSync"))

    def test_health(self) -> None:
        """S-HTTP-22: without a password."""
        phone = self.phone(25)
        phone.user = "nobody"
        answer = phone.get(f"{PATH}/healthcheck.htm")
        self.assertEqual((answer.status, answer.body), (200, f"200 OK<br/>{PUBLIC_NAME.upper()}".encode()))
