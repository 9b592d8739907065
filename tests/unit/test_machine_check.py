"""Checking the machine before a build, and installing what is missing."""

from __future__ import annotations

import pytest
from cache_samples import CATALOG, LINUX
from reporters import RecordingReporter

from jitbuild.errors import PreflightError
from jitbuild.options import BuildOptions
from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.providers.machine_check import check_machine
from jitbuild.providers.provider import ProviderTask
from jitbuild.request import Axes, parse
from jitbuild.store.store import Store
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.process import Completed


class FakeMachine:
    """A machine whose compiler links against everything but the libraries in `lacking`."""

    def __init__(self, *lacking: str):
        self.lacking = set(lacking)
        self.installs = 0

    def run(self, argv, /, **options):
        words = " ".join(argv)
        failing = "pkg-config" in argv[0] or any(f"-l{name}" in words for name in self.lacking)
        error = "fatal error: no such header" if failing else ""
        return Completed(argv=tuple(argv), returncode=int(failing), stdout="1.0\n", stderr=error)

    def install(self, command, *, reporter):
        self.installs += 1
        self.lacking.clear()


@pytest.fixture
def check(tmp_path):
    """Check a machine for a build of 3.13.15 without the JIT, with the given options."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in ("gcc", "cc", "make", "pkg-config", "patch", "tar"):
        (bin_folder / name).write_text("#!/bin/sh\n")
        (bin_folder / name).chmod(0o755)

    def check(machine, **options):
        request = parse("3.13.15")
        plan = make_plan(
            resolve_version(request, CATALOG),
            Axes(jit="no").variant(request),
            LINUX.target,
            CATALOG,
        )
        with JobBudget(1) as budget:
            task = ProviderTask(
                plan=plan,
                store=Store(tmp_path / "store"),
                catalog=CATALOG,
                options=BuildOptions(**options),
                scratch=tmp_path,
                budget=budget,
                reporter=RecordingReporter(),
            )
            return check_machine(
                task,
                RecordingReporter(),
                host=LINUX,
                environ={"PATH": str(bin_folder)},
                llvm=None,
                runner=machine.run,
                install=machine.install,
            )

    return check


def test_a_complete_machine_lacks_nothing(check):
    assert check(FakeMachine()) == ()


def test_a_missing_library_is_an_error_with_its_name(check):
    with pytest.raises(PreflightError, match="zlib"):
        check(FakeMachine("z"))


def test_missing_libraries_that_are_allowed_are_returned(check):
    assert check(FakeMachine("z"), allow_missing=True) == ("zlib",)


def test_missing_libraries_are_installed_once_when_that_is_allowed(check):
    machine = FakeMachine("z")
    assert check(machine, install_deps=True) == ()
    assert machine.installs == 1


def test_nothing_is_installed_on_a_complete_machine(check):
    machine = FakeMachine()
    check(machine, install_deps=True)
    assert machine.installs == 0
