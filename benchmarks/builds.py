"""How long jitbuild builds, beside python-build and CPython's own configure and make: the same archive, LLVM, flags and -j.

    python benchmarks/builds.py --only cold,reinstall,second [--archive FILE ...] [--json FILE]

Takes a while: a build of CPython is minutes, and is run once for each of the things compared, one after the other. What is
downloaded (archives, LLVM) is there on both sides before a clock runs. Ratios are of the clock's seconds; processor time and the
load before each run are printed too, so that a machine that was busy with something else is seen. Exits 1 when something cannot
be run, and never because a ratio is poor.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratios import measures, results
from rivals import Bench, prepare
from session import MIB, SEEDED, Session
from watch import FailedError

from jitbuild import target
from jitbuild.errors import JitbuildError
from jitbuild.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ratios import Measure

PARTS = ("cold", "plain", "reinstall", "second", "four", "release")
_NO_CACHES = {"interpreters", "locks", "logs", "scratch", *SEEDED}


def one_version(session: Session, parts: set[str]) -> None:
    """All that one release is built for: cold, by hand, again, and as the other variant.

    A ccache makes what comes later quicker and the cold install slower, so with one there is a cold install without it too.
    """
    version, home = session.version, session.store()
    first = "cold"
    if session.ccache == "managed":
        first, alone = "cold, with ccache", session.store()
        session.install("cold", alone, version, "--jit=yes-off", ccache="off")
        shutil.rmtree(alone)
    session.install(first, home, version, "--jit=yes-off")
    theirs = session.rival(version, "yes-off")
    (ours,) = (found.executable for found in Store(home).installed())
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
    """yes-off where the caches are what one install of `no` left: alone, and with the stencils that an earlier build kept."""
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
    return [path.name for path in home.iterdir() if path.is_dir() and path.name not in _NO_CACHES]


def _copy_caches(home: Path, dest: Path) -> None:
    for name in _caches(home):
        shutil.copytree(home / name, dest / name, symlinks=True)


def four(session: Session) -> None:
    """Two releases, two variants: in one command, and by four runs of python-build in a row."""
    home = session.store()
    session.install("four", home, session.version, session.other, "--jit=yes-off,no", count=True)
    shutil.rmtree(home)
    for version in (session.version, session.other):
        for jit in ("yes-off", "no"):
            # Of this round's own, if another part has run it already.
            if len(session.runs.get(f"python-build {version} {jit}", ())) < len(
                session.runs["four"]
            ):
                session.rival(version, jit)


def release(session: Session) -> None:
    """PGO and LTO. Both interpreters stay in the work folder, for a comparison of their speed."""
    session.install(
        "release", session.store(), session.version, "--jit=yes-off", "--profile=release"
    )
    session.rival(session.version, "yes-off", release=True)


def report(session: Session, wanted: Iterable[Measure]) -> None:
    """Print what was reached."""
    print()
    for name, stages in session.stages.items():
        print(f"{name}: {', '.join(f'{stage} {spent}' for stage, spent in stages.items())}")
    for kind, found in session.modules.items():
        alone = [
            f"{who}: {', '.join(names) or 'none'}" for who, names in found.items() if who != "both"
        ]
        print(f"modules {kind}: {len(found['both'])} in both; {'; '.join(alone)}")
    print()
    for result in results(session.runs, wanted):
        print(result)
    peaks = [
        run.peak_kib
        for name, runs in session.runs.items()
        if not name.startswith(("python-", "by "))
        for run in runs
    ]
    known = [peak for peak in peaks if peak is not None]
    print(
        f"own memory of jitbuild, peak: {max(known) / MIB:.1f} MiB (to reach: at most 60)"
        if known
        else "own memory: not measured"
    )
    for run in session.runs.get("four", ()):
        at_once = run.to_json()["at_once"]
        print(
            f"running or runnable at once with -j{session.bench.jobs}: {_at_once(at_once) if at_once else 'not measured'}"
        )


def _at_once(seen: Mapping[str, Mapping[str, int]]) -> str:
    return ", ".join(
        f"{kind} peak {each['peak']} p99 {each['p99']} median {each['median']}"
        for kind, each in seen.items()
    )


def to_json(session: Session, wanted: Iterable[Measure]) -> dict[str, Any]:
    """All that was seen, for a file."""
    return {
        "machine": machine(session.bench),
        "flags": session.flags,
        "ccache": session.ccache,
        "runs": {name: [run.to_json() for run in runs] for name, runs in session.runs.items()},
        "stages": session.stages,
        "modules": {
            kind: {who: names for who, names in found.items() if who != "both"}
            for kind, found in session.modules.items()
        },
        "ratios": [
            {"name": each.measure.name, "ratio": round(each.ratio, 4), "reach": each.measure.reach}
            for each in results(session.runs, wanted)
        ],
    }


def machine(bench: Bench) -> str:
    """The machine and what both sides were given."""
    host = target.host()
    tools = ", ".join(sorted({str(folder) for folder in bench.tools.values()}))
    return f"{host.target}, {host.libc}, {host.cpus} processors, -j{bench.jobs}, LLVM in {tools}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--only",
        default="cold,plain,reinstall,second,four",
        help=f"parts to run, of {','.join(PARTS)}",
    )
    parser.add_argument("--version", default="3.13.15", help="the release that is built")
    parser.add_argument(
        "--other", default="3.13.5", help="the second release of the four interpreters"
    )
    parser.add_argument(
        "--ccache", choices=("managed", "auto", "off"), help="passed to jitbuild install"
    )
    parser.add_argument(
        "--llvm",
        default="auto",
        help="passed to jitbuild install; python-build gets the same one on PATH",
    )
    parser.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count(), help="jobs at once, on both sides"
    )
    parser.add_argument(
        "--archive",
        type=Path,
        action="append",
        default=[],
        help="an archive that is here already, under any name",
    )
    parser.add_argument(
        "--mirror",
        default=os.environ.get("JITBUILD_MIRROR"),
        help="where archives come from, as for jitbuild install",
    )
    parser.add_argument(
        "--python-build", default=_python_build(), help="the program; PYTHON_BUILD names it too"
    )
    parser.add_argument(
        "--disable-shared",
        action="store_true",
        help="python-build without its --enable-shared, as jitbuild builds",
    )
    parser.add_argument(
        "--rounds", type=int, default=1, help="how often everything is run; medians are compared"
    )
    parser.add_argument(
        "--work",
        type=Path,
        help="a folder that is kept, with logs and what was downloaded; else a temporary one",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all that was measured there"
    )
    options = parser.parse_args()
    options.parts = set(options.only.split(","))
    if unknown := options.parts - set(PARTS):
        parser.error(f"--only: there is no part {', '.join(sorted(unknown))}")
    if not options.python_build:
        parser.error("python-build is not on PATH: name it with --python-build")
    return options


def _python_build() -> str | None:
    return os.environ.get("PYTHON_BUILD") or shutil.which("python-build")


def run(work: Path, options: argparse.Namespace) -> None:
    """Run the parts that were asked for. Raises FailedError or a JitbuildError."""
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
    parts: dict[str, Callable[[], None]] = {
        "four": lambda: four(session),
        "release": lambda: release(session),
    }
    for _ in range(options.rounds):
        if options.parts - set(parts):
            one_version(session, options.parts)
        for name, part in parts.items():
            if name in options.parts:
                part()
    report(session, wanted)
    if options.json:
        options.json.write_text(
            json.dumps(to_json(session, wanted), indent=2) + "\n", encoding="utf-8"
        )


def main() -> int:
    options = _options()
    work = (options.work or Path(tempfile.mkdtemp(prefix="jitbuild-builds-"))).absolute()
    try:
        run(work, options)
    except (FailedError, JitbuildError) as error:
        # The folder stays: the output of what failed is in there.
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.work is None:
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
