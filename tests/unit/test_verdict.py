"""Verdicts on builds of every kind, and the reasons for which one is refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from fake_interpreter import (
    FLAGS,
    PYTHON,
    altered,
    build,
    ended,
    everywhere,
    facts,
    on_3_13,
    probed,
)

from jitbuild.probing.facts import Expect, ProbeRuns
from jitbuild.probing.reply import convert
from jitbuild.probing.verdict import judge

EXPECTATIONS: tuple[Expect, ...] = ("jit", "yes", "yes-off", "interpreter", "no")
JIT_EXPECTATIONS: tuple[Expect, ...] = ("jit", "yes", "yes-off")


@pytest.mark.parametrize(
    ("kind", "built", "passes"),
    [
        ("no", "no", {"no"}),
        ("yes", "yes", {"jit", "yes"}),
        ("yes-off", "yes-off", {"jit", "yes-off"}),
        ("interpreter", "interpreter", {"interpreter"}),
        ("interpreter-off", "interpreter", {"interpreter"}),
    ],
)
@pytest.mark.parametrize("version", ["3.13", "3.15"])
def test_each_kind_of_build_passes_only_as_itself(
    kind: str, built: str, passes: set[str], version: str
) -> None:
    answers = on_3_13(build(kind)) if version == "3.13" else build(kind)
    verdicts = {expect: probed(answers, expect=expect) for expect in EXPECTATIONS}
    assert {verdict.built for verdict in verdicts.values()} == {built}
    assert {expect for expect, verdict in verdicts.items() if verdict.ok} == passes
    assert all(bool(verdict.reason) != verdict.ok for verdict in verdicts.values())


@pytest.mark.parametrize("version", ["3.13", "3.15"])
def test_to_json_returns_the_documented_shape(version: str) -> None:
    answers = on_3_13(build("yes-off")) if version == "3.13" else build("yes-off")
    found = probed(answers).to_json()
    names = [check["name"] for check in found["checks"]]
    assert names == [
        "answers",
        "free-threaded",
        "environment",
        "tracing",
        "built",
        "machine-code",
        "active",
        "default",
        "negative-control",
    ]
    assert all(
        check.keys() == {"name", "ok", "detail"} and check["ok"] and check["detail"]
        for check in found.pop("checks")
    )
    assert found == {
        "version": "3.13.15" if version == "3.13" else "3.15.2",
        "implementation": "cpython",
        "executable": str(PYTHON),
        "jit": {
            "built": "yes-off",
            "available": True,
            "enabled": {"default": False, "0": False, "1": True},
            "active": True,
            "machine_code_bytes": 12288,
        },
        "free_threaded": False,
        "debug": False,
        "ok": True,
        "reason": "",
    }


def test_interpreter_off_counts_as_an_interpreter_that_is_off() -> None:
    verdict = probed(build("interpreter-off"), expect="interpreter")
    assert (verdict.ok, verdict.built, verdict.enabled) == (
        True,
        "interpreter",
        {"default": False, "0": False, "1": True},
    )


def test_a_build_is_recognized_without_recorded_flags() -> None:
    for kind in ("yes", "yes-off", "interpreter", "no"):
        assert probed(altered(build(kind), build_flags=None)).built == kind


def test_a_tier_2_without_flags_and_executors_passes_as_nothing() -> None:
    """Tier 2 was compiled in, no flags say how, and no loop was compiled."""
    for kind in ("yes", "yes-off"):
        silent = altered(build(kind), build_flags=None, executors=0, machine_code_bytes=0)
        assert probed(silent).built == kind
        assert not any(probed(silent, expect=expect).ok for expect in EXPECTATIONS)


def test_the_jit_of_3_13_is_recognized_by_its_executors() -> None:
    verdict = probed(on_3_13(build("yes")))
    assert (verdict.ok, verdict.enabled) == (True, {"default": True, "0": False, "1": True})


def test_observations_override_the_build_flags() -> None:
    """With a copied or patched sysconfig, the flags say nothing about the runtime."""
    assert probed(everywhere(facts(build_flags=FLAGS["yes"]))).built == "no"
    assert probed(altered(build("yes"), build_flags=[])).built == "yes"


def test_the_reason_for_a_build_without_jit_is_that_it_was_not_compiled_in() -> None:
    verdict = probed(on_3_13(build("no")))
    assert verdict.reason == (
        "The JIT was not compiled in: PYTHON_JIT=1 is silently ignored by this build. "
        "Install a CPython with the JIT: jitbuild install 3.13"
    )


def test_a_version_before_3_13_passes_only_as_no_jit() -> None:
    old = facts(
        version="3.8.18",
        build_flags=[],
        jit_available=None,
        jit_enabled=None,
        active_iterations=None,
    )
    assert probed(everywhere(old)).reason == (
        "CPython 3.8 has no JIT: the JIT came with 3.13. Install a CPython with the JIT: "
        "jitbuild install '>=3.13'"
    )
    assert probed(everywhere(old), expect="no").ok


@pytest.mark.parametrize(
    ("full_version", "name"),
    [
        (
            "3.11.17 (8.0.1, Oct 14 2026)\n[PyPy 8.0.1 with GCC 16.2.0]",
            "PyPy 8.0.1 with GCC 16.2.0",
        ),
        ("", "pypy"),
    ],
)
def test_another_implementation_is_named_in_the_reason(full_version: str, name: str) -> None:
    other = facts(
        version="3.11.17",
        implementation="pypy",
        full_version=full_version,
        build_flags=None,
        jit_enabled=None,
    )
    verdict = probed(everywhere(other))
    assert verdict.built == "no"
    assert verdict.reason.startswith(f"This is {name}, not CPython")
    assert verdict.reason.endswith("jitbuild install '>=3.13'")


@pytest.mark.parametrize("expect", JIT_EXPECTATIONS)
@pytest.mark.parametrize("free_threaded", [None, True, False])
@pytest.mark.parametrize("kind", ["no", "yes", "yes-off"])
def test_a_free_threaded_build_never_passes_as_a_jit(
    expect: Expect, free_threaded: bool | None, kind: str
) -> None:
    """`is_enabled()` is True in such a build, although no executor is ever made."""
    verdict = probed(build(kind, free_threaded=True), expect=expect, free_threaded=free_threaded)
    assert not verdict.ok
    assert "never runs a JIT" in verdict.reason


def test_a_free_threaded_jit_build_fails_and_a_gil_build_is_recommended() -> None:
    seen = facts(
        free_threaded=True,
        build_flags=FLAGS["yes"],
        tier2=True,
        jit_available=True,
        jit_enabled=True,
    )
    verdict = probed(everywhere(seen))
    assert (verdict.ok, verdict.built, verdict.machine_code_bytes) == (False, "yes", 0)
    assert verdict.reason.endswith("Install a CPython with the JIT: jitbuild install 3.15")


def test_free_threading_must_match_if_it_is_given() -> None:
    threaded = build("no", free_threaded=True)
    assert probed(threaded, expect="no", free_threaded=True).ok
    assert probed(threaded, expect="no").ok
    assert not probed(threaded, expect="no", free_threaded=False).ok
    verdict = probed(build("no"), expect="no", free_threaded=True)
    assert (
        verdict.reason
        == "It is a build with the GIL. Install a free-threaded one with: jitbuild install 3.15t"
    )


def test_the_version_must_match_if_it_is_given() -> None:
    assert probed(build("yes-off"), version="3.15.2").ok
    verdict = probed(build("yes-off"), version="3.15.0b2")
    assert verdict.reason.startswith("It is Python 3.15.2, and 3.15.0b2 was expected.")


@pytest.mark.parametrize("kind", ["yes", "yes-off", "interpreter"])
def test_build_flags_without_machine_code_prove_nothing(kind: str) -> None:
    """sys._jit and the flags are those of a JIT, but the loops have no machine code."""
    answers = altered(build(kind), machine_code_bytes=0, executors=0)
    verdict = probed(answers)
    assert (verdict.ok, verdict.built) == (False, kind)
    if kind != "interpreter":
        assert "no machine code" in verdict.reason
        assert "report it" in verdict.reason


def test_a_jit_that_stays_on_with_python_jit_0_is_refused() -> None:
    on = build("yes")["1"]
    verdict = probed(everywhere(on))
    assert not verdict.ok
    assert verdict.reason.startswith("PYTHON_JIT=0 does not switch the JIT off.")


def test_machine_code_with_python_jit_0_fails_the_negative_control() -> None:
    answers = build("yes-off")
    answers["0"] = {**answers["1"], "jit_enabled": False}
    assert [check.name for check in probed(answers).checks if not check.ok] == ["negative-control"]


def test_a_default_that_its_loops_contradict_is_refused() -> None:
    answers = build("yes-off")
    answers[""] = {**answers["0"], "jit_enabled": True}
    assert [check.name for check in probed(answers).checks if not check.ok] == ["default"]


def test_a_loop_that_never_enters_its_machine_code_is_not_active() -> None:
    answers = build("yes-off")
    answers["1"] = {**answers["1"], "active_iterations": 0}
    verdict = probed(answers)
    assert [check.name for check in verdict.checks if not check.ok] == ["active"]
    assert not verdict.active


def test_tracers_and_isolation_are_named_in_the_reason() -> None:
    traced = probed(altered(build("yes-off"), tracers=["sys.settrace"]))
    assert traced.reason.startswith("sys.settrace is set, and keeps code out of the JIT.")
    isolated = probed(
        everywhere(facts(ignores_environment=True, build_flags=FLAGS["yes-off"], tier2=True))
    )
    assert "-E or -I" in isolated.reason


def misleading_facts() -> Iterator[dict[str, Any]]:
    """Yield all combinations of facts that could mislead."""
    for tier2, executors, interpreted, enabled, active, flags in itertools.product(
        (True, False),
        (0, 3),
        (True, False),
        (True, False, None),
        (0, 9, None),
        (*FLAGS.values(), None),
    ):
        yield facts(
            tier2=tier2,
            executors=executors,
            interpreted=interpreted,
            jit_enabled=enabled,
            active_iterations=active,
            build_flags=flags,
        )


def test_nothing_passes_as_a_jit_without_machine_code() -> None:
    sane = build("yes-off")["0"]
    for answer in misleading_facts():
        misleading, off = (convert(PYTHON, reply) for reply in (answer, sane))
        for runs in (
            ProbeRuns(off=off, default=off, on=misleading),
            ProbeRuns(off=off, default=misleading, on=misleading),
            ProbeRuns(off=misleading, default=misleading, on=misleading),
        ):
            for expect in JIT_EXPECTATIONS:
                assert not judge(PYTHON, runs, expect=expect).ok


def test_a_machine_that_denies_executable_memory_is_named_and_not_the_interpreter() -> None:
    answers: dict[str, Any] = altered(build("yes-off"), executable_memory=False)
    answers["1"] = ended(-6, stderr="Fatal Python error: Cannot allocate")
    verdict = probed(answers)
    assert verdict.memory_denied
    assert verdict.checks[0].name == "memory"
    assert verdict.reason.startswith("This machine does not let programs execute memory")
    assert "report" not in verdict.reason


@pytest.mark.parametrize(("kind", "expect"), [("no", "no"), ("interpreter", "interpreter")])
def test_a_build_without_machine_code_needs_no_executable_memory(kind: str, expect: Expect) -> None:
    verdict = probed(altered(build(kind), executable_memory=False), expect=expect)
    assert verdict.ok
    assert not verdict.memory_denied


def test_a_build_without_a_jit_is_not_explained_by_the_memory() -> None:
    verdict = probed(altered(build("no"), executable_memory=False))
    assert not verdict.memory_denied
    assert "The JIT was not compiled in" in verdict.reason
