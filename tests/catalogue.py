"""Which rule is held by which test: reads the docstrings of all tests, writes docs/tests.rst, and finds the gaps.

A test's docstring opens with the rules that it holds (``S-MAIL-1, S-MAIL-6: what happens``); a line of it may say
``Bad input: words``. docs/security.rst states the rules (``**S-MAIL-1**``) and lists, under the heading "Bad input
that is tried", the bad inputs that must have a test.

    python -m tests.catalogue           writes docs/tests.rst
    python -m tests.catalogue --check   says what is missing, and fails if anything is
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from attrs import Factory, define

ROOT = Path(__file__).resolve().parent.parent
SECURITY = ROOT / "docs" / "security.rst"
OUTPUT = ROOT / "docs" / "tests.rst"

_RULE = r"S-[A-Z]+-\d+"
_HELD = re.compile(rf"({_RULE}(?:, {_RULE})*): \S")
_STATED = re.compile(rf"^\*\*({_RULE})\*\*", re.MULTILINE)
_BAD_INPUT = re.compile(r"^\s*Bad input: (.+?)\.?\s*$", re.MULTILINE)
_BAD_INPUT_HEADING = "Bad input that is tried"


@define
class Catalogue:
    """Names of tests by rule, and by bad input."""

    rules: dict[str, list[str]] = Factory(dict)
    bad_inputs: dict[str, list[str]] = Factory(dict)

    def add(self, test: str, docstring: str) -> None:
        """Enter what one test's docstring says."""
        held = _HELD.match(docstring)
        for rule in held[1].split(", ") if held else ():
            self.rules.setdefault(rule, []).append(test)
        for words in _BAD_INPUT.findall(docstring):
            self.bad_inputs.setdefault(words, []).append(test)


def scan(root: Path) -> Catalogue:
    """Read all test modules below `root`/tests, and the tables of tests that several of them run."""
    catalogue = Catalogue()
    tests = root / "tests"
    for file in sorted((*tests.rglob("test_*.py"), *tests.rglob("*table.py"))):
        module = ".".join(file.relative_to(root).with_suffix("").parts)
        for test, docstring in documented_tests(file.read_text("utf-8")):
            catalogue.add(f"{module}.{test}", docstring)
    return catalogue


def documented_tests(source: str) -> Iterator[tuple[str, str]]:
    """Name and docstring of each test method of a module."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.name.startswith("test"):
                    yield f"{node.name}.{method.name}", ast.get_docstring(method) or ""


def stated_rules(security: str) -> list[str]:
    """The rules that docs/security.rst claims."""
    return _STATED.findall(security)


def required_bad_inputs(security: str) -> list[str]:
    """The list under the heading "Bad input that is tried"."""
    _, _, rest = security.partition(_BAD_INPUT_HEADING + "\n")
    section = re.split(r"\n[^\n]+\n[=\-~]{4,}\n", rest, maxsplit=1)[0]
    return [line[2:].rstrip(".") for line in section.splitlines() if line.startswith("- ")]


def render(catalogue: Catalogue) -> str:
    """docs/tests.rst."""
    parts = [
        "Which test holds which rule\n===========================\n\n"
        "``make docs`` writes this page from the docstrings of the tests; :doc:`security` states the rules.\n\n"
        "Rules\n-----\n",
        *_definitions(sorted(catalogue.rules.items(), key=lambda item: _in_order(item[0]))),
        "\nBad input\n---------\n",
        *_definitions(sorted(catalogue.bad_inputs.items())),
    ]
    return "".join(parts)


def _definitions(items: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    for term, tests in items:
        escaped = term.replace("\\", "\\\\").replace("*", "\\*")
        yield f"\n{escaped}\n" + "".join(f"   | ``{test.removeprefix('tests.')}``\n" for test in tests)


def _in_order(rule: str) -> tuple[str, int]:
    group, _, number = rule.rpartition("-")
    return group, int(number)


def problems(catalogue: Catalogue, security: str, written: str) -> Iterator[str]:
    """Each gap between the tests, docs/security.rst and docs/tests.rst as `written`."""
    stated = stated_rules(security)
    for rule in sorted({rule for rule in stated if stated.count(rule) > 1}, key=_in_order):
        yield f"{rule} is stated twice in docs/security.rst"
    for rule in stated:
        if rule not in catalogue.rules:
            yield f"{rule} is stated in docs/security.rst and no test names it"
    for rule, tests in catalogue.rules.items():
        if rule not in stated:
            yield f"{rule} is named by {tests[0]} and docs/security.rst does not state it"
    for words in required_bad_inputs(security):
        if words not in catalogue.bad_inputs:
            yield f"no test says 'Bad input: {words}'"
    if written != render(catalogue):
        yield "docs/tests.rst is out of date: make docs"


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    catalogue = scan(ROOT)
    if "--check" not in arguments:
        OUTPUT.write_text(render(catalogue), "utf-8")
        return 0
    written = OUTPUT.read_text("utf-8") if OUTPUT.exists() else ""
    found = list(problems(catalogue, SECURITY.read_text("utf-8"), written))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
