"""Entry point of the command line. Only this module turns errors into messages."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.cli import streams
from jitbuild.cli.commands import LIGHT
from jitbuild.errors import JitbuildError, OperatingSystemError
from jitbuild.system.safe_stream import open_closed_descriptors, raw, safe_output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_EXIT_BROKEN_PIPE = 141
_EXIT_SIGNAL = 128


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (by default that of this process), and return the exit code."""
    open_closed_descriptors()
    with safe_output():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    # Imports create many objects but no garbage. Without this, garbage collection would take a
    # tenth of the time of a light command.
    gc.disable()
    verbose = False
    try:
        _import_msgspec()
        from jitbuild.cli.parser import parse

        streams.accept_every_text()
        options = parse(sys.argv[1:] if argv is None else argv)
        verbose = options.verbose
        return _run(options)
    except SystemExit:  # --help and --version
        if code := _flush(0):
            return code
        raise
    except KeyboardInterrupt as interrupt:
        _print("interrupted: nothing was left half-done")
        return _EXIT_SIGNAL + int(getattr(interrupt, "number", 2))
    except JitbuildError as error:
        return _report(error, verbose=verbose)
    except ModuleNotFoundError as error:
        return _report_missing_module(error, verbose=verbose)
    except Exception as error:  # noqa: BLE001
        return _report_unexpected(error, verbose=verbose)


def _import_msgspec() -> None:
    """Import msgspec without typing_extensions.

    If typing_extensions is installed, msgspec imports it, although since Python 3.11 the module
    typing has everything that msgspec needs from it. The import would take a fifth of the time of a
    light command.
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
    return _flush(code)


def _flush(code: int) -> int:
    """Write the buffered output, and return `code`, or another exit code if writing fails.

    Python would report a failure only when it exits, with an exit code of its own.
    """
    try:
        if sys.stdout is not None:  # it is None if the caller has closed it
            sys.stdout.flush()
    except OSError as error:
        return _report_unexpected(error, verbose=False)
    return code


def _report(error: JitbuildError, *, verbose: bool) -> int:
    if verbose:
        _print_traceback()
    _print_error(str(error))
    return error.exit_code


def _report_missing_module(error: ModuleNotFoundError, *, verbose: bool) -> int:
    """Report the packages that are missing if jitbuild was installed without its requirements."""
    from jitbuild.cli import missing_packages

    message = missing_packages.message(error, missing_packages.missing_packages())
    if message is None:
        return _report_unexpected(error, verbose=verbose)
    if verbose:
        _print_traceback()
    _print_error(message)
    return JitbuildError.exit_code


def _report_unexpected(error: Exception, *, verbose: bool) -> int:
    """Report an unexpected error, and return the exit code.

    A closed pipe is not reported: the reader of stdout has seen enough. A full disk, and an error
    of a file in the store, are reported as DiskFullError or StoreError, and any other OSError as
    OperatingSystemError, with the exit code of that class. All other errors are bugs of jitbuild,
    and are reported with their traceback.
    """
    streams.discard_output()
    if isinstance(error, BrokenPipeError):
        return _EXIT_BROKEN_PIPE
    if isinstance(error, OSError):
        return _report(_as_known(error) or _refused(error), verbose=verbose)
    _print_traceback()
    _print_error(f"This is a bug in jitbuild ({error!r}). Please report it with the lines above.")
    return JitbuildError.exit_code


def _refused(error: OSError) -> JitbuildError:
    """Return the error for an operation that the operating system refused."""
    reason = error.strerror or str(error)
    if error.filename:
        path = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
        return OperatingSystemError(
            f"{path} cannot be used ({reason}).", remedy="Check the path and its permissions."
        )
    return OperatingSystemError(
        f"The operating system reports an error: {reason}.",
        remedy="If this machine is not the cause, report it with the output of --verbose.",
    )


def _as_known(error: OSError) -> JitbuildError | None:
    """Return `error` as a DiskFullError or StoreError; None if it is not an error of this kind."""
    from jitbuild.api import store_folder
    from jitbuild.system.files import as_store_error

    path = error.filename if isinstance(error.filename, str) else ""
    with contextlib.suppress(JitbuildError, OSError):
        root = store_folder()
        if path and Path(path).is_relative_to(root):
            return as_store_error(error, root)
    return streams.full_disk(path or "The output") if streams.is_full(error) else None


def _print(text: str) -> None:
    """Print `text` on stderr, unless stderr cannot be written."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _print_error(message: str) -> None:
    with contextlib.suppress(OSError):
        if sys.stderr is not None:
            raw(sys.stderr).write(f"{_red('error:')} ")
        _print(message)


def _print_traceback() -> None:
    import traceback

    with contextlib.suppress(OSError):
        traceback.print_exc()


def _red(text: str) -> str:
    colour = (
        sys.stderr is not None
        and sys.stderr.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )
    return f"\x1b[31m{text}\x1b[0m" if colour else text
