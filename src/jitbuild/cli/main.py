"""Entry point of the command line. Only this module turns errors into messages."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

from jitbuild.cli.commands import LIGHT
from jitbuild.errors import JitbuildError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_EXIT_BROKEN_PIPE = 141
_EXIT_SIGNAL = 128


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, by default that of this process; return its exit code."""
    # Imports create many objects but no garbage. Without this, garbage collection would take a
    # tenth of the time of a light command.
    gc.disable()
    _import_msgspec()
    from jitbuild.cli.parser import parse

    verbose = False
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
        verbose = options.verbose
        return _run(options)
    except KeyboardInterrupt as interrupt:
        print("interrupted: nothing was left half-done", file=sys.stderr)
        return _EXIT_SIGNAL + int(getattr(interrupt, "number", 2))
    except BrokenPipeError:
        # The reader of stdout is gone. Python would report that again when it flushes at exit.
        _discard_output()
        return _EXIT_BROKEN_PIPE
    except JitbuildError as error:
        if verbose:
            _print_traceback()
        print(f"{_red('error:')} {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:  # noqa: BLE001
        return _report_unexpected(error, verbose=verbose)


def _import_msgspec() -> None:
    """Import msgspec without typing_extensions.

    msgspec imports typing_extensions if it is installed, although it needs nothing from it that
    typing does not have since Python 3.11. That would take a fifth of the time of a light command.
    """
    if "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # imports of it now fail
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]


def _run(options: argparse.Namespace) -> int:
    if options.name in LIGHT:
        code = int(options.run(options))
        gc.freeze()  # avoids garbage collection when Python exits
    else:
        from jitbuild.system.signals import raise_on_signals

        gc.enable()
        with raise_on_signals():
            code = int(options.run(options))
    # Raise BrokenPipeError here, and not when Python exits.
    sys.stdout.flush()
    return code


def _report_unexpected(error: Exception, *, verbose: bool) -> int:
    """Report an unexpected error, and return the exit code.

    An OSError, such as a full disk, is reported by its message. Any other error is a bug of
    jitbuild, and is reported with its traceback.
    """
    is_bug = not isinstance(error, OSError)
    if is_bug or verbose:
        _print_traceback()
    _discard_output()
    if is_bug:
        message = f"This is a bug in jitbuild ({error!r}). Please report it with the lines above."
    else:
        message = (
            f"{error}.\nIf this machine is not the cause, please report it with the output of "
            "--verbose."
        )
    print(f"{_red('error:')} {message}", file=sys.stderr)
    return JitbuildError.exit_code


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


def _discard_output() -> None:
    import contextlib

    # In a test or a notebook stdout may not be a file.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _red(text: str) -> str:
    colour = (
        sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
    return f"\x1b[31m{text}\x1b[0m" if colour else text
