"""`jitbuild recipes`: the list. Updates and checks are in test_pins.py, and with a server in
tests/integration/test_recipes_update_real.py.
"""

from __future__ import annotations

import json

import pytest

from jitbuild.cli import completion
from jitbuild.cli.commands import RECIPE_ACTIONS
from jitbuild.recipes.catalog import load_catalog

pytestmark = pytest.mark.usefixtures("home")

SHA = "ab" * 32


@pytest.fixture
def own(tmp_path):
    """Return the folder of the user's own recipes, with one release in it."""
    folder = tmp_path / "config" / "jitbuild" / "recipes"
    folder.mkdir(parents=True)
    (folder / "cpython-3.15.toml").write_text(
        f'series = "3.15"\n[[tag]]\nversion = "3.15.99"\ntar-xz = "{SHA}"\n'
        'stated-by = ["python.org"]\nverified = "Sigstore signature of hugo@python.org"\n'
    )
    return folder


def test_every_known_release_is_listed_with_the_origin_of_its_pin(run, own):
    code, out, err = run("recipes", "--json")
    assert (code, err) == (0, "")
    rows = {row["version"]: row for row in json.loads(out)}
    shipped = load_catalog()
    assert set(rows) == {*shipped.tags(), *shipped.unpinned(), "3.15.99"}
    assert rows["3.15.99"] == {
        "version": "3.15.99",
        "origin": "own",
        "file": str(own / "cpython-3.15.toml"),
        "url": "https://www.python.org/ftp/python/3.15.99/Python-3.15.99.tar.xz",
        "sha256": SHA,
        "size": 0,
        "stated_by": ["python.org"],
        "verified": "Sigstore signature of hugo@python.org",
        "unpinned": "",
    }
    known = rows["3.15.0b2"]
    assert (known["origin"], known["file"], known["verified"]) == ("shipped", "", "")
    assert set(known["stated_by"]) >= {"pyenv"}
    for version, tag in shipped.unpinned().items():
        assert (rows[version]["sha256"], rows[version]["unpinned"]) == ("", tag.reason)


def test_the_list_is_filtered_by_series_version_and_specifier(run, own):
    for words, expected in {
        ("3.15.99",): ["3.15.99"],
        ("3.15.99,3.15.0b2",): ["3.15.0b2", "3.15.99"],
        (">=3.15.50,<3.16.0a0",): ["3.15.99"],
    }.items():
        code, out, _ = run("recipes", *words)
        assert code == 0
        assert [line.split()[0] for line in out.splitlines()[1:]] == expected
    assert out.splitlines()[0].split() == ["recipe", "size", "stated", "by", "verified"]
    assert out.splitlines()[1].split() == [
        *("3.15.99", "own", "python.org", "Sigstore"),
        *("signature", "of", "hugo@python.org"),
    ]


def test_a_release_that_no_recipe_knows_is_an_error_that_names_the_update(run):
    code, out, err = run("recipes", "3.15.98")
    assert (code, out) == (3, "")
    assert "No recipe knows a release that fits 3.15.98." in err
    assert "`jitbuild recipes update`" in err


def test_own_recipes_are_used_without_an_option_until_a_folder_is_stated(run, own, tmp_path):
    assert run("plan", "3.15.99")[0] == 0
    other = tmp_path / "other"
    other.mkdir()
    (other / "cpython-3.15.toml").write_text('series = "3.15"')
    assert run("plan", "3.15.99", "--recipes", other)[0] == 3


def test_a_broken_file_of_ones_own_is_one_error_that_names_the_file(run, own):
    (own / "cpython-3.15.toml").write_text("series = ")
    for command in (["recipes"], ["plan", "3.15"], ["install", "3.15"]):
        code, out, err = run(*command)
        assert (code, out) == (5, "")
        assert f"{own / 'cpython-3.15.toml'} is not TOML" in err
        assert len(err.splitlines()) == 2


def test_the_config_shows_the_folder_of_ones_own_recipes(run, own):
    rows = json.loads(run("config", "--json")[1])
    assert rows["recipes"] == {"value": str(own), "origin": "default", "error": None}


@pytest.mark.parametrize("option", [["--refresh"], ["--api", "https://host.test"]])
def test_options_of_the_update_are_refused_for_the_list(run, option):
    code, out, err = run("recipes", *option)
    assert (code, out) == (2, "")
    assert "--api and --refresh apply only to" in err


@pytest.mark.parametrize(
    "words", [["update", "prebuilt", "3.15"], ["check", "prebuilt"], ["prebuilt"]]
)
def test_prebuilt_stands_alone_after_update(run, words):
    code, _, err = run("recipes", *words)
    assert (code, "jitbuild recipes update prebuilt" in err) == (2, True)


def test_a_misspelt_action_is_answered_with_the_nearest(run):
    code, _, err = run("recipes", "updat")
    assert (code, "Did you mean update?" in err) == (2, True)


@pytest.mark.parametrize("action", ["update", "check"])
def test_only_series_are_updated_and_checked(run, action):
    code, _, err = run("recipes", action, "3.15.0b2")
    assert code == 3
    assert "'3.15.0b2' is not a series of CPython with the JIT." in err


def test_the_words_are_completed():
    words = completion.recipe_words()
    assert words[:2] == list(RECIPE_ACTIONS)
    assert {"3.15", "3.15.0b2"} <= set(words)
