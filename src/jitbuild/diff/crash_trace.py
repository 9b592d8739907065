"""Read the traceback that faulthandler writes when a process crashes. Pure.

Modules/faulthandler.c defines the format.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_BEGIN = re.compile(r"(Fatal Python error: |Windows fatal exception: ).*")
_FRAME = re.compile(r'  File "(?P<file>.+)", line (?P<line>\d+|\?\?\?) in (?P<function>.+)')
# The function in pytest that calls the function of a test (_pytest/python.py).
_PYTEST_CALLER = "pytest_pyfunc_call"
_SHOWN_LINES = 12


def find_trace(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the last fatal error in `lines` and the frames of its thread.

    Return an empty tuple if there is no fatal error.
    """
    starts = [(index, match) for index, line in enumerate(lines) if (match := _BEGIN.search(line))]
    if not starts:
        return ()
    index, match = starts[-1]
    # Other output of the process may precede the error on its line.
    trace = [match[0]]
    rest = lines[index + 1 :]
    header = next((at for at, line in enumerate(rest) if "most recent call first" in line), None)
    if header is None:
        return tuple(trace)
    for line in rest[header + 1 :]:
        if not _FRAME.fullmatch(line):
            break
        trace.append(line)
    return tuple(trace)


def shorten_trace(trace: Sequence[str]) -> tuple[str, ...]:
    """Return at most 12 lines of a trace, without the frames of pytest.

    If lines are omitted, a further line states their number.
    """
    end = next((at for at, line in enumerate(trace) if _PYTEST_CALLER in line), len(trace))
    lines = tuple(trace[:end])
    if len(lines) <= _SHOWN_LINES:
        return lines
    return (*lines[:_SHOWN_LINES], f"  ... {len(lines) - _SHOWN_LINES} more")
