"""Become another program (POSIX exec): apart from process.py, because `jitbuild run` imports nothing that starts children."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing's own, without the cost of importing typing
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn


def become(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Replace this process by `argv`, looked for on the PATH of `env`. Raises OSError when it cannot be started."""
    import signal

    sys.stdout.flush()
    sys.stderr.flush()
    # Python ignores SIGPIPE, and what is ignored stays so in the new program: `... | head` would make it complain.
    ignored = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvpe(argv[0], list(argv), dict(env))  # noqa: S606
    finally:
        signal.signal(signal.SIGPIPE, ignored)
