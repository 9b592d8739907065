"""cli/completion.py: the words that a shell offers. The benchmarks are in test_suite.py."""

import pytest
import stores
from cli_fixtures import put
from moved_stores import NAME, put_with_script

from jitbuild.building.caches import inventory
from jitbuild.cli import completion
from jitbuild.cli import parser as parsers
from jitbuild.store.store import Store

pytestmark = pytest.mark.usefixtures("home")


def test_requests_are_the_series_and_tags_of_the_recipes():
    assert {"3.15", "main", "3.13.15"} <= set(completion.known_requests())


def test_installed_names_are_names_versions_and_series(store):
    put(store, "x", "3.15.2")
    put(store, "y", "3.15.1")
    assert completion.installed_names() == ["3.15", "3.15.1", "3.15.2", "x", "y"]


def test_only_moved_interpreters_are_offered_for_repair(home, store, tmp_path):
    put_with_script(Store(tmp_path / "old"))
    (tmp_path / "old").rename(home)
    stores.put(store, "3.14.0")
    assert completion.moved_names() == [NAME]


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
