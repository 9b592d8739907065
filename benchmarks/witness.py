"""Measure how much more processor time a Python takes if it testifies (docs/design.md).

    python benchmarks/witness.py [ROUNDS] [--python FILE] [--imports MODULES]

The Python runs `pass`, or imports modules separated by commas, with and without the witness in
alternation. Medians of the processor time are compared, since other work on the machine affects it
less than the elapsed time. Exits with 1 if the start takes over 2 ms more. POSIX only.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from interleaved import options

from jitbuild.running.witness_hook import WitnessHook

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOUND = 2.0
_FLAGS = {
    "python": {"default": sys.executable, "help": "the Python to start (default: this one)"},
    "imports": {"default": "", "help": "modules that it imports (default: none)"},
}


def main() -> int:
    """Run the comparisons."""
    given = options(__doc__, **_FLAGS)
    code = f"import {given.imports}" if given.imports else "pass"
    # A process that kills itself does no work at its end.
    killed = f"{code}; import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    more = _compare("start", [given.python, "-c", killed], given.rounds)
    _compare("start and end", [given.python, "-c", code], given.rounds)
    return int(more > _BOUND)


def _compare(title: str, argv: list[str], rounds: int) -> float:
    """Print the medians of the processor time, and return the difference in milliseconds."""
    # Without bytecode, every start would compile modules.
    environ = {**os.environ, "PYTHON_JIT": "1"}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        hook = WitnessHook.install(Path(folder, "witness"))
        environs = (environ, hook.environment(environ))
        pairs = [[_processor_ms(argv, env) for env in environs] for _ in range(rounds + 1)]
        testimonies = len(hook.collect())
    assert testimonies == rounds + 1
    without, witnessed = zip(*pairs[1:], strict=True)  # the first one warms the disk cache
    more = statistics.median(second - first for first, second in pairs[1:])
    print(
        f"{title}: {statistics.median(without):.1f} ms without the witness, "
        f"{statistics.median(witnessed):.1f} ms with it, {more:.1f} ms more"
    )
    return more


def _processor_ms(argv: list[str], env: Mapping[str, str]) -> float:
    process = os.posix_spawn(argv[0], argv, env)
    _, status, usage = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status) not in {0, -signal.SIGKILL}:
        raise SystemExit(f"error: {argv[0]} failed")
    return 1000 * (usage.ru_utime + usage.ru_stime)


if __name__ == "__main__":
    sys.exit(main())
