"""Tests of the command line of `jitbuild bench` and `jitbuild bench compare`."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from bench_fakes import report, write_pyperf_file

from jitbuild.cli import bench, parser
from jitbuild.cli.main import main
from jitbuild.errors import DiskFullError, UsageError


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["--benchmarks", "-nbody,math"], {"benchmarks": ["-nbody", "math"]}),
        (["--benchmarks", "math", "--rounds", "3"], {"benchmarks": ["math"], "rounds": 3}),
        (["--with", "-e.", "--with", "x"], {"with_": ["-e.", "x"]}),
        (["--margin", "0.5%", "--max-time", "60"], {"margin": 0.005, "max_time": 60.0}),
        (["--margin", "3"], {"margin": 0.03}),
        (["--with", "x", "--", "--with", "-e."], {"with_": ["x"], "command": ["--with", "-e."]}),
    ],
)
def test_values_may_begin_with_a_hyphen(line, expected):
    options = vars(parser.parse(["bench", "3.15", *line]))
    assert {name: options[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["3.15", "x.json"], "unrecognized arguments: x.json"),
        (["3.15", "--setup", "1"], "--setup needs --stmt"),
        (["3.15", "--", "-I", "x.py"], "With -I, the interpreter ignores PYTHON_JIT"),
        (["3.15", "--rounds", "0"], "must be a positive integer"),
        (["3.15", "--rounds", "1"], "No interval can be computed from 1 round,"),
        (["3.15", "--rounds", "2"], "Use --rounds 3 or more"),
        (["3.15", "--rounds", "5", "--max-time", "9"], "Use one of them"),
        (["3.15", "--max-time", "0"], "must be a positive number of seconds"),
        (["3.15", "--max-time", "1e10"], "must be at most a year, not '1e10'"),
        (["3.15", "--timeout", "1e400"], "must be a positive number of seconds"),
        (["3.15", "--margin", "x"], "must be a percentage above 0, such as 2, not 'x'"),
        (["3.15", "--margin", "100%"], "must be a percentage above 0"),
        (["3.15", "--html", "/no/such/folder/x.html"], "its folder does not exist"),
        (["3.15", "--suite", "pyperf"], "pyperformance"),
        (["3.15", "--suite", "pyperformance", "--benchmarks=-"], "'-' excludes nothing"),
        (["3.15", "--benchmarks", "--rounds", "3"], "argument"),
        (["compare", "x.json"], "needs two or more files"),
        (["compare", "x.json", "y.json", "--stmt", "1"], "does not measure"),
        (["compare", "x.json", "y.json", "--with", "numpy", "--group", "g"], "so --with, --group"),
        (["compare", "x.json", "y.json", "--jit", "yes"], "so an option of the variant would"),
        (
            ["compare", "x.json", "y.json", "--rounds", "5", "--max-time=9"],
            "does not measure, so --rounds, --max-time would have no effect",
        ),
        (["compare", "x.json", "y.json", "z.json", "--svg", "x.svg"], "show only one comparison"),
    ],
)
def test_mistakes_of_usage(line, message, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path))
    assert main(["bench", *line]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("signal", "code"), [(None, 0), (2, 130), (15, 143)])
def test_the_exit_code_is_zero_or_that_of_the_signal(monkeypatch, capsys, signal, code):
    requests = []

    def measure(request, store, reporter):
        requests.append(request)
        return report(1.5, interrupted_by=signal)

    monkeypatch.setattr(bench, "measure", measure)
    line = ["3.15", "--stmt", "1", "--timeout", "5", "--output", "out", "--requirements", "r.txt"]
    assert main(["bench", *line, "--json"]) == code
    assert json.loads(capsys.readouterr().out)["complete"] is (signal is None)
    (request,) = requests
    assert (request.stmt, request.timeout, str(request.output)) == ("1", 5.0, "out")
    assert [str(file) for file in request.requirements.files] == ["r.txt"]
    assert request.command is None


def test_the_report_is_a_table_without_json(monkeypatch, capsys):
    monkeypatch.setattr(bench, "measure", lambda *_: report(1.5))
    assert main(["bench", "3.15"]) == 0
    assert "Faster with the JIT on: 1.50x" in capsys.readouterr().out


def test_a_table_in_a_pipe_has_whole_names_and_no_trailing_spaces(monkeypatch, capsys):
    name = "tests/test_of_the_parser.py::test_a_long_name[" + "x" * 100 + "]"
    (row,) = report(1.5).rows
    measured = replace(report(1.5, kind="pytest"), rows=(replace(row, name=name),))
    monkeypatch.setattr(bench, "measure", lambda *_: measured)
    assert main(["bench", "3.15"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{name}  ") and line.endswith("  faster") for line in lines)
    assert not [line for line in lines if line != line.rstrip()]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pyperf_file(tmp_path / "a.json", "lists", (2.0, 2.02, 1.98))
    write_pyperf_file(tmp_path / "b.json", "lists", (1.0, 1.01, 0.99))
    write_pyperf_file(tmp_path / "c.json", "calls", (1.0, 1.01, 0.99))
    write_pyperf_file(tmp_path / "e.json", "lists", (4.0, 4.04, 3.96))
    (tmp_path / "d.json").write_text("{}")


@pytest.mark.usefixtures("files")
def test_two_files_are_compared(capsys):
    assert main(["bench", "compare", "a.json", "b.json", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["base"], data["other"]) == ("a", "b")
    assert data["geometric_mean"]["ratio"] == pytest.approx(2.0)
    assert data["benchmarks"][0]["significant"] is True
    assert "not measured interleaved" in data["notes"][0]
    assert data["again"] == "jitbuild bench compare a.json b.json"


@pytest.mark.usefixtures("files")
def test_each_further_file_is_compared_with_the_first(capsys):
    assert main(["bench", "compare", "a.json", "b.json", "e.json"]) == 0
    out = capsys.readouterr().out
    assert "b is faster than a: 2.00x" in out
    assert "e is slower than a: 0.50x" in out
    first, second = (index for index, line in enumerate(out.splitlines()) if "% interval" in line)
    assert first == 0
    assert out.splitlines()[second - 1] == ""
    assert main(["bench", "compare", "a.json", "b.json", "e.json", "--json"]) == 0
    assert [data["other"] for data in json.loads(capsys.readouterr().out)] == ["b", "e"]


@pytest.mark.usefixtures("files")
def test_files_that_cannot_be_compared_are_an_error(capsys):
    assert main(["bench", "compare", "a.json", "c.json"]) == 23
    assert "no benchmark with times in common" in capsys.readouterr().err
    assert main(["bench", "compare", "a.json", "d.json"]) == 23


def test_the_arms_of_one_measurement_are_compared_round_by_round(tmp_path, monkeypatch, capsys):
    import pyperf

    for name, factor in (("off", 1.0), ("on", 0.8)):
        runs = [
            pyperf.Run(
                [drift * factor] * 2,
                metadata={"name": "lists", "jitbuild_session": "x", "jitbuild_mode": name},
                collect_metadata=False,
            )
            for drift in (1.0, 1.3, 0.9, 1.6)
        ]
        pyperf.Benchmark(runs).dump(str(tmp_path / f"{name}.json"))
    extra = tmp_path / "other" / "on.json"
    extra.parent.mkdir()
    write_pyperf_file(extra, "lists", (1.0, 1.01))
    write_pyperf_file(extra, "calls", (1.0, 1.01))
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "compare", "off.json", "on.json", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["geometric_mean"]["result"], data["notes"]) == ("faster", [])
    assert data["about"] == {"base_jitbuild_mode": "off", "other_jitbuild_mode": "on"}
    assert data["warnings"] == []
    assert main(["bench", "compare", "on.json", "other/on.json", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["other"] == "other/on.json"
    assert "Only in one of the files, and left out: calls." in data["notes"]


def test_a_page_and_a_chart_are_written(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "measure", lambda *_: report(1.5))
    page, chart = tmp_path / "x.html", tmp_path / "x.svg"
    assert main(["bench", "3.15", "--html", str(page), "--svg", str(chart)]) == 0
    assert "<svg" in page.read_text(encoding="utf-8")
    assert chart.read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["--html", "folder"], "folder cannot be written (Is a directory)"),
        (["--svg", "no/x.svg"], "no/x.svg cannot be written: its folder does not exist"),
        (["--html", "x", "--svg", "./x"], "--html and --svg would both write x."),
        (["--html", "x" * 300], "cannot be written (File name too long)"),
        (["--output", "file"], "file is not a folder"),
        (["--output", "file/out"], "file is not a folder"),
    ],
)
def test_paths_that_cannot_be_written_are_refused_before_the_measurement(
    monkeypatch, tmp_path, capsys, line, message
):
    monkeypatch.setattr(bench, "measure", lambda *_: pytest.fail("it was measured"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    assert main(["bench", "3.15", *line]) == UsageError.exit_code
    assert message in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused_before_the_measurement(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(bench, "measure", lambda *_: pytest.fail("it was measured"))
    tmp_path.chmod(0o500)
    for option in ("--html", "--svg", "--output"):
        assert main(["bench", "3.15", option, str(tmp_path / "new")]) == UsageError.exit_code
        assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("json_line", [[], ["--json"]])
@pytest.mark.parametrize("option", ["--html", "--svg", "--output"])
def test_the_report_is_printed_even_if_a_file_cannot_be_written_afterwards(
    monkeypatch, tmp_path, capsys, option, json_line
):
    target = tmp_path / "target"

    def measure(*_):
        target.mkdir()
        (target / "x").write_text("")
        denied = OSError(errno.EACCES, "Permission denied")
        return report(1.5, unwritten=denied if option == "--output" else None)

    monkeypatch.setattr(bench, "measure", measure)
    assert main(["bench", "3.15", option, str(target), *json_line]) == UsageError.exit_code
    shown = capsys.readouterr()
    assert "1.50x" in shown.out
    assert f"{target} cannot be written" in shown.err


@pytest.mark.parametrize("option", ["--html", "--svg"])
def test_a_file_that_cannot_be_written_is_not_an_error_of_the_store(
    monkeypatch, tmp_path, capsys, option
):
    monkeypatch.setattr(bench, "measure", lambda *_: report(1.5))
    assert main(["bench", "3.15", option, str(tmp_path)]) == UsageError.exit_code
    assert capsys.readouterr().err.startswith(
        f"error: {tmp_path} cannot be written (Is a directory).\n"
        "Give yourself permission to write it, or name another file.\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_of_a_page_is_not_that_of_the_store(monkeypatch, capsys):
    monkeypatch.setattr(bench, "measure", lambda *_: report(1.5))
    assert main(["bench", "3.15", "--html", "/dev/full"]) == DiskFullError.exit_code
    assert capsys.readouterr().err.startswith(
        "error: /dev/full could not be written: no space is left where it goes.\n"
    )
