"""Explain why the process of a step failed, from its exit code, its log and its facts."""

from __future__ import annotations

import os
import re
import signal
from itertools import takewhile
from typing import TYPE_CHECKING

from jitbuild.bench import pytest_benchmark, worker_facts
from jitbuild.errors import MeasurementError
from jitbuild.system.formatting import count_noun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jitbuild.bench.plan import BenchStep
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.system import process

_SHOWN_LINES = 12
# The number is small because pytest's summary is at the end of its output.
_SHOWN_PYTEST_LINES = 3
_SHOWN_OUTPUT_LINES = 6
_LONGEST_LINE = 300
_LONGEST_LOG = 1 << 16
# The message of pyperf/_command.py. The traceback also shows the source line that raises the
# message; that line has no number in this place, so it does not match.
_COMMAND_FAILED = re.compile(r"Command failed with exit code (-?\d+)")
# The beginning of a line of a traceback (timeit.dummy_src_name).
_STATEMENT = '  File "<timeit-src>", '


def failure(
    session: MeasurementSession,
    step: BenchStep,
    completed: process.Completed,
    log: Path,
    timeout: float | None,
) -> MeasurementError:
    """Return the error for a step that failed; `timeout` is the timeout of its process."""
    if completed.timed_out:
        return _timed_out(session, step, timeout)
    lines = _last_lines(log)
    kind, mode = step.benchmark.kind, step.arm.mode
    if kind == "pytest":
        facts = worker_facts.read_facts(session.facts_file(step))
        shown = lines[-_SHOWN_PYTEST_LINES:]
        return pytest_benchmark.failure(step, facts, shown, session.diff_command)
    code = next((match[1] for line in lines if (match := _COMMAND_FAILED.search(line))), None)
    if kind == "command" and code is not None:
        return MeasurementError(
            f"The command fails with the JIT {mode}: it ended with {_ending(int(code))}."
            f"{_printed(session, step)}",
            remedy=f"To see its whole output, and which modes fail: {session.diff_command}",
        )
    if kind == "stmt" and (cause := _cause(_without_manager(lines))):
        return MeasurementError(
            f"The statement fails with the JIT {mode}: {cause}", remedy=_remedy(step, log)
        )
    output = "\n".join(f"  {line}" for line in _without_manager(lines)[-_SHOWN_LINES:])
    return MeasurementError(
        f"{step.benchmark.name} with the JIT {mode} fails:\n{output}", remedy=_remedy(step, log)
    )


def reason(error: MeasurementError) -> str:
    """Return the last line of an error's message, which is the most informative one."""
    return error.what.splitlines()[-1].strip()


def _timed_out(
    session: MeasurementSession, step: BenchStep, timeout: float | None
) -> MeasurementError:
    name = step.benchmark.name
    peer = ""
    if timeout != session.timeout:  # of two interleaved processes, either may have taken the time
        peer = f", or {name} in the other mode, which runs interleaved,"
    return MeasurementError(
        f"{name} with the JIT {step.arm.mode}{peer} did not end within "
        f"{count_noun(timeout or 0, 'second')} and was ended.",
        remedy="Allow more time (--timeout), or measure fewer things at once.",
    )


def _remedy(step: BenchStep, log: Path) -> str:
    if step.benchmark.kind == "suite":
        return (
            f"Its whole output is in {log}. --resume tries it again; "
            f"--benchmarks=...,-{step.benchmark.name} leaves it out."
        )
    if step.round == 0:
        return "Correct what is measured, and repeat the command."
    return (
        "Correct what is measured, and repeat the command; "
        "with --resume it continues where it failed."
    )


def _printed(session: MeasurementSession, step: BenchStep) -> str:
    """Return the last lines that the command printed when it ran again; "" if there are none."""
    path = session.output_file(step)
    lines = _last_lines(path)[-_SHOWN_OUTPUT_LINES:] if path.exists() else []
    return (
        " When it ran again, it printed:" + "".join(f"\n  {line}" for line in lines)
        if lines
        else ""
    )


def _cause(lines: Sequence[str]) -> str:
    """Return the exception that a statement raised, then where; "" if the lines have none.

    Python's timeit compiles a statement under the name in `_STATEMENT`. The frames before it belong
    to pyperf and to the worker.
    """
    first = next(
        (index for index, line in enumerate(lines) if line.startswith(_STATEMENT)), len(lines)
    )
    frames = [*takewhile(lambda line: line.startswith(" "), lines[first:])]
    exception = lines[first + len(frames) :]
    return "\n".join([*exception, *frames[1:]])


def _last_lines(log: Path) -> list[str]:
    """Return the last lines of a log that are not empty."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LONGEST_LOG), os.SEEK_SET)
        text = file.read().decode("utf-8", "replace")
    return [line[:_LONGEST_LINE] for line in text.splitlines() if line.strip()]


def _without_manager(lines: list[str]) -> list[str]:
    """Remove the traceback of pyperf's manager, which follows the traceback of the worker.

    The manager's traceback says only that the worker failed.
    """
    starts = [
        index
        for index, line in enumerate(lines)
        if line.startswith("Traceback (most recent call last)")
    ]
    return lines[: starts[-1]] if len(starts) > 1 else lines


def _ending(code: int) -> str:
    """Return the name of the signal that ended a command, or its exit code as text.

    If a signal with the number n ended the command, pyperf's _process_time.py calls sys.exit(-n),
    so the exit code of that script is 256 - n.
    """
    try:
        return signal.Signals(256 - code if code > 128 else -code).name
    except ValueError:
        return f"exit code {code}"
