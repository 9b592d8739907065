"""Run a long command and measure it: time, processor time, memory, and processes running at once.

Processes are observed through /proc (Linux). Where that is missing, memory and processes are not
measured.
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

_INTERVAL_SECONDS = 0.05
_PROC = Path("/proc")
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
# Names as the kernel has them, of at most 15 characters. Compiler drivers such as gcc are not
# listed because they only wait for these programs; ccache in their place does work.
_COMPILERS = re.compile(
    r"cc1|cc1plus|lto1|lto1-ltrans|lto1-wpa|lto-wrapper|collect2|as|ar|ranlib|ld(\.\w+)?|lld"
    r"|llvm-.*|clang.*|ccache"
)
_PYTHONS = re.compile(r"python.*|_bootstrap_pyth|_freeze_module")


class FailedError(Exception):
    """A command failed; the message says where its output is."""


class Counts(NamedTuple):
    """The processes of a command that were running or runnable at one moment, by kind."""

    compilers: int
    pythons: int
    all: int


class Run(NamedTuple):
    """The measurements of one command.

    `seconds` is elapsed time; `processors` the processor time of the command and its descendants;
    `load` the machine's load average before it; `peak_kib` the peak memory of the command's own
    process (None: not measured); `counts` are taken every 50 ms.
    """

    seconds: float
    processors: float
    load: float
    peak_kib: int | None
    counts: Sequence[Counts] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the measurements, with the counts summarised."""
        kinds = (
            {
                kind: spread([getattr(count, kind) for count in self.counts])
                for kind in Counts._fields
            }
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
    """Return the peak, 99th percentile and median of `values`, which are not empty.

    A percentile is the smallest value that as many of the others do not exceed.
    """
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
    """Run `argv` to its end, and append its output to `log`; with `count`, count its processes.

    Raises FailedError when it fails.
    """
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
    """Observe a process, and with `count` its descendants, until the block ends."""

    def __init__(self, pid: int, *, count: bool) -> None:
        super().__init__(daemon=True)
        self.peak_kib: int | None = None
        self.counts: list[Counts] = []
        self._pid = pid
        self._count = count and Path(f"/proc/{pid}/task/{pid}/children").exists()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Sample until the block ends. VmHWM only grows, so its last value is the peak."""
        while not self._ended.is_set():
            match = _PEAK.search(_read(_PROC / str(self._pid) / "status"))
            self.peak_kib = int(match[1]) if match else self.peak_kib
            if self._count:
                self.counts.append(tally(runnable(self._pid)))
            self._ended.wait(_INTERVAL_SECONDS)


def tally(names: Sequence[str]) -> Counts:
    """Count the processes `names` that are compilers (also linkers, assemblers), and Pythons."""
    return Counts(
        compilers=sum(_COMPILERS.fullmatch(name) is not None for name in names),
        pythons=sum(_PYTHONS.fullmatch(name) is not None for name in names),
        all=len(names),
    )


def runnable(pid: int, *, proc: Path = _PROC) -> list[str]:
    """Return the names of the descendants of `pid` that run or wait for a processor only."""
    return [
        name
        for child in _descendants(pid, proc)
        for name, state in _stat(child, proc)
        if state == "R"
    ]


def _descendants(pid: int, proc: Path) -> Iterator[int]:
    pids = [pid]
    while pids:
        tasks = proc / str(pids.pop()) / "task"
        try:
            threads = list(tasks.iterdir())
        except OSError:  # the process has ended
            continue
        # A child is listed under the thread that started it.
        for thread in threads:
            children = [int(word) for word in _read(thread / "children").split()]
            yield from children
            pids += children


def _stat(pid: int, proc: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and state of a process, unless it has ended.

    A name may contain parentheses and spaces (proc(5)).
    """
    before, closed, after = _read(proc / str(pid) / "stat").rpartition(")")
    if closed:
        yield before.partition("(")[2], after.split()[0]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
