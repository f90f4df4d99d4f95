"""CPU time of a process and its children, and the tables that benchmarks print.

Only figures of one run compare: each benchmark runs its candidates in turn, round by round, and prints the smallest,
middle and largest figure with its ratio to the peer.
"""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROUNDS = 3
_PROCESS_CLOCK = 2  # CPUCLOCK_SCHED in the lowest bits of a clock's number: user and system time of a whole process

Work = Callable[[], float]


def cpu_seconds(pid: int) -> float:
    """User and system time that `pid` and its live descendants used so far."""
    return sum(_own_seconds(each) for each in _tree(pid))


def compare(
    title: str,
    unit: str,
    candidates: Mapping[str, tuple[int, Work]],
    peer: str,
    rounds: int = ROUNDS,
    scale: float = 1.0,
) -> None:
    """Run each candidate's work in turn and print its CPU time per unit of work.

    A candidate is the pid of its process and a call that does the work and returns how many units it did; `scale` turns
    seconds per unit into what `unit` says. Work that fails raises: a run with one error is void.
    """
    figures: dict[str, list[float]] = {name: [] for name in candidates}
    for _, work in candidates.values():
        work()  # warm: imports, caches, connections
    for _ in range(rounds):
        for name, (pid, work) in candidates.items():
            before = cpu_seconds(pid)
            units = work()
            figures[name].append((cpu_seconds(pid) - before) / units * scale)
    show(title, unit, figures, peer)


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work` with 0 .. count-1 at the same time. Raises the first error of any of them."""
    errors: list[BaseException] = []

    def run(index: int) -> None:
        try:
            work(index)
        except BaseException as error:  # noqa: BLE001 - re-raised below, in the caller's thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def show(title: str, unit: str, figures: Mapping[str, list[float]], peer: str) -> None:
    """Print smallest, middle and largest of each, and its ratio to the peer."""
    base = statistics.median(figures[peer])
    print(f"\n{title}\n  {'':<28}{'min':>10}{'median':>10}{'max':>10}  {unit:<16}ratio to {peer}")
    for name, values in figures.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"  {name:<28}{low:>10.2f}{middle:>10.2f}{high:>10.2f}  {'':<16}{middle / base:>6.2f}")


def proportional_memory(pid: int) -> int:
    """Octets of memory of `pid` and its live descendants; what processes share is counted once."""
    found = (Path(f"/proc/{each}/smaps_rollup").read_text() for each in _tree(pid))
    return sum(int(line.split()[1]) * 1024 for text in found for line in text.splitlines() if line.startswith("Pss:"))


def _own_seconds(pid: int) -> float:
    """By the process's own clock, which knows nanoseconds; /proc has ticks of 10 ms (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | _PROCESS_CLOCK)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
            for child in (task / "children").read_text().split():
                found += _tree(int(child))
    return found
