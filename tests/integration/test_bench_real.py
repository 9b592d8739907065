"""`jitbuild bench` on real interpreters, with few values. No assertion depends on speed."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli import Cli
from processes import wait_until, wait_until_ended

from jitbuild.bench import plan, scripts
from jitbuild.in_target import bench_interleave

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.name != "posix", reason="the interpreters are Debian's"),
]

FEW = ["--rounds", 3, "--values", 1]
# The JIT compiles it.
LOOP = "for i in range(100000): i * 2"
HANGS = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; "
    "time.sleep(600)']); "
    "print(child.pid, file=open('pids', 'a'), flush=True); time.sleep(600)"
)


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, debian_pythons: dict[str, Path]) -> Cli:
    """A command line with a store that has both interpreters; all tests share its environments."""
    cli = Cli(tmp_path_factory.mktemp("bench") / "home")
    for python in debian_pythons.values():
        cli("adopt", python)
    return cli


def environment(cli: Cli, version: str) -> Path:
    """Return the Python that measured."""
    found = [
        path
        for path in (cli.home / "environments").glob("*/bin/python")
        if version in path.resolve().name
    ]
    return found[0]


def facts(cli: Cli) -> list[dict]:
    """Return the facts of every worker of the last measurement."""
    folder = max((cli.home / "measurements").glob("*/steps"), key=lambda path: path.stat().st_mtime)
    return [
        {"step": path.stem, **json.loads(path.read_text())}
        for path in sorted(folder.glob("*.facts"))
    ]


def test_programs_of_the_quick_suite_in_both_modes(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [
        "--benchmarks",
        "float_loop,in_c",
        "--output",
        out,
        "--html",
        tmp_path / "r.html",
        "--svg",
        tmp_path / "r.svg",
    ]
    data = cli("bench", "3.15", *FEW, *words, "--inspect", "--json").json()
    assert [row["name"] for row in data["benchmarks"]] == ["float_loop", "in_c"]
    assert all(
        row["processes"] == row["values"] == {"base": 3, "other": 3} for row in data["benchmarks"]
    )
    (function, *_) = data["benchmarks"][0]["jit"]["functions"]
    assert (function["name"], function["executors"] > 0, function["bytes"] > 0) == (
        "float_loop",
        True,
        True,
    )
    # By the workers' own facts, the JIT was on with PYTHON_JIT=1, and off without executors with 0.
    seen = facts(cli)
    assert len(seen) == 2 * 2 * 4
    assert all(
        (each["switch"], each["enabled"])
        == (("1", True) if each["step"].endswith("-on") else ("0", False))
        for each in seen
    )
    assert all(not each["functions"] for each in seen if each["step"].endswith("-off"))
    # pyperf reads the files, knows the mode, and comes to the same ratios.
    said = subprocess.run(
        [
            sys.executable,
            "-m",
            "pyperf",
            "compare_to",
            str(out / "off.json"),
            str(out / "on.json"),
            "--verbose",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    ratios = [
        float(x) if word == "faster" else 1 / float(x)
        for x, word in re.findall(r"(\d+\.\d+)x (faster|slower)", said)
    ]
    assert ratios[0] == pytest.approx(data["benchmarks"][0]["ratio"], abs=0.006)
    metadata = json.loads((out / "on.json").read_text())["metadata"]
    assert (metadata["jitbuild_mode"], metadata["jitbuild_probe"]) == ("on", "ok")
    assert metadata["jitbuild_version"] == data["about"]["jitbuild"]
    assert {"date", "kernel", "processors", "version"} <= data["about"].keys()
    assert {"platform", "hostname", "python_version"} <= metadata.keys()
    compared = cli("bench", "compare", out / "off.json", out / "on.json", "--json").json()
    assert compared["geometric_mean"] == data["geometric_mean"]
    assert "<svg" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert (tmp_path / "r.svg").read_text(encoding="utf-8").startswith("<svg")


def test_both_modes_alternate_within_each_value(cli: Cli, tmp_path: Path) -> None:
    """Each call appends its mode to a file, so a run of equal modes is a slice of a value."""
    path = tmp_path / "modes"
    setup = (
        f"import os; end = os.open({str(path)!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT); "
        f"mode = os.environ['PYTHON_JIT'].encode()"
    )
    cli(
        "bench",
        "3.15",
        "--rounds",
        3,
        "--values",
        4,
        "--stmt",
        "os.write(end, mode)",
        "--setup",
        setup,
    )
    values = [mode for mode, _ in itertools.groupby(path.read_text(encoding="ascii"))]
    count = (plan.DEFAULT_COUNTS["stmt"].warmups + 4) * bench_interleave.SLICES
    rounds = ["01" * count, "10" * count, "01" * count]
    # The trial runs one mode after the other.
    assert values == [mode for mode, _ in itertools.groupby("".join(["01", *rounds]))]


def test_workers_end_when_jitbuild_was_killed(cli: Cli) -> None:
    started = cli.start("bench", "3.15", "--rounds", 20, "--stmt", "sum(range(1000))")
    wait_until(
        lambda: [*cli.home.glob("measurements/*/steps/002-stmt-o*.spec")], "the second step begins"
    )
    started.kill()
    started.wait()
    wait_until(lambda: not measuring(cli), "no process measures")


def measuring(cli: Cli) -> list[str]:
    """Return the command lines of processes in an environment of this store."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if str(cli.home / "environments") in line]


def test_without_the_option_the_mode_does_not_reach_the_workers(cli: Cli, tmp_path: Path) -> None:
    """Without `--inherit-environ PYTHON_JIT`, pyperf would measure the same thing twice."""
    cli("bench", "3.15", "--stmt", "abs(1)", *FEW)
    spec, seen = tmp_path / "spec", tmp_path / "seen"
    spec.write_text(
        json.dumps(
            {"kind": "stmt", "name": "x", "stmt": "pass", "setup": "pass", "facts": str(seen)}
        )
    )
    argv = [
        str(environment(cli, "3.15")),
        str(scripts.WORKER),
        "--spec",
        str(spec),
        "-q",
        "-p1",
        "-n1",
        "-w0",
        "-l1",
    ]
    for more, enabled in (([], False), (["--inherit-environ", "PYTHON_JIT"], True)):
        subprocess.run(
            [*argv, *more], env={**os.environ, "PYTHON_JIT": "1"}, check=True, capture_output=True
        )
        assert json.loads(seen.read_text())["enabled"] is enabled


def test_a_command_of_the_persons_own_and_what_the_jit_made_of_it(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import random\n"
        "def work():\n    x = 1.0\n    for _ in range(20_000):\n        x *= 1.0001\n"
        "random.shuffle([*range(100_000)])\nwork()\n"
    )
    data = cli("bench", "3.14", *FEW, "--json", "--", "own.py", cwd=tmp_path).json()
    (row,) = data["benchmarks"]
    own, *others = row["jit"]["functions"]
    assert (own["name"], own["library"]) == ("work", "")
    assert {each["library"] for each in others} == {"the standard library"}
    assert "Random.shuffle" in {each["name"] for each in others}
    assert data["about"]["version"].startswith("3.14")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--", "-c", "import time; time.sleep(0.01)"], "No machine code was left at the end"),
        (
            ["--", "-c", "import sys; sys.settrace(lambda *a: None)\nfor _ in range(9000): pass"],
            "may say nothing about the JIT: sys.settrace was set",
        ),
        (
            ["--stmt", "abs(1)", "--setup", "import sys; sys.settrace(lambda *a: None)"],
            "may say nothing about the JIT: sys.settrace was set",
        ),
    ],
)
def test_a_program_that_never_reaches_the_jit_is_reported_as_such(
    cli: Cli, words: list[str], said: str
) -> None:
    out = cli("bench", "3.15", *FEW, *words).out
    assert said in out
    assert out.count("settrace") <= 1


def test_off_against_off(cli: Cli) -> None:
    data = cli("bench", "3.15", *FEW, "--aa", "--benchmarks", "lists", "--json").json()
    assert (data["base"], data["other"], data["comparison"]) == ("off", "off-again", "again")
    assert data["noise_floor"] > 0
    assert not any(each["enabled"] for each in facts(cli))
    later = cli("bench", "3.15", *FEW, "--benchmarks", "lists", "--json").json()
    assert "The noise floor that --aa measured here" in later["notes"][0]
    assert later["geometric_mean"]["noise"] >= data["noise_floor"] * 0.999


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["--", "-c", "import sys; sys.exit(sys._jit.is_enabled() * 3)"],
            23,
            "fails with the JIT on: it ended with exit code 3",
        ),
        (
            ["--", "-c", "import os; os.abort()"],
            23,
            "fails with the JIT off: it ended with SIGABRT",
        ),
        (["--", "none.py"], 23, "ended with exit code 2. When it ran again, it printed:\n  "),
        (["--", "none.py"], 23, "none.py': [Errno 2] No such file or directory"),
        (["--stmt", "1 / 0"], 23, "The statement fails with the JIT off: ZeroDivisionError: "),
        (["--stmt", "1 /"], 23, "The statement fails with the JIT off: SyntaxError: "),
        (["--", "no-such-program"], 2, "no-such-program cannot be run: no such program"),
        (["--with", "./no-such-folder", "--stmt", "abs(1)"], 15, "pip failed with exit code 1"),
    ],
)
def test_a_failure_is_explained(
    cli: Cli, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    result = cli("bench", "3.15", *FEW, *words, code=code, cwd=tmp_path)
    assert said in result.err
    assert result.out == ""


def test_a_process_that_takes_too_long_is_ended_with_its_children(cli: Cli, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    for seconds in (3, 12, 48):  # on a busy machine, a program may need seconds to start
        words = ["bench", "3.15", *FEW, "--timeout", seconds, "--", "-c", HANGS]
        result = cli(*words, code=23, cwd=tmp_path)
        assert f"did not end within {seconds} seconds" in result.err
        if pids.exists():
            break
    wait_until_ended(*map(int, pids.read_text().split()))


def test_large_output_does_not_fill_the_store(cli: Cli, tmp_path: Path) -> None:
    words = ["--", "-c", "import sys; [sys.stdout.write('x' * 1_000_000) for _ in range(100)]"]
    cli("bench", "3.15", "--rounds", 3, *words, cwd=tmp_path)
    cli(
        "bench",
        "3.15",
        "--rounds",
        3,
        "--values",
        1,
        "--stmt",
        "import sys; print('x' * 1_000_000, file=sys.stderr)",
    )
    kept = sum(
        path.stat().st_size for path in (cli.home / "measurements").rglob("*") if path.is_file()
    )
    assert kept < 20_000_000


def test_an_interpreter_without_the_jit_is_refused(cli: Cli) -> None:
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    cli("adopt", base, "--expect", "no")
    name = next(
        found["name"] for found in cli("list", "--json").json() if found["variant"]["jit"] == "no"
    )
    assert "has no JIT" in cli("bench", name, *FEW, code=4).err
    cli("uninstall", name)


def test_an_interruption_keeps_complete_rounds(cli: Cli) -> None:
    # With ten rounds or more, an outlier on a busy machine would be left out.
    words = ["bench", "3.15", "--benchmarks", "float_loop", "--rounds", 8]
    cut = cli.interrupt(*words, step="004-float_loop-o*.json")
    assert cut.code == 130, cut.err
    assert "The measurement was interrupted" in cut.out
    assert cut.out.count("--resume") == 1
    resumed = cli(*words, "--resume", "--json").json()
    assert "had been measured before" in resumed["notes"][0]
    assert resumed["benchmarks"][0]["processes"] == {"base": 8, "other": 8}


def test_the_commands_of_the_docs_run(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("sum(range(10))")
    docs = (Path(__file__).parents[2] / "docs" / "bench.md").read_text(encoding="utf-8")
    # The commands between them have tests of their own (test_suite_real.py).
    first, *_, second = re.findall(r"^\$ jitbuild (bench .*)$", docs, re.MULTILINE)
    bench, spec, *words = first.split()
    said = cli(bench, spec, "--max-time", 3, *words, cwd=tmp_path).out
    for arm in ("off", "on"):
        (path,) = re.findall(rf"^{arm}: (.*)$", said, re.MULTILINE)
        (tmp_path / f"{arm}.json").write_bytes(Path(path).read_bytes())
    out = cli(*second.split(), cwd=tmp_path).out
    assert "than off: " in out or "on and off: " in out or "Not enough data" in out


def test_a_loop_that_gains_is_measured_until_it_is_decided(cli: Cli) -> None:
    words = ["--stmt", "for _ in range(100000): x = x * 1.0001", "--setup", "x = 1.0", "--json"]
    data = cli("bench", "3.15", "--margin", "5%", "--max-time", 60, *words).json()
    assert (data["until_decided"], data["confidence"], data["margin"]) == (True, 0.99, 0.05)
    assert data["verdict"]["result"] in {"on", "undecided"}
    assert data["benchmarks"][0]["processes"]["base"] >= 5


def test_resume_with_a_longer_limit_continues_an_undecided_measurement(cli: Cli) -> None:
    def rounds(*options: object) -> tuple[int, str]:
        data = cli("bench", "3.15", *options, "--json", "--", "-c", LOOP).json()
        return data["benchmarks"][0]["processes"]["base"], data["verdict"]["result"]

    # A round takes longer than the limit, and one round cannot decide.
    assert rounds("--max-time", 0.001) == (1, "not enough data")
    assert rounds("--max-time", 0.001, "--resume") == (1, "not enough data")
    # On a busy machine, a round takes seconds.
    assert any(rounds("--max-time", limit, "--resume")[0] > 1 for limit in (2, 10, 50))


def test_modules_named_like_the_scripts_are_those_of_the_program(cli: Cli, tmp_path: Path) -> None:
    """The scripts' folder is first on sys.path when they start, and must not hide these."""
    names = ("probe", "executors", "jit_usage", "jit_facts", "bench_programs", "bench_executors")
    for name in names:
        (tmp_path / f"{name}.py").write_text("own = True\n")
    check = "; ".join(["import " + ", ".join(names), *(f"assert {name}.own" for name in names)])
    (tmp_path / "script.py").write_text(f"{check}\nfor _ in range(10000): pass\n")
    setup = f"import sys; sys.path.append({str(tmp_path)!r}); {check}"
    few = ["--rounds", 3, "--values", 1, "--inspect", "--json"]
    statement = cli("bench", "3.15", *few, "--stmt", "abs(1)", "--setup", setup).json()
    assert statement["benchmarks"][0]["jit"] is not None
    script = cli("bench", "3.15", *few, "--", "script.py", cwd=tmp_path).json()
    assert script["benchmarks"][0]["jit"] is not None
    safe = cli("bench", "3.15", *few, "--", "-P", "-c", "sum(range(1000))", cwd=tmp_path).json()
    assert safe["benchmarks"][0]["jit"] is not None
