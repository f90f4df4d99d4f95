"""The lab starts with what its folder says, or says why not."""

from __future__ import annotations

import io
import re
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from twisted.application.service import MultiService
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from exfront.config.load import load
from exfront.config.settings import Settings
from exfront.lab.folder import LabFolder
from exfront.lab.start import CannotStart, Lab, lab_service
from tests.support.lab import LabProcess
from tests.support.process import free_port, remove


class Front(MultiService):
    """In the place of exfront; notes what it was built of, and that its stop was waited for."""

    def __init__(self, settings: Settings) -> None:
        MultiService.__init__(self)
        self.settings = settings
        self.stopped: Deferred[None] = Deferred()

    def stopService(self) -> Deferred[None]:
        """Fires when the test wants it."""
        return self.stopped


def answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class StartTests(TestCase):
    """Folder, ports, order."""

    def setUp(self) -> None:
        self.lab = LabProcess()  # for its folder with free ports; not started here
        self.addCleanup(remove, self.lab.folder)
        self.front: Front | None = None
        self.output = io.StringIO()
        self.patch(sys, "__stdout__", self.output)

    def start(self, folder: Path | None = None) -> MultiService:
        return lab_service(folder or self.lab.folder, reactor, self.build)

    def build(self, settings: Settings, _: object) -> MultiService:
        self.front = Front(settings)
        return self.front

    def change(self, change: Callable[[str], str]) -> None:
        self.lab.configuration.write_text(change(self.lab.configuration.read_text()))

    def refusal(self) -> str:
        return str(self.assertRaises(CannotStart, self.start))

    async def test_servers_start_before_the_front_end_and_stop_after_it(self) -> None:
        service = self.start()
        self.assertFalse(answers(self.lab.ports[3890]))
        service.startService()
        back_ends = [self.lab.ports[port] for port in (3890, 11143, 11110, 11080, 12143, 12110, 12080)]
        self.assertEqual([port for port in back_ends if not answers(port)], [])
        stopping = service.stopService()
        self.assertEqual([port for port in back_ends if not answers(port)], [])
        assert self.front is not None
        self.front.stopped.callback(None)
        await stopping
        self.assertEqual([port for port in back_ends if answers(port)], [])

    async def test_the_lab_tells_what_it_is_when_it_listens(self) -> None:
        service = self.start()
        self.assertEqual(self.output.getvalue(), "")
        service.startService()
        text = self.output.getvalue()
        for user in ("anna", "ben", "clara", "david"):
            self.assertRegex(text, rf"(?m)^{user} .*(chicago|dallas)")
        self.assertEqual(len(re.findall(r"(?m)^  curl ", text)), 5)
        assert self.front is not None
        self.front.stopped.callback(None)
        await service.stopService()

    async def test_the_temporary_folder_is_removed_last(self) -> None:
        undo = ExitStack()
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory()))
        front = Front(load(self.filled()))
        lab = Lab((), front, "", undo)
        lab.startService()
        stopping = lab.stopService()
        self.assertTrue(folder.exists())
        front.stopped.callback(None)
        await stopping
        self.assertFalse(folder.exists())

    def filled(self) -> Path:
        folder = LabFolder(self.lab.folder)
        folder.fill()
        return folder.configuration

    def test_the_front_end_is_built_of_the_folders_configuration(self) -> None:
        self.change(lambda text: text.replace('"Fourth Coffee"', '"Changed"'))
        self.start()
        assert self.front is not None
        self.assertEqual(self.front.settings.authentication.realm, "Changed")
        self.assertIn('"Changed"', self.lab.configuration.read_text())

    def test_an_empty_folder_gets_a_configuration_that_production_loads(self) -> None:
        folder = LabFolder(Path(self.mktemp()).absolute() / "new")
        folder.fill()
        settings = load(folder.configuration)
        self.assertEqual(settings.limits.drain_time, 5.0)
        addresses = {f"{listener.protocol} {listener.address} {listener.tls}" for listener in settings.listener}
        self.assertEqual(
            addresses,
            {
                "imap4 127.0.0.1:1143 starttls", "imap4 127.0.0.1:1993 implicit", "pop3 127.0.0.1:1110 starttls",
                "pop3 127.0.0.1:1995 implicit", "http 127.0.0.1:8080 none", "http 127.0.0.1:8443 implicit",
            },
        )  # fmt: skip
        self.assertEqual(str(settings.directory.servers[0]), "ldap://127.0.0.1:3890")

    def test_secrets_are_the_owners_alone(self) -> None:
        """S-OPS-2: the files with the service account's password and the key have mode 0600."""
        self.filled()
        for name in ("lab-directory.password", "lab-mail.pem"):
            self.assertEqual((self.lab.folder / name).stat().st_mode & 0o777, 0o600)

    def test_each_port_in_use_is_named_with_the_file_to_edit(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
            self.change(lambda text: text.replace(f":{self.lab.ports[1143]}", f":{port}"))
            first, last = self.refusal().splitlines()
        self.assertEqual(first, f"cannot listen on 127.0.0.1:{port} (IMAP4 of exfront): Address already in use")
        self.assertEqual(last, f"To use other ports: edit {self.lab.configuration} and start again.")

    def test_one_port_for_two_is_named(self) -> None:
        self.change(lambda text: text.replace(f"= {self.lab.ports[12110]}", f"= {self.lab.ports[3890]}"))
        self.assertIn(f"127.0.0.1:{self.lab.ports[3890]} (POP3 of dallas)", self.refusal())

    def test_without_a_folder_the_port_in_use_tells_how_to_have_one(self) -> None:
        parent = Path(self.mktemp()).absolute()
        parent.mkdir()
        self.patch(tempfile, "tempdir", str(parent))
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind(("127.0.0.1", 1143))
                taken.listen()
            except OSError:
                pass  # somebody else has it: as good
            message = str(self.assertRaises(CannotStart, lab_service, None, reactor, self.build))
        self.assertIn("127.0.0.1:1143 (IMAP4 of exfront)", message)
        self.assertIn("--lab-dir DIR", message)
        self.assertEqual(list(parent.iterdir()), [])

    def test_nothing_listens_where_others_could_reach_it(self) -> None:
        """S-OPS-1: the lab, which root may run and whose passwords everybody knows, serves on loopback alone."""
        before = self.lab.configuration.read_text()
        for here, there, what in (
            (f'"127.0.0.1:{self.lab.ports[1143]}"', f'"0.0.0.0:{free_port()}"', "[[listener]] imap4"),
            ("ldap://127.0.0.1:", "ldap://192.0.2.1:", "[directory] servers"),
            ('address = "127.0.0.1"\n', 'address = "192.0.2.1"\n', "[[server]] chicago"),
            ('address = "127.0.0.1"\n', "", "[[server]] chicago"),
        ):
            self.lab.configuration.write_text(before.replace(here, there))
            self.assertIn(what, self.refusal())

    def test_a_mistake_in_the_configuration_is_told_with_its_line(self) -> None:
        self.change(lambda text: text.replace("drain_time", "drain_tme"))
        self.assertRegex(self.refusal(), r"exfront\.toml:\d+: .*drain_tme.*drain_time")

    def test_a_folder_that_cannot_be_written_is_told(self) -> None:
        file = Path(self.mktemp()).absolute()
        file.write_text("")
        message = str(self.assertRaises(CannotStart, self.start, file / "below"))
        self.assertIn("Not a directory", message)

    def test_other_files_of_the_folder_are_left_alone(self) -> None:
        for name in ("mail.pem", "ca.pem", "notes"):
            (self.lab.folder / name).write_text("mine")
        self.start()
        for name in ("mail.pem", "ca.pem", "notes"):
            self.assertEqual((self.lab.folder / name).read_text(), "mine")
