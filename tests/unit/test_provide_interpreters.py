"""Interpreters of a restored store: probed again, removed if they fail, and replaced."""

from types import SimpleNamespace

import pytest
import stores
from moved_stores import NAME, REPAIRER, copy, put_with_script
from reporters import RecordingReporter

from jitbuild import api
from jitbuild.ci.provide_interpreters import inspect, provide
from jitbuild.errors import InterpreterError
from jitbuild.providers import refresh
from jitbuild.settings import KNOWN
from jitbuild.store.store import Store


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    for name in KNOWN:
        monkeypatch.delenv(f"JITBUILD_{name.upper()}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return Store(tmp_path / "home")


@pytest.fixture
def provided(store):
    """Return a function that provides interpreters, and builds what is missing."""

    def ensure(spec):
        return store.find(api.parse(spec), api.Axes()) or stores.put(store, f"{spec}.9")

    def provided(*specs, ensure=ensure, inspect=lambda _: "", reporter=None):
        return provide(specs, store, reporter or RecordingReporter(), ensure, inspect=inspect)

    return provided


def test_an_interpreter_that_passes_is_used(store, provided):
    interpreter, reporter = stores.put(store), RecordingReporter()
    result = provided("3.15", reporter=reporter)
    assert result.interpreters["3.15"].instance == interpreter.instance
    assert not result.built
    assert reporter.notes == [f"{interpreter.name} passed the probe again."]


def test_a_missing_interpreter_is_built(store, provided):
    stores.put(store)
    result = provided("3.15", "3.14")
    assert list(result.interpreters) == ["3.15", "3.14"]
    assert result.built


def test_a_failing_interpreter_is_removed_and_built_again(store, provided):
    broken, reporter = stores.put(store), RecordingReporter()
    result = provided(
        "3.15",
        inspect=lambda found: "It is silent." if found.instance == broken.instance else "",
        reporter=reporter,
    )
    assert result.built
    assert result.interpreters["3.15"].instance != broken.instance
    (warning,) = reporter.warnings
    assert warning.startswith(f"{broken.name} is removed from the store")
    assert warning.endswith("It is silent.")


def test_the_next_best_interpreter_that_passes_is_used(store, provided):
    second, best = stores.put(store, "3.15.1"), stores.put(store, "3.15.2")
    result = provided("3.15", inspect=lambda found: "broken" * (found.instance == best.instance))
    assert (result.interpreters["3.15"].instance, result.built) == (second.instance, False)
    assert [interpreter.version for interpreter in store.installed()] == ["3.15.1"]


def test_other_variants_are_not_removed(store, provided, monkeypatch):
    monkeypatch.setenv("JITBUILD_PROFILE", "release")
    interpreter = stores.put(store)
    provided("3.15", ensure=lambda _: interpreter, inspect=lambda _: "broken")
    assert [found.instance for found in store.installed()] == [interpreter.instance]


def test_only_interpreters_that_would_be_used_are_inspected(store, provided):
    stores.put(store, "3.15.3", name="without", jit="no")
    broken, inspected = stores.put(store), []

    def record(interpreter):
        inspected.append(interpreter.name)
        return "It is silent."

    provided("3.15", inspect=record, ensure=lambda _: broken)
    assert inspected == [broken.name]


def test_an_interpreter_that_cannot_be_run_fails_with_the_reason(store):
    def probe(executable, **options):
        assert (options["expect"], options["version"]) == ("yes-off", "3.15.2")
        raise InterpreterError(f"{executable} cannot be run.", remedy="-")

    interpreter = stores.put(store)
    assert inspect(interpreter, probe) == f"{interpreter.executable} cannot be run."


@pytest.mark.parametrize(
    ("missing", "ok", "reason"),
    [
        ((), True, ""),
        (("tkinter",), True, ""),
        (("ssl", "tkinter"), True, "It lacks the modules ssl."),
        ((), False, "No machine code."),
    ],
)
def test_an_interpreter_that_lost_modules_or_its_jit_fails(store, missing, ok, reason):
    verdict = {"ok": True, "missing_modules": ["tkinter"]}
    interpreter = stores.edited(stores.put(store), verdict=verdict)
    answer = SimpleNamespace(ok=ok, missing=missing, reason="No machine code.")
    assert inspect(interpreter, lambda *_, modules, **__: answer if modules else None) == reason


def test_an_interpreter_of_a_store_restored_elsewhere_is_repaired_and_inspected(
    store, provided, tmp_path, monkeypatch
):
    monkeypatch.setattr(refresh, "Repairer", lambda: REPAIRER)
    origin = put_with_script(Store(tmp_path / "origin"))
    copy(Store(tmp_path / "origin"), store.root)
    reporter = RecordingReporter()
    result = provided("3.15", reporter=reporter)
    assert (result.built, result.interpreters["3.15"].state) == (False, "proven")
    assert reporter.notes == [
        f"{NAME} was moved from {origin.path}, and has been repaired.",
        f"{NAME} passed the probe again.",
    ]
