"""Run all programs of a task in the same environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jitbuild.system.process import Completed, Runner


def with_environment(runner: Runner, environ: Mapping[str, str]) -> Runner:
    """Return a runner that runs programs in `environ` unless the caller gives an environment.

    It calls `runner`, whose default is the environment of this process.
    """

    def run_in(
        argv: Sequence[str],
        /,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
        stdin: str | None = None,
    ) -> Completed:
        given = environ if env is None else env
        return runner(argv, env=given, cwd=cwd, timeout=timeout, stdin=stdin)

    return run_in
