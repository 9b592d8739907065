"""The plugin that records tests for `diff`, in this very process, with fake executors."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from jit_fakes import ON, Executor, compiled

from jitbuild.diff.recorder_folder import RecorderFolder
from jitbuild.diff.test_record import TestRecord, parse_records
from jitbuild.in_target import executors, jit_facts, probe, tested_packages
from jitbuild.in_target.outcome_recorder import OutcomeRecorder

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

SUITE = """\
import pytest
recorded = pytest.importorskip("recorded")
def test_passes(): assert recorded.hot()
def test_fails(): assert 1 == 2
@pytest.mark.skip(reason="not today")
def test_skipped(): pass
@pytest.mark.xfail
def test_xfails(): assert False
@pytest.mark.parametrize("n", [1, 2])
def test_n(n): pass
@pytest.fixture
def broken():
    yield
    raise ValueError("in teardown")
def test_teardown(broken): pass
"""

Record = Callable[..., TestRecord]


class _Recorder(OutcomeRecorder):
    measures = True


@pytest.fixture
def record(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Record:
    """Run the suite, and return the record of its tests."""
    pytester.makepyfile(**{"src/recorded": "def hot(): return 1\ndef cold(): return 1\n"})
    pytester.makepyfile(**{"tests/test_of_recorded_package": SUITE})
    pytester.makeini("[pytest]\npythonpath = src\n")
    monkeypatch.setattr(probe, "tracers", list)
    monkeypatch.setattr(jit_facts, "jit_facts", lambda _: ON)
    monkeypatch.setattr(executors, "executor_lookup", lambda: compiled(hot=Executor()))
    monkeypatch.setattr(tested_packages, "packages_under_test", lambda _: ("recorded",))

    def record(*args: str, **settings: Any) -> TestRecord:
        gc.collect()  # the packages of the tests before
        stated = {"leave_out": [], "packages": [], **settings}
        plugin = SimpleNamespace(
            pytest_configure=lambda config: config.pluginmanager.register(
                _Recorder(config, stated, tmp_path)
            )
        )
        pytester.runpytest_inprocess("-p", "no:cacheprovider", *args, plugins=[plugin])
        for name in ("last_exc", "last_type", "last_value", "last_traceback"):
            vars(sys).pop(name, None)  # they would keep the functions of this suite alive
        (file,) = tmp_path.glob("records-*.jsonl")
        return parse_records(file.read_text(encoding="utf-8"))

    return record


def outcomes(record: TestRecord) -> dict[str, str]:
    return {name.partition("::")[2] or name: test.outcome for name, test in record.results.items()}


def test_every_outcome_is_recorded(record: Record) -> None:
    found = record()
    assert outcomes(found) == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_skipped": "skipped",
        "test_xfails": "xfailed",
        "test_n[1]": "passed",
        "test_n[2]": "passed",
        "test_teardown": "error",
    }
    assert found.results["tests/test_of_recorded_package.py::test_fails"].message == "assert 1 == 2"
    assert (
        found.results["tests/test_of_recorded_package.py::test_skipped"].message
        == "Skipped: not today"
    )
    assert (
        found.results["tests/test_of_recorded_package.py::test_teardown"].message
        == "ValueError: in teardown"
    )
    assert found.running == ()
    assert found.collected[0] == "tests/test_of_recorded_package.py::test_passes"
    assert len(found.collected) == 7


def test_the_compiled_functions_of_the_package_are_recorded(record: Record) -> None:
    found = record()
    counts = {
        place[2]: count
        for usage in found.usage
        for place, count in usage.code.items()
        if place[0] == "recorded"
    }
    assert counts == {"hot": (1, 4096), "cold": (0, 0)}
    assert found.seconds > 0


def test_tests_are_left_out_by_their_ids(record: Record) -> None:
    left_out = [
        "tests/test_of_recorded_package.py::test_n[1]",
        "tests/test_of_recorded_package.py::test_fails",
    ]
    found = record(leave_out=left_out)
    assert len(found.collected) == 5
    assert not set(left_out) & set(found.results)


def test_ids_are_relative_to_the_folder_in_which_pytest_was_started(
    record: Record, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pytester.path / "tests")
    assert "test_of_recorded_package.py::test_passes" in record().results


def test_a_module_that_cannot_be_imported_is_an_error_with_its_reason(
    record: Record, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(**{"tests/test_of_recorded_package": "import nowhere_to_be_found\n"})
    skips = "import pytest\npytest.skip('no', allow_module_level=True)\n"
    pytester.makepyfile(**{"tests/test_skips": skips})
    found = record()
    assert found.results["tests/test_of_recorded_package.py"].outcome == "error"
    assert found.results["tests/test_of_recorded_package.py"].message == (
        "ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    )
    assert found.results["tests/test_skips.py"].outcome == "skipped"


def test_patches_of_a_test_do_not_reach_the_recorder(
    record: Record, pytester: pytest.Pytester
) -> None:
    suite = """
        import builtins, io, json, os, pathlib
        import pytest
        def fail(*args, **options): raise OSError("patched")
        @pytest.mark.parametrize("owner, name", [
            (pathlib.Path, "open"), (io, "open"), (builtins, "open"), (json, "dumps"),
        ])
        def test_patches(owner, name, monkeypatch): monkeypatch.setattr(owner, name, fail)
        def test_process(monkeypatch): monkeypatch.setattr(os, "getpid", lambda: 1)
    """
    pytester.makepyfile(**{"tests/test_of_recorded_package": suite})
    found = outcomes(record())
    assert (len(found), {*found.values()}) == (5, {"passed"})


def test_packages_can_be_named(record: Record) -> None:
    (first, *_) = record(packages=["other"]).usage or [None]
    assert first is None or first.packages == ("other",)


def test_collecting_alone_measures_nothing(record: Record) -> None:
    found = record("--collect-only")
    assert (found.usage, len(found.collected)) == ((), 7)


def test_the_plugin_is_copied_under_another_name(tmp_path: Path) -> None:
    folder = RecorderFolder.install(tmp_path / "recorder", ["pkg"])
    package = tmp_path / "recorder" / "jitbuild_outcome_recorder"
    texts = [file.read_text(encoding="utf-8") for file in package.glob("*.py")]
    assert len(texts) == 8
    assert not any("import jitbuild.in_target" in text for text in texts)
    assert not any("from jitbuild.in_target" in text for text in texts)
    folder.prepare(["a"])
    settings = json.loads((package / "recorder-settings.json").read_text(encoding="utf-8"))
    assert settings == {"leave_out": ["a"], "packages": ["pkg"]}
    assert folder.collect() is None
    (package / "records-1.jsonl").write_text("")
    assert folder.collect() == TestRecord()
    (package / "records-1.jsonl").write_text('{"finish": "a')
    (package / "records-2.jsonl").write_text('{"collected": ["b"]}\n')
    assert folder.collect() == TestRecord(collected=("b",))
    folder.prepare()
    assert folder.collect() is None


def test_the_folder_comes_before_the_users_own_path(tmp_path: Path) -> None:
    folder = RecorderFolder.install(tmp_path / "recorder")
    assert folder.environment({"PYTHONPATH": "/mine"})["PYTHONPATH"].endswith("/mine")
    assert folder.environment({})["PYTHONPATH"] == str(tmp_path / "recorder")


def test_a_process_that_was_forked_records_nothing(record: Record, tmp_path: Path) -> None:
    config: Any = SimpleNamespace(getoption=lambda *_: "no")
    recorder = OutcomeRecorder(config, {"leave_out": [], "packages": []}, tmp_path)
    recorder.process += 1
    recorder.record(start="a")
    assert not recorder.path.exists()


@pytest.mark.parametrize(
    ("when", "outcome"),
    [("call", "failed"), ("???", "failed"), ("setup", "error"), ("teardown", "error")],
)
def test_a_test_fails_if_its_worker_crashes(when: str, outcome: str, tmp_path: Path) -> None:
    config: Any = SimpleNamespace(
        getoption=lambda *_: "load",
        rootpath=tmp_path,
        invocation_params=SimpleNamespace(dir=tmp_path),
    )
    recorder = OutcomeRecorder(config, {"leave_out": [], "packages": []}, tmp_path)
    report: Any = pytest.TestReport(
        "t.py::a", ("t.py", None, "t.py"), {}, "failed", "worker 'gw0' crashed", when
    )
    recorder.pytest_runtest_logreport(report)
    assert json.loads(recorder.path.read_text())["outcome"] == outcome
