"""Pieces of exfront.toml, and what the reading of a text finds wrong with it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from exfront.config.check import check_relations
from exfront.config.findings import Findings
from exfront.config.lines import find_lines
from exfront.config.read import read_settings
from exfront.config.settings import Settings

FOLDER = Path("/etc/exfront")

DIRECTORY = """\
[directory]
servers = ["ldaps://dc1.fourthcoffee.com"]
base = "dc=fourthcoffee,dc=com"
"""

LISTENER = """\
[[listener]]
protocol = "imap4"
address = "127.0.0.1:1143"
allow_plaintext = true
"""

SITE = """\
[[virtual_site]]
name = "mail"
public_name = "mail.fourthcoffee.com"
"""

SMALLEST = DIRECTORY + LISTENER


def read(text: str, folder: Path = FOLDER) -> tuple[Settings, Findings]:
    """Read a text as the sections declare it, without comparing settings with each other."""
    findings = Findings("exfront.toml", find_lines(text))
    return read_settings(tomllib.loads(text), folder, findings), findings


def related(text: str) -> Findings:
    """Read a text and compare its settings with each other, without looking at other files."""
    settings, findings = read(text)
    check_relations(settings, findings)
    return findings


def errors(findings: Findings) -> list[str]:
    """Each error as ``LINE key: what was found``."""
    return [f"{error.line} {error.key}: {error.problem}" for error in findings.errors]


def warnings(findings: Findings) -> list[str]:
    """Each warning as ``LINE key``."""
    return [f"{warning.line} {warning.key}" for warning in findings.warnings]
