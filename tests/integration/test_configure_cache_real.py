"""The answers kept and found ahead, with CPython's own configure."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from configured_trees import ENVIRON, ConfiguredTree, make_plan

from jitbuild.building.caches.configure_answers import AnswerStore, affirmative_answers
from jitbuild.building.caches.configure_key import folders_digest, search_folders
from jitbuild.building.caches.prefill import ConfigureCompiler, positive_answers, questions_of
from jitbuild.building.step_progress import count_files
from jitbuild.system import process

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("caches"),
    pytest.mark.skipif(os.name != "posix", reason="configure is for POSIX"),
]


@pytest.fixture
def store(tmp_path: Path) -> AnswerStore:
    return AnswerStore.below(tmp_path / "store")


def second_tree(tree: ConfiguredTree, folder: Path, source: Path) -> ConfiguredTree:
    """Return another tree of the same variant, not configured yet."""
    env = {"CC": str(folder / "bin" / "cc")} if tree.env else {}
    return ConfiguredTree(folder, tree.plan, tree.prefix, env).link(source)


def test_the_files_that_make_will_compile_are_counted_without_changing_the_tree(configured):
    """Show the total that the progress of make is a fraction of."""
    tree = configured["no"]
    (make,) = [step for step in tree.plan.steps if step.name == "make"]
    before = {path: path.stat().st_mtime_ns for path in tree.root.rglob("*")}
    commands = process.run(make.dry_run, env=ENVIRON, cwd=tree.root)
    assert commands.ok
    assert 200 < count_files(commands.stdout.splitlines()) < 500
    assert {path: path.stat().st_mtime_ns for path in tree.root.rglob("*")} == before


@pytest.mark.parametrize(
    ("giver", "taker"),
    [
        ("yes-off", "no"),
        ("yes-off", "interpreter"),
        ("yes-off", "yes-off"),
        ("no own", "yes-off own"),
    ],
)
def test_answers_of_another_variant_lead_to_the_same_files(
    configured, store, cpython_source, tmp_path, giver, taker
):
    expected = configured[taker]
    configured[giver].keep_answers(store)
    warm = second_tree(expected, tmp_path, cpython_source)
    assert warm.key() == configured[giver].key()
    assert store.restore(warm.key(), warm.config_cache)
    warm.configure()
    assert warm.printed.count("(cached)") > 500 > expected.printed.count("(cached)")
    assert warm.outputs() == expected.outputs()
    if taker != giver:
        makefiles = [tree.root / "Makefile" for tree in (warm, configured[giver])]
        assert makefiles[0].read_text() != makefiles[1].read_text()
    # Answers that were found again are in the new config.cache too, so it can be kept.
    names = [
        set(re.findall(r"^(\w+)=\$\{", tree.config_cache.read_text(), re.MULTILINE))
        for tree in (configured[giver], warm)
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    "axes",
    [
        {"includes": ("tests",)},
        {"profile": "debug"},
        {"profile": "release"},
        {"configure_args": ("--without-pymalloc",)},
        {"configure_args": ("CFLAGS=-O1",)},
    ],
)
def test_only_neutral_differences_leave_the_key_as_it_is(
    cpython_source, cpython_version, tmp_path, axes
):
    plan = make_plan(cpython_version, jit="no")
    tree = ConfiguredTree(tmp_path, plan, "/opt/one").link(cpython_source)
    key = tree.key()
    tree.plan, tree.prefix = make_plan(cpython_version, jit="yes-off"), "/opt/two"
    assert tree.key() == key
    tree.plan = make_plan(cpython_version, jit="no", **axes)
    assert tree.key() != key
    tree.plan = plan
    (tree.root / "configure").unlink()
    shutil.copy(cpython_source / "configure", tree.root / "configure")
    with (tree.root / "configure").open("a") as file:
        file.write("# of another version\n")
    assert tree.key() != key


@pytest.mark.parametrize("taker", ["yes-off", "no", "yes-off own"])
def test_answers_found_ahead_lead_to_the_same_files(configured, cpython_source, tmp_path, taker):
    expected = configured[taker]
    tree = second_tree(expected, tmp_path, cpython_source)
    questions = questions_of((cpython_source / "configure").read_text())
    compiler = ConfigureCompiler(
        argv=["cc"], flags=[], libraries=[], environ=ENVIRON, runner=process.run
    )
    answers = positive_answers(questions, compiler, tmp_path / "prefill", jobs=2)
    assert len(answers) > 200
    tree.config_cache.write_text(affirmative_answers(answers))
    tree.configure()
    assert tree.printed.count("(cached)") >= len(answers)
    assert tree.outputs() == expected.outputs()
    # configure finds the same answers by itself.
    text = configured["yes-off"].config_cache.read_text()
    own = dict(re.findall(r"^(\w+)=\$\{\w+=(.*)\}$", text, re.MULTILINE))
    assert {name: own.get(name) for name in answers} == dict.fromkeys(answers, "yes")


def test_an_unfiltered_config_cache_leads_to_another_makefile(configured, cpython_source, tmp_path):
    """The negative control: CPython 3.13's configure has side effects (caches/autoconf.py)."""
    expected = configured["no"]
    warm = second_tree(expected, tmp_path, cpython_source)
    shutil.copy(configured["yes-off"].config_cache, warm.config_cache)
    outputs = warm.configure().outputs()
    assert outputs["pyconfig.h"] == expected.outputs()["pyconfig.h"]
    assert "NO_AS_NEEDED=\t\n" in outputs["Makefile"]
    assert "NO_AS_NEEDED=\t\n" not in expected.outputs()["Makefile"]


def test_an_unfiltered_config_cache_with_another_cc_ends_configure(
    configured, cpython_source, tmp_path
):
    """The negative control of `no own`: autoconf rejects a cache with another value of CC."""
    warm = second_tree(configured["yes-off own"], tmp_path, cpython_source)
    shutil.copy(configured["no own"].config_cache, warm.config_cache)
    with pytest.raises(AssertionError, match="changes in the environment can compromise the build"):
        warm.configure()


def test_changes_in_the_search_folders_change_their_digest(tmp_path):
    (tmp_path / "include").mkdir()
    environ = {
        **ENVIRON,
        "CPATH": str(tmp_path / "include"),
        "PKG_CONFIG_PATH": str(tmp_path / "pc"),
    }
    folders = search_folders(process.run, environ)
    assert {Path("/usr/include"), tmp_path / "include", tmp_path / "pc"} <= {*folders}
    before = folders_digest(folders)
    assert folders_digest(folders) == before
    (tmp_path / "include" / "openssl").mkdir()
    assert folders_digest(folders) != before
    (tmp_path / "include" / "openssl").rmdir()
    (tmp_path / "pc").mkdir()
    assert folders_digest(folders) != before
