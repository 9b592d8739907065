"""`jitbuild bugs`."""

import json

import pytest
from cli_fixtures import put

from jitbuild.errors import NotInstalledError, RequestError, UsageError

pytestmark = pytest.mark.usefixtures("home")


def test_the_bugs_of_a_release_are_described(run):
    code, out, err = run("bugs", "3.15.0b2")
    assert (code, err) == (0, "")
    assert (
        "gh-154701: A `for` loop over iterators of more than four types runs forever in JIT code.\n"
        "  series    3.15\n"
        "  versions  >=3.15.0b1,<3.15.0rc2 (at least)\n"
        "  fixed in  3.15.0rc2\n"
        "  issue     https://github.com/python/cpython/issues/154701\n"
    ) in out
    assert "gh-158072" not in out


def test_conditions_are_stated(run):
    out = run("bugs", "3.14.0")[1]
    assert "  targets   aarch64-*\n" in out
    assert "  builds    with --jit yes or yes-off\n" in out
    assert "  builds    with assertions (--profile debug)\n" in out
    assert "  fixed in  no release yet\n" in out


def test_without_a_version_the_bugs_of_all_series_are_listed(run):
    out = run("bugs")[1]
    assert {"gh-126127", "gh-140104", "gh-154701", "gh-157740"} <= {
        line.partition(":")[0] for line in out.splitlines()
    }


def test_the_snippets_are_printed_on_request(run):
    assert "yield from values" not in run("bugs", "3.15.0")[1]
    assert "\n  |     yield from values\n" in run("bugs", "3.15.0", "--snippets")[1]


def test_the_json_has_its_documented_shape(run):
    (leak, *_) = json.loads(run("bugs", "3.15.2", "--json")[1])
    assert set(leak) == {
        "issue",
        "url",
        "what",
        "versions",
        "at_least",
        "fixed_in",
        "series",
        "targets",
        "jit",
        "assertions",
        "warn",
        "snippet",
        "snippet_ends",
    }
    assert (leak["issue"], leak["series"]) == ("gh-157875", "3.15")
    assert (leak["issue"], leak["fixed_in"], leak["snippet_ends"]) == ("gh-157875", None, True)


def test_only_the_bugs_of_the_build_are_listed_for_a_name(run, store):
    name = put(store, "cpython-3.14.10-jit-fast-00000000", "3.14.10").name
    debug = put(store, "cpython-3.14.10-jit-debug-0000000", "3.14.10", profile="debug").name
    code, out, err = run("bugs", name)
    assert (code, out, err) == (0, "", f"No JIT bug of {name} is known.\n")
    assert run("bugs", name, "--json")[1] == "[]\n"
    assert run("bugs", debug)[1].startswith("gh-136996: ")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("3.15t", "3.15t has no JIT: it is free-threaded."),
        ("3.99", "No recipe knows a release that fits 3.99, so no JIT bug of it is known."),
        ("3.13.0a1", "No JIT bug of 3.13.0a1 is known."),
    ],
)
def test_without_bugs_the_reason_is_stated(run, spec, reason):
    assert run("bugs", spec) == (0, "", f"{reason}\n")
    assert run("bugs", spec, "-q") == (0, "", "")


def test_your_own_recipes_add_bugs(run, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "cpython-3.15.toml").write_text(
        'series = "3.15"\n\n[[bug]]\nissue = "gh-9"\nwhat = "It hangs."\n'
        'when = { versions = "==3.15.2" }\n'
    )
    assert "gh-9: It hangs.\n" in run("bugs", "3.15.2", "--recipes", own)[1]
    assert "gh-9" in run("plan", "3.15.2", "--recipes", own)[1]


def test_other_texts_are_errors(run, store):
    assert run("bugs", "3.12")[0] == RequestError.exit_code
    assert run("bugs", "cpython-3.15.2-jit-fast-11111111")[0] == NotInstalledError.exit_code
    code, _, err = run("bugs", "main")
    assert code == UsageError.exit_code
    assert "The bugs of main are not known: the recipes list bugs by version." in err
