"""The ``exfront`` command of twistd: its options, and the service that they ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.logger import Logger
from twisted.python import usage

from exfront import __version__
from exfront.config.errors import ConfigErrors
from exfront.config.load import DEFAULT_FILE, Loaded, examine
from exfront.config.settings import Settings

Build = Callable[[Settings, Any], MultiService]

_NO_ROOT = (
    "refusing to run as root: start twistd with --uid and --gid, or as another user with CAP_NET_BIND_SERVICE"
    " (or set [control] allow_root = true)"
)


class Options(usage.Options):
    """The command line; the configuration is read here, where a mistake is still a message and not a traceback.

    After parsing, `loaded` holds the configuration, and is None with --lab.
    """

    synopsis = "[--config FILE | --lab [--lab-dir DIR]]"
    optParameters = [
        ["config", "c", None, f"The configuration file. [default: {DEFAULT_FILE}]"],
        ["lab-dir", None, None, "Keep the lab's files (certificates, mails) here. [default: a temporary folder]"],
    ]
    optFlags = [["lab", None, "Run a front end with a directory and mailbox servers of its own; needs no file."]]

    loaded: Loaded | None = None

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse, and end the process with one message and status 1 if anything is wrong.

        twistd itself would print some eighty lines of its own options before the message, to standard output.
        """
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            raise SystemExit(f"twistd exfront: {error}") from None

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"exfront {__version__}")  # noqa: T201 - what the option is for
        raise SystemExit(0)

    def postOptions(self) -> None:
        """Check the options against each other and load the configuration. Raises `usage.UsageError`."""
        if self["lab"]:
            self._check_lab()
            return
        if self["lab-dir"] is not None:
            raise usage.UsageError("--lab-dir is of use with --lab only")
        self["config"] = self["config"] or str(DEFAULT_FILE)
        try:
            self.loaded = examine(Path(self["config"]))
        except ConfigErrors as errors:
            raise usage.UsageError(f"the configuration cannot be used:\n{errors}") from None
        if self._stays_root() and not self.loaded.settings.control.allow_root:
            raise usage.UsageError(_NO_ROOT)

    def _check_lab(self) -> None:
        if self["config"] is not None:
            raise usage.UsageError("--lab makes its own configuration: leave out --config")
        folder = self["lab-dir"]
        if folder is not None and Path(folder).exists() and not Path(folder).is_dir():
            raise usage.UsageError(f"--lab-dir {folder} is not a folder")

    def _stays_root(self) -> bool:
        """Whether neither who starts the process nor twistd's --uid makes it another user's (S-OPS-1)."""
        user = self.parent.get("uid") if self.parent is not None else None
        return os.geteuid() == 0 and user in (None, 0)


def makeService(options: Options) -> IService:
    """What twistd runs. The reactor is imported here alone, and handed on."""
    from twisted.internet import reactor

    from exfront.net.inherited import handed_over
    from exfront.service import build

    if options.loaded is None:
        return _lab(options["lab-dir"], reactor, build)
    for warning in options.loaded.warnings:  # twistd keeps them until its log is open
        _log.warn("{warning}", warning=str(warning))
    return build(options.loaded.settings, reactor, handed_over())


def _lab(folder: str | None, reactor: Any, build: Build) -> IService:
    from exfront.lab.start import CannotStart, lab_service

    try:
        return lab_service(None if folder is None else Path(folder).absolute(), reactor, build)
    except CannotStart as why:
        raise SystemExit(f"twistd exfront: the lab cannot start:\n{why}") from None


_log = Logger()
