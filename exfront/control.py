"""The ``exfrontctl`` command: what an administrator asks of a configuration (and, later, of a running front end)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from exfront import __version__
from exfront.config.errors import ConfigErrors
from exfront.config.load import DEFAULT_FILE, examine, printable


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is without the program's name. Returns the exit status: 0, or 1 if anything is wrong."""
    arguments = _parser().parse_args(argv)
    status: int = arguments.command(arguments)
    return status


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the options in one line, and exits with 1 as every other failure does."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="exfrontctl", description="Checks and controls exfront.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"exfront {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = commands.add_parser("check", help="read a configuration and say what is wrong with it", allow_abbrev=False)
    check.add_argument("--config", metavar="FILE", type=Path, default=DEFAULT_FILE, help="default: %(default)s")
    check.set_defaults(command=_check)
    return parser


def _check(arguments: argparse.Namespace) -> int:
    """All errors of the file, or its warnings and ``FILE: ok``; the start of the daemon uses the same reading."""
    try:
        loaded = examine(arguments.config)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return 1
    for warning in loaded.warnings:
        print(f"{warning} (warning)", file=sys.stderr)
    print(f"{printable(arguments.config)}: ok")
    return 0
