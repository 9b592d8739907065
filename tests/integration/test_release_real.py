"""`--profile release` with a real build: LTO links once, PGO trains, nothing is missing.

PGO compiles everything twice, so this takes minutes.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from cli import Cli

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("builds")]
FINAL = "Rebuilding with profile guided optimizations:"
LINKED = re.compile(
    r"^\S*cc .* -o (python|_bootstrap_python|Programs/_freeze_module|Programs/_testembed) ",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, cpython_archive: Path) -> Cli:
    env = {"JITBUILD_MIRROR": str(cpython_archive.parent), "JITBUILD_LLVM": "managed"}
    return Cli(tmp_path_factory.mktemp("home"), env)


@pytest.fixture(scope="module")
def release(cli: Cli, cpython_version: str) -> dict:
    if not cpython_version.startswith("3.13."):
        pytest.skip("only 3.13 has a recipe that speeds up release builds")
    (built,) = cli(
        "install", cpython_version, "--profile", "release", "--json", timeout=2400
    ).json()
    return built


@pytest.fixture(scope="module")
def log(cli: Cli, release: dict) -> str:
    (path,) = (cli.home / "logs").glob("*.log")
    return path.read_text(errors="replace")


def test_the_jit_is_proven(release):
    assert release["verdict"]["ok"] is True
    assert release["verdict"]["jit"]["machine_code_bytes"] > 0
    assert release["variant"]["profile"] == "release"
    assert release["verdict"]["missing_modules"] == []


def test_the_final_build_links_only_the_interpreter(log):
    instrumented, final = log.split(FINAL, 1)
    assert {*LINKED.findall(instrumented)} == {
        "python",
        "_bootstrap_python",
        "Programs/_freeze_module",
        "Programs/_testembed",
    }
    assert LINKED.findall(final) == ["python"]


def test_files_are_compiled_once_per_build(log):
    compiled = [
        line
        for line in log.splitlines()
        if re.match(r"\S+ .*-c .* -o Objects/dictobject\.o ", line)
    ]
    assert len(compiled) == 2
    assert "-fno-lto" in compiled[0]
    assert "-fno-fat-lto-objects" in compiled[1]
    assert "-fprofile-use" in compiled[1]


def test_the_training_runs_in_parallel_and_leaves_no_file_without_a_profile(log):
    assert re.search(r"-m test --pgo -j[1-9]", log)
    assert re.search(r"^Total tests: run=\d", log, re.MULTILINE)
    assert not re.search(r"profile count data file not found", log)


def test_tests_symbols_and_optimized_bytecode_are_left_out(release):
    script = (
        "import sysconfig; names = ('OPT', 'LDFLAGS', 'PY_CORE_LDFLAGS');"
        "print(*map(sysconfig.get_config_var, names))"
    )
    flags = subprocess.run(
        [release["executable"], "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "-flto" in flags
    assert "-g" not in flags
    prefix = Path(release["path"])
    assert not [
        *prefix.rglob("*.a"),
        *prefix.rglob("*.opt-?.pyc"),
        *prefix.rglob("test_grammar.py"),
        *prefix.rglob("_testcapi*"),
    ]


def test_pip_is_complete_and_compiled(release):
    prefix = Path(release["path"])
    (info,) = prefix.glob("lib/python*/site-packages/pip-*.dist-info")
    recorded = [line.rsplit(",", 2)[0] for line in (info / "RECORD").read_text().splitlines()]
    assert not [name for name in recorded if not (info.parent / name).exists()]
    subprocess.run(
        [release["executable"], "-m", "pip", "--version"], check=True, stdout=subprocess.DEVNULL
    )
    assert not [
        path
        for path in info.parent.glob("pip/*.py")
        if not [*path.parent.glob(f"__pycache__/{path.stem}.*.pyc")]
    ]
