"""The preflight with this machine's real compiler and libraries."""

import os
import shutil
from pathlib import Path

import pytest

from jitbuild import request, target
from jitbuild.errors import PreflightError
from jitbuild.planning import planner
from jitbuild.planning.plan import Plan
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Variant
from jitbuild.toolchain.preflight import Preflight

CATALOG = load_catalog()

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.name != "posix" or not (shutil.which("cc") or shutil.which("gcc")),
        reason="needs a C compiler",
    ),
]


def planned(version: str = "3.13.5", **axes) -> Plan:
    subject = planner.resolve_version(request.parse(version), CATALOG)
    return planner.make_plan(
        subject, Variant(**{"jit": "no", **axes}), target.host().target, CATALOG
    )


def preflight(tmp_path: Path, **changes) -> Preflight:
    settings = {
        "plan": planned(),
        "host": target.host(),
        "catalog": CATALOG,
        "store": tmp_path / "store",
        "llvm": None,
    }
    return Preflight(**{**settings, **changes})


def wrapper(tmp_path: Path, code: str) -> dict[str, str]:
    """Return an environment whose compiler, the first one on PATH, is a script with `code`."""
    path = tmp_path / "wrapped" / "gcc"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)
    return {**os.environ, "PATH": os.pathsep.join([str(path.parent), os.environ["PATH"]])}


def test_this_machine_meets_all_requirements_without_alternative(tmp_path):
    report = preflight(tmp_path).run()
    assert report.fatal == ()
    seen = {
        requirement.name: requirement.detail
        for requirement in report.requirements
        if requirement.ok
    }
    assert {"compiler", "make", "disk"} <= {*seen}
    assert not any(tmp_path.iterdir())


def test_a_library_is_missing_for_a_compiler_without_its_headers(tmp_path):
    checked = {
        requirement.name: requirement for requirement in preflight(tmp_path).run().requirements
    }
    if not checked["zlib"].ok:
        pytest.skip("this machine has no zlib headers")
    assert checked["zlib"].detail == "-lz"
    cc = shutil.which("cc") or shutil.which("gcc")
    # The same compiler without its include folders.
    environ = wrapper(tmp_path, f'exec {cc} -nostdinc "$@"')
    blind = {
        requirement.name: requirement
        for requirement in preflight(tmp_path, environ=environ).run().requirements
    }
    assert not blind["zlib"].ok
    assert "zlib.h" in blind["zlib"].detail


def test_a_broken_header_makes_one_library_missing(tmp_path):
    cc = shutil.which("cc") or shutil.which("gcc")
    before = {requirement.name for requirement in preflight(tmp_path).run().missing}
    # A folder that comes first, with a header that does not compile.
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "sqlite3.h").write_text('#error "taken away"\n')
    environ = wrapper(tmp_path, f'exec {cc} -I{tmp_path}/shadow "$@"')
    report = preflight(tmp_path, environ=environ).run()
    assert {requirement.name for requirement in report.missing} - before == {"sqlite3"} - before
    (sqlite,) = [requirement for requirement in report.missing if requirement.name == "sqlite3"]
    assert "taken away" in sqlite.detail
    with pytest.raises(PreflightError, match=r"needed by the module sqlite3"):
        report.raise_for_missing()
    report.raise_for_missing(allow_missing=True)


def test_a_header_without_its_library_is_not_enough(tmp_path):
    cc = shutil.which("cc") or shutil.which("gcc")
    drop = 'for word do shift; [ "$word" = -lz ] || set -- "$@" "$word"; done'
    report = preflight(tmp_path, environ=wrapper(tmp_path, f'{drop}\nexec {cc} "$@"')).run()
    (zlib,) = [requirement for requirement in report.requirements if requirement.name == "zlib"]
    assert not zlib.ok


def test_a_machine_with_an_empty_path_lacks_compiler_and_make(tmp_path):
    report = preflight(tmp_path, environ={"PATH": str(tmp_path)}).run()
    assert [requirement.name for requirement in report.fatal] == ["compiler", "make"]
