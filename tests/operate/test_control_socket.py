"""The control socket over real Unix sockets: who may speak, what a line is, and what becomes of the file."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from exfront import limits
from exfront.operate.control_client import Answer, NotReachable, ask
from exfront.operate.control_socket import BadQuestion, CannotOpen, ControlFactory, ControlSocket, prepare_place
from exfront.reasons import DIRECTORY_DOWN, Refused
from tests.support.process import remove, temporary_folder

_T = TypeVar("_T")
_NOBODY = 65534
_TIME = 10.0


async def _echo(members: Mapping[str, Any]) -> object:
    return {"got": dict(members)}


async def _bad(members: Mapping[str, Any]) -> object:
    raise BadQuestion("user: a text is needed")


async def _refused(members: Mapping[str, Any]) -> object:
    raise Refused(DIRECTORY_DOWN, "dc1 refuses")


async def _fault(members: Mapping[str, Any]) -> object:
    raise ZeroDivisionError("secret value")


class _Waiting:
    """A command without an end; knows what became of it."""

    def __init__(self) -> None:
        self.cancelled = 0

    async def __call__(self, members: Mapping[str, Any]) -> object:
        try:
            await Deferred()
        except CancelledError:
            self.cancelled += 1
            raise


class _SocketCase(TestCase):
    """A control socket in a folder of its own; clients run in threads, as they are other processes in life."""

    def setUp(self) -> None:
        self.folder = temporary_folder("control")
        self.addCleanup(remove, self.folder)
        self.path = self.folder / "run" / "control.sock"
        self.waiting = _Waiting()
        commands = {"echo": _echo, "bad": _bad, "refused": _refused, "fault": _fault, "wait": self.waiting}
        self.service = ControlSocket(self.path, commands, reactor)
        self.service.startService()
        self.addCleanup(self._stop)

    def _stop(self) -> Deferred[None] | None:
        return self.service.stopService() if self.service.running else None

    def thread(self, call: Callable[..., _T], *arguments: object) -> Deferred[_T]:
        """Run a blocking client beside the reactor."""
        return deferToThread(call, *arguments)

    def talk(self, octets: bytes) -> list[dict[str, Any]]:
        """Send octets, read answers until the end; to be run in a thread."""
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(_TIME)
            client.connect(str(self.path))
            client.sendall(octets)
            client.shutdown(socket.SHUT_WR)
            received = b""
            while part := client.recv(65536):
                received += part
        return [json.loads(line) for line in received.splitlines()]


class QuestionTests(_SocketCase):
    async def test_a_question_has_its_answer(self) -> None:
        answer = await self.thread(ask, self.path, "echo", {"user": "j\udcfcrgen"})
        self.assertEqual(answer, Answer(True, {"got": {"user": "j\udcfcrgen"}}))

    async def test_a_wrong_question_says_what_is_wrong(self) -> None:
        answer = await self.thread(ask, self.path, "bad", {})
        self.assertEqual(answer, Answer(False, None, "user: a text is needed", usage=True))

    async def test_a_refusal_names_reason_and_detail(self) -> None:
        answer = await self.thread(ask, self.path, "refused", {})
        self.assertEqual(answer.error, "XF-DIR-UNAVAILABLE no directory server answers dc1 refuses")

    async def test_an_unknown_command_names_those_there_are(self) -> None:
        answer = await self.thread(ask, self.path, "shutdown", {})
        self.assertEqual(answer.error, "no such command; there are bad, echo, fault, refused, wait")

    async def test_a_fault_is_logged_and_tells_the_client_nothing(self) -> None:
        answer = await self.thread(ask, self.path, "fault", {})
        self.assertEqual((answer.ok, answer.error), (False, "a fault in exfront; its log tells more"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_questions_sent_together_are_answered_in_order(self) -> None:
        octets = b"".join(b'{"command": "echo", "n": %d}\n' % number for number in range(3))

        def three() -> list[int]:
            with closing(socket.socket(socket.AF_UNIX)) as client:
                client.settimeout(_TIME)
                client.connect(str(self.path))
                client.sendall(octets)
                with client.makefile("rb") as answers:
                    return [json.loads(answers.readline())["result"]["got"]["n"] for _ in range(3)]

        self.assertEqual(await self.thread(three), [0, 1, 2])

    async def test_what_is_no_json_object_is_refused(self) -> None:
        """S-OPS-3: a line that is no question is answered with an error, whatever is in it."""
        for octets in (b"\n", b"nonsense\n", b"[1]\n", b"\xff\xfe\n", b'{"command": 3}\n', b"[" * 4000 + b"\n"):
            answer = await self.thread(self.first_answer, octets)
            self.assertIs(answer["ok"], False, octets)

    def first_answer(self, octets: bytes) -> dict[str, Any]:
        """The answer to the first line."""
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(_TIME)
            client.connect(str(self.path))
            client.sendall(octets)
            with client.makefile("rb") as answers:
                found: dict[str, Any] = json.loads(answers.readline())
        return found


class LimitTests(_SocketCase):
    async def test_a_line_over_the_limit_ends_the_connection(self) -> None:
        """S-OPS-3: a question has at most 4 KiB, with or without its end."""
        for end in (b"", b"\n"):
            answers = await self.thread(self.talk, b"x" * (limits.CONTROL_LINE_OCTETS + 1) + end)
            self.assertEqual(answers, [{"ok": False, "error": "a line over the limit"}])

    async def test_a_line_of_the_limit_is_read(self) -> None:
        padding = "x" * (limits.CONTROL_LINE_OCTETS - len('{"command": "echo", "p": ""}'))
        answer = await self.thread(ask, self.path, "echo", {"p": padding})
        self.assertEqual(answer.result, {"got": {"p": padding}})

    async def test_the_ninth_client_is_sent_away(self) -> None:
        """S-OPS-3: the number of clients is bounded; the others are undisturbed."""

        def crowd() -> tuple[Answer, Answer]:
            clients = [socket.socket(socket.AF_UNIX) for _ in range(limits.CONTROL_CLIENTS)]
            for client in clients:
                client.settimeout(_TIME)
                client.connect(str(self.path))
                client.sendall(b'{"command": "echo"}\n')
                client.recv(1024)
            ninth = ask(self.path, "echo", {})
            for client in clients:
                client.close()
            return ninth, self.until_answered()

        ninth, later = await self.thread(crowd)
        self.assertEqual((ninth.ok, ninth.error), (False, "too many connections to the control socket"))
        self.assertTrue(later.ok)

    def until_answered(self) -> Answer:
        """The daemon notices the end of connections in its own time."""
        for _ in range(1000):
            answer = ask(self.path, "echo", {})
            if answer.ok:
                break
        return answer

    async def test_a_client_that_leaves_ends_its_command(self) -> None:
        def leave() -> None:
            with closing(socket.socket(socket.AF_UNIX)) as client:
                client.connect(str(self.path))
                client.sendall(b'{"command": "wait"}\n')

        await self.thread(leave)
        await self.thread(ask, self.path, "echo", {})
        await self.thread(ask, self.path, "echo", {})
        self.assertEqual(self.waiting.cancelled, 1)


class IdleTests(TestCase):
    async def test_a_connection_that_asks_nothing_is_closed_after_a_minute(self) -> None:
        """S-OPS-3: nobody keeps one of the few places by being silent."""
        folder = temporary_folder("control")
        self.addCleanup(remove, folder)
        path, clock = folder / "control.sock", Clock()
        port = reactor.listenUNIX(str(path), ControlFactory({"echo": _echo}, clock))  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(_TIME)
        client.connect(str(path))
        client.sendall(b'{"command": "echo"}\n')
        self.assertTrue((await deferToThread(client.recv, 1000)).endswith(b"\n"))
        clock.advance(limits.CONTROL_IDLE_TIME)
        self.assertEqual(await deferToThread(client.recv, 1000), b"")


class PlaceTests(_SocketCase):
    async def test_folder_and_socket_are_the_users_own(self) -> None:
        """S-OPS-3: the folder has mode 0700, the socket 0600."""
        self.assertEqual(self.path.parent.stat().st_mode & 0o777, 0o700)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    async def test_the_socket_is_gone_after_the_stop(self) -> None:
        await self.service.stopService()
        self.assertFalse(self.path.exists())
        with self.assertRaises(NotReachable):
            ask(self.path, "echo", {})

    async def test_another_user_is_refused_by_the_kernel(self) -> None:
        """S-OPS-3: another user cannot even reach the socket."""
        self.assertIn("PermissionError", await self.thread(self.as_nobody))

    async def test_another_user_who_reaches_the_socket_is_refused(self) -> None:
        """S-OPS-3: the user of the peer is checked, whatever became of the modes."""
        self.path.parent.chmod(0o755)
        self.path.chmod(0o666)
        said = await self.thread(self.as_nobody)
        self.assertIn("this user may not control exfront", said)
        self.assertNotIn("got", said)

    def as_nobody(self) -> str:
        """What a process of another user gets to see."""
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        script = (
            f"import contextlib, os, socket; os.setgroups([]); os.setgid({_NOBODY}); os.setuid({_NOBODY})\n"
            f"s = socket.socket(socket.AF_UNIX); s.settimeout({_TIME}); s.connect({str(self.path)!r})\n"
            "with contextlib.suppress(BrokenPipeError):\n"  # it may have been sent away already
            '    s.sendall(b\'{"command": "echo"}\\n\')\n'
            "print(s.recv(1000))\n"
        )
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, check=False)
        return (ended.stdout + ended.stderr).decode()

    async def test_a_socket_left_behind_is_replaced(self) -> None:
        """S-OPS-3: after a crash the next start takes the place over."""
        await self.service.stopService()
        with closing(socket.socket(socket.AF_UNIX)) as left:
            left.bind(str(self.path))
        self.service.startService()
        self.assertTrue((await self.thread(ask, self.path, "echo", {})).ok)

    async def test_a_second_daemon_leaves_the_first_ones_socket_alone(self) -> None:
        second = ControlSocket(self.path, {}, reactor)
        self.assertRaises(SystemExit, second.startService)
        self.assertTrue((await self.thread(ask, self.path, "echo", {})).ok)


class PrepareTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = temporary_folder("control")
        self.addCleanup(remove, self.folder)

    def test_a_folder_that_others_may_enter_is_refused(self) -> None:
        """S-OPS-3: no socket opens in a folder that is open to others."""
        self.assertRaises(CannotOpen, prepare_place, self.folder / "control.sock")

    def test_a_file_that_is_no_socket_is_left_alone(self) -> None:
        self.folder.chmod(0o700)
        file = self.folder / "control.sock"
        file.write_text("precious")
        self.assertRaises(CannotOpen, prepare_place, file)
        self.assertEqual(file.read_text(), "precious")

    def test_a_folder_without_a_parent_is_an_error_of_the_system(self) -> None:
        self.assertRaises(OSError, prepare_place, self.folder / "a" / "b" / "control.sock")


class ClientTests(SynchronousTestCase):
    def test_no_socket_is_told_with_its_path(self) -> None:
        with self.assertRaises(NotReachable) as caught:
            ask(Path("/nonexistent/control.sock"), "echo", {})
        self.assertEqual(str(caught.exception), "/nonexistent/control.sock: No such file or directory")

    def test_a_path_that_no_socket_has_is_told(self) -> None:
        for path in (Path("/" + "x" * 200), Path("/a\0b")):
            self.assertRaises(NotReachable, ask, path, "echo", {})
