"""Virtual environments of an interpreter, with the packages that a command needs."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from jitbuild.errors import BuildError
from jitbuild.modes import environment
from jitbuild.running.extras import check_extras
from jitbuild.running.plugin_provision import provide_pytest_plugin
from jitbuild.running.venv_place import ARCHIVE_SUFFIXES, VenvPlace
from jitbuild.system import process
from jitbuild.system.files import make_folders, store_errors
from jitbuild.system.parsing import parse_json
from jitbuild.system.python_command import module_command
from jitbuild.toolchain import pip_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from jitbuild.running.dependency_groups import DependencyGroup
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

_OUTPUT_LINES = 12
_REMOVED = frozenset({"PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE", "__PYVENV_LAUNCHER__"})
# The settings of virtualenv that are kept: the folder of its own cache.
_VIRTUALENV_KEPT = frozenset({"VIRTUALENV_OVERRIDE_APP_DATA", "VIRTUALENV_APP_DATA"})
_REPORT = "jitbuild-report.json"
# Run by the environment's Python.
_LIST_PACKAGES = """\
import importlib.metadata
for distribution in importlib.metadata.distributions():
    print(distribution.metadata["Name"])
"""


class Requirements(NamedTuple):
    """Packages to install, written as for pip, requirements files, and dependency groups."""

    packages: Sequence[str] = ()
    files: Sequence[Path] = ()
    groups: Sequence[DependencyGroup] = ()

    def __bool__(self) -> bool:
        return bool(self.packages or self.files or self.groups)

    @property
    def all_packages(self) -> list[str]:
        """The packages, and the requirements of the groups."""
        return [*self.packages, *(text for group in self.groups for text in group.requirements)]

    def options(self) -> list[str]:
        """Return the command-line options that state these requirements."""
        return [
            *(word for package in self.packages for word in ("--with", package)),
            *(word for file in self.files for word in ("--requirements", str(file))),
            *(word for group in self.groups for word in ("--group", group.name)),
        ]

    def pip_arguments(self) -> list[str]:
        """Return the arguments of `pip install`."""
        arguments = [argument for file in self.files for argument in ("-r", str(file))]
        for package in self.all_packages:
            # `--with -e.` is a single argument; pip needs two.
            editable = package.startswith("-e")
            arguments += ["-e", package[2:].strip()] if editable else [package]
        return arguments


@contextlib.contextmanager
def prepare(
    store: Store,
    base: Interpreter,
    requirements: Requirements,
    *,
    reporter: Reporter,
    runner: process.Runner = process.run,
    clock: Callable[[], float] = time.time,
) -> Iterator[Path]:
    """Yield the path of Python in an environment of `base` with `requirements`.

    The environment is locked while the block runs. It is cached in the store's `environments/`,
    keyed by the interpreter's instance id and the requirements. The environment is created again
    after a day, and after the store was moved. If a requirement can change while its text stays the
    same (a path, an archive or a URL), the environment is created again every time. `clock` returns
    the time in seconds since the epoch.

    The user's settings of virtualenv and pip apply only as far as they cannot change the contents
    of the environment: pip's index, proxy and certificates, for example, but not its `target`.

    Raises UsageError when a requirements file cannot be read, or when a package does not have a
    requested extra. Raises BuildError when virtualenv or pip fails, or when a requirement is
    missing from the environment afterwards.
    """
    place = VenvPlace.of(store, base.instance, requirements.all_packages, requirements.files)
    with place.lock(store, reporter):
        if place.may_change or not place.is_current(clock()):
            with store_errors(place.folder):
                shutil.rmtree(place.folder, ignore_errors=True)
                make_folders(place.folder.parent)
            with reporter.stage(_title(store, base, requirements)):
                _create(base.executable, place.folder, runner)
                _install(place.python, requirements, place.folder / _REPORT, runner)
                _check_contents(place.python, requirements, place.folder / _REPORT, runner)
                (place.folder / _REPORT).unlink(missing_ok=True)
            place.mark_complete()
        with store_errors(place.folder):
            provide_pytest_plugin(place.folder, base.version)
        yield place.python


@contextlib.contextmanager
def share(
    store: Store,
    base: Interpreter,
    requirements: Requirements,
    *,
    reporter: Reporter,
    runner: process.Runner = process.run,
    windows: bool = os.name == "nt",
) -> Iterator[Path]:
    """Prepare an environment as `prepare` does, for a program that replaces this process.

    On POSIX, the program holds the environment's lock until it ends. Several such programs can use
    the environment at once, but nothing can replace it in that time. On Windows, where the program
    is a child, the environment is locked as by `prepare`.
    """
    prepared = functools.partial(
        prepare, store, base, requirements, reporter=reporter, runner=runner
    )
    if windows:
        with prepared() as python:
            yield python
        return
    place = VenvPlace.of(store, base.instance, requirements.all_packages, requirements.files)
    reusable = not place.may_change
    while True:
        with place.lock(store, reporter, shared=True):
            if reusable and place.is_current(time.time()):
                yield place.python
                return
        with prepared():
            reusable = True


def failure_line(error: BuildError) -> str:
    """Return the most informative line of a failed installation.

    It is the last line that begins with `ERROR: `, else the last line. Lines that begin with a
    lower-case `error:` are not preferred, because they contain codes for programs.
    """
    lines = [line.strip() for line in error.what.splitlines()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines)[-1]


def _title(store: Store, base: Interpreter, requirements: Requirements) -> str:
    # Of a file inside the store, only the last two components of the path are shown.
    names = [
        "/".join(file.parts[-2:]) if file.is_relative_to(store.root) else str(file)
        for file in requirements.files
    ]
    groups = [f"--group={group.name}" for group in requirements.groups]
    return f"{base.name}: an environment with {' '.join([*requirements.packages, *names, *groups])}"


def _create(base: Path, folder: Path, runner: process.Runner) -> None:
    virtualenv = [sys.executable, "-P", "-m", "virtualenv"]
    options = ["--quiet", "--no-download", "-p", str(base)]
    # If this variable names a missing file, virtualenv does not read the user's virtualenv.ini.
    config = str(folder.with_suffix(".no-settings"))
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("VIRTUALENV_") or name in _VIRTUALENV_KEPT
    }
    environ["VIRTUALENV_CONFIG_FILE"] = config
    _run("virtualenv", [*virtualenv, *options, str(folder)], environ, runner)


def _install(
    python: Path, requirements: Requirements, report: Path, runner: process.Runner
) -> None:
    pip = module_command(python, "pip")
    environ = pip_settings.listing_environment(os.environ)
    listing = _run("pip", pip_settings.listing_command(pip), environ, runner)
    environ = pip_settings.kept_environment(os.environ, listing, "install")
    options = ["--disable-pip-version-check", f"--report={report}"]
    _run("pip", [*pip, "install", *options, *requirements.pip_arguments()], environ, runner)


def _check_contents(
    python: Path, requirements: Requirements, report: Path, runner: process.Runner
) -> None:
    """Raise BuildError if a requirement is not among the packages that `python` finds.

    Raise UsageError if a package does not have a requested extra.
    """
    from packaging.utils import canonicalize_name

    items = _requested(report)
    check_extras(items)
    wanted = {*_named(requirements.all_packages), *(item["metadata"]["name"] for item in items)}
    listing = _run("Python", [str(python), "-I", "-c", _LIST_PACKAGES], os.environ, runner)
    installed = {canonicalize_name(line.strip()) for line in listing.splitlines()}
    missing = sorted({canonicalize_name(name) for name in wanted} - installed)
    if missing:
        raise BuildError(
            f"pip succeeded, but the environment has no {', '.join(missing)}.",
            remedy="A setting of pip or of Python puts packages elsewhere: look at"
            " `pip config list` and the variables that begin with PIP_ or PYTHON.",
        )


def _named(packages: Sequence[str]) -> Iterator[str]:
    """Yield the name of each requirement that has a name and no environment marker."""
    from packaging.requirements import InvalidRequirement, Requirement

    for package in packages:
        try:
            requirement = Requirement(package)
        except InvalidRequirement:  # a path, a URL or -e
            continue
        if requirement.marker is None and not package.endswith(ARCHIVE_SUFFIXES):
            yield requirement.name


def _requested(report: Path) -> list[dict[str, Any]]:
    """Return the entries of pip's installation report that are requirements of the user."""
    try:
        items = parse_json(report.read_text(encoding="utf-8"))["install"]
    except FileNotFoundError:
        return []
    return [item for item in items if item.get("requested")]


def _run(name: str, argv: Sequence[str], environ: Mapping[str, str], runner: process.Runner) -> str:
    """Run a program with the JIT off, since only the compared command needs the JIT.

    `name` is the program's name in messages. Returns the output. Raises BuildError when the program
    fails.
    """
    inherited = {name: value for name, value in environ.items() if name not in _REMOVED}
    result = runner(argv, env=environment("off", inherited))
    if result.ok:
        return result.stdout
    text = pip_settings.hide_secrets(result.stdout + result.stderr, environ)
    lines = [line for line in text.splitlines() if line.strip()]
    output = "\n".join(f"  {line}" for line in lines[-_OUTPUT_LINES:])
    raise BuildError(
        "The environment could not be created: "
        f"{name} failed with exit code {result.returncode}.\n{output}",
        remedy="Correct --with, --requirements, --group or pip's settings.",
    )
