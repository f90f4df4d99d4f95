"""Runs the tests as `make test` does, and says plainly what came of it.

    python -m tests.run          the tests against real servers, and beside them all the others
    python -m tests.run soak     what is too heavy or slow for that

The last line is ``N passed, N failed``. Skips, tests marked as to do, groups that run too few tests, files or
processes left behind, and a group over its time all count as failures: trial's own exit status knows none of them.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import define, frozen

ROOT = Path(__file__).resolve().parent.parent
APART = ("real", "soak", "support")  # what the group of ordinary tests leaves out

_PR_SET_CHILD_SUBREAPER = 36
_LAST_LINE = re.compile(r"^(?:PASSED|FAILED)(?: \((.*)\))?$", re.MULTILINE)
_FIGURE = re.compile(r"figure: (.*)$", re.MULTILINE)  # what a test wants to be read though it passes


@frozen
class Group:
    """Tests that run one after the other in a process; `fewest` is a floor, so that none can get lost unseen."""

    name: str
    tests: tuple[str, ...]
    seconds: float
    fewest: int


@define
class Outcome:
    """What a group came to; `complaints` are failures of the group as a whole."""

    passed: int
    failed: int
    complaints: list[str]


def ordinary_tests() -> tuple[str, ...]:
    """All packages and modules of tests that need no real server; a package without a test would confuse trial."""
    found = []
    for entry in sorted((ROOT / "tests").iterdir()):
        if entry.is_dir() and entry.name not in APART and any(entry.rglob("test_*.py")):
            found.append(f"tests.{entry.name}")
        elif entry.name.startswith("test_") and entry.suffix == ".py":
            found.append(f"tests.{entry.stem}")
    return tuple(found)


def real_tests() -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The modules of tests/real: those on directories, and the others in two halves, by turns.

    They wait most of the time, for domains, outages and time-outs; beside each other they wait at the same time.
    """
    found = [f"tests.real.{file.stem}" for file in sorted((ROOT / "tests" / "real").glob("test_*.py"))]
    directories = tuple(name for name in found if "directory" in name or "discovery" in name)
    others = tuple(name for name in found if name not in directories)
    return directories, others[::2], others[1::2]


def groups(which: Sequence[str]) -> tuple[Group, ...]:
    """Those of `make soak`, or of `make test`; the groups of one call run at the same time."""
    if list(which) == ["soak"]:
        return (Group("soak", ("tests.soak",), 4800, 44),)
    directories, one, other = real_tests()
    return (
        Group("real, one half", one, 540, 200),
        Group("real, the other half", other, 540, 180),
        Group("real directories", directories, 540, 45),
        Group("ordinary", ordinary_tests(), 540, 3000),
    )


def judge(output: str, status: int, fewest: int) -> Outcome:
    """Read trial's output: only its closing line counts tests, and only its status tells of some errors."""
    closing = _LAST_LINE.findall(output)
    counts = dict(part.split("=") for part in closing[-1].split(", ") if part) if closing else {}
    passed = int(counts.pop("successes", 0))
    failed = sum(int(count) for count in counts.values())
    complaints = []
    if not closing:
        complaints.append("trial did not come to its end")
    if status and not failed:
        complaints.append(f"trial ended with status {status}")
    if passed + failed < fewest:
        complaints.append(f"only {passed + failed} tests ran, at least {fewest} are known")
    return Outcome(passed, failed + len(complaints), complaints)


class Run:
    """One group's process; all that its tests write lies in `folder`."""

    def __init__(self, group: Group, folder: Path) -> None:
        self.group = group
        self.began = time.monotonic()
        self.spent = 0.0
        self._late = False
        self.temporary = folder / "tmp"
        self.output = folder / "output"
        self.temporary.mkdir(parents=True)
        environment = dict(os.environ, TMPDIR=str(self.temporary), PYTHONWARNINGS="error::RuntimeWarning")
        trial = [sys.executable, "-m", "twisted.trial", "--temp-directory", str(folder / "trial"), *group.tests]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                trial, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=ROOT
            )

    def over(self) -> bool:
        """Whether it has ended, by itself or because its time was up."""
        self.spent = time.monotonic() - self.began
        if self.process.poll() is not None:
            return True
        self._late = self.spent > self.group.seconds
        if self._late:
            self._end()
        return self._late

    def outcome(self) -> Outcome:
        """What it came to; prints what a person needs to know of it."""
        text = self.output.read_text("utf-8", "backslashreplace")
        outcome = judge(text, self.process.returncode, self.group.fewest)
        if self._late:
            outcome.complaints.append(f"not finished after {self.group.seconds:g} s")
            outcome.failed += 1
        left = sorted(entry.name for entry in self.temporary.iterdir())
        if left:
            outcome.complaints.append(f"left behind in the temporary folder: {left}")
            outcome.failed += 1
        self._report(text, outcome)
        return outcome

    def _end(self) -> None:
        """An interrupt lets trial clean up."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _report(self, text: str, outcome: Outcome) -> None:
        if outcome.failed:
            details = text.find("=" * 79)
            print(text[details:] if details >= 0 else text[-2000:])
        for figure in _FIGURE.findall(text):
            print(f"{self.group.name}: {figure}")
        for complaint in outcome.complaints:
            print(f"{self.group.name}: {complaint}")
        print(f"{self.group.name}: {outcome.passed} passed, {outcome.failed} failed, in {self.spent:.0f} s", flush=True)


def wait(runs: Sequence[Run]) -> Iterator[Outcome]:
    """The outcome of each, as they end."""
    running = list(runs)
    while running:
        time.sleep(0.1)
        for run in [each for each in running if each.over()]:
            running.remove(run)
            yield run.outcome()


def end_orphans() -> list[str]:
    """Kill what tests started and did not stop; this process inherits it (see `main`)."""
    found = []
    for pid in _children():
        with suppress(FileNotFoundError, ProcessLookupError):
            name = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
            os.kill(pid, signal.SIGKILL)
            if name:  # without one it had ended already
                found.append(name)
    return found


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        yield from (int(pid) for pid in (task / "children").read_text().split())


def main(which: Sequence[str]) -> int:
    """Returns the exit status."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    folder = Path(tempfile.mkdtemp(prefix="exfront-tests-"))
    folder.chmod(0o755)
    try:
        # Short names: the path of a UNIX socket below has at most 107 octets.
        runs = [Run(group, folder / str(number)) for number, group in enumerate(groups(which))]
        outcomes = list(wait(runs))
        orphans = end_orphans()
        for name in orphans:
            print(f"left running: {name}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    failed = sum(outcome.failed for outcome in outcomes) + len(orphans)
    print(f"{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
