"""Tests of pyperformance: its manifest, the selection, and environments for its benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyperformance_samples import LISTED, MANIFEST

from jitbuild.bench import pyperformance, scripts
from jitbuild.bench.pyperformance import SuiteBenchmark
from jitbuild.cli import completion
from jitbuild.errors import BuildError, MeasurementError, UsageError
from jitbuild.system.process import Completed


def select(text: str) -> tuple[SuiteBenchmark, ...]:
    words = [word.strip() for word in text.split(",") if word]
    return pyperformance.select(MANIFEST, pyperformance.selection_words(words))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["nbody", "logging", "pidigits"]),
        ("all", ["nbody", "logging", "pickle_list", "pidigits"]),
        ("pickle_list, nbody", ["nbody", "pickle_list"]),
        ("math,-nbody", ["pidigits"]),
        ("-math", ["logging"]),
        ("logging,math,-pidigits", ["nbody", "logging"]),
    ],
)
def test_names_and_groups_are_selected_without_excluded_ones(text, names):
    assert [entry.name for entry in select(text)] == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "nbdy",
            (
                "pyperformance 1.14.0 has no benchmark or group 'nbdy'.\nDid "
                "you mean nbody? Groups: "
                "all, default, math."
            ),
        ),
        ("-mth", "Did you mean math? "),
        ("xxx", "'xxx'.\nGroups: all"),
        ("math,-math", "selects nothing"),
        ("nbody,-", "'-' excludes nothing"),
    ],
)
def test_an_unknown_name_or_an_empty_selection_is_refused(text, message):
    with pytest.raises(UsageError) as caught:
        select(text)
    assert message in str(caught.value)


def test_a_benchmark_may_need_another_python():
    entry = SuiteBenchmark(name="x", script="x.py", python=">=3.16")
    assert pyperformance.unsupported(entry, "3.15.2") == "it needs Python >=3.16"
    assert pyperformance.unsupported(entry, "3.16.0a1") == "it needs Python >=3.16"
    assert (
        pyperformance.unsupported(
            SuiteBenchmark(name="x", script="x.py", python=">=3.8"), "3.15.0b1"
        )
        == ""
    )


def test_each_set_of_requirements_has_an_environment_and_failing_ones_are_left_out(
    tmp_path,
):
    for name, text in (("a", "x==1"), ("b", "x==2"), ("c", "x==1"), ("d", "x==2")):
        (tmp_path / name).write_text(text)
    entries = [
        SuiteBenchmark(name=name, script="s.py", requirements=str(tmp_path / name))
        for name in "abcd"
    ]
    entries += [
        SuiteBenchmark(name="plain", script="s.py"),
        SuiteBenchmark(name="new", script="s.py", python=">=3.16"),
    ]
    calls = []

    def enter(requirements):
        calls.append(requirements.name)
        if requirements.name == "b":
            raise BuildError("The environment:\n  ERROR: no x==2\n", remedy="x")
        return Path("/env") / requirements.name

    benchmarks, left_out = pyperformance.place(entries, "3.15.2", "1.14.0", enter)
    assert [(benchmark.name, benchmark.python) for benchmark in benchmarks] == [
        ("a", "/env/a"),
        ("c", "/env/a"),
        ("plain", ""),
    ]
    reason = "its requirements cannot be installed (no x==2)"
    assert left_out == {"b": reason, "d": reason, "new": "it needs Python >=3.16"}
    assert calls == ["a", "b"]


def test_the_manifest_is_read_in_the_environment(tmp_path):
    calls = []

    def runner(argv, /, *, env=None, cwd=None, timeout=None, stdin=None):
        calls.append((argv, env))
        if env["WORKS"] == "1":
            Path(argv[-1]).write_text(json.dumps(LISTED))
        return Completed(argv=tuple(argv), returncode=0, stderr="ImportError: pyperformance\n")

    manifest = pyperformance.read_manifest(
        Path("/python"), tmp_path / "list", env={"WORKS": "1"}, runner=runner
    )
    assert manifest == MANIFEST
    assert calls[0][0] == ["/python", "-B", str(scripts.SUITE_LISTING), str(tmp_path / "list")]
    with pytest.raises(MeasurementError, match="ImportError: pyperformance"):
        pyperformance.read_manifest(
            Path("/python"), tmp_path / "list", env={"WORKS": "0"}, runner=runner
        )


def test_the_shell_completes_what_an_environment_has(tmp_path, monkeypatch):
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path))
    assert completion.benchmark_names(parsed_args=SimpleNamespace(suite="pyperformance")) == [
        "default"
    ]
    environment = tmp_path / "environments/0123456789abcdef"
    place = environment / "lib/python3.15/site-packages/pyperformance/data-files/benchmarks"
    place.mkdir(parents=True)
    (place / "MANIFEST").write_text(
        "[benchmarks]\n\nname\tmetafile\nnbody\t<local>\n#hg\t<local>\n\n[group default]\n[group "
        "math]\n"
    )
    assert completion.benchmark_names(parsed_args=SimpleNamespace(suite="pyperformance")) == [
        "default",
        "math",
        "nbody",
    ]
    assert "float_loop" in completion.benchmark_names(parsed_args=SimpleNamespace(suite=None))
