"""exfrontctl: what it prints, where, and its exit status."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from exfront import __version__
from exfront.auth.guard import Lockout
from exfront.backends.table import BackEndState
from exfront.control import main
from exfront.directory.health import ServerState
from exfront.directory.root_dse import RootDse
from exfront.operate.control_commands import ControlTable
from exfront.operate.control_socket import ControlSocket
from exfront.secret import Secret
from exfront.sessions import LimitState
from exfront.web.devices import DeviceState
from tests.config.test_load import FIVE_MISTAKES
from tests.support.configuration import SMALLEST
from tests.support.directory import MemoryDirectory, mailbox
from tests.support.process import remove, temporary_folder


@frozen
class Outcome:
    """Of one command."""

    status: int
    out: str
    err: str


def _run(*argv: str) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(argv)
        except SystemExit as end:
            status = int(end.code or 0)
    return Outcome(status, out.getvalue(), err.getvalue())


class CheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = Path(self.mktemp()).absolute()

    def test_a_good_file_is_ok(self) -> None:
        self.file.write_text(SMALLEST.replace("allow_plaintext = true", 'tls = "none"').replace("imap4", "http") + (
            '[[virtual_site]]\nname = "a"\npublic_name = "a.b"\n'
        ))  # fmt: skip
        self.assertEqual(
            _run("check", "--no-network", "--config", str(self.file)), Outcome(0, f"{self.file}: ok\n", "")
        )

    def test_warnings_do_not_fail(self) -> None:
        self.file.write_text(SMALLEST)
        outcome = _run("check", "--no-network", "--config", str(self.file))
        self.assertEqual((outcome.status, outcome.out), (0, f"{self.file}: ok\n"))
        self.assertTrue(outcome.err.startswith(f"{self.file}:7: listener[1].allow_plaintext: "), outcome.err)
        self.assertTrue(outcome.err.endswith(" (warning)\n"), outcome.err)

    def test_five_mistakes_are_five_lines_in_order(self) -> None:
        """S-OPS-12: the check says what a start would refuse."""
        self.file.write_text(FIVE_MISTAKES)
        outcome = _run("check", "--no-network", "--config", str(self.file))
        self.assertEqual((outcome.status, outcome.out), (1, ""))
        places = [line.removeprefix(f"{self.file}:").partition(":")[0] for line in outcome.err.splitlines()]
        self.assertEqual(places, ["5", "8", "13", "17", "20"])

    def test_a_secret_that_others_may_read_is_refused(self) -> None:
        """S-OPS-2: status 1, with the path and the mode."""
        password = self.file.with_name(f"{self.file.name}.password")
        password.write_text("hunter2\n")
        password.chmod(0o644)
        account = f'bind_dn = "cn=a"\nbind_password_file = "{password}"\n[[listener]]'
        self.file.write_text(SMALLEST.replace("[[listener]]", account))
        outcome = _run("check", "--no-network", "--config", str(self.file))
        self.assertEqual((outcome.status, outcome.out), (1, ""))
        self.assertIn(f"{self.file}:5: directory.bind_password_file: {password} holds a secret", outcome.err)
        self.assertIn("mode 0644", outcome.err)
        self.assertNotIn("hunter2", outcome.err)

    def test_a_socket_path_that_the_kernel_does_not_take_is_an_error(self) -> None:
        self.file.write_text(f'{SMALLEST}[control]\nsocket = "/run/{"x" * 100}"\n')
        outcome = _run("check", "--no-network", "--config", str(self.file))
        self.assertEqual(outcome.status, 1)
        self.assertIn("control.socket: 105 octets (allowed: a path of at most 100 octets)", outcome.err)

    def test_a_file_that_cannot_be_read_is_one_line(self) -> None:
        for path in (self.file, Path("/"), Path("/dev/zero"), Path("/bin/sh"), Path("x\0y")):
            outcome = _run("check", "--no-network", "--config", str(path))
            self.assertEqual((outcome.status, outcome.out, outcome.err.count("\n")), (1, "", 1), outcome)
            self.assertNotIn("Traceback", outcome.err)


class CommandLineTests(SynchronousTestCase):
    def test_version(self) -> None:
        self.assertEqual(_run("--version"), Outcome(0, f"exfront {__version__}\n", ""))

    def test_wrong_options_are_one_line_and_status_2(self) -> None:
        for argv in (
            [],
            ["chek"],
            ["check", "--confg", "a"],
            ["check", "--config"],
            ["check", "a"],
            ["--bogus", "check"],
            ["explain"],
            ["explain", "smtp", "alice"],
            ["explain", "imap4"],
            ["unlock"],
            ["flush", "a", "b"],
        ):
            outcome = _run(*argv)
            self.assertEqual((outcome.status, outcome.out, outcome.err.count("\n")), (2, "", 1), argv)
            self.assertTrue(outcome.err.startswith("exfrontctl"), outcome.err)

    def test_help_names_the_default_file(self) -> None:
        self.assertIn("/etc/exfront/exfront.toml", _run("check", "--help").out)

    def test_help_tells_the_exit_statuses(self) -> None:
        for command in ("check", "explain", "flush", "lockouts", "unlock", "servers", "backends", "devices", "limits"):
            self.assertIn("3 no daemon answers", " ".join(_run(command, "--help").out.split()), command)


async def _explain(
    protocol: str, login: bytes, url: str, secret: Secret | None, method: str, client: str
) -> dict[str, Any]:
    refused = {"refused": {"step": "locate", "code": "XF-X", "cause": "c", "detail": "", "client_sees": "NO"}}
    password = None if secret is None else secret.reveal().decode("latin-1")
    report = {"protocol": protocol, "login": login.decode("latin-1"), "keys": [], "url": url, "password": password}
    report |= {"method": method, "client": client}
    return {**report, **(refused if login == b"nobody" else {})}


@define
class _Daemon:
    """What is behind a control socket, noting what it is asked."""

    flushed: list[str | None] = field(factory=list)
    unlocked: list[str] = field(factory=list)

    def flush(self, user: str | None) -> int:
        self.flushed.append(user)
        return 3

    def unlock(self, user: str) -> bool:
        self.unlocked.append(user)
        return user == "id-alice"

    def lockouts(self) -> list[Lockout]:
        return [Lockout("id-alice", "alice", 4, 4, 600.4, locked=True)]

    def back_ends(self) -> tuple[BackEndState, ...]:
        return (
            BackEndState("chicago", "imap4", "out", 4, 5, 0, 7, 3, 0.0, "XF-BE-REFUSED", 12.0, "failed", 0.6),
            BackEndState("chicago", "owa", "healthy", 4, 5, 2, 9, 0, 0.0251, "", None, "", None),
        )

    def devices(self) -> tuple[DeviceState, ...]:
        return (
            DeviceState("anna", "iPhone/ApplDNPJ2FTM0GRK", "Ping", 1, 1204.4),
            DeviceState("carl", "SmartPhone/v140\x1bDevice", "Ping", 3, 1881.0),
        )

    def limits(self) -> tuple[LimitState, ...]:
        return (LimitState("connections", 7, 10_000), LimitState("connections_per_address", 3, 200, "192.0.2.7"))

    def servers(self) -> tuple[ServerState, ...]:
        return (
            ServerState(
                "ldaps://dc1", "down", 1.0, "refused\x1b", 0, 7, 2, 0.0012, None, RootDse(site="Chicago"), "Chicago"
            ),
        )


class SocketTests(TestCase):
    """Commands that ask a daemon, over a real socket; the client runs in a thread, as it is a process of its own."""

    def setUp(self) -> None:
        self.folder = temporary_folder("control")
        self.addCleanup(remove, self.folder)
        self.path = self.folder / "run" / "control.sock"
        self.daemon = daemon = _Daemon()
        directory = MemoryDirectory([mailbox("alice")])
        table = ControlTable(
            directory, _explain, daemon.flush, daemon.lockouts, daemon.unlock, daemon.servers, daemon.back_ends,
            daemon.devices, daemon.limits,
        )  # fmt: skip
        service = ControlSocket(self.path, table.commands(), reactor)
        service.startService()
        self.addCleanup(service.stopService)

    def run_command(self, *argv: str) -> Deferred[Outcome]:
        return deferToThread(_run, *argv, "--socket", str(self.path))

    async def test_explain_prints_text_or_json(self) -> None:
        outcome = await self.run_command("explain", "imap4", "alice")
        self.assertEqual((outcome.status, outcome.err), (0, ""))
        self.assertTrue(outcome.out.startswith("imap4 log-on as alice\n"))
        outcome = await self.run_command("explain", "http", "alice", "--url", "/owa/", "--json")
        report = json.loads(outcome.out)
        self.assertEqual((report["url"], report["password"]), ("/owa/", None))
        self.assertEqual((report["method"], report["client"]), ("GET", ""))
        more = ("--method", "PUT", "--client", "192.0.2.7", "--json")
        report = json.loads((await self.run_command("explain", "http", "alice", *more)).out)
        self.assertEqual((report["method"], report["client"]), ("PUT", "192.0.2.7"))

    async def test_octets_of_a_command_line_arrive_as_they_are(self) -> None:
        outcome = await self.run_command("explain", "imap4", "j\udcfcrgen", "--json")
        self.assertEqual(json.loads(outcome.out)["login"], "j\xfcrgen")

    async def test_a_refused_log_on_is_status_1(self) -> None:
        self.assertEqual((await self.run_command("explain", "imap4", "nobody")).status, 1)

    async def test_a_password_comes_from_standard_input(self) -> None:
        """S-OPS-2: never from the command line."""
        self.patch(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"p\xe4ss w\r\nmore")))
        outcome = await self.run_command("explain", "imap4", "alice", "--password-stdin", "--json")
        self.assertEqual(json.loads(outcome.out)["password"], "p\xe4ss w")

    async def test_flush_one_or_all(self) -> None:
        self.assertEqual(await self.run_command("flush", "alice"), Outcome(0, "flushed: 3\n", ""))
        self.assertEqual(await self.run_command("flush"), Outcome(0, "flushed: 3\n", ""))
        self.assertEqual(self.daemon.flushed, ["alice", None])

    async def test_unlock_by_id_or_by_login_name(self) -> None:
        self.assertEqual(await self.run_command("unlock", "id-alice"), Outcome(0, "unlocked\n", ""))
        self.assertEqual(await self.run_command("unlock", "alice@fourthcoffee.com"), Outcome(0, "unlocked\n", ""))
        self.assertEqual(self.daemon.unlocked, ["id-alice", "alice@fourthcoffee.com", "id-alice"])

    async def test_unlock_of_nobody_is_status_1(self) -> None:
        outcome = await self.run_command("unlock", "nobody")
        self.assertEqual((outcome.status, outcome.out), (1, ""))
        self.assertIn("unknown user", outcome.err)

    async def test_devices_is_a_table_of_phones_that_wait(self) -> None:
        self.assertEqual((await self.run_command("devices")).out, (
            "user  device                     command  now  since\n"
            "anna  iPhone/ApplDNPJ2FTM0GRK    Ping     1    1204 s\n"
            "carl  SmartPhone/v140\\x1bDevice  Ping     3    1881 s\n"
        ))  # fmt: skip
        first, _ = json.loads((await self.run_command("devices", "--json")).out)
        self.assertEqual((first["user"], first["running"]), ("anna", 1))

    async def test_limits_is_a_table_of_who_is_nearest(self) -> None:
        """S-OPS-4: what is counted, and for whom."""
        self.assertEqual((await self.run_command("limits")).out, (
            "limit                    now  most   by\n"
            "connections              7    10000  -\n"
            "connections_per_address  3    200    192.0.2.7\n"
        ))  # fmt: skip

    async def test_backends_is_a_table_of_applications(self) -> None:
        """S-ROUTE-12: what is out, what is degraded, and why."""
        self.assertEqual((await self.run_command("backends")).out, (
            "server   application  state    connections  waiting  now  requests  failures  latency  probe   retry  "
            "last error\n"
            "chicago  imap4        out      4            5        0    7         3         0.0 ms   failed  1 s    "
            "XF-BE-REFUSED (12 s ago)\n"
            "chicago  owa          healthy  4            5        2    9         0         25.1 ms  -       -      -\n"
        ))  # fmt: skip
        first, second = json.loads((await self.run_command("backends", "--json")).out)
        self.assertEqual((first["state"], first["retry"], second["latency"]), ("out", 0.6, 0.0251))

    async def test_lockouts_and_servers_are_tables(self) -> None:
        self.assertEqual((await self.run_command("lockouts")).out, (
            "account  id        failures  for    state\n"
            "alice    id-alice  4/4       600 s  locked\n"
        ))  # fmt: skip
        self.assertEqual((await self.run_command("servers")).out, (
            "server       state  site           requests  failures  waiting  latency  last error\n"
            "ldaps://dc1  down   Chicago (own)  7         2         0        1.2 ms   refused\\x1b\n"
        ))  # fmt: skip

    async def test_json_is_what_the_daemon_said(self) -> None:
        (lockout,) = json.loads((await self.run_command("lockouts", "--json")).out)
        self.assertEqual((lockout["account_id"], lockout["locked"]), ("id-alice", True))
        (server,) = json.loads((await self.run_command("servers", "--json")).out)
        self.assertEqual((server["url"], server["tried"]), ("ldaps://dc1", None))


class NoDaemonTests(SynchronousTestCase):
    def test_a_daemon_that_is_not_there_is_status_3_and_one_line(self) -> None:
        for argv in (["explain", "imap4", "a"], ["flush"], ["lockouts"], ["unlock", "a"], ["servers"], ["backends"],
                     ["devices"], ["limits"]):  # fmt: skip
            outcome = _run(*argv, "--socket", "/nonexistent/control.sock")
            self.assertEqual((outcome.status, outcome.out, outcome.err.count("\n")), (3, "", 1), argv)
            self.assertIn("/nonexistent/control.sock", outcome.err)
