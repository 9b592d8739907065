"""Every flag, edit and make target of a plan exists in a real CPython tree."""

from __future__ import annotations

import re
import subprocess
import tarfile
from pathlib import Path

import pytest
from packaging.version import Version

from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import JITS, PROFILES, Variant, parse
from jitbuild.target import TARGETS

pytestmark = pytest.mark.integration

CATALOG = load_catalog()


@pytest.fixture(scope="session")
def tree(cpython_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a real tree that define its flags."""
    folder = tmp_path_factory.mktemp("tree")
    with tarfile.open(cpython_archive) as tar:
        wanted = re.compile(
            r"Python-[^/]*/(configure|Include/object\.h|Include/internal/pycore_optimizer\.h"
            r"|Tools/jit/_targets\.py|Makefile\.pre\.in"
            r"|config\.sub|config\.guess|install-sh|PCbuild/build\.bat|PC/layout/.*)$"
        )
        tar.extractall(
            folder,
            [member for member in tar.getmembers() if wanted.match(member.name)],
            filter="data",
        )
    (top,) = folder.iterdir()
    return top


@pytest.fixture(scope="session")
def version(tree: Path) -> Version:
    return Version(tree.name.removeprefix("Python-"))


def plans(version: Version, *systems: str):
    subject = resolve_version(parse(str(version)), CATALOG)
    for target in TARGETS.values():
        if target.system in systems:
            for jit in JITS:
                for profile in PROFILES:
                    yield make_plan(subject, Variant(jit=jit, profile=profile), target, CATALOG)
                    if jit == "no":
                        yield make_plan(
                            subject,
                            Variant(jit=jit, profile=profile, free_threaded=True),
                            target,
                            CATALOG,
                        )


def plain(flag: str) -> str:
    return re.sub(r"^--(enable-|disable-|with-|without-)?", "", flag)


def test_configure_knows_every_flag(tree, version):
    text = subprocess.run(
        ["./configure", "--help"], cwd=tree, capture_output=True, text=True, check=True
    ).stdout
    known = {
        name.removeprefix("disable-")
        .removeprefix("enable-")
        .removeprefix("without-")
        .removeprefix("with-")
        for name in re.findall(r"--([a-z-]+)", text)
    }
    used = {
        arg.split("=")[0].removeprefix("--")
        for plan in plans(version, "linux", "macos")
        for arg in plan.steps[0].argv[1:]
    }
    assert used
    for flag in used - {"prefix"}:
        # Autoconf knows prefix and option-checking, and lists an option under one of two names.
        assert re.sub(r"^(en|dis)able-|^with(out)?-", "", flag) in known, flag


def test_configure_knows_the_values_of_the_jit_flag(tree, version):
    text = subprocess.run(
        ["./configure", "--help"], cwd=tree, capture_output=True, text=True, check=True
    ).stdout
    values = re.search(r"--enable-experimental-jit\[=([^\]]*)\]", text)[1].split("|")
    assert set(JITS) == set(values)


def test_build_bat_knows_every_flag(tree, version):
    text = (tree / "PCbuild/build.bat").read_text()
    known = set(re.findall(r'if "%~1"=="(-[^"]+)"', text))
    used = {
        arg
        for plan in plans(version, "windows")
        for arg in plan.steps[0].argv[1:]
        if arg.startswith("-")
    }
    assert used
    assert used <= known


def test_layout_knows_every_flag(tree, version):
    text = "".join(path.read_text() for path in (tree / "PC/layout").rglob("*.py"))
    for plan in plans(version, "windows"):
        for arg in plan.steps[1].argv[2:]:
            if arg.startswith("--") and not arg.startswith(("--include-", "--preset-")):
                assert f'"{arg}"' in text, arg
            elif arg.startswith("--include-"):
                assert f'"{arg.removeprefix("--include-")}"' in text, arg
            elif arg.startswith("--preset-"):
                assert f'"{arg.removeprefix("--preset-")}"' in text, arg


def test_every_edit_matches_once(tree, version):
    edits = {edit for plan in plans(version, "linux") for edit in plan.edits}
    assert edits
    for edit in edits:
        assert (tree / edit.file).read_text().count(edit.find) == 1


def test_the_make_target_of_the_install_step_exists(tree):
    assert re.search(r"^altinstall:", (tree / "Makefile.pre.in").read_text(), re.MULTILINE)


def test_the_recipes_list_every_flag_of_configure(tree):
    text = (tree / "configure").read_text()
    names = re.search(r"^ac_user_opts='\n(.*?)'$", text, re.MULTILINE | re.DOTALL)[1].split()
    known = {flag.replace("-", "_") for flag in CATALOG.build.configure_flags}
    assert {*names} - known == set()


def test_a_shared_libpython_is_found_after_a_move(tree, tmp_path):
    """Link a program with the plan's argument of make, as CPython's Makefile does."""
    variant = Variant(configure_args=("--enable-shared",))
    subject = resolve_version(parse("3.13.15"), CATALOG)
    steps = make_plan(subject, variant, TARGETS["x86_64-linux-gnu"], CATALOG).steps
    (argument,) = (word for word in steps[-1].argv if word.startswith("LINKFORSHARED="))
    assert "$(LINKFORSHARED) -o $@ Programs/python.o" in (tree / "Makefile.pre.in").read_text()
    assert (
        f'Linux*|GNU*) LINKFORSHARED="{" ".join(argument[14:].split()[:2])}"'
        in (tree / "configure").read_text()
    )
    (tmp_path / "lib.c").write_text("int answer(void) { return 42; }\n")
    (tmp_path / "main.c").write_text("int answer(void); int main(void) { return answer(); }\n")
    (tmp_path / "Makefile").write_text(
        "LINKFORSHARED=-none\n"
        "all:\n\t$(MAKE) old/bin/program\n"  # the release profile calls make recursively
        "old/bin/program:\n\tmkdir -p old/bin old/lib\n"
        "\tcc -shared -fPIC -o old/lib/libx.so lib.c\n"
        "\tcc $(LINKFORSHARED) -o $@ main.c -Lold/lib -lx\n"
    )
    subprocess.run(["make", argument], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "old").rename(tmp_path / "new")
    assert subprocess.run([tmp_path / "new/bin/program"], env={}, check=False).returncode == 42


def test_the_install_name_of_a_shared_libpython_is_found_once(tree):
    variant = Variant(configure_args=("--enable-shared",))
    subject = resolve_version(parse("3.13.15"), CATALOG)
    plan = make_plan(subject, variant, TARGETS["aarch64-macos"], CATALOG)
    (edit,) = (edit for edit in plan.edits if "install_name" in edit.find)
    assert (tree / edit.file).read_text().count(edit.find) == 1
