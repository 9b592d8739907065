"""Make pytest record its tests, and collect the records."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.diff.test_record import TestRecord, parse_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_IN_TARGET = Path(__file__).parents[1] / "in_target"
# The plugin, and the modules that it imports. They are copied into a package of another name, so
# that they cannot be mistaken for a jitbuild that is installed in the environment.
_MODULES = (
    "executors",
    "jit_facts",
    "jit_sampler",
    "jit_usage",
    "outcome_recorder",
    "probe",
    "tested_packages",
)
_PACKAGE = "jitbuild_outcome_recorder"
_PLUGIN = f"{_PACKAGE}.outcome_recorder"
_SETTINGS = "recorder-settings.json"


@dataclass(frozen=True, slots=True)
class RecorderFolder:
    """A folder with the plugin that records tests, into which it also writes the records.

    `packages` are the names of the packages under test; if there are none, the plugin finds them.
    """

    folder: Path
    packages: tuple[str, ...] = ()

    @classmethod
    def install(cls, folder: Path, packages: Sequence[str] = ()) -> RecorderFolder:
        """Return a recorder in `folder`, which must not exist yet."""
        package = folder / _PACKAGE
        package.mkdir(parents=True)
        for name in ("__init__", *_MODULES):
            source = (_IN_TARGET / f"{name}.py").read_text(encoding="utf-8")
            copy = source.replace("jitbuild.in_target", _PACKAGE)
            (package / f"{name}.py").write_text(copy, encoding="utf-8")
        return cls(folder.absolute(), tuple(packages))

    def prepare(self, leave_out: Iterable[str] = ()) -> None:
        """Delete the records of the last run, and let the next run leave out these tests."""
        for file in self._files():
            file.unlink()
        settings = {"leave_out": list(leave_out), "packages": self.packages}
        (self.folder / _PACKAGE / _SETTINGS).write_text(json.dumps(settings), encoding="utf-8")

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return `env` with the folder first on PYTHONPATH."""
        entries = [str(self.folder), *filter(None, [env.get("PYTHONPATH")])]
        return {**env, "PYTHONPATH": os.pathsep.join(entries)}

    def command(self, command: Sequence[str], begin: int) -> list[str]:
        """Return the pytest command with the plugin; `begin` is the index of its first argument."""
        return [*command[:begin], "-p", _PLUGIN, *command[begin:]]

    def collect(self) -> TestRecord | None:
        """Return the records of the last run; None if no process wrote any."""
        texts = [file.read_text(encoding="utf-8", errors="replace") for file in self._files()]
        # The last line of a process that was killed may be cut, without a line break.
        return parse_records("\n".join(texts)) if texts else None

    def _files(self) -> list[Path]:
        return sorted((self.folder / _PACKAGE).glob("records-*.jsonl"))
