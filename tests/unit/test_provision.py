"""The stages of an install: what the store answers, what is built, and what is refused."""

from __future__ import annotations

import dataclasses
import errno
import os
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from moved_stores import NAME, REPAIRER, copy, put_with_script
from provision_fakes import HOST, FakeProvider, fake_probe, missing_modules
from reporters import RecordingReporter
from stores import put

from jitbuild.errors import (
    BuildError,
    DiskFullError,
    LLVMError,
    ProofError,
    RequestError,
    StoreError,
    UsageError,
    VariantError,
)
from jitbuild.options import BuildOptions
from jitbuild.providers.adopt import adopt
from jitbuild.provision import Provisioner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Axes, parse
from jitbuild.store import manifest as manifests
from jitbuild.store.fingerprint import Fingerprint
from jitbuild.store.store import Store
from jitbuild.system.jobserver import JobBudget

CATALOG = load_catalog()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def provider():
    return FakeProvider()


@pytest.fixture
def provisioner(store, reporter, provider):
    """Make a provisioner with fakes for its effects and the given options."""

    def make(**options):
        return Provisioner(
            store,
            CATALOG,
            BuildOptions(**options),
            reporter,
            provider=provider,
            probe=fake_probe,
            missing_modules=missing_modules,
            repairer=REPAIRER,
            this_host=lambda: HOST,
        )

    return make


@pytest.fixture
def ensure(provisioner):
    """Ensure a request with the given options."""

    def ensure(spec, *, axes=Axes(), **options):  # noqa: B008
        return provisioner(**options).ensure(parse(spec), axes)

    return ensure


@pytest.fixture
def program(tmp_path):
    program = tmp_path / "python"
    program.write_text("3.15.2 yes-off")
    return program


def fill(store, version="3.15.1", **fields):
    return put(store, version, name=f"cpython-{version}-jit-fast-kkkkkkkk", **fields)


# ---- building ----------------------------------------------------------------------------------


def test_a_request_the_store_lacks_is_built_proven_and_committed(ensure, store, reporter):
    interpreter = ensure("3.15.2")
    assert interpreter.executable.read_text() == "3.15.2 yes-off"
    assert [found.instance for found in store.installed()] == [interpreter.instance]
    assert interpreter.proven
    assert reporter.titles == [f"{interpreter.name.rpartition('-')[0]}: probe"]
    assert list(store.scratches.iterdir()) == []


def test_the_manifest_records_the_build(ensure):
    interpreter = ensure("3.15.2")
    manifest = interpreter.manifest
    assert manifest.request == "3.15.2"
    assert manifest.target == "x86_64-linux-gnu"
    assert manifest.source.origin == "cache"
    assert manifest.toolchain.llvm.version == "18"
    assert manifest.caches.configure == "miss"
    assert set(manifest.times) == {"make", "probe", "total"}
    assert manifest.verdict.ok
    assert manifest.verdict.executable == str(interpreter.executable)
    assert manifest.verdict.jit.built == "yes-off"


def test_the_provider_gets_the_plan_the_options_and_a_scratch_folder(ensure, provider, store):
    ensure("3.14.10", axes=Axes(jit="no"), jobs=3, mirror="distro")
    (task,) = provider.tasks
    assert (task.plan.version, task.plan.variant.jit) == ("3.14.10", "no")
    assert task.options.mirror == "distro"
    assert task.budget.jobs == 3
    assert task.scratch.parent == store.scratches


def test_the_jobs_default_to_the_processors_of_the_host(ensure, provider):
    ensure("3.15.2")
    assert provider.tasks[0].budget.jobs == HOST.cpus


def test_a_caller_s_job_budget_is_used(provisioner, provider):
    with JobBudget(1) as budget:
        shared = provisioner()
        object.__setattr__(shared, "budget", budget)
        shared.ensure(parse("3.15.2"), Axes())
    assert provider.tasks[0].budget is budget


def test_warnings_of_the_plan_are_reported(ensure, reporter):
    ensure("3.13.5", axes=Axes(profile="release"))
    plan_warnings = [warning for warning in reporter.warnings if "3.13" in warning]
    assert reporter.warnings == plan_warnings


def test_a_release_with_known_jit_bugs_is_built_with_a_warning_of_one_line(ensure, reporter):
    ensure("3.15.0b2")
    (warning,) = reporter.warnings
    assert warning == (
        "3.15.0b2 has 2 known JIT bugs (gh-157468, gh-154701). 3.15.2 has only gh-157875, "
        "which has no fix yet. `jitbuild bugs 3.15.0b2` describes them."
    )
    ensure("3.15.0b2")
    assert len(reporter.warnings) == 1


def test_a_build_without_the_jit_is_no_reason_to_warn_of_jit_bugs(ensure, reporter):
    ensure("3.15.0b2", axes=Axes(jit="no"))
    assert reporter.warnings == []


def test_a_free_threaded_request_says_that_it_has_no_jit(ensure, provider, reporter):
    provider.content = "3.15.2 no"
    with pytest.raises(ProofError):  # the fake is not free-threaded
        ensure("3.15t")
    assert "free-threaded CPython has no JIT" in reporter.notes[0]
    assert provider.tasks[0].plan.variant.jit == "no"


def test_a_misspelt_mirror_is_refused_before_anything_is_done(ensure, provider, store):
    fill(store, "3.15.2")
    with pytest.raises(UsageError):
        ensure("3.15.2", mirror="ftp://x")
    assert provider.tasks == []


@pytest.mark.parametrize("spec", ["3.13.15", "git+https://example.invalid/x@main"])
@pytest.mark.parametrize("state", ["a file", "an unwritable folder", "a file as scratch"])
def test_a_store_that_cannot_be_used_is_refused_before_anything_is_fetched(
    ensure, provider, store, reporter, spec, state, monkeypatch
):
    if state == "a file":
        store.root.write_text("")
    elif state == "a file as scratch":
        store.interpreters.mkdir(parents=True)
        store.scratches.write_text("")
    else:
        store.interpreters.mkdir(parents=True)
        monkeypatch.setattr(os, "access", lambda path, _: str(path) != str(store.root))
    with pytest.raises(StoreError):
        ensure(spec)
    assert (provider.tasks, reporter.titles) == ([], [])


def test_an_llvm_that_does_not_exist_is_refused_although_an_interpreter_fits(ensure, store):
    fill(store, "3.15.2")
    with pytest.raises(LLVMError, match="--llvm 17: there is no such folder"):
        ensure("3.15.2", llvm="17")
    assert ensure("3.15.2", llvm="managed").version == "3.15.2"


def test_a_source_folder_is_resolved_by_its_content(ensure, provider, tmp_path):
    tree = tmp_path / "cpython"
    for name, text in {
        "Include/patchlevel.h": '#define PY_VERSION "3.15.2"\n',
        "Tools/jit/_llvm.py": '_LLVM_VERSION = "21"\n',
        "configure": "--enable-experimental-jit\n",
    }.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    ensure(str(tree))
    assert provider.tasks[0].plan.source.kind == "folder"


# ---- failures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["broken", "3.15.2 no", "3.15.1 yes-off", "3.15.2 interpreter"])
def test_an_interpreter_that_is_not_as_planned_is_not_kept(ensure, provider, store, content):
    provider.content = content
    with pytest.raises(ProofError) as caught:
        ensure("3.15.2")
    assert str(store.logs) in caught.value.remedy
    assert store.installed() == []
    assert list(store.scratches.iterdir()) == []


def test_an_interpreter_without_essential_modules_is_not_kept(ensure, provider, store, reporter):
    provider.content = "3.14.10 yes-off ssl tkinter"
    with pytest.raises(ProofError, match="lacks ssl, without which"):
        ensure("3.14.10")
    assert "lacks the modules ssl, tkinter" in reporter.warnings[0]
    assert store.installed() == []


def test_missing_essential_modules_can_be_allowed(ensure, provider):
    provider.content = "3.15.2 yes-off ssl"
    assert ensure("3.15.2", allow_missing=True).manifest.verdict.missing == ("ssl",)


def test_other_missing_modules_are_a_warning(ensure, provider, reporter):
    provider.content = "3.14.10 yes-off tkinter"
    assert ensure("3.14.10").proven
    assert "lacks the modules tkinter" in reporter.warnings[0]


def test_a_failed_build_leaves_nothing_behind(ensure, provider, store):
    provider.error = BuildError("make failed.", remedy="Read the log.")
    with pytest.raises(BuildError):
        ensure("3.15.2")
    assert store.installed() == []
    assert list(store.scratches.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, DiskFullError), (errno.EIO, StoreError), (errno.EPIPE, BrokenPipeError)],
)
def test_a_disk_error_anywhere_in_a_build_has_its_own_exit_code(ensure, provider, number, kind):
    provider.error = OSError(number, os.strerror(number))
    with pytest.raises(kind) as caught:
        ensure("3.15.2")
    assert type(caught.value) is kind


# ---- the store answers -------------------------------------------------------------------------


def test_an_interpreter_in_the_store_is_not_built_again(ensure, provider, reporter):
    first = ensure("3.15.2")
    assert ensure("3.15.2").instance == first.instance
    assert len(provider.tasks) == 1
    assert f"{first.name} is already in the store." in reporter.notes


def test_a_series_is_answered_by_the_newest_in_the_store(ensure, store, provider):
    older = fill(store, "3.15.1")
    assert ensure("3.15").name == older.name
    assert provider.tasks == []


def test_upgrade_looks_past_the_store(ensure, store):
    fill(store, "3.15.0")
    assert ensure("3.15", upgrade=True).version == "3.15.2"


def test_an_interpreter_without_the_jit_answers_only_when_the_jit_axis_is_stated(
    provisioner, store, ensure
):
    fill(store, "3.15.2", jit="no")
    assert ensure("3.15.2", axes=Axes(jit="no")).variant.jit == "no"
    assert ensure("3.15.2").variant.jit == "yes-off"


def test_a_built_interpreter_is_preferred_to_an_adopted_one(ensure, store, program):
    adopted = adopt(store, program, probe=fake_probe)
    built = put(store, "3.15.2", profile="unknown", name="built")
    assert (adopted.version, adopted.variant) == (built.version, built.variant)
    assert ensure("3.15.2").name == built.name


def test_an_incomplete_interpreter_answers_only_when_missing_modules_are_allowed(ensure, store):
    incomplete = fill(store, "3.15.2", verdict={"ok": True, "missing_modules": ["ssl"]})
    assert ensure("3.15.2", allow_missing=True).name == incomplete.name
    assert ensure("3.15.2").name != incomplete.name


def test_a_sha256_given_by_hand_is_not_answered_by_other_bytes(ensure, store, provider):
    fill(store, "3.15.9")
    ensure("3.15.9", sha256="a" * 64)
    assert provider.tasks[0].plan.source.digest == "a" * 64


def test_a_sha256_given_by_hand_does_not_replace_a_known_pin(ensure):
    with pytest.raises(RequestError, match="another sha256"):
        ensure("3.15.2", sha256="a" * 64)


def test_an_impossible_variant_is_refused(ensure):
    with pytest.raises(VariantError):
        ensure("3.15t", axes=Axes(jit="yes"))


# ---- changed adopted interpreters --------------------------------------------------------------


def test_a_changed_adopted_interpreter_is_registered_as_what_it_is_now(ensure, store, program):
    adopt(store, program, probe=fake_probe)
    program.write_text("3.15.10 yes-off")
    assert ensure("3.15").version == "3.15.10"
    assert [interpreter.version for interpreter in store.installed()] == ["3.15.10"]


def test_a_changed_adopted_interpreter_does_not_answer_for_its_old_version(
    ensure, store, program, provider
):
    adopt(store, program, probe=fake_probe)
    program.write_text("3.15.10 yes-off")
    ensure("3.15.2")
    assert provider.tasks[0].plan.source.kind == "release"


def test_an_adopted_interpreter_that_lost_its_jit_is_passed_over_with_a_warning(
    ensure, store, program, reporter
):
    older = fill(store)
    stale = adopt(store, program, probe=fake_probe)
    program.write_text("3.15.2 no")
    assert ensure("3.15").name == older.name
    assert f"{stale.name} has changed and is not used." in reporter.warnings[0]


def test_a_moved_interpreter_is_repaired_and_used(ensure, store, tmp_path, provider):
    put_with_script(Store(tmp_path / "old"))
    copy(Store(tmp_path / "old"), store.root)
    found = ensure("3.15")
    assert (found.name, found.state, provider.tasks) == (NAME, "proven", [])


def test_a_moved_interpreter_of_a_plan_is_repaired_and_used(
    provisioner, ensure, store, tmp_path, provider
):
    built = ensure("3.15.2")
    store.root.rename(tmp_path / "aside")
    Store(tmp_path / "aside").root.rename(store.root.with_name("new"))
    moved = provisioner()
    moved = dataclasses.replace(moved, store=Store(store.root.with_name("new")))
    found = moved.provide(provider.tasks[0].plan, parse("3.15.2"))
    assert (found.instance, found.state, len(provider.tasks)) == (built.instance, "proven", 1)


def test_an_interpreter_that_lost_an_essential_module_is_built_again(
    ensure, store, provider, reporter
):
    built = ensure("3.14.10")
    built.executable.write_text("3.14.10 yes-off curses ssl")
    again = ensure("3.14.10")
    assert (again.name, again.instance != built.instance) == (built.name, True)
    assert len(provider.tasks) == 2
    (warning,) = reporter.warnings
    assert warning.startswith(f"{built.name} is not used. It can no longer import ssl: a library")
    assert [found.instance for found in store.installed()] == [again.instance]


def test_with_allow_missing_an_interpreter_that_lost_a_module_is_used(ensure, provider):
    built = ensure("3.15.2")
    built.executable.write_text("3.15.2 yes-off ssl")
    assert ensure("3.15.2", allow_missing=True).instance == built.instance


def test_an_interpreter_that_lost_only_other_modules_is_used(ensure, reporter):
    built = ensure("3.14.10")
    built.executable.write_text("3.14.10 yes-off curses readline")
    assert ensure("3.14.10").instance == built.instance
    assert reporter.warnings == []


def test_an_interpreter_that_no_longer_runs_is_built_again(ensure, provider, reporter):
    built = ensure("3.14.10")
    built.executable.write_text("broken")
    assert ensure("3.14.10").instance != built.instance
    assert reporter.warnings == [
        f"{built.name} is not used. It no longer runs. It was ended by SIGSEGV."
    ]


@pytest.mark.parametrize(("before", "builds"), [("", 1), (" ssl", 0)])
def test_an_adopted_interpreter_may_lack_what_it_lacked_when_it_was_adopted(
    ensure, store, program, provider, before, builds
):
    program.write_text(f"3.15.2 yes-off{before}")
    adopt(store, program, probe=fake_probe)
    ensure("3.15.2")
    assert provider.tasks == []
    program.write_text("3.15.2 yes-off ssl")
    pretend_unchanged(store, program)
    ensure("3.15.2")
    assert len(provider.tasks) == builds


def pretend_unchanged(store, program):
    """Record the present file as the one that was probed: a library changed, not the program."""
    (adopted,) = store.installed()
    manifest = msgspec.structs.replace(adopted.manifest, fingerprint=Fingerprint.of(program))
    manifests.write(manifest, adopted.path)


def test_a_vanished_adopted_interpreter_hides_no_other(ensure, store, program):
    older = fill(store)
    adopt(store, program, probe=fake_probe)
    program.unlink()
    assert ensure("3.15").name == older.name


# ---- reinstall and concurrency -----------------------------------------------------------------


def test_reinstall_builds_what_the_store_has(ensure, provider, reporter):
    first = ensure("3.15.2")
    second = ensure("3.15.2", reinstall=True)
    assert (second.name, second.instance != first.instance) == (first.name, True)
    assert len(provider.tasks) == 2
    assert not any("already in the store" in note for note in reporter.notes)


def test_reinstall_is_satisfied_by_a_build_that_another_process_finished_meanwhile(
    provisioner, store, provider
):
    """Two processes that reinstall the same plan at once build it once."""
    first = provisioner(reinstall=True)
    second = provisioner(reinstall=True)
    begun = datetime.now(UTC)
    # The second process begins before the first one's build, and gets the lock after it.
    object.__setattr__(second, "now", lambda: begun - timedelta(seconds=1))
    built = first.ensure(parse("3.15.2"), Axes())
    assert second.ensure(parse("3.15.2"), Axes()).instance == built.instance
    assert len(provider.tasks) == 1


def test_waiting_for_another_build_of_the_same_plan_is_announced(
    provisioner, store, provider, reporter
):
    first = provisioner().ensure(parse("3.15.2"), Axes())
    store.remove(first)
    announced = threading.Event()
    waiting = RecordingReporter(
        on_message=lambda text: announced.set() if text.startswith("Waiting") else None
    )
    other = provisioner()
    object.__setattr__(other, "reporter", waiting)
    results = []
    source = Axes(provider="source")  # otherwise, the first note says what is prebuilt
    thread = threading.Thread(target=lambda: results.append(other.ensure(parse("3.15.2"), source)))
    with store.lock(first.name):
        thread.start()
        assert announced.wait(60)
    thread.join()
    assert "Waiting for another process that is building" in waiting.notes[0]
    assert results[0].name == first.name


def test_abandoned_scratch_is_swept_before_a_build(ensure, store):
    abandoned = store.scratches / "0123456789ab"
    abandoned.mkdir(parents=True)
    ensure("3.15.2")
    assert not abandoned.exists()


def test_an_argument_that_cannot_end_well_is_refused_before_anything_is_fetched(ensure):
    axes = Axes(configure_args=("--prefix=/x",))
    with pytest.raises(VariantError, match="--configure-arg=--prefix=/x"):
        ensure("git+https://example.org/cpython@main", axes=axes)
