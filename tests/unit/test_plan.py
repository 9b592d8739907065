"""Tests of plans: a golden file for each recipe and platform, with all variants.

Refresh the goldens with `nox -s goldens` and review the difference: it shows what will be built
differently.
"""

import itertools
import json
import os
import shlex
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from packaging.version import Version

from jitbuild.errors import JitbuildError, RequestError, VariantError
from jitbuild.planning import planner
from jitbuild.planning.plan import ResolvedRequest, Source
from jitbuild.planning.step import Step, placeholders
from jitbuild.recipes.catalog import load_catalog
from jitbuild.recipes.series import SeriesRecipe, Tag, UnpinnedTag
from jitbuild.request import JITS, PROFILES, Axes, Patch, Variant, parse
from jitbuild.target import TARGETS

GOLDENS = Path(__file__).parent / "goldens"
CATALOG = load_catalog()
LINUX = TARGETS["x86_64-linux-gnu"]
# One tag of each series that will not be superseded, and trees of the series that have no pins.
SUBJECTS = {
    **{
        version: planner.resolve_version(parse(version), CATALOG)
        for version in ("3.13.15", "3.14.10", "3.15.0b2", "3.15.2")
    },
    **{
        name: ResolvedRequest(
            version=version,
            source=Source(
                kind="git", digest="0" * 40, location="https://example.org/cpython", ref="main"
            ),
            llvm_major=22,
        )
        for name, version in (("3.16", "3.16.0a1"), ("main", "3.17.0a0"))
    },
}
VARIANTS = [
    Variant(jit=jit, profile=profile, tail_call=tail_call, free_threaded=free_threaded)
    for jit, profile, tail_call, free_threaded in itertools.product(
        JITS, PROFILES, (False, True), (False, True)
    )
]


def planned(spec="3.13.15", target=LINUX, **axes):
    request = parse(spec)
    return planner.make_plan(
        planner.resolve_version(request, CATALOG), Axes(**axes).variant(request), target, CATALOG
    )


def outcome(subject, variant, target):
    """Return the plan of a variant as lines to review: its key, its edits and its steps."""
    try:
        plan = planner.make_plan(subject, variant, target, CATALOG)
    except JitbuildError as error:
        return [f"refused: {error.what}"]
    lines = [f"{plan.name} {plan.key}"]
    if plan.llvm:
        bundled = " (bundled)" if plan.llvm.bundled else ""
        lines.append(f"llvm {plan.llvm.major}: {' '.join(plan.llvm.tools)}{bundled}")
    lines += [f"edit {edit.file}: {edit.find!r} -> {edit.replace!r}" for edit in plan.edits]
    if plan.leave_out:
        lines.append(f"leave out {' '.join(plan.leave_out)}")
    common = set.intersection(*(set(step.env) for step in plan.steps))
    lines += [f"env {name}={value}" for name, value in sorted(common)]
    for step in plan.steps:
        own = [f"{name}={value}" for name, value in step.env if (name, value) not in common]
        lines.append(f"{step.name} [{step.share}]: {' '.join([*own, shlex.join(step.argv)])}")
    return [*lines, *(f"warning: {warning}" for warning in plan.warnings)]


def label(variant):
    return f"{variant.slug}{'-t' if variant.free_threaded else ''}"


@pytest.mark.parametrize(("name", "target"), list(itertools.product(SUBJECTS, TARGETS)))
def test_every_plan_equals_its_golden(name, target):
    blocks = (
        [f"== {label(variant)}", *outcome(SUBJECTS[name], variant, TARGETS[target])]
        for variant in VARIANTS
    )
    text = "\n\n".join("\n".join(block) for block in blocks) + "\n"
    golden = GOLDENS / f"{name}-{target}.txt"
    if os.environ.get("JITBUILD_REFRESH_GOLDENS"):
        golden.write_text(text, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == text


def test_every_golden_belongs_to_a_recipe_and_a_platform():
    assert {path.stem for path in GOLDENS.iterdir()} == {
        f"{name}-{target}" for name, target in itertools.product(SUBJECTS, TARGETS)
    }


# Pinned by hand: a key that changes without a reason makes every store build anew.
@pytest.mark.parametrize(
    ("spec", "target", "axes", "key8"),
    [
        ("3.13.15", "x86_64-linux-gnu", {}, "93a23b85"),
        ("3.15.0b2", "aarch64-macos", {"jit": "yes", "profile": "release"}, "9c647ea1"),
        ("3.14.10", "x86_64-windows", {}, "80cc9d54"),
    ],
)
def test_keys_are_stable(spec, target, axes, key8):
    assert planned(spec, TARGETS[target], **axes).key[:8] == key8


def test_every_axis_changes_the_key():
    variants = [
        {},
        {"jit": "yes"},
        {"jit": "no"},
        {"jit": "interpreter"},
        {"profile": "debug"},
        {"profile": "release"},
        {"configure_args": ("--with-trace-refs",)},
        {"patches": (Patch(path="a.patch", sha256="1" * 64),)},
        {"patches": (Patch(path="a.patch", sha256="2" * 64),)},
    ]
    keys = {planned(**axes).key for axes in variants}
    assert len(keys) == len(variants)
    assert planned("3.14.10", tail_call=True).key != planned("3.14.10").key
    assert planned("3.13.5").key != planned().key


def test_the_location_of_sources_is_not_in_the_key():
    subject = SUBJECTS["3.13.15"]
    elsewhere = replace(
        subject,
        source=replace(subject.source, location="file:///mirror", files=(), distro_package=""),
    )
    assert planner.make_plan(elsewhere, Variant(), LINUX, CATALOG).key == planned().key
    patched = Variant(patches=(Patch(path="here/a.patch", sha256="1" * 64),))
    moved = Variant(patches=(Patch(path="there/b.patch", sha256="1" * 64),))
    assert (
        planner.make_plan(subject, patched, LINUX, CATALOG).key
        == planner.make_plan(subject, moved, LINUX, CATALOG).key
    )


def test_steps_say_which_cache_can_supply_their_result():
    for profile in ("fast", "release"):
        steps = planned(profile=profile).steps
        assert {step.name: step.cached_by for step in steps} == {
            "configure": "configure",
            "stencils": "stencils",
            "make": "compiler",
            "install": None,
        }
    assert {step.cached_by for step in planned(target=TARGETS["x86_64-windows"]).steps} == {None}


def test_the_caches_of_steps_are_in_neither_the_json_nor_the_key():
    plan = planned()
    uncached = replace(plan, steps=tuple(replace(step, cached_by=None) for step in plan.steps))
    assert uncached.to_json() == plan.to_json()
    assert "cached" not in json.dumps(plan.to_json())


def test_a_plan_holds_no_path_of_this_machine():
    text = json.dumps(planned().to_json())
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text


def test_the_steps_of_a_plan_hold_only_known_placeholders():
    for target in TARGETS.values():
        for step in planned("3.15.2", target).steps:
            text = " ".join((*step.argv, *dict(step.env).values(), step.cwd))
            assert text.count("{") == sum(
                text.count("{" + name + "}") for name in placeholders(step)
            )


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        ("3.15", "3.15.2"),
        ("3.13", "3.13.18"),
        (">=3.13,<3.15", "3.14.10"),
        ("3.15.0b2", "3.15.0b2"),
        ("v3.14.0a1", "3.14.0a1"),
    ],
)
def test_a_request_means_the_newest_final(spec, version):
    assert planner.resolve_version(parse(spec), CATALOG).version == version


def test_a_series_without_a_final_means_its_newest_pre_release():
    series = CATALOG.series["3.15"]
    betas = SeriesRecipe(
        **{name: getattr(series, name) for name in ("series", "llvm")},
        tag=series.tag[:-2],
        unpinned=series.unpinned,
    )
    catalog = replace(CATALOG, series={**CATALOG.series, "3.15": betas})
    assert planner.resolve_version(parse("3.15"), catalog).version == "3.15.0rc3"


NEAREST = "The nearest known versions are "
UNKNOWN = {
    "3.98.0b9": f"{NEAREST}3.98.2, 3.98.0, 3.98.0b2, 3.98.0b1. Check the number: later releases "
    "are known, up to 3.98.2. If 3.98.0b9 exists,",
    "3.98.3": f"{NEAREST}3.98.2, 3.98.0. The newest known release of 3.98 is 3.98.2. If 3.98.3 has "
    "been released,",
    "3.99.0a3": "The newest known release of 3.99 is 3.99.0a2. If 3.99.0a3 has been released,",
    "3.100.0": "No recipe has a release of 3.100. If 3.100.0 has been released,",
}
SMALL = replace(
    CATALOG,
    series={
        "3.98": SeriesRecipe(
            series="3.98",
            tag=tuple(
                Tag(version=version, tar_xz="a" * 64)
                for version in ("3.98.0b1", "3.98.0b2", "3.98.0", "3.98.2")
            ),
            unpinned=(UnpinnedTag(version="3.98.1", reason="Nobody states its sha256."),),
        ),
        "3.99": SeriesRecipe(
            series="3.99",
            unpinned=tuple(
                UnpinnedTag(version=version, reason="Nobody states its sha256.")
                for version in ("3.99.0a1", "3.99.0a2")
            ),
        ),
        "main": CATALOG.series["main"],
    },
)


@pytest.mark.parametrize("spec", UNKNOWN)
def test_the_remedy_for_an_unknown_tag_is_true_in_each_case(spec):
    with pytest.raises(RequestError) as caught:
        planner.resolve_version(parse(spec), SMALL)
    assert caught.value.what == f"No recipe has a release for {spec}."
    assert caught.value.remedy == (
        f"{UNKNOWN[spec]} `jitbuild recipes update` adds it. Or give the sha256 of "
        f"Python-{spec}.tar.xz with --sha256, or add the tag to your own recipes: --recipes DIR."
    )


@pytest.mark.parametrize("tag", [*CATALOG.tags(), *CATALOG.unpinned()])
def test_every_known_release_has_a_plan_on_every_platform(tag):
    resolved = planner.resolve_version(parse(tag), CATALOG, needs_pin=False)
    for target in TARGETS.values():
        plan = planner.make_plan(resolved, Variant(), target, CATALOG)
        assert plan.version == tag
        assert plan.source.location.endswith(f"/Python-{tag}.tar.xz")
        assert bool(plan.key) == (tag in CATALOG.tags())


@pytest.mark.parametrize("prebuilt", [False, True])
def test_a_release_without_a_pin_is_planned_but_not_installed(prebuilt):
    request, catalog = parse("3.98.1"), SMALL
    if prebuilt:
        archive = msgspec.structs.replace(CATALOG.prebuilt.archive[0], version="3.98.1")
        known = msgspec.structs.replace(CATALOG.prebuilt, archive=(archive,))
        catalog = replace(SMALL, load_prebuilt=lambda: known)
    with pytest.raises(RequestError) as caught:
        planner.resolve_version(request, catalog)
    assert str(caught.value) == (
        "CPython 3.98.1 exists, but the recipes do not have the sha256 of its archive. Nobody "
        "states its sha256.\nGet the sha256 from python.org: `jitbuild recipes update`. Or give "
        "that of Python-3.98.1.tar.xz with --sha256."
        + " Or take the prebuilt one, if your platform has it: --prebuilt."
        * prebuilt
    )
    resolved = planner.resolve_version(request, catalog, needs_pin=False)
    plan = planner.make_plan(resolved, Variant(), LINUX, catalog)
    source = plan.to_json()["source"]
    assert (plan.key, source["sha256"], source["digest"]) == ("", "", "")
    assert source["unpinned"] == "Nobody states its sha256."
    resolved = planner.resolve_version(request, catalog, sha256="a" * 64)
    plan = planner.make_plan(resolved, Variant(), LINUX, catalog)
    assert plan.key
    pinned = {"sha256": "a" * 64, "digest": "a" * 64, "unpinned": ""}
    assert plan.to_json()["source"] == source | pinned


def test_a_series_means_its_newest_release_with_a_pin():
    assert planner.resolve_version(parse("3.98"), SMALL).version == "3.98.2"
    assert planner.resolve_version(parse("<3.98.2"), SMALL).version == "3.98.0"


@pytest.mark.parametrize("spec", ["3.99", ">=3.99.0a1"])
def test_a_series_without_a_pin_is_refused_with_the_releases_that_it_has(spec):
    with pytest.raises(RequestError) as caught:
        planner.resolve_version(parse(spec), SMALL, needs_pin=False)
    assert str(caught.value) == (
        f"The recipes do not have the sha256 of any release for {spec}: they know only 3.99.0a1 "
        "and 3.99.0a2.\nGet the sha256 from python.org: `jitbuild recipes update`. Or request one "
        "of these releases, with the sha256 of its .tar.xz: --sha256 HASH."
    )


def test_the_nearest_tags_begin_with_the_newest():
    with pytest.raises(RequestError) as caught:
        planner.resolve_version(parse("3.13.99"), CATALOG)
    newest = planner.resolve_version(parse("3.13"), CATALOG).version
    assert caught.value.remedy.startswith(f"The nearest known versions are {newest}, ")


@pytest.mark.parametrize("text", ["3.12", "3.12.4"])
def test_a_version_before_the_jit_is_refused(text):
    with pytest.raises(RequestError, match=r"CPython 3\.12.* has no JIT: the JIT came with 3\.13"):
        planner.resolve_version(parse(text), CATALOG)


def test_an_unknown_tag_is_accepted_with_its_sha256():
    subject = planner.resolve_version(parse("3.15.3"), CATALOG, sha256="a" * 64)
    assert (subject.version, subject.source.digest) == ("3.15.3", "a" * 64)
    assert subject.source.location.endswith("/3.15.3/Python-3.15.3.tar.xz")


def test_the_url_of_a_pre_release_is_in_the_folder_of_its_base_version():
    assert planner.resolve_version(parse("3.15.0b2"), CATALOG).source.location.endswith(
        "/3.15.0/Python-3.15.0b2.tar.xz"
    )


def test_versions_before_the_jit_have_no_recipe():
    with pytest.raises(RequestError, match=r"3\.13"):
        CATALOG.for_version(Version("3.12.1"))


def test_the_llvm_of_a_tree_overrides_that_of_its_series():
    assert planner.make_plan(SUBJECTS["main"], Variant(), LINUX, CATALOG).llvm.major == 22


def test_a_recipe_can_override_the_llvm_of_a_tree(tmp_path):
    (tmp_path / "cpython-3.15.toml").write_text(
        'series = "3.15"\n[llvm]\nmajor = 22\ntools = ["clang"]\nhandover = "path"\n'
        "overrides-tree = true\n"
    )
    tree = replace(
        SUBJECTS["main"], version="3.15.0a0", llvm_major=19, llvm_tools=("clang", "llvm-readobj")
    )
    llvm = planner.make_plan(tree, Variant(), LINUX, load_catalog(tmp_path)).llvm
    assert (llvm.major, llvm.tools) == (22, ("clang",))


def test_a_tree_with_the_tools_of_its_recipe_has_the_key_of_a_tree_that_states_none():
    tools = tuple(sorted(CATALOG.series["main"].llvm.tools))
    plans = [
        planner.make_plan(replace(SUBJECTS["main"], llvm_tools=given), Variant(), LINUX, CATALOG)
        for given in ((), tools)
    ]
    assert plans[0].key == plans[1].key


@pytest.mark.parametrize(
    ("spec", "axes", "said"),
    [
        ("3.13.15", {"tail_call": True}, "tail-calling"),
        ("3.15.0a2", {"profile": "debug"}, "abort at run time"),
        ("3.15.0b4", {"profile": "debug"}, "abort at run time"),
    ],
)
def test_known_bad_combinations_are_refused(spec, axes, said):
    with pytest.raises(VariantError, match=said):
        planned(spec, **axes)


@pytest.mark.parametrize(
    ("spec", "major", "tools"),
    [
        ("3.13.0a6", 16, ("clang", "llvm-readobj")),
        ("3.13.0b1", 18, ("clang", "llvm-readobj")),
        ("3.14.0a1", 18, ("clang", "llvm-readobj")),
        ("3.14.0a2", 19, ("clang", "llvm-readobj")),
        ("3.15.0a1", 19, ("clang", "llvm-readobj")),
        ("3.15.0a2", 21, ("clang", "llvm-readobj", "llvm-objdump", "llvm-dwarfdump")),
    ],
)
def test_early_pre_releases_need_an_older_llvm(spec, major, tools):
    llvm = planned(spec).llvm
    assert (llvm.major, llvm.tools) == (major, tools)


def test_the_plan_of_a_release_without_the_jit_says_so():
    (warning,) = planned("3.13.0a3").warnings
    assert warning == "3.13.0a1 to 3.13.0a3 have no JIT: they can be built only with --jit no."
    assert not planned("3.13.0a4").warnings
    assert not planned("3.13.0a3", jit="no").warnings


@pytest.mark.parametrize("spec", ["3.15.0a1", "3.15.0rc1"])
def test_assertions_are_allowed_before_and_after_the_bug(spec):
    assert planned(spec, profile="debug").variant.profile == "debug"


def test_a_sha256_that_differs_from_the_recipes_is_refused():
    with pytest.raises(RequestError, match=r"pin 3\.15\.2 to another sha256"):
        planner.resolve_version(parse("3.15.2"), CATALOG, sha256="a" * 64)


def test_patches_are_refused_on_windows():
    with pytest.raises(VariantError, match="--patch is not supported on Windows"):
        planned("3.14.10", TARGETS["x86_64-windows"], patches=(Patch(path="a", sha256="1" * 64),))


def test_patches_are_applied_before_configure():
    patches = (Patch(path="a", sha256="1" * 64), Patch(path="b", sha256="2" * 64))
    first, second, configure, *_ = planned(patches=patches).steps
    assert (first.name, second.name, configure.name) == ("patch 1", "patch 2", "configure")
    assert second.argv[-1] == "{patch:2}"


def test_placeholders_are_filled_in_arguments_variables_and_folder():
    step = Step(
        name="x", argv=("{python}", "-j{jobs}"), env=(("P", "{llvm}:{path}"),), cwd="{source}"
    )
    filled = step.filled(lambda name: name.upper())
    assert (filled.argv, filled.env, filled.cwd) == (
        ("PYTHON", "-jJOBS"),
        (("P", "LLVM:PATH"),),
        "SOURCE",
    )
