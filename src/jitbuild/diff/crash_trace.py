"""What faulthandler left in the output of a process that crashed (Modules/faulthandler.c). Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BEGIN = re.compile(r"(Fatal Python error: |Windows fatal exception: ).*")
_FRAME = re.compile(r'  File "(?P<file>.+)", line (?P<line>\d+|\?\?\?) in (?P<function>.+)')
_LONGEST = 12


def find(lines: Sequence[str]) -> tuple[str, ...]:
    """The last fatal error among `lines`: what it was, and the frames of the thread that it was in; empty without one."""
    begins = [at for at, line in enumerate(lines) if _BEGIN.search(line)]
    if not begins:
        return ()
    # What was being printed stands before it on the line.
    first = lines[begins[-1]]
    found = [first[match.start() :] if (match := _BEGIN.search(first)) else first]
    rest = lines[begins[-1] + 1 :]
    at = next((at for at, line in enumerate(rest) if "most recent call first" in line), None)
    if at is None:
        return tuple(found)
    for line in rest[at + 1 :]:
        if not _FRAME.fullmatch(line):
            break
        found.append(line)
    return tuple(found)


def shortened(trace: Sequence[str]) -> tuple[str, ...]:
    """As much of a trace as a person reads: not what pytest does around a test."""
    end = next((at for at, line in enumerate(trace) if "pytest_pyfunc_call" in line), len(trace))
    kept = tuple(trace[:end])
    return (
        kept if len(kept) <= _LONGEST else (*kept[:_LONGEST], f"  ... {len(kept) - _LONGEST} more")
    )


def test_in(trace: Sequence[str], tests: Iterable[str]) -> str | None:
    """Which of the ids `tests` was under way, whose function pytest calls in `pytest_pyfunc_call`; None when it is not clear."""
    frames = [match for line in trace if (match := _FRAME.fullmatch(line))]
    at = next(
        (at for at, frame in enumerate(frames) if frame["function"] == "pytest_pyfunc_call"), 0
    )
    if at == 0:
        return None
    file, function = frames[at - 1]["file"].replace("\\", "/"), frames[at - 1]["function"]
    # Of a parametrized test the frame does not tell which.
    found = {
        test.partition("[")[0]
        for test in tests
        if test.partition("[")[0].rpartition("::")[2] == function
        and f"/{file}".endswith(f"/{test.partition('::')[0]}")
    }
    return found.pop() if len(found) == 1 else None
