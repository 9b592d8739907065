"""`jitbuild bench` of pyperformance on real interpreters. No assertion depends on speed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli import Cli

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.name != "posix", reason="the interpreters are Debian's"),
]

FEW = ["--rounds", 3, "--values", 1]
SUITE = ["bench", "3.15", "--suite", "pyperformance"]


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, debian_pythons: dict[str, Path]) -> Cli:
    """A command line with a store that has the interpreter; all tests share its environments."""
    cli = Cli(tmp_path_factory.mktemp("suite") / "home")
    cli("adopt", debian_pythons["3.15"])
    return cli


def facts(cli: Cli) -> dict[str, dict]:
    """Return the facts of every worker of the last measurement."""
    folder = max((cli.home / "measurements").glob("*/steps"), key=lambda path: path.stat().st_mtime)
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.facts"))}


def ratios(words: list[str | Path]) -> dict[str, float]:
    """Return the ratios by name, as pyperf or pyperformance prints them."""
    said = subprocess.run([*map(str, words)], capture_output=True, text=True, check=True).stdout
    found = re.findall(
        r"^(?:### )?(\w+)(?: ###)?(?::|\n)(?:.*\n?)*?.*?(\d+\.\d+)x (faster|slower)",
        said,
        re.MULTILINE,
    )
    return {name: float(x) if word == "faster" else 1 / float(x) for name, x, word in found}


def test_benchmarks_of_pyperformance_in_both_modes(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["--benchmarks", "nbody,logging,python_startup", "--output", out, "--inspect", "--json"]
    data = cli(*SUITE, *FEW, *words).json()
    names = ["logging_format", "logging_silent", "logging_simple", "nbody", "python_startup"]
    rows = {row["name"]: row for row in data["benchmarks"]}
    assert sorted(rows) == names
    assert all(
        row["processes"] == row["values"] == {"base": 3, "other": 3} for row in rows.values()
    )
    # Each thing that a script measures is inspected; a program that it starts is not.
    assert "advance" in {each["name"] for each in rows["nbody"]["jit"]["functions"]}
    assert rows["logging_silent"]["jit"]["functions"] != rows["logging_format"]["jit"]["functions"]
    assert rows["python_startup"]["jit"] is None
    # By the workers' own facts.
    seen = facts(cli)
    assert len(seen) == 5 * 2 * 4
    for step, each in seen.items():
        on = "-on" in step
        assert (each["switch"], each["enabled"]) == ("1" if on else "0", on)
        assert on or not each.get("functions")
    # In both modes, each thing has the loops that off calibrated.
    loops = {
        arm: {
            each["metadata"]["name"]: each["metadata"].get("loops")
            for each in json.loads((out / f"{arm}.json").read_text())["benchmarks"]
        }
        for arm in ("off", "on")
    }
    assert loops["off"] == loops["on"]
    assert len(set(loops["off"].values())) > 1
    # pyperf and pyperformance read the files and compute the same ratios.
    for arm in ("off", "on"):
        metadata = json.loads((out / f"{arm}.json").read_text())["metadata"]
        assert metadata["performance_version"].startswith("1.14.")
        assert metadata["jitbuild_mode"] == arm
    python = next(path for path in (cli.home / "environments").glob("*/bin/python"))
    files = [out / "off.json", out / "on.json"]
    by_pyperf = ratios([sys.executable, "-m", "pyperf", "compare_to", *files, "--verbose"])
    by_pyperformance = ratios([python, "-m", "pyperformance", "compare", *files])
    assert by_pyperf.keys() <= rows.keys()
    assert by_pyperf["nbody"] == pytest.approx(rows["nbody"]["ratio"], abs=0.006)
    assert by_pyperformance["nbody"] == pytest.approx(rows["nbody"]["ratio"], abs=0.006)
    compared = cli("bench", "compare", *files, "--json").json()
    assert compared["geometric_mean"] == data["geometric_mean"]


def test_benchmarks_have_packages_of_their_own_and_those_that_cannot_run_are_left_out(
    cli: Cli,
) -> None:
    """One pin has a wheel for every Python; another needs headers that 3.15 here lacks."""
    words = ["--benchmarks", "crypto_pyaes,sqlalchemy_declarative,pidigits", "--json"]
    data = cli(*SUITE, "--rounds", 3, "--values", 1, *words).json()
    assert [row["name"] for row in data["benchmarks"]] == ["crypto_pyaes", "pidigits"]
    (note,) = [note for note in data["notes"] if "left out" in note]
    assert note.startswith(
        "sqlalchemy_declarative was left out: its requirements cannot be installed ("
    )
    assert "\n" not in note
    (alone,) = [
        cli(
            *SUITE, "--rounds", 3, "--values", 1, "--benchmarks", "sqlalchemy_declarative", code=23
        ).err
    ]
    assert "cannot run any of the selected benchmarks" in alone


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--benchmarks", "nbdy"], "Did you mean nbody? Groups: all, apps, asyncio"),
        (["--benchmarks", "nbody,-math"], "selects nothing"),
    ],
)
def test_an_unknown_benchmark_or_empty_selection_is_refused(
    cli: Cli, words: list[str], said: str
) -> None:
    assert said in cli(*SUITE, *words, code=2).err


def test_noise_measured_off_against_off_is_taken_into_account(cli: Cli) -> None:
    data = cli(*SUITE, *FEW, "--aa", "--benchmarks", "nbody", "--json").json()
    assert (data["base"], data["other"], data["comparison"]) == ("off", "off-again", "again")
    assert not any(each["enabled"] for each in facts(cli).values())
    later = cli(*SUITE, *FEW, "--benchmarks", "nbody", "--json").json()
    assert "The noise floor that --aa measured here" in later["notes"][0]


def test_an_interruption_keeps_complete_rounds(cli: Cli) -> None:
    words = [*SUITE, "--benchmarks", "nbody", "--rounds", 8, "--values", 1]
    cut = cli.interrupt(*words, step="004-nbody-o*.json")
    assert cut.code == 130, cut.err
    assert "The measurement was interrupted" in cut.out
    resumed = cli(*words, "--resume", "--json").json()
    assert "had been measured before" in resumed["notes"][0]
    assert resumed["benchmarks"][0]["processes"] == {"base": 8, "other": 8}


def test_a_benchmark_that_takes_too_long_in_both_modes_is_left_out(cli: Cli) -> None:
    said = cli(*SUITE, *FEW, "--benchmarks", "nbody", "--timeout", 0.5, code=23).err
    assert "nbody: nbody with the JIT off did not end within 0.5 seconds and was ended." in said


# pytest-benchmark

TESTS = """
import sys

import pytest


def work(count):
    x = 1.0
    for _ in range(count):
        x *= 1.0001
    return x


@pytest.mark.parametrize("count", [2000, 4000])
def test_loop(benchmark, count):
    benchmark(work, count)


@pytest.mark.skipif(sys._jit.is_enabled(), reason="the report names it")
def test_in_one_mode(benchmark):
    benchmark(sum, range(100))


def test_that_measures_nothing():
    pass
"""
PYTEST = ["bench", "3.15", "--pytest-benchmark", "--with", "pytest-benchmark", "--rounds", 3]
BRIEF = ["--benchmark-max-time=0.05"]


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "test_own.py").write_text(TESTS)
    return tmp_path


@pytest.mark.parametrize("command", [["pytest"], ["-X", "dev", "-m", "pytest"]])
def test_each_test_of_pytest_benchmark_is_a_benchmark(
    cli: Cli, tests: Path, command: list[str]
) -> None:
    out = tests / "out"
    data = cli(
        *PYTEST,
        "--output",
        out,
        "--inspect",
        "--json",
        "--",
        *command,
        "benchmarks/",
        *BRIEF,
        cwd=tests,
    ).json()
    names = [f"benchmarks/test_own.py::test_loop[{count}]" for count in (2000, 4000)]
    rows = {row["name"]: row for row in data["benchmarks"]}
    assert sorted(rows) == names
    assert all(
        row["processes"] == row["values"] == {"base": 3, "other": 3} for row in rows.values()
    )
    assert (
        "Measured in one mode only, and left out: benchmarks/test_own.py::test_in_one_mode."
        in data["notes"]
    )
    assert "work" in {each["name"] for each in rows[names[0]]["jit"]["functions"]}
    assert not any("no machine code" in warning for warning in data["warnings"])
    seen = facts(cli)
    assert len(seen) == 2 * 4
    assert all(
        (each["switch"], each["enabled"]) == (("1", True) if step.endswith("-on") else ("0", False))
        for step, each in seen.items()
    )
    assert all(not each["functions"] for step, each in seen.items() if step.endswith("-off"))
    words = [
        sys.executable,
        "-m",
        "pyperf",
        "compare_to",
        str(out / "off.json"),
        str(out / "on.json"),
        "--verbose",
    ]
    assert names[0] in subprocess.run(words, capture_output=True, text=True, check=True).stdout
    compared = cli("bench", "compare", out / "off.json", out / "on.json", "--json").json()
    assert compared["geometric_mean"] == data["geometric_mean"]
    assert compared["about"]["base_python_version"].startswith("3.15")
    assert {"base_platform", "base_hostname", "base_jitbuild_version"} <= compared["about"].keys()
    assert compared["about"]["base_date"][:10] == data["about"]["date"][:10]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["failing"],
            23,
            (
                "failing/test_f.py::test_f fails with the JIT on:\n  failing/test_f.py::test_f: "
                "AssertionError: in the JIT"
            ),
        ),
        (["failing"], 23, "jitbuild diff 3.15 --with pytest-benchmark -- pytest failing"),
        (["broken"], 23, "broken/test_b.py fails with the JIT off"),
        (["benchmarks", "--benchmark-disable"], 23, "because of --benchmark-disable"),
        (["benchmarks", "--benchmark-skip"], 23, "because of --benchmark-skip"),
        (["benchmarks", "-k", "measures_nothing"], 23, "pytest measured nothing with the JIT off"),
        (["no-such-folder"], 23, "file or directory not found: no-such-folder"),
    ],
)
def test_a_run_that_measures_nothing_is_an_error(
    cli: Cli, tests: Path, words: list[str], code: int, said: str
) -> None:
    for name, text in (
        (
            "failing/test_f.py",
            (
                "import sys\ndef test_f(benchmark):\n    assert not sys._jit.is_enabled(), 'in the "
                "JIT'\n    benchmark(sum, [])\n"
            ),
        ),
        ("broken/test_b.py", "import no_such_module\n"),
    ):
        (tests / name).parent.mkdir()
        (tests / name).write_text(text)
    assert said in cli(*PYTEST, "--", "pytest", *words, *BRIEF, code=code, cwd=tests).err


def test_under_xdist_nothing_is_measured(cli: Cli, tests: Path) -> None:
    words = ["--with", "pytest-xdist", "--", "pytest", "-n2", "benchmarks", *BRIEF]
    assert "because of pytest-xdist (-n)" in cli(*PYTEST, *words, code=23, cwd=tests).err
    data = cli(*PYTEST, "--json", *words, "-n0", cwd=tests).json()
    assert len(data["benchmarks"]) == 2


def test_pytest_benchmark_must_be_installed(cli: Cli) -> None:
    assert (
        "has no pytest and pytest-benchmark"
        in cli("bench", "3.15", "--pytest-benchmark", "--", "pytest", code=2).err
    )


def test_a_project_can_be_installed_in_editable_mode(cli: Cli, tests: Path) -> None:
    (tests / "pyproject.toml").write_text(
        '[project]\nname = "own"\nversion = "1"\n[tool.setuptools]\npy-modules = ["own"]\n'
    )
    (tests / "own.py").write_text(
        "def work():\n    return sum(number * number for number in range(2000))\n"
    )
    (tests / "benchmarks" / "test_own.py").write_text(
        "import own\ndef test_work(benchmark):\n    benchmark(own.work)\n"
    )
    data = cli(
        *PYTEST, "--with", "-e.", "--json", "--", "pytest", "benchmarks/", *BRIEF, cwd=tests
    ).json()
    assert [row["name"] for row in data["benchmarks"]] == ["benchmarks/test_own.py::test_work"]
