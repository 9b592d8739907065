"""Several requests at once: their order, their concurrency, and what a failure stops."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from jitbuild.errors import RequestError
from jitbuild.options import BuildOptions
from jitbuild.provision import Provisioner
from jitbuild.provision_many import ensure_each
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Axes, parse
from jitbuild.store.store import Store

CATALOG = load_catalog()


@dataclass(frozen=True)
class RecordingProvisioner(Provisioner):
    """Records when each request begins and ends instead of building; micro version 13 fails."""

    meet: threading.Barrier | None = None

    def ensure(self, request, axes):
        if request.text.endswith("13"):
            raise RequestError(f"No recipe knows {request.text}.", remedy="Check the version.")
        self.reporter.note(f"begin {request.text} {axes.jit}")
        if self.meet is not None:
            self.meet.wait(60)
        self.reporter.note(f"end {request.text} {axes.jit}")
        return f"{request.text} {axes.jit}"


@pytest.fixture
def run(tmp_path, reporter):
    """Ensure every spec in every jit variant; return the outcomes."""

    def run(specs, jits=(None,), *, jobs=2, meet=None, keep_going=True):
        provisioner = RecordingProvisioner(
            Store(tmp_path / "home"), CATALOG, BuildOptions(jobs=jobs), reporter, meet=meet
        )
        wanted = [(parse(spec), Axes(jit=jit)) for spec in specs for jit in jits]
        return ensure_each(provisioner, wanted, keep_going=keep_going)

    return run


def test_outcomes_are_in_the_order_of_the_requests(run):
    outcomes = run(["3.13.5", "3.15.2"], ["yes-off", "no"])
    assert [outcome.interpreter for outcome in outcomes] == [
        "3.13.5 yes-off",
        "3.13.5 no",
        "3.15.2 yes-off",
        "3.15.2 no",
    ]
    assert all(outcome.error is None for outcome in outcomes)


def test_variants_of_one_source_are_built_one_after_the_other(run, reporter):
    """The second variant uses the caches that the first one filled."""
    run(["3.13.5"], ["yes-off", "no"])
    assert reporter.notes == [
        f"{word} 3.13.5 {jit}" for jit in ("yes-off", "no") for word in ("begin", "end")
    ]


def test_different_sources_are_built_at_once(run, reporter):
    run(["3.13.5", "3.15.2"], meet=threading.Barrier(2))  # neither ends before both have begun
    assert [note.split()[0] for note in reporter.notes[:2]] == ["begin", "begin"]


def test_no_more_are_built_at_once_than_there_are_jobs(run, reporter):
    run(["3.13.5", "3.14.1", "3.15.2"], jobs=1)
    assert [note.split()[0] for note in reporter.notes] == ["begin", "end"] * 3


def test_a_failure_stops_no_other_request(run):
    failed, built = run(["3.15.13", "3.15.2"])
    assert failed.error.what == "No recipe knows 3.15.13."
    assert built.interpreter == "3.15.2 None"


def test_a_failure_is_reported_at_once_with_its_variant(run, reporter):
    (failed, _) = run(["3.15.13", "3.15.2"], ["no"], jobs=1)
    assert failed.name == "3.15.13 (jit no)"
    assert reporter.messages[0].startswith("3.15.13 (jit no) failed: No recipe knows 3.15.13.")


def test_the_failure_of_a_single_request_is_left_to_the_caller(run, reporter):
    (failed,) = run(["3.15.13"])
    assert failed.error is not None
    assert reporter.messages == []


def test_without_keep_going_the_first_error_is_raised(run):
    with pytest.raises(RequestError, match=r"3\.15\.13"):
        run(["3.15.13", "3.15.2"], keep_going=False)


def test_a_bug_in_a_build_is_not_mistaken_for_an_empty_queue(tmp_path):
    class Broken(RecordingProvisioner):
        def ensure(self, request, axes):
            raise IndexError("a bug")

    provisioner = Broken(Store(tmp_path), CATALOG, BuildOptions(jobs=1))
    with pytest.raises(IndexError, match="a bug"):
        ensure_each(provisioner, [(parse("3.15.2"), Axes())])


def test_requests_without_a_version_are_grouped_by_their_text(run, reporter):
    run(["main", "./cpython", "main"], jobs=1)
    assert [note.split()[1] for note in reporter.notes[::2]] == ["main", "main", "./cpython"]
