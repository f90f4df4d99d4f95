"""etc/exfront.toml: it can be used as it stands, and it says everything that can be said."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import attrs
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.load import load
from exfront.config.settings import Settings
from exfront.config.values import plain
from tests.support.authority import Authority
from tests.support.configuration import errors, read, related, warnings

EXAMPLE = Path(__file__).parents[2] / "etc" / "exfront.toml"
_SECRET_MODE = 0o600


def _all_settings() -> str:
    """The example with every commented setting switched on."""
    return re.sub(r"(?m)^#(?=[^ \n])", "", EXAMPLE.read_text("utf-8"))


def _defaults_switched_on() -> str:
    """The example with every commented setting switched on, but those whose comment calls them an example."""
    lines, example = [], False
    for line in EXAMPLE.read_text("utf-8").splitlines():
        example = "(An example" in line or (example and line.startswith("#"))
        lines.append(line if example or not re.match(r"#[^ ]", line) else line[1:])
        example = example and not re.match(r"#[^ ]\S* = ", line)
    return "\n".join(lines)


def _sections(kind: Any, name: str = "") -> Iterator[tuple[str, type]]:
    """Each section class with its header's name."""
    if name:
        yield name, kind
    hints = get_type_hints(kind)
    for field in attrs.fields(kind):
        inner, _ = plain(hints[field.name])
        inner = get_args(inner)[0] if get_origin(inner) is tuple else inner
        if attrs.has(inner) and not hasattr(inner, "read"):
            yield from _sections(inner, f"{name}.{field.name}" if name else field.name)


class ExampleTests(SynchronousTestCase):
    def test_it_loads_once_its_files_are_there(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        shutil.copy(EXAMPLE, folder)
        Authority(folder).issue("mail")
        (folder / "directory.password").write_text("secret\n")
        (folder / "directory.password").chmod(_SECRET_MODE)
        settings = load(folder / "exfront.toml")
        self.assertEqual([listener.protocol for listener in settings.listener], ["imap4", "pop3", "http"])
        self.assertEqual(settings.tls.certificate, folder / "mail.pem")

    def test_it_trusts_nobody_more_than_usual(self) -> None:
        """S-OPS-11: not one warning."""
        self.assertEqual(warnings(related(EXAMPLE.read_text("utf-8"))), [])

    def test_it_loads_with_every_setting_switched_on(self) -> None:
        self.assertEqual(errors(related(_all_settings())), [])

    def test_each_commented_setting_is_the_default_unless_it_says_example(self) -> None:
        as_it_stands, _ = read(EXAMPLE.read_text("utf-8"))
        switched_on, findings = read(_defaults_switched_on())
        self.assertEqual(errors(findings), [])
        self.assertEqual(as_it_stands, switched_on)

    def test_it_has_every_section_and_every_key(self) -> None:
        text = _all_settings()
        for name, kind in _sections(Settings):
            blocks = re.findall(rf"(?m)^\[+{re.escape(name)}\]+\n((?:(?!\[).*\n?)*)", text)
            self.assertNotEqual(blocks, [], name)
            for field in attrs.fields(kind):
                if f"[{name}.{field.name}]" not in text:
                    self.assertRegex("".join(blocks), rf"(?m)^{field.name} = ", f"[{name}] {field.name}")

    def test_lines_are_short_enough_to_read(self) -> None:
        self.assertEqual([line for line in EXAMPLE.read_text("utf-8").splitlines() if len(line) > 120], [])
