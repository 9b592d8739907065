"""The command line. Handlers are imported when they are called, so that `jitbuild which` costs little more than Python does."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # typing's own, without the cost of importing typing
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


# They end at once, and start too often to import what others need.
_BRIEF = frozenset({"which", "list", "run", "config"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. With `_general` the only place where errors become messages."""
    # Imports make thousands of objects and no rubbish: looking for it costs a brief command a twentieth of its time.
    gc.disable()
    words = sys.argv[1:] if argv is None else argv
    try:
        return _general(words)
    except KeyboardInterrupt as interrupt:
        print("interrupted: nothing was left half-done", file=sys.stderr)
        return 128 + int(getattr(interrupt, "number", 2))
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more when it flushes.
        _discard_output()
        return 141
    except OSError as error:
        return _unforeseen(error, verbose=False)


def _general(words: Sequence[str]) -> int:
    from jitbuild.cli.parser import parse
    from jitbuild.errors import JitbuildError

    verbose = False
    try:
        options = parse(words)
        verbose = options.verbose
        return _run(options)
    except JitbuildError as error:
        if verbose:
            _traceback()
        print(f"{_red('error:')} {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001
        return _unforeseen(error, verbose=verbose)


def _run(options: argparse.Namespace) -> int:
    handler = options.handler()
    if options.name in _BRIEF:
        code = int(handler(options))
    else:
        from jitbuild.system.signals import raise_on_signals

        gc.enable()
        with raise_on_signals():
            code = int(handler(options))
    # A reader that has gone is found out here, and not when Python exits.
    sys.stdout.flush()
    return code


def _unforeseen(error: Exception, *, verbose: bool) -> int:
    """Say what nobody thought of: of the system's errors (output onto a full disk) what it says, of any other where it was."""
    from jitbuild.errors import JitbuildError

    ours = not isinstance(error, OSError)
    if ours or verbose:
        _traceback()
    _discard_output()
    if ours:
        what = f"This is a bug in jitbuild ({error!r}). Please report it with the lines above."
    else:
        what = f"{error}.\nIf that is no trouble of this machine's, please report it with what --verbose adds."
    print(f"{_red('error:')} {what}", file=sys.stderr)
    return JitbuildError.exit_code


def _traceback() -> None:
    import traceback

    traceback.print_exc()


def _discard_output() -> None:
    import contextlib

    # In a test or a notebook it may be no file.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _red(text: str) -> str:
    colour = (
        sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
    return f"\x1b[31m{text}\x1b[0m" if colour else text
