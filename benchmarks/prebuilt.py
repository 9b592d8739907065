"""Compare `jitbuild install --prebuilt` with `uv python install` of the same archive.

    python benchmarks/prebuilt.py [ROUNDS] --archive FILE [--rate MBIT] [--uv FILE]
                                  [--work FOLDER]

FILE is an archive of python-build-standalone for Linux on x86-64, such as
cpython-3.13.15+20261110-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz. It can also be the
folder of an interpreter in a store: an archive of its files is made then. Both programs download
the archive from a server on this machine, check its sha256 and unpack it into a new folder, in
alternation; jitbuild also proves the interpreter. jitbuild is run by the Python that runs this
script. Exits with 1 when something cannot be run.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interleaved import Command, compare, options

sys.path.append(str(Path(__file__).parents[1] / "tests/integration"))
import standalone_archives  # type: ignore[import-not-found]  # of the integration tests

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS: dict[str, dict[str, Any]] = {
    "archive": {"type": Path, "required": True, "help": "the archive, or a folder in a store"},
    "rate": {
        "type": float,
        "default": 0,
        "metavar": "MBIT",
        "help": "how much the server sends in a second (default: as much as it can)",
    },
    "uv": {"default": shutil.which("uv"), "help": "the program (default: from PATH)"},
    "work": {"type": Path, "help": "where both install (default: the folder of temporary files)"},
}


def main() -> int:
    """Run the comparison."""
    given = options(__doc__, **_FLAGS)
    if given.uv is None:
        print("error: uv is not on PATH: name it with --uv", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(dir=given.work) as work:
        try:
            archive = _archive(given.archive, Path(work))
            with _served(archive, given.rate) as url:
                commands = _commands(given.uv, archive, url, Path(work))
                compare(commands, target="at most 1.3", rounds=given.rounds)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def _archive(given: Path, work: Path) -> Path:
    """Return the archive, in the folder that is served."""
    folder = work / "served" / standalone_archives.BUILD
    folder.mkdir(parents=True)
    if not given.is_dir():
        return Path(shutil.copy(given, folder))
    archive = Path(standalone_archives.from_store(given.resolve(), work))
    return archive.rename(folder / archive.name)


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Sends files as fast as a connection of `rate` Mbit/s; 0 is no limit."""

    rate = 0.0

    def copyfile(self, source: Any, outputfile: Any) -> None:
        begun, sent = time.monotonic(), 0
        while chunk := source.read(1 << 16):
            outputfile.write(chunk)
            sent += len(chunk)
            if self.rate:
                due = begun + sent * 8 / (self.rate * 1e6)
                time.sleep(max(0.0, due - time.monotonic()))

    def log_message(self, *_args: object) -> None:
        pass


@contextlib.contextmanager
def _served(archive: Path, rate: float) -> Iterator[str]:
    """Serve the folder above that of `archive` in another process, and yield its URL."""
    handler = functools.partial(_Handler, directory=str(archive.parents[1]))
    _Handler.rate = rate
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        process = multiprocessing.get_context("fork").Process(target=server.serve_forever)
        process.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            process.terminate()
            process.join()


def _commands(uv: str, archive: Path, url: str, work: Path) -> dict[str, Command]:
    """Return the two commands; each of them installs into a folder of its own."""
    pin = standalone_archives.pin(archive, url)
    recipes = standalone_archives.recipe(work / "recipes", pin)
    downloads = work / "downloads.json"
    downloads.write_text(json.dumps(_uv_metadata(pin)))
    jitbuild = str(Path(sys.executable).with_name("jitbuild"))
    ours, theirs = work / "jitbuild", work / "uv"
    return {
        "uv python install": Command(
            [uv, "python", "install", pin["version"], "--no-bin", "-q"],
            env={
                "UV_PYTHON_INSTALL_DIR": str(theirs),
                "UV_PYTHON_DOWNLOADS_JSON_URL": str(downloads),
            },
            fresh=theirs,
        ),
        "jitbuild install --prebuilt": Command(
            [jitbuild, "install", pin["version"], "--prebuilt", "--recipes", str(recipes), "-q"],
            env={"JITBUILD_HOME": str(ours)},
            fresh=ours,
        ),
    }


def _uv_metadata(pin: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return uv's list of downloads with the only archive `pin` (crates/uv-python)."""
    major, minor, patch = map(int, pin["version"].split("."))
    entry = {
        "name": "cpython",
        "arch": {"family": "x86_64", "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": pin["url"],
        "sha256": pin["sha256"],
        "variant": None,
        "build": standalone_archives.BUILD,
    }
    return {f"cpython-{pin['version']}-linux-x86_64-gnu": entry}


if __name__ == "__main__":
    sys.exit(main())
