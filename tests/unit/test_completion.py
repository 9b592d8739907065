"""cli/completion.py: the words that a shell offers. The benchmarks are in test_suite.py."""

import pytest
import stores
from cli_fixtures import put
from moved_stores import NAME, put_with_script

from jitbuild.building.caches import inventory
from jitbuild.cli import completion
from jitbuild.cli import parser as parsers
from jitbuild.cli.commands import COMMANDS
from jitbuild.store.store import Store

pytestmark = pytest.mark.usefixtures("home")


def test_requests_are_the_series_and_tags_of_the_recipes(tmp_path, monkeypatch):
    (tmp_path / "cpython-3.99.toml").write_text(
        'series = "3.99"\n[[unpinned]]\nversion = "3.99.0a1"\nreason = "It is new."\n'
    )
    monkeypatch.setenv("JITBUILD_RECIPES", str(tmp_path))
    known = set(completion.known_requests())
    assert {"3.15", "main", "3.13.15"} <= known
    assert not {"3.99", "3.99.0a1"} & known
    assert "3.99.0a1" in completion.requests_and_names()


def test_installed_names_are_names_versions_and_series(store):
    put(store, "x", "3.15.2")
    put(store, "y", "3.15.1")
    assert completion.installed_names() == ["3.15", "3.15.1", "3.15.2", "x", "y"]


def test_only_moved_interpreters_are_offered_for_repair(home, store, tmp_path):
    put_with_script(Store(tmp_path / "old"))
    (tmp_path / "old").rename(home)
    stores.put(store, "3.14.0")
    assert completion.moved_names() == [NAME]


def test_adopted_interpreters_are_not_offered_for_export(store, elsewhere):
    put(store, "mine", "3.15.2", program=elsewhere)
    put(store, "built", "3.14.0")
    assert completion.exportable_names() == ["built"]


@pytest.mark.parametrize("words", [["which", "3.15"], ["cache", "clear"]])
def test_arguments_have_their_completer(words, store):
    put(store, "x")
    parser = parsers.build([words[0]]).commands.choices[words[0]]
    if words[0] == "cache":
        (action,) = [action for action in parser._actions if action.dest == "action"]
        parser, dest, expected = action.choices["clear"], "cache", list(inventory.NAMES)
    else:
        dest, expected = "spec", completion.installed_names()
    (argument,) = [action for action in parser._actions if action.dest == dest]
    assert argument.completer(prefix="", action=argument) == expected


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", ["off", "on"]),
        ("o", ["off", "on"]),
        ("off,", ["off,on"]),
        ("off,o", ["off,on"]),
        ("stress,off,o", ["stress,off,on"]),
        (">=3.14,<", ["off", "on"]),
    ],
)
def test_a_list_is_continued_after_its_last_comma(prefix, expected):
    assert completion.continued(prefix, ["off", "on"]) == expected


@pytest.mark.parametrize(
    ("line", "joined"),
    [
        ("jitbuild diff 3.15 --modes off s", "jitbuild diff 3.15 --modes=off --modes s"),
        (
            "jitbuild diff 3.15 --modes off on ",
            "jitbuild diff 3.15 --modes=off --modes=on --modes ",
        ),
        # These lines stay as they are: the list is empty, SPEC is missing, or an option begins.
        ("jitbuild diff 3.15 --modes ", "jitbuild diff 3.15 --modes "),
        ("jitbuild diff --modes off s", "jitbuild diff --modes off s"),
        ("jitbuild diff 3.15 --modes off --re", "jitbuild diff 3.15 --modes off --re"),
        ("jitbuild run 3.15 --mode off s", "jitbuild run 3.15 --mode off s"),
        ("jitbuild diff 3.15 --modes off -- s", "jitbuild diff 3.15 --modes off -- s"),
        ("jitbuild ", "jitbuild "),
    ],
)
def test_an_open_list_is_joined_to_its_option(line, joined):
    commands = parsers.build(["diff", "run"]).commands.choices
    assert completion.with_joined_lists(line, commands) == joined


KNOWN_WORDS = {
    *("--jit", "--profile", "--include", "--mode", "--modes", "--platform", "--os", "--runner"),
    *("--llvm", "--mirror", "--ccache", "--expect", "--pythons", "--suite", "--benchmarks"),
    *("--format", "--group"),
}


def test_every_option_with_known_words_has_them_in_every_command():
    found = {}
    for command in COMMANDS:
        for action in parsers.build([command]).commands.choices[command]._actions:
            for option in KNOWN_WORDS & {*action.option_strings}:
                offered = bool(action.choices) or hasattr(action, "completer")
                found[option] = found.get(option, True) and offered
    assert found == dict.fromkeys(KNOWN_WORDS, True)
