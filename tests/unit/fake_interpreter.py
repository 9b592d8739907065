"""An interpreter that answers the probe as real ones were observed to, without a process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jitbuild.probing.reply import BEGIN, END
from jitbuild.probing.run_probe import probe
from jitbuild.probing.verdict import Verdict
from jitbuild.system.process import Completed

PYTHON = Path("/opt/python/bin/python3")
FLAGS: dict[str, list[str]] = {
    "no": [],
    "yes": ["-D_Py_TIER2=1", "-D_Py_JIT"],
    "yes-off": ["-D_Py_TIER2=3", "-D_Py_JIT"],
    "interpreter": ["-D_Py_TIER2=4"],
    "interpreter-off": ["-D_Py_TIER2=6"],
}

Answer = dict[str, Any] | Completed | OSError


def facts(**changed: Any) -> dict[str, Any]:
    """Return the facts of a 3.15.2 without a JIT."""
    return {
        "version": "3.15.2",
        "full_version": "3.15.2 (main, Oct 26 2026, 15:10:10) [GCC 16.2.0]",
        "implementation": "cpython",
        "executable": str(PYTHON),
        "prefix": "/opt/python",
        "base_prefix": "/opt/python",
        "free_threaded": False,
        "debug": False,
        "platform": "linux-x86_64",
        "multiarch": "x86_64-linux-gnu",
        "ignores_environment": False,
        "build_flags": [],
        "tracers": [],
        "jit_available": False,
        "jit_enabled": False,
        "active_iterations": 0,
        "tier2": False,
        "executors": 0,
        "machine_code_bytes": 0,
        "interpreted": False,
        "missing": None,
        **changed,
    }


def build(kind: str, **changed: Any) -> dict[str, dict[str, Any]]:
    """Return the three answers of a sane build of this kind, by PYTHON_JIT ('' if not set)."""
    off = facts(build_flags=FLAGS[kind], tier2=kind != "no", jit_available=kind != "no", **changed)
    on = {**off, "jit_enabled": True, "active_iterations": 7999, "executors": 3}
    on |= {"interpreted": True} if kind.startswith("interpreter") else {"machine_code_bytes": 12288}
    if kind == "no":
        return {"0": off, "": off, "1": off}
    return {"0": off, "": off if kind.endswith("-off") else on, "1": on}


def altered(answers: dict[str, dict[str, Any]], **changed: Any) -> dict[str, dict[str, Any]]:
    """Return the answers with the same facts changed in all of them."""
    return {switch: {**answer, **changed} for switch, answer in answers.items()}


def on_3_13(answers: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the answers of the same build of a version without sys._jit."""
    return altered(
        answers, version="3.13.15", jit_available=None, jit_enabled=None, active_iterations=None
    )


def everywhere(answer: Answer) -> dict[str, Answer]:
    """Return the same answer for every value of PYTHON_JIT."""
    return dict.fromkeys(("0", "", "1"), answer)


def framed(answer: Mapping[str, Any], before: str = "", after: str = "") -> str:
    """Return the output of the probe with this answer, and other output around it."""
    return f"{before}\n{BEGIN}\n{json.dumps(answer)}\n{END}\n{after}"


def ended(
    returncode: int = 0, stdout: str = "", stderr: str = "", *, timed_out: bool = False
) -> Completed:
    """Return a run that ended in this way."""
    return Completed(
        argv=("python",), returncode=returncode, stdout=stdout, stderr=stderr, timed_out=timed_out
    )


class FakeInterpreter:
    """A Runner that answers by PYTHON_JIT, and keeps the arguments of each call."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers
        self.calls: list[tuple[list[str], dict[str, str], float | None]] = []

    def __call__(
        self,
        argv: Sequence[str],
        /,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
        stdin: str | None = None,
    ) -> Completed:
        assert env is not None
        self.calls.append((list(argv), dict(env), timeout))
        answer = self.answers[env.get("PYTHON_JIT", "")]
        if isinstance(answer, OSError):
            raise answer
        if isinstance(answer, Completed):
            return answer
        return Completed(argv=tuple(argv), returncode=0, stdout=framed(answer))


def probed(answers: Mapping[str, Answer], **options: Any) -> Verdict:
    """Return the verdict on an interpreter that gives these answers."""
    return probe(PYTHON, runner=FakeInterpreter(answers), environ={}, **options)
