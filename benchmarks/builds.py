"""Compare the time of jitbuild's builds with python-build, and with configure and make.

    python benchmarks/builds.py --only cold,reinstall,second [--archive FILE ...] [--json FILE]

All builds use the same archive, LLVM, flags and number of jobs, and are run one after the other.
Each takes minutes. Archives and LLVM are downloaded for both sides before they are timed. Ratios
are of elapsed time; processor time and the load before each run are printed too, to show whether
the machine was busy with something else. Exits with 1 when something cannot be run, never because
of a ratio.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import builds_options
from builds_report import machine, report, to_json
from ratios import measures
from rivals import prepare
from session import SEEDED, Session
from watch import FailedError

from jitbuild.errors import JitbuildError
from jitbuild.store.store import Store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_NOT_CACHES = {"interpreters", "locks", "logs", "scratch", *SEEDED}


def one_version(session: Session, parts: set[str]) -> None:
    """Build one release in every way: cold, by hand, again, and as the other variant.

    A ccache slows down the cold install and speeds up the later ones, so with one there is a cold
    install without it too.
    """
    version, home = session.version, session.store()
    first = "cold"
    if session.ccache == "managed":
        first, alone = "cold, with ccache", session.store()
        session.install("cold", alone, version, "--jit=yes-off", ccache="off")
        shutil.rmtree(alone)
    session.install(first, home, version, "--jit=yes-off")
    theirs = session.rival(version, "yes-off")
    (ours,) = (interpreter.executable for interpreter in Store(home).installed())
    session.compare_modules(ours, theirs)
    if "plain" in parts:
        session.plain(version, "yes-off")
    if "reinstall" in parts:
        session.uninstall(home, version)
        session.install("reinstall", home, version, "--jit=yes-off")
    if "second" in parts:
        session.install("no, after yes-off", home, version, "--jit=no")
        session.uninstall(home, version, "--jit=yes-off")
        session.install("second, every cache warm", home, version, "--jit=yes-off")
        after_no(session, home / "stencils")
    shutil.rmtree(home)


def after_no(session: Session, stencils: Path) -> None:
    """Build yes-off with the caches of one install of `no`: alone, and with kept `stencils`."""
    version, home = session.version, session.store()
    saved = session.bench.work / "saved"
    session.install("no, cold", home, version, "--jit=no")
    shutil.rmtree(saved, ignore_errors=True)
    _copy_caches(home, saved)
    session.install("second, after no alone", home, version, "--jit=yes-off")
    if stencils.is_dir():
        session.uninstall(home, version, "--jit=yes-off")
        for name in _caches(home):
            shutil.rmtree(home / name)
        _copy_caches(saved, home)
        shutil.copytree(stencils, home / "stencils", symlinks=True, dirs_exist_ok=True)
        session.install("second, stencils kept", home, version, "--jit=yes-off")
    for folder in (home, saved):
        shutil.rmtree(folder)


def _caches(home: Path) -> list[str]:
    return [path.name for path in home.iterdir() if path.is_dir() and path.name not in _NOT_CACHES]


def _copy_caches(home: Path, dest: Path) -> None:
    for name in _caches(home):
        shutil.copytree(home / name, dest / name, symlinks=True)


def four(session: Session) -> None:
    """Build two releases in two variants: in one command, and by four runs of python-build."""
    home = session.store()
    session.install("four", home, session.version, session.other, "--jit=yes-off,no", count=True)
    shutil.rmtree(home)
    rounds = len(session.runs["four"])
    for version in (session.version, session.other):
        for jit in ("yes-off", "no"):
            # Another part of this round may have run it already.
            if len(session.runs.get(f"python-build {version} {jit}", ())) < rounds:
                session.rival(version, jit)


def release(session: Session) -> None:
    """Build with PGO and LTO. Both interpreters stay in the work folder, to compare their speed."""
    session.install(
        "release", session.store(), session.version, "--jit=yes-off", "--profile=release"
    )
    session.rival(session.version, "yes-off", release=True)


def run(work: Path, options: argparse.Namespace) -> None:
    """Run the chosen parts and report. Raises FailedError or a JitbuildError."""
    versions = [options.version, *([options.other] if "four" in options.parts else [])]
    bench = prepare(
        work,
        versions,
        python_build=options.python_build,
        jobs=options.jobs,
        llvm_mode=options.llvm,
        ccache=options.ccache,
        archives=options.archive,
        mirror=options.mirror,
    )
    print(machine(bench), flush=True)
    session, wanted = Session(bench, options), measures(options.version, options.other)
    parts: dict[str, Callable[[Session], None]] = {"four": four, "release": release}
    for _ in range(options.rounds):
        if options.parts - set(parts):
            one_version(session, options.parts)
        for name, part in parts.items():
            if name in options.parts:
                part(session)
    print("\n".join(report(session, wanted)))
    if options.json:
        text = json.dumps(to_json(session, wanted), indent=2)
        options.json.write_text(f"{text}\n", encoding="utf-8")


def main() -> int:
    """Run the benchmark; a failed one leaves its work folder, which has the logs."""
    options = builds_options.parse(__doc__)
    work = (options.work or Path(tempfile.mkdtemp(prefix="jitbuild-builds-"))).absolute()
    try:
        run(work, options)
    except (FailedError, JitbuildError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.work is None:
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
