"""Plans of prebuilt interpreters: what fits, what is refused with a way out, and the goldens."""

import dataclasses
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from jitbuild.cli.plan import as_text
from jitbuild.errors import RequestError, UsageError, VariantError
from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.planning.prebuilt import (
    faster_install,
    prebuilt_plan,
    stated_prebuilt_plan,
    why_compiled,
)
from jitbuild.recipes.catalog import load_catalog
from jitbuild.recipes.prebuilt import PrebuiltArchive, PrebuiltRecipe
from jitbuild.request import Axes, Patch, parse
from jitbuild.target import TARGETS

GOLDENS = Path(__file__).parent / "prebuilt_goldens"
CATALOG = load_catalog()
LINUX = TARGETS["x86_64-linux-gnu"]
PREBUILT = Axes(provider="prebuilt")
VERSIONS = ("3.13.18", "3.14.10", "3.15.2")


def planned(spec="3.15.2", target=LINUX, **axes):
    return prebuilt_plan(parse(spec), Axes(**axes), target, CATALOG)


@pytest.mark.parametrize("target", TARGETS)
def test_every_plan_equals_its_golden(target):
    blocks = []
    for version in VERSIONS:
        try:
            blocks.append(as_text(planned(version, TARGETS[target])))
        except (VariantError, RequestError) as error:
            blocks.append(f"{version}  for {target}\n  refused: {error}")
    check_golden(target, "\n\n".join(blocks) + "\n")


def check_golden(name, text):
    golden = GOLDENS / f"{name}.txt"
    if os.environ.get("JITBUILD_REFRESH_GOLDENS"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("target", "file"), [("x86_64-windows", "amd64.zip"), ("aarch64-windows", "arm64.zip")]
)
def test_the_plan_of_a_pinned_zip_for_windows_equals_its_golden(target, file):
    archive = PrebuiltArchive(
        builder="python.org",
        version="3.15.2",
        target=target,
        url=f"https://www.python.org/ftp/python/3.15.2/python-3.15.2-{file}",
        sha256="ab" * 32,
        stated_by=("python.org",),
    )
    pinned = CATALOG.prebuilt.merged(PrebuiltRecipe(archive=(archive,)))
    catalog = dataclasses.replace(CATALOG, load_prebuilt=lambda: pinned)
    plan = prebuilt_plan(parse("3.15"), Axes(), TARGETS[target], catalog)
    check_golden(f"{target}-pinned", as_text(plan) + "\n")


def test_a_series_means_its_newest_final_release_with_an_archive():
    assert planned("3.15").version == "3.15.2"
    assert planned(">=3.14,<3.15").version == "3.14.10"


def test_the_key_and_the_name_tell_a_prebuilt_interpreter_from_a_built_one():
    request, variant = parse("3.15.2"), Axes(profile="release").variant(parse("3.15.2"))
    built = make_plan(resolve_version(request, CATALOG), variant, LINUX, CATALOG)
    prebuilt = planned()
    assert built.variant == prebuilt.variant
    assert built.key != prebuilt.key
    assert prebuilt.name == f"{built.name}-prebuilt"


def test_the_build_is_a_part_of_the_key():
    recipe = CATALOG.prebuilt
    (archive,) = (
        each for each in recipe.archive if (each.version, each.target) == ("3.15.2", LINUX.name)
    )
    later = load_catalog().prebuilt.merged(
        replace(recipe, archive=(replace(archive, build=f"{archive.build}1"),))
    )
    catalog = dataclasses.replace(CATALOG, load_prebuilt=lambda: later)
    assert prebuilt_plan(parse("3.15.2"), Axes(), LINUX, catalog).key != planned().key


@pytest.mark.parametrize(
    ("spec", "axes", "reason"),
    [
        ("3.15.2", {"jit": "no"}, "--jit no is given"),
        ("3.15.2", {"jit": "yes"}, "--jit yes is given"),
        ("3.15.2", {"profile": "debug"}, "--profile debug is given"),
        ("3.15.2", {"profile": "fast"}, "--profile fast is given"),
        ("3.15.2", {"tail_call": True}, "--tail-call is given"),
        ("3.15.2", {"configure_args": ("--with-trace-refs",)}, "--configure-arg is given"),
        ("3.15.2", {"patches": (Patch(path="a.patch", sha256="0" * 64),)}, "--patch is given"),
        ("3.15.2", {"includes": ("tests",)}, "--include is given"),
        ("3.15t", {}, "free-threaded builds have no JIT"),
        ("main", {}, "fits main: it is not a release"),
    ],
)
def test_a_request_for_something_else_is_refused_with_the_command_that_compiles_it(
    spec, axes, reason
):
    with pytest.raises(VariantError, match=reason) as caught:
        planned(spec, **axes)
    assert "--provider=source" in caught.value.remedy
    assert f"jitbuild install {spec}" in caught.value.remedy


@pytest.mark.parametrize("axes", [{}, {"jit": "yes-off"}, {"profile": "release"}])
def test_a_request_that_states_what_prebuilt_interpreters_are_is_planned(axes):
    assert planned(**axes).prebuilt.builder == "python-build-standalone"


def test_a_target_for_which_nobody_builds_the_jit_is_refused():
    with pytest.raises(VariantError, match=r"Nobody is known .* x86_64-macos") as caught:
        planned("3.15", TARGETS["x86_64-macos"])
    assert "jitbuild install 3.15 --provider=source" in caught.value.remedy


def test_a_version_without_an_archive_is_refused_with_the_newest_ones():
    with pytest.raises(RequestError, match=r"pin no prebuilt CPython for 3\.13\.1 ") as caught:
        planned("3.13.1")
    assert "3.15.2" in caught.value.remedy
    assert "jitbuild install 3.13.1 --provider=source" in caught.value.remedy


@pytest.mark.parametrize("spec", ["3.12", "3.12.9"])
def test_a_version_before_the_jit_is_refused_for_that_reason_alone(spec):
    with pytest.raises(RequestError) as caught:
        planned(spec)
    assert str(caught.value) == (
        f"CPython {spec} has no JIT: the JIT came with 3.13.\nRequest 3.13 or newer."
    )


def test_a_target_without_pins_is_refused_with_the_command_that_gets_them():
    with pytest.raises(
        VariantError, match=r"pin no prebuilt CPython for aarch64-windows"
    ) as caught:
        planned("3.15", TARGETS["aarch64-windows"])
    assert "`jitbuild recipes update prebuilt` adds them" in caught.value.remedy
    assert "jitbuild install 3.15 --provider=source" in caught.value.remedy


def test_a_version_that_nobody_knows_is_not_advised():
    with pytest.raises(RequestError) as caught:
        planned("3.15.99")
    assert "To compile" not in caught.value.remedy
    assert "--sha256" in caught.value.remedy


def test_auto_takes_a_prebuilt_interpreter_only_if_one_fits():
    auto = Axes(provider="auto")
    assert stated_prebuilt_plan(parse("3.15"), auto, LINUX, CATALOG).version == "3.15.2"
    for spec, axes in (("3.15", replace(auto, jit="no")), ("3.13.1", auto), ("main", auto)):
        assert stated_prebuilt_plan(parse(spec), axes, LINUX, CATALOG) is None
    assert stated_prebuilt_plan(parse("3.15.2"), auto, LINUX, CATALOG, sha256="0" * 64) is None


@pytest.mark.parametrize(
    ("spec", "axes", "target", "reason"),
    [
        ("3.15", {"jit": "no"}, LINUX.name, "fits 3.15: --jit no is given."),
        ("3.15", {"configure_args": ("--x",)}, LINUX.name, "--configure-arg is given."),
        ("3.13.1", {}, LINUX.name, "pin no prebuilt CPython for 3.13.1 on x86_64-linux-gnu."),
        ("3.15", {}, "x86_64-windows", "pin no prebuilt CPython for x86_64-windows."),
        ("3.15", {}, "x86_64-macos", "publish CPython 3.15 with the JIT for x86_64-macos."),
        ("main", {}, LINUX.name, "fits main: it is not a release."),
        ("3.15.2", {}, LINUX.name, ""),
    ],
)
def test_auto_tells_in_one_line_why_it_compiles(spec, axes, target, reason):
    axes = Axes(provider="auto", **axes)
    told = why_compiled(parse(spec), axes, TARGETS[target], CATALOG)
    assert told.endswith(reason)
    assert bool(told) == bool(reason)
    assert "\n" not in told


def test_only_auto_tells_why_it_compiles():
    for provider in (None, "source", "prebuilt"):
        axes = Axes(provider=provider, jit="no")
        assert why_compiled(parse("3.15"), axes, LINUX, CATALOG) == ""
    auto = Axes(provider="auto")
    told = why_compiled(parse("3.15.2"), auto, LINUX, CATALOG, sha256="0" * 64)
    assert told == "--sha256 pins an archive of sources."


def test_no_prebuilt_interpreter_is_planned_unless_it_is_asked_for():
    for provider in (None, "source"):
        axes = Axes(provider=provider)
        assert stated_prebuilt_plan(parse("3.15"), axes, LINUX, CATALOG) is None


def test_a_pin_of_sources_and_a_prebuilt_interpreter_contradict_each_other():
    with pytest.raises(UsageError, match="--sha256 pins an archive of sources"):
        stated_prebuilt_plan(parse("3.15.2"), PREBUILT, LINUX, CATALOG, sha256="0" * 64)


def test_the_note_names_the_faster_way_only_if_it_exists_and_no_provider_is_stated():
    note = faster_install(parse("3.15"), Axes(), LINUX, CATALOG)
    assert "--prebuilt would take seconds" in note
    assert "3.15.2" in note
    for axes in (Axes(provider="source"), Axes(profile="debug")):
        assert faster_install(parse("3.15"), axes, LINUX, CATALOG) == ""
    assert faster_install(parse("3.15"), Axes(), TARGETS["x86_64-macos"], CATALOG) == ""
