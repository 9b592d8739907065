"""Replace this process by another program.

`jitbuild run` must start fast, so modules that only Windows needs are imported inside a function.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jitbuild.system.process_group import ProcessEffects


def replace_process(
    argv: Sequence[str],
    /,
    *,
    env: Mapping[str, str],
    windows: bool = os.name == "nt",
    effects: ProcessEffects | None = None,
) -> int:
    """Replace this process by the program `argv` (POSIX exec).

    Windows has no exec, so there the program is run as a child, and its exit code is returned. The
    program is looked up on the PATH of `env`. Raises OSError if the program cannot be started.
    """
    return _run_child(argv, env, effects) if windows else _exec(argv, env)


def _exec(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    # Python ignores SIGPIPE, and ignored signals stay ignored after exec. In `jitbuild run ... |
    # head`, the program would then report an error instead of ending silently.
    ignored = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvpe(argv[0], list(argv), dict(env))  # noqa: S606
    finally:
        signal.signal(signal.SIGPIPE, ignored)


def _run_child(argv: Sequence[str], env: Mapping[str, str], effects: ProcessEffects | None) -> int:
    import errno
    import shutil

    from jitbuild.system.process_group import ProcessEffects

    # Look up the program here: Windows itself would search the PATH of this process.
    program = shutil.which(argv[0], path=env.get("PATH"))
    if program is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])
    popen = (effects or ProcessEffects()).popen
    # Ctrl-C also reaches the child, which decides how to react to it.
    with (
        contextlib.suppress(KeyboardInterrupt),
        popen([program, *argv[1:]], env=dict(env)) as child,
    ):
        return child.wait()
    return 130
