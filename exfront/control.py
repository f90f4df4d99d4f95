"""The ``exfrontctl`` command: what an administrator asks of a configuration, or of a running front end.

Exit statuses: 0 done, 1 refused or something is wrong, 2 the command line is wrong, 3 no daemon answers.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from exfront import __version__
from exfront.config.errors import ConfigErrors
from exfront.config.load import DEFAULT_FILE, Loaded, examine, printable
from exfront.explain import PROTOCOLS, Question
from exfront.operate import check_table, control_tables
from exfront.operate.control_client import NotReachable, ask
from exfront.operate.explain_text import as_text
from exfront.reasons import Refused
from exfront.secret import Secret

DEFAULT_SOCKET = Path("/run/exfront/control.sock")
OK, FAILED, USAGE, NOT_REACHABLE = range(4)

_STATUSES = "Exit status: 0 done; 1 refused, or something is wrong; 2 wrong command line; 3 no daemon answers."

_T = TypeVar("_T")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is without the program's name. Returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return FAILED
    except NotReachable as why:
        print(f"exfrontctl: no daemon answers: {why}", file=sys.stderr)
        return NOT_REACHABLE
    return status


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the options in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="exfrontctl", description="Checks and controls exfront.", allow_abbrev=False, epilog=_STATUSES
    )
    parser.add_argument("--version", action="version", version=f"exfront {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_add_check, _add_explain, _add_flush, _add_lockouts, _add_unlock, _add_servers, _add_backends,
                _add_devices, _add_limits):  # fmt: skip
        add(commands)
    return parser


def _command(commands: Any, name: str, words: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=words, description=words[0].upper() + words[1:] + ".", allow_abbrev=False, epilog=_STATUSES
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=run)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", type=Path, default=DEFAULT_FILE, help="default: %(default)s")


def _add_socket(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--socket", metavar="PATH", type=Path, default=DEFAULT_SOCKET, help="default: %(default)s")


def _add_check(commands: Any) -> None:
    parser = _command(commands, "check", "read a configuration, try all that it names, and say what is wrong", _check)
    _add_config(parser)
    parser.add_argument("--no-network", action="store_true", help="look at the file alone")


def _add_explain(commands: Any) -> None:
    words = "tell where a log-on would go, and why: each LDAP query, what was found, each rule"
    parser = _command(commands, "explain", words, _explain)
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("login", help="the login name as a user types it")
    parser.add_argument(
        "--url", default="", help="with http: the URL or path, which chooses virtual site and directory"
    )
    parser.add_argument("--method", default="GET", help="with http: the request's method; default: %(default)s")
    parser.add_argument("--client", default="", metavar="ADDRESS", help="with http: the client's address")
    parser.add_argument("--password-stdin", action="store_true", help="try a password too; a wrong one counts as one")
    parser.add_argument("--offline", action="store_true", help="ask no daemon: use the configuration")
    _add_config(parser)
    _add_socket(parser)


def _add_flush(commands: Any) -> None:
    parser = _command(commands, "flush", "forget what the directory said, of one user or of all", _flush)
    parser.add_argument("user", nargs="?", default="", help="a login name")
    _add_socket(parser)


def _add_lockouts(commands: Any) -> None:
    _add_socket(_command(commands, "lockouts", "show the accounts whose failed log-ons count now", _lockouts))


def _add_unlock(commands: Any) -> None:
    parser = _command(commands, "unlock", "forget the failed log-ons of an account", _unlock)
    parser.add_argument("user", help="a login name, an account name, or the id that lockouts shows")
    _add_socket(parser)


def _add_servers(commands: Any) -> None:
    _add_socket(_command(commands, "servers", "show the directory servers and how they are", _servers))


def _add_backends(commands: Any) -> None:
    words = "show the mailbox servers and how each application on them is"
    _add_socket(_command(commands, "backends", words, _backends))


def _add_devices(commands: Any) -> None:
    words = "show the phones that wait for something now"
    _add_socket(_command(commands, "devices", words, _devices))


def _add_limits(commands: Any) -> None:
    words = "show how near the limits are, and who is nearest"
    _add_socket(_command(commands, "limits", words, _limits))


def _check(arguments: argparse.Namespace) -> int:
    """All errors of the file; else its warnings, then the table of what was tried. The daemon reads it the same way."""
    loaded = examine(arguments.config)
    for warning in loaded.warnings:
        print(f"{warning} (warning)", file=sys.stderr)
    if arguments.no_network:
        if arguments.json:
            print("[]")
        else:
            print(f"{printable(arguments.config)}: ok")
        return OK
    rows = _run(lambda reactor: _try_all(loaded, reactor))
    if arguments.json:
        print(json.dumps(check_table.as_objects(rows), indent=2))
    else:
        print(check_table.as_table(rows), end="")
    return check_table.status(rows)


async def _try_all(loaded: Loaded, reactor: Any) -> list[check_table.Row]:
    from exfront.core import core
    from exfront.service import checks

    parts = core(loaded.settings, reactor)
    try:
        return await checks(parts, loaded.settings, reactor).run()
    finally:
        await parts.stop()


def _explain(arguments: argparse.Namespace) -> int:
    password = sys.stdin.buffer.readline().rstrip(b"\r\n") if arguments.password_stdin else None
    if arguments.offline:
        loaded = examine(arguments.config)
        secret = None if password is None else Secret(password)
        question = Question(
            arguments.protocol, os.fsencode(arguments.login), arguments.url, secret, arguments.method, arguments.client
        )
        return _print_explained(arguments, _run(lambda reactor: _explain_offline(loaded, question, reactor)))
    members = {name: getattr(arguments, name) for name in ("protocol", "login", "url", "method", "client")}
    if password is not None:
        members["password"] = password.decode("utf-8", "surrogateescape")
    return _asked(arguments, "explain", members, lambda report: _print_explained(arguments, report))


async def _explain_offline(loaded: Loaded, question: Question, reactor: Any) -> Mapping[str, Any]:
    from exfront.core import core
    from exfront.service import explainer

    parts = core(loaded.settings, reactor)
    try:
        if loaded.settings.directory.topology:
            with suppress(Refused):  # as a daemon does; what that means for the log-on is in the report
                await parts.topology.read()
        return await explainer(parts, loaded.settings).explain(question)
    finally:
        await parts.stop()


def _print_explained(arguments: argparse.Namespace, report: Mapping[str, Any]) -> int:
    """Status 1 where the log-on would be refused."""
    print(json.dumps(report, indent=2) if arguments.json else as_text(report).rstrip("\n"))
    return FAILED if "refused" in report else OK


def _flush(arguments: argparse.Namespace) -> int:
    return _asked(arguments, "flush", {"user": arguments.user}, lambda found: _say(f"flushed: {found['flushed']}"))


def _lockouts(arguments: argparse.Namespace) -> int:
    return _asked(arguments, "lockouts", {}, lambda found: _say(control_tables.lockouts(found)))


def _unlock(arguments: argparse.Namespace) -> int:
    def show(found: Mapping[str, Any]) -> int:
        done = bool(found["unlocked"])
        _say("unlocked" if done else f"no failures of {arguments.user} are known")
        return OK if done else FAILED

    return _asked(arguments, "unlock", {"user": arguments.user}, show)


def _servers(arguments: argparse.Namespace) -> int:
    return _asked(arguments, "servers", {}, lambda found: _say(control_tables.servers(found)))


def _backends(arguments: argparse.Namespace) -> int:
    return _asked(arguments, "backends", {}, lambda found: _say(control_tables.back_ends(found)))


def _devices(arguments: argparse.Namespace) -> int:
    return _asked(arguments, "devices", {}, lambda found: _say(control_tables.devices(found)))


def _limits(arguments: argparse.Namespace) -> int:
    return _asked(arguments, "limits", {}, lambda found: _say(control_tables.limits(found)))


def _say(text: str) -> int:
    print(text)
    return OK


def _asked(
    arguments: argparse.Namespace, command: str, members: Mapping[str, object], show: Callable[[Any], int]
) -> int:
    """Ask the daemon, and show its result: as JSON as it stands, else by `show`, which gives the exit status too."""
    answer = ask(arguments.socket, command, members)
    if not answer.ok:
        print(f"exfrontctl: {answer.error}", file=sys.stderr)
        return USAGE if answer.usage else FAILED
    if arguments.json and command != "explain":
        print(json.dumps(answer.result, indent=2))
        return OK
    return show(answer.result)


def _run(work: Callable[[Any], Coroutine[Any, Any, _T]]) -> _T:
    """Run `work` with the reactor, which then stops. Raises what `work` raises."""
    from twisted.internet import reactor

    outcome: list[_T | Failure] = []
    running: Any = reactor

    def end(result: _T | Failure) -> None:
        outcome.append(result)
        running.stop()

    running.callWhenRunning(lambda: Deferred.fromCoroutine(work(reactor)).addBoth(end))
    running.run()
    if not outcome:  # a signal ended the reactor first
        raise SystemExit(FAILED)
    (result,) = outcome
    if isinstance(result, Failure):
        result.raiseException()
    return result


if __name__ == "__main__":
    sys.exit(main())
