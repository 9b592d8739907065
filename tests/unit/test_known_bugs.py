"""Known JIT bugs: which builds have them, and which release is better."""

from __future__ import annotations

import pytest
import stores
from fake_interpreter import build, probed

from jitbuild.errors import RecipeError, RequestError
from jitbuild.recipes.catalog import load_catalog
from jitbuild.recipes.known_bugs import known_bugs, listed_bugs
from jitbuild.request import Variant, parse
from jitbuild.running.known_bugs import bugs_of_installed, bugs_of_probed
from jitbuild.target import TARGETS

SERIES = """\
series = "3.15"

[[bug]]
issue = "gh-1"
what = "It crashes."
when = { versions = ">=3.15.0a1,<3.15.1" }
fixed-in = "3.15.1"

[[bug]]
issue = "gh-2"
what = "It is wrong on AArch64."
when = { versions = "<3.15.0rc1", targets = ["aarch64-*"] }
fixed-in = "3.15.0rc1"

[[bug]]
issue = "gh-3"
what = "An assertion fails."
when = { versions = ">=3.15.0a1", assertions = true }

[[bug]]
issue = "gh-4"
what = "Notes are missing."
when = { versions = ">=3.15.0a1" }
warn = false
"""
OPEN = """
[[bug]]
issue = "gh-5"
what = "It leaks."
when = { versions = "==3.15.0b2" }
at-least = true
"""


@pytest.fixture
def catalog_of(tmp_path, own_catalog):
    """Return a function that makes a catalog whose series 3.15 has only the bugs of a text."""

    def make(text=SERIES, tags=("3.15.0b2", "3.15.0b4", "3.15.0", "3.15.1", "3.15.2")):
        pins = "".join(f'\n[[tag]]\nversion = "{tag}"\ntar-xz = "{"a" * 64}"\n' for tag in tags)
        return own_catalog(text + pins)

    return make


@pytest.fixture
def own_catalog(tmp_path):
    """Return a function that makes a catalog whose recipe of 3.15 is a text."""
    count = iter(range(9))

    def make(text):
        import dataclasses

        from jitbuild.recipes.reader import read_series

        path = tmp_path / f"cpython-3.15-{next(count)}.toml"
        path.write_text(text)
        shipped = load_catalog()
        return dataclasses.replace(shipped, series={**shipped.series, "3.15": read_series(path)})

    return make


def bugs(catalog, version, target="x86_64-linux-gnu", **variant):
    return known_bugs(catalog, version, TARGETS[target], Variant(**variant))


def issues(found):
    return [bug.issue for bug in found]


def test_a_bug_affects_its_versions_targets_and_builds_only(catalog_of):
    catalog = catalog_of()
    assert issues(bugs(catalog, "3.15.0b2").bugs) == ["gh-1", "gh-4"]
    assert issues(bugs(catalog, "3.15.0b2", "aarch64-macos").bugs) == ["gh-1", "gh-2", "gh-4"]
    assert issues(bugs(catalog, "3.15.2", profile="debug").bugs) == ["gh-3", "gh-4"]
    with_assertions = {"configure_args": ("--with-assertions",)}
    assert issues(bugs(catalog, "3.15.2", **with_assertions).bugs) == ["gh-3", "gh-4"]
    assert issues(bugs(catalog, "3.15.2").bugs) == ["gh-4"]


@pytest.mark.parametrize("variant", [{"jit": "no"}, {"jit": "no", "free_threaded": True}])
def test_a_build_without_the_jit_has_no_jit_bugs(catalog_of, variant):
    found = bugs(catalog_of(), "3.15.0b2", **variant)
    assert (found.bugs, found.warnings) == ((), ())


def test_the_warning_names_the_newest_release_without_the_bugs(catalog_of):
    (warning,) = bugs(catalog_of(), "3.15.0b2").warnings
    assert warning == (
        "3.15.0b2 has 1 known JIT bug (gh-1). The newest release without it is 3.15.2. "
        "`jitbuild bugs 3.15.0b2` describes it."
    )


def test_a_bug_that_changes_no_program_is_listed_without_a_warning(catalog_of):
    found = bugs(catalog_of(), "3.15.2")
    assert (issues(found.bugs), found.warnings) == (["gh-4"], ())


def test_a_bug_without_a_fix_is_expected_in_later_releases(catalog_of):
    found = bugs(catalog_of(SERIES + OPEN), "3.15.0b2")
    assert (found.better, issues(found.remaining)) == ("3.15.2", ["gh-5"])
    assert " has only gh-5, which has no fix yet." in found.warnings[0]
    found = bugs(catalog_of(OPEN.replace("\n[[bug]]", 'series = "3.15"\n[[bug]]', 1)), "3.15.0b2")
    assert (found.better, found.remaining) == ("", ())
    assert "No release has a fix for it yet." in found.warnings[0]


def test_an_older_or_unpinned_release_is_never_advised(catalog_of):
    catalog = catalog_of(tags=("3.15.0b2", "3.15.0"))
    assert bugs(catalog, "3.15.0").better == ""
    (warning,) = bugs(catalog, "3.15.0").warnings
    assert warning == (
        "3.15.0 has 1 known JIT bug (gh-1). 3.15.1 has the fix, but no recipe has its sha256, "
        "which `jitbuild recipes update` may find. "
        "`jitbuild bugs 3.15.0` describes it."
    )


def test_a_pre_release_is_advised_only_if_there_is_no_final_one(catalog_of):
    text = SERIES.replace("3.15.1", "3.15.0b4")
    assert bugs(catalog_of(text), "3.15.0b2").better == "3.15.2"
    assert bugs(catalog_of(text, ("3.15.0b2", "3.15.0b4")), "3.15.0b2").better == "3.15.0b4"


def test_a_newer_release_with_a_bug_of_its_own_is_not_better(catalog_of):
    newer = OPEN.replace("3.15.0b2", "3.15.2")
    assert bugs(catalog_of(SERIES + newer), "3.15.0").better == "3.15.1"


def test_your_own_recipes_add_and_replace_bugs(tmp_path):
    path = tmp_path / "cpython-3.15.toml"
    path.write_text(
        'series = "3.15"\n[[bug]]\nissue = "gh-9"\nwhat = "New."\nwhen.versions = "==3.15.2"\n'
        '[[bug]]\nissue = "gh-157875"\nwhat = "Fixed."\nwhen.versions = "==3.15.0"\n'
    )
    assert issues(bugs(load_catalog(tmp_path), "3.15.2", "aarch64-macos").bugs) == ["gh-9"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"gh-1"', '"154701"', "'154701' is not an issue of CPython"),
        ('"gh-2"', '"gh-1"', "there are 2 entries for the bug gh-1"),
        ("<3.15.1", "<=3.15.1", "bug gh-1 is fixed in 3.15.1, but its `versions`"),
        ('fixed-in = "3.15.1"', 'fixed-in = "3.14.1"', "does not belong to the series 3.15"),
        ("<3.15.1", "before 3.15.1", "`versions` of bug gh-1 is not a version specifier"),
        ("aarch64-*", "arm-*", "bug gh-2 has the target 'arm-\\*'"),
        ("warn = false", "wran = false", "unknown field `wran`"),
    ],
)
def test_a_wrong_entry_is_refused(catalog_of, old, new, message):
    with pytest.raises(RecipeError, match=message):
        catalog_of(SERIES.replace(old, new, 1))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("3.15", ["gh-1", "gh-2", "gh-3", "gh-4"]),
        ("3.15.0", ["gh-1", "gh-3", "gh-4"]),
        ("3.15.0rc1", ["gh-1", "gh-3", "gh-4"]),
        ("3.15.9", ["gh-3", "gh-4"]),
        (">=3.15.1,<3.16", ["gh-3", "gh-4"]),
        ("3.15t", []),
    ],
)
def test_the_bugs_of_a_request_are_listed_whatever_the_build(catalog_of, spec, expected):
    assert issues(listed_bugs(catalog_of(), parse(spec))) == expected


def test_a_version_before_the_jit_is_an_error(catalog_of):
    with pytest.raises(RequestError, match="the JIT came with"):
        listed_bugs(catalog_of(), parse("3.12"))


def test_an_interpreter_of_this_machine_has_the_bugs_of_its_version():
    found = bugs_of_probed(probed(build("yes-off")))
    assert (found.version, issues(found.bugs)[0]) == ("3.15.2", "gh-157875")
    assert bugs_of_probed(probed(build("no"), expect="no")).bugs == ()
    assert bugs_of_probed(probed(build("yes-off", implementation="pypy"))).bugs == ()


def test_an_interpreter_of_the_store_has_the_bugs_of_its_record(store_of_tests):
    catalog = load_catalog()
    debug = stores.put(store_of_tests, "3.14.10", profile="debug")
    assert issues(bugs_of_installed(debug, catalog).bugs) == ["gh-136996"]
    assert bugs_of_installed(stores.put(store_of_tests, "3.14.10"), catalog).bugs == ()
    without = stores.put(store_of_tests, "3.15.0", jit="no")
    assert bugs_of_installed(without, catalog).bugs == ()


@pytest.fixture
def store_of_tests(tmp_path):
    from jitbuild.store.store import Store

    return Store(tmp_path / "home")


def test_the_shipped_entries_are_sentences_and_their_snippets_compile():
    entries = listed_bugs(load_catalog())
    assert {"gh-154701", "gh-157468", "gh-157875"} <= {bug.issue for bug in entries}
    for bug in entries:
        assert bug.what.endswith("."), bug.issue
        assert bug.when.versions, bug.issue
        compile(bug.snippet, bug.issue, "exec")


def test_a_release_with_the_fix_and_another_bug_is_not_said_to_lack_a_pin(catalog_of):
    another = """
[[bug]]
issue = "gh-6"
what = "It hangs."
when = { versions = ">=3.15.1,<3.15.3" }
fixed-in = "3.15.3"
"""
    text = SERIES + another
    (warning,) = bugs(catalog_of(text, ("3.15.0", "3.15.1")), "3.15.0").warnings
    assert "3.15.1 has the fix, but also other known JIT bugs." in warning
