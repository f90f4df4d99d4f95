"""From a file to `Settings`, or to all that is wrong with it; the start and ``exfrontctl check`` both come here."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from exfront.config.check import check_relations
from exfront.config.defaults import with_defaults
from exfront.config.errors import ConfigError, ConfigErrors, in_order
from exfront.config.files import check_certificates, check_files
from exfront.config.findings import Findings
from exfront.config.lines import Lines, find_lines
from exfront.config.read import read_settings
from exfront.config.settings import Settings

DEFAULT_FILE = Path("/etc/exfront/exfront.toml")

_OCTETS = 1024 * 1024  # far more than any configuration; a device or a mailbox given by mistake has no end
_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)\Z")


@frozen
class Loaded:
    """A configuration without an error; the `warnings` tell of wider trust than usual."""

    settings: Settings
    warnings: tuple[ConfigError, ...]


def load(path: Path) -> Settings:
    """The settings in the file `path`. Raises `ConfigErrors` with every mistake in it."""
    return examine(path).settings


def examine(path: Path) -> Loaded:
    """The settings in the file `path` and the warnings about them. Raises `ConfigErrors` with every mistake."""
    file = printable(path)
    text = _text(path, file)
    document, lines = _document(text, file)
    findings = Findings(file, lines)
    settings = read_settings(document, path.absolute().parent, findings)
    check_relations(settings, findings)
    check_files(settings, findings)
    if findings.errors:
        raise ConfigErrors(findings.errors)
    return Loaded(with_defaults(settings), in_order(findings.warnings))


def certificate_faults(settings: Settings) -> tuple[str, ...]:
    """What is wrong now with the certificates that a configuration names, each in one sentence."""
    findings = Findings("[tls]", Lines({}))
    check_certificates(settings, findings)
    return tuple(f"{error.key}: {error.problem}" for error in findings.errors)


def printable(path: Path) -> str:
    """A path as a message shows it, whatever octets and control characters it holds."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _text(path: Path, file: str) -> str:
    try:
        with path.open("rb") as stream:
            octets = stream.read(_OCTETS + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigErrors([ConfigError(file, 0, "", f"cannot be read: {reason}")]) from None
    if len(octets) > _OCTETS:
        raise ConfigErrors([ConfigError(file, 0, "", "is no configuration: over 1 MiB")])
    try:
        return octets.decode("utf-8-sig")  # Windows editors write a byte order mark
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ConfigErrors([ConfigError(file, line, "", "is not UTF-8 text")]) from None


def _document(text: str, file: str) -> tuple[Mapping[str, object], Lines]:
    try:
        return tomllib.loads(text), find_lines(text)
    except ValueError as error:  # also of numbers with thousands of digits
        message = str(error)
        place = _PLACE.search(message)
        line = place["line"] if place and place["line"] else text.count("\n") + 1 if place else 1
        problem = f"not TOML: {_PLACE.sub('', message)}"
        raise ConfigErrors([ConfigError(file, int(line), "", problem)]) from None
    except RecursionError:
        raise ConfigErrors(
            [ConfigError(file, 0, "", "is no configuration: arrays or tables nested too deep")]
        ) from None
