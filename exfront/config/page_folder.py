"""The folder of pages: templates, and a catalogue of texts for each language; read whole, and checked, at the start.

A template is HTML in which ``$name`` stands for a value or a text of the catalogue (Python's `string.Template`), and
``$style`` for what is in ``style.css``.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from string import Template

from attrs import frozen

_OCTETS = 256 * 1024  # of a file; far more than any page
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})?\Z")
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_SHARED = "$style"  # a style element's content that several templates have in common

# What exfront puts in, beside the texts of the catalogue; each must stand in its template.
VALUES: Mapping[str, frozenset[str]] = {
    "error.html": frozenset({"status", "phrase", "text", "code", "session"}),
    "logon.html": frozenset({"action", "destination", "alert", "code", "session"}),
    "link.html": frozenset({"url", "session"}),
    "logoff.html": frozenset({"home", "session"}),
}
# What the form must ask for: without one of these nobody could log on.
_FORM = ('method="post"', 'action="$action"', 'name="destination"', 'name="username"', 'name="password"',
         'name="trusted"')  # fmt: skip

TEXTS = (
    "language", "logon_title", "user_name", "password", "computer", "public", "public_hint", "private", "private_hint",
    "log_on", "logoff_title", "logoff_text", "log_on_again", "link_text",
    "reference",
)  # fmt: skip
"""The keys of a catalogue that templates may use."""

ALERTS = ("wrong_password", "timed_out", "expired", "too_many", "unavailable", "logged_off")
"""The keys of its table [alerts]: why the form is shown again."""


class BadPages(ValueError):  # noqa: N818 - a mistake of who wrote them
    """What is wrong with a folder of pages, and in which file."""


@frozen
class Catalogue:
    """The texts of one language; `reasons` are those of refusals, by Reason code, as far as they are translated."""

    language: str
    texts: Mapping[str, str]
    alerts: Mapping[str, str]
    reasons: Mapping[str, str]


@frozen
class PageFolder:
    """Templates by file name, catalogues by language; `styles` are the hashes of the templates' style elements."""

    templates: Mapping[str, Template]
    catalogues: Mapping[str, Catalogue]
    styles: Mapping[str, tuple[str, ...]]


def read_folder(folder: Path) -> PageFolder:
    """What lies in `folder`. Raises `BadPages`."""
    texts = {name: _with_style(_text(folder / name), folder) for name in VALUES}
    catalogues = {file.stem: _catalogue(file) for file in sorted(folder.glob("*.toml"))}
    if "en" not in catalogues:
        raise BadPages("no en.toml, the language of who names no other")
    templates = {name: _template(name, text) for name, text in texts.items()}
    return PageFolder(templates, catalogues, {name: _styles(text) for name, text in texts.items()})


def _with_style(text: str, folder: Path) -> str:
    return text.replace(_SHARED, _text(folder / "style.css")) if _SHARED in text else text


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            octets = stream.read(_OCTETS + 1)
    except OSError as error:
        raise BadPages(f"{file.name} cannot be read: {error.strerror}") from None
    if len(octets) > _OCTETS:
        raise BadPages(f"{file.name} is over {_OCTETS // 1024} KiB")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPages(f"{file.name} is not UTF-8 text") from None


def _template(name: str, text: str) -> Template:
    template = Template(text)
    if not template.is_valid():
        raise BadPages(f"{name} has a $ that begins no name; $$ is a dollar sign")
    found, values = frozenset(template.get_identifiers()), VALUES[name]
    unknown = sorted(found - values - frozenset(TEXTS))
    if unknown:
        raise BadPages(f"{name} has ${unknown[0]}, which nothing stands for")
    missing = [f"${each}" for each in sorted(values - found)]
    if name == "logon.html":
        missing += [each for each in _FORM if each not in text]
    if missing:
        raise BadPages(f"{name} lacks {missing[0]}")
    return template


def _catalogue(file: Path) -> Catalogue:
    if not _LANGUAGE.match(file.stem):
        raise BadPages(f"{file.name} is called like no language (en.toml, de.toml, pt-br.toml)")
    try:
        found = tomllib.loads(_text(file))
    except tomllib.TOMLDecodeError as error:
        raise BadPages(f"{file.name} is not TOML: {error}") from None
    alerts, reasons = found.pop("alerts", {}), found.pop("reasons", {})
    for table, keys in ((found, TEXTS), (alerts, ALERTS)):
        _check_keys(file.name, table, keys)
    if not isinstance(reasons, dict) or not all(isinstance(each, str) for each in reasons.values()):
        raise BadPages(f"{file.name}: [reasons] holds something that is no text")
    return Catalogue(file.stem, found, alerts, reasons)


def _check_keys(name: str, table: object, keys: tuple[str, ...]) -> None:
    if not isinstance(table, dict):
        raise BadPages(f"{name}: alerts is no table")
    for key in keys:
        if not isinstance(table.get(key), str):
            raise BadPages(f"{name} lacks the text {key}")
    unknown = sorted(set(table) - set(keys))
    if unknown:
        raise BadPages(f"{name} has {unknown[0]}, which no page shows")


def _styles(text: str) -> tuple[str, ...]:
    """As a Content-Security-Policy names them: only these are applied, whatever else gets into a page."""
    hashes = (hashlib.sha256(style.encode("utf-8")).digest() for style in _STYLE.findall(text))
    return tuple(f"'sha256-{base64.b64encode(each).decode('ascii')}'" for each in hashes)
