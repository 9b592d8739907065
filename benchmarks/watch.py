"""Runs one long command and watches it: its time, the processors' time, its own memory, and what of it runs at once.

The processes that a command starts are found through /proc (Linux): what is not there is not measured, and said so.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_EVERY_SECONDS = 0.05
_PROC = Path("/proc")
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
# By the names that the kernel keeps (15 characters). The drivers only wait for these; a ccache in their place does work.
_COMPILERS = re.compile(
    r"cc1|cc1plus|lto1|lto1-ltrans|lto1-wpa|lto-wrapper|collect2|as|ar|ranlib|ld(\.\w+)?|lld|llvm-.*|clang.*|ccache"
)
_PYTHONS = re.compile(r"python.*|_bootstrap_pyth|_freeze_module")


class FailedError(Exception):
    """A command that had to work ended otherwise; the message says where its output is."""


class Counts(NamedTuple):
    """How many processes of a command were running or runnable at one moment: compilers, Pythons, and all of them."""

    compilers: int
    pythons: int
    all: int


class Run(NamedTuple):
    """What was seen of a command.

    `seconds` of the clock and `processors` of processor time (with all that it started), the machine's `load` average before it,
    the most memory that the process itself had (`peak_kib`, None: not known), and `counts` taken every 50 ms.
    """

    seconds: float
    processors: float
    load: float
    peak_kib: int | None
    counts: Sequence[Counts] = ()

    def to_json(self) -> dict[str, Any]:
        """The run without its single counts."""
        kinds = (
            {kind: spread([getattr(each, kind) for each in self.counts]) for kind in Counts._fields}
            if self.counts
            else None
        )
        return {
            "seconds": round(self.seconds, 2),
            "processor_seconds": round(self.processors, 2),
            "load_before": round(self.load, 2),
            "peak_kib": self.peak_kib,
            "at_once": kinds,
        }


def spread(values: Sequence[int]) -> dict[str, int]:
    """The peak of `values`, which are not empty, their 99th percentile (the smallest that 99 of 100 do not exceed) and median."""
    ordered = sorted(values)

    def percentile(part: float) -> int:
        return ordered[max(0, -int(-len(ordered) * part // 1) - 1)]

    return {
        "peak": ordered[-1],
        "p99": percentile(0.99),
        "median": percentile(0.5),
        "samples": len(ordered),
    }


def watch(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    count: bool = False,
) -> Run:
    """Run `argv` to its end with its output in `log`; `count` its running processes. Raises FailedError when it fails."""
    load = os.getloadavg()[0]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"\n$ {' '.join(argv)}\n".encode())
        output.flush()
        begun = time.perf_counter()
        child = subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        with _Sampler(child.pid, count=count) as sampler:
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise FailedError(f"{argv[0]} ended with {child.returncode}. Its output: {log}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, load, sampler.peak_kib, sampler.counts)


class _Sampler(threading.Thread):
    """Looks at a process, and if asked at all that descend from it, until the block ends."""

    def __init__(self, pid: int, *, count: bool) -> None:
        super().__init__(daemon=True)
        self.peak_kib: int | None = None
        self.counts: list[Counts] = []
        self._pid = pid
        self._count = count and Path(f"/proc/{pid}/task/{pid}/children").exists()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.is_set():
            # VmHWM only grows: what was read last is the peak, but for the last moment.
            found = _PEAK.search(_text(_PROC / str(self._pid) / "status"))
            self.peak_kib = int(found[1]) if found else self.peak_kib
            if self._count:
                self.counts.append(tally(runnable(self._pid)))
            self._over.wait(_EVERY_SECONDS)


def tally(names: Sequence[str]) -> Counts:
    """How many of the processes with these names are compilers (linkers and assemblers too) and Pythons."""
    return Counts(
        compilers=sum(_COMPILERS.fullmatch(name) is not None for name in names),
        pythons=sum(_PYTHONS.fullmatch(name) is not None for name in names),
        all=len(names),
    )


def runnable(pid: int, *, proc: Path = _PROC) -> list[str]:
    """The names of the processes below `pid`, without itself, that run or wait for a processor."""
    return [
        name
        for child in _descendants(pid, proc)
        for name, state in _stat(child, proc)
        if state == "R"
    ]


def _descendants(pid: int, proc: Path) -> Iterator[int]:
    waiting = [pid]
    while waiting:
        tasks = proc / str(waiting.pop()) / "task"
        try:
            threads = list(tasks.iterdir())
        except OSError:  # it has ended meanwhile
            continue
        # A child stands under the thread that started it.
        for thread in threads:
            children = [int(word) for word in _text(thread / "children").split()]
            yield from children
            waiting += children


def _stat(pid: int, proc: Path) -> Iterator[tuple[str, str]]:
    """The name and the state of a process, if it is still there (proc(5): a name may hold parentheses and spaces)."""
    before, closed, after = _text(proc / str(pid) / "stat").rpartition(")")
    if closed:
        yield before.partition("(")[2], after.split()[0]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
