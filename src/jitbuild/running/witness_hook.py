"""Make the Python processes of a command write testimonies, and collect them.

docs/design.md explains how ("The witness").
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.running.testimony import parse_testimony

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jitbuild.running.testimony import Testimony

_SCRIPTS = Path(__file__).parents[1] / "in_target"
# The modules in the folder of a hook, where Python imports them, and the scripts that each of them
# consists of. A script that is joined with another one does not import it.
_MODULES = {
    "sitecustomize.py": ("witness_start.py",),
    "jitbuild_witness.py": ("witness_executors.py", "witness.py"),
}
_IMPORT = re.compile(r"^from jitbuild\.in_target\.\w+ import .*\n", re.MULTILINE)
_MAX_BYTES = 1 << 16
MAX_TESTIMONIES = 10_000


@dataclass(slots=True)
class WitnessHook:
    """A folder that makes Python processes testify when it is first on PYTHONPATH.

    The processes write into the folder, so nothing but PYTHONPATH has to reach them. Processes
    whose testimonies must be kept apart need folders of their own. `left_out` is the number of
    testimonies that were deleted without being read, because there were too many.
    """

    folder: Path
    left_out: int = 0

    @classmethod
    def install(cls, folder: Path) -> WitnessHook:
        """Return a new hook in `folder`, which must not exist yet."""
        folder.mkdir(parents=True)
        # Python would create it when it first imports the hook. If root ran that Python, with sudo,
        # the user could not delete the files in it.
        (folder / "__pycache__").mkdir()
        for name, scripts in _MODULES.items():
            texts = [(_SCRIPTS / script).read_text(encoding="utf-8") for script in scripts]
            (folder / name).write_text(_IMPORT.sub("", "\n".join(texts)), encoding="utf-8")
        # An absolute path, because programs change their working directory.
        return cls(folder.absolute())

    @classmethod
    @contextlib.contextmanager
    def temporary(cls, folder: Path) -> Iterator[WitnessHook]:
        """Yield a hook in `folder`; remove `folder` when the block ends.

        If `folder` already exists, it is removed first.
        """
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield cls.install(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return `env` with the folder first on PYTHONPATH."""
        entries = [str(self.folder), *filter(None, [env.get("PYTHONPATH")])]
        return {**env, "PYTHONPATH": os.pathsep.join(entries)}

    def collect(self) -> tuple[Testimony, ...]:
        """Return the testimonies written since the last call, and delete their files.

        If a process was forked and then replaced by another Python (exec), only the testimony of
        that other Python is returned. At most MAX_TESTIMONIES are read; the others are only deleted
        and counted.
        """
        by_process: dict[str, dict[int, Testimony]] = {}
        paths = sorted(self.folder.glob("*-*.txt"))
        for path in paths[MAX_TESTIMONIES:]:
            self.left_out += 1
            with contextlib.suppress(OSError):
                path.unlink()
        for path in paths[:MAX_TESTIMONIES]:
            testimony = parse_testimony(_read_and_delete(path))
            if testimony is not None:
                process, _, number = path.stem.partition("-")
                by_process.setdefault(process, {})[int(number)] = testimony
        return tuple(
            testimony
            for numbered in by_process.values()
            for testimony in _mark_replaced([numbered[number] for number in sorted(numbered)])
        )


def _mark_replaced(testimonies: list[Testimony]) -> Iterable[Testimony]:
    """Yield the testimonies of one process; mark those of programs that were replaced.

    `testimonies` are in the order in which they were written. The testimony of a fork that was
    replaced is left out.
    """
    for testimony in testimonies[:-1]:
        if testimony.end is not None:
            yield testimony
        elif not testimony.start.forked:
            yield replace(testimony, replaced=True)
    yield testimonies[-1]


def _read_and_delete(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES)
        path.unlink()
    except OSError:  # a process of another user wrote it
        return ""
    return text.decode("ascii", "replace")
