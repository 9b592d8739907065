"""The builds that jitbuild is compared with: python-build, and CPython's configure and make."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from watch import FailedError, Run, watch

from jitbuild import request
from jitbuild import target as targets
from jitbuild.building.build_environment import clean_environment
from jitbuild.building.caches.ccache import find as find_ccache
from jitbuild.planning import planner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.sources.obtain_tree import obtain
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.system.checksums import sha256_of
from jitbuild.toolchain import llvm
from jitbuild.toolchain.llvm_folder import gather

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jitbuild.planning.plan import Plan
    from jitbuild.recipes.catalog import Catalog

_MODULES = Path(__file__).with_name("modules.py")


class Bench(NamedTuple):
    """The folders of a run, with what both sides are given before they are timed.

    `seed` is a store that holds only downloads; `archives` are the same archives under their own
    names; `tools` are the folders of LLVM's programs, by CPython version.
    """

    work: Path
    seed: Path
    archives: Path
    tools: Mapping[str, Path]
    jobs: int
    python_build: str

    def environment(self, version: str) -> dict[str, str]:
        """Return the environment of every build: clean, with the LLVM first on PATH."""
        clean = clean_environment(os.environ)
        scratch = self.work / "tmp"
        scratch.mkdir(exist_ok=True)
        return clean | {
            "PATH": f"{self.tools[version]}{os.pathsep}{clean['PATH']}",
            "PYTHON_FOR_REGEN": sys.executable,
            "TMPDIR": str(scratch),
        }


def prepare(  # noqa: PLR0913
    work: Path,
    versions: Iterable[str],
    *,
    python_build: str,
    jobs: int,
    llvm_mode: str,
    ccache: str | None,
    archives: Sequence[Path],
    mirror: str | None,
) -> Bench:
    """Download into `work` what builds of `versions` need: archives, LLVM and a managed `ccache`.

    `archives` are local files, under any name, that are used instead. Everything is verified.
    Raises a JitbuildError when something is not available.
    """
    seed, named, given = work / "seed", work / "archives", work / "given"
    for folder in (seed, named):
        folder.mkdir(parents=True, exist_ok=True)
    catalog = load_catalog()
    if archives:
        mirror = str(_by_name(archives, versions, catalog, given))
    tools = {}
    for version in versions:
        plan = _plan(version, catalog)
        _fetch(plan, seed, named, mirror)
        tools[version] = _llvm(plan, seed, work, llvm_mode, catalog)
    if ccache == "managed":
        environ, pins = clean_environment(os.environ), catalog.ccache.wheel
        find_ccache(ccache, environ=environ, pins=pins, store=seed, target=targets.host().target)
    return Bench(work, seed, named, tools, jobs, python_build)


def _plan(version: str, catalog: Catalog) -> Plan:
    subject = planner.resolve_version(request.parse(version), catalog)
    return planner.make_plan(
        subject, request.Variant(jit="yes-off", profile="fast"), targets.host().target, catalog
    )


def _by_name(
    archives: Sequence[Path], versions: Iterable[str], catalog: Catalog, given: Path
) -> Path:
    """Return a folder with links to `archives` under python.org's names.

    Distributions use other names.
    """
    given.mkdir(parents=True, exist_ok=True)
    digests = {sha256_of(path): path for path in archives}
    for version in versions:
        for name, pin in _plan(version, catalog).source.files:
            if pin in digests:
                (given / name).unlink(missing_ok=True)
                (given / name).symlink_to(digests[pin].absolute())
    return given


def _fetch(plan: Plan, seed: Path, named: Path, mirror: str | None) -> None:
    name, _ = plan.source.files[0]
    if not (named / name).exists():
        with tempfile.TemporaryDirectory(dir=seed) as scratch:
            obtain(
                plan.source,
                Path(scratch) / "source",
                origin=ArchiveOrigin.parse(mirror),
                cache=seed,
            )
        (archive,) = (seed / "sources").rglob(name)
        os.link(archive, named / name)


def _llvm(plan: Plan, seed: Path, work: Path, mode: str, catalog: Catalog) -> Path:
    assert plan.llvm is not None
    environ = clean_environment(os.environ)
    finder = llvm.LLVMFinder(
        want=plan.llvm, mode=mode, host=targets.host(), catalog=catalog, cache=seed, environ=environ
    )
    return gather(finder.provide().tools, work / f"llvm-{plan.llvm.major}") / "bin"


def python_build(
    bench: Bench, version: str, arguments: Sequence[str], *, name: str
) -> tuple[Run, Path]:
    """Install `version` with python-build; return the measurements and the interpreter.

    `arguments` are those of configure.
    """
    definition, prefix = bench.work / "definitions" / version, bench.work / "python-build" / name
    definition.parent.mkdir(exist_ok=True)
    definition.write_text(definition_of(_plan(version, load_catalog())))
    shutil.rmtree(prefix, ignore_errors=True)
    env = bench.environment(version) | {
        "MAKE_OPTS": f"-j{bench.jobs}",
        "PYTHON_BUILD_CACHE_PATH": str(bench.archives),
        "PYTHON_CONFIGURE_OPTS": " ".join(arguments),
    }
    log = bench.work / "logs" / f"python-build-{name}.log"
    run = watch([bench.python_build, str(definition), str(prefix)], log=log, env=env)
    return run, prefix / "bin" / _program(version)


def definition_of(plan: Plan) -> str:
    """Return a python-build definition of a release that may be newer than python-build.

    It has the lines of python-build's own definitions of the series, except those for macOS only,
    and the recipe's hash of the archive.
    """
    name, pin = plan.source.files[0]
    address = f"{plan.source.location.rpartition('/')[0]}/{name}"
    verify = f"verify_py{''.join(plan.version.split('.')[:2])}"
    return (
        "prefer_openssl3\n"
        "export PYTHON_BUILD_CONFIGURE_WITH_OPENSSL=1\n"
        "export PYTHON_BUILD_TCLTK_USE_PKGCONFIG=1\n"
        f'install_package "Python-{plan.version}" "{address}#{pin}"'
        f" standard {verify} copy_python_gdb ensurepip\n"
    )


def by_hand(bench: Bench, version: str, arguments: Sequence[str], *, name: str) -> tuple[Run, Path]:
    """Unpack, `./configure`, `make -jN`, `make altinstall`; return measurements and interpreter."""
    root, prefix = bench.work / "by-hand" / f"{name}-tree", bench.work / "by-hand" / name
    for folder in (root, prefix):
        shutil.rmtree(folder, ignore_errors=True)
    root.mkdir(parents=True)
    script = (
        'set -e; tar -xf "$1" --strip-components=1; prefix=$2; jobs=$3; shift 3; '
        './configure --prefix="$prefix" "$@"; make "-j$jobs"; make altinstall'
    )
    archive = str(bench.archives / f"Python-{version}.tar.xz")
    argv = ["sh", "-c", script, "sh", archive, str(prefix), str(bench.jobs), *arguments]
    log = bench.work / "logs" / f"by-hand-{name}.log"
    run = watch(argv, log=log, env=bench.environment(version), cwd=root)
    shutil.rmtree(root)
    return run, prefix / "bin" / _program(version)


def _program(version: str) -> str:
    return f"python{'.'.join(version.split('.')[:2])}"


def modules(program: Path, env: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the output of modules.py for an interpreter: its `imported` and `present` modules."""
    completed = subprocess.run(
        [str(program), "-I", str(_MODULES)],
        env=dict(env),
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode:
        raise FailedError(f"{program} cannot list its modules: {completed.stderr[-400:]}")
    listed: dict[str, list[str]] = json.loads(completed.stdout)
    return listed
