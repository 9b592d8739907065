"""Options that take a list, as they are written on command lines."""

import pytest

from jitbuild.cli import parser as parsers
from jitbuild.errors import UsageError


@pytest.mark.parametrize(
    "words",
    [
        ["--modes", "off,on,stress"],
        ["--modes", "off", "on", "stress"],
        ["--modes=off,on", "--modes", "stress"],
        ["--modes", "off, on", "stress"],
        ["--modes", "off", "--modes=on stress"],
    ],
)
@pytest.mark.parametrize("command", [["diff", "3.15"], ["matrix"]])
def test_commas_spaces_and_repeated_options_mix(command, words):
    assert parsers.parse([*command, *words]).modes == ["off", "on", "stress"]


@pytest.mark.parametrize(
    ("command", "words", "option", "items"),
    [
        (["matrix"], ["--pythons", "3.13,3.14", ">=3.14,<3.16"], "pythons", None),
        (["ci", "key"], ["--pythons", "3.13 3.14", ">=3.14,<3.16"], "pythons", None),
        (["matrix"], ["--os", "linux,macos", "windows"], "os", ["linux", "macos", "windows"]),
        (["install", "3.15"], ["--jit", "yes-off", "no"], "jit", ["yes-off", "no"]),
        (["which", "3.15"], ["--include", "tests,symbols"], "include", ["tests", "symbols"]),
        (["bench", "3.15"], ["--benchmarks", "all", "-nbody"], "benchmarks", ["all", "-nbody"]),
        (["bench", "3.15"], ["--benchmarks", "-nbody,-dask"], "benchmarks", ["-nbody", "-dask"]),
        (["diff", "3.15"], ["--with", "a>=1,<2", "-e.", "b"], "with_", ["a>=1,<2", "-e.", "b"]),
        (["diff", "3.15"], ["--with", "-e .", "a[x,y]"], "with_", ["-e .", "a[x,y]"]),
        (["diff", "3.15"], ["--requirements", "a.txt,b.txt"], "requirements", ["a.txt", "b.txt"]),
    ],
)  # fmt: skip
def test_every_list_is_written_in_one_way(command, words, option, items):
    expected = items or ["3.13", "3.14", ">=3.14,<3.16"]
    assert getattr(parsers.parse([*command, *words]), option) == expected


@pytest.mark.parametrize(
    ("words", "items"),
    [
        (["push", "3.15", "--profile", "release", "ghcr.io/a/b"], ["3.15", "ghcr.io/a/b"]),
        (["push", "-q", "3.15", "--stencils", "ghcr.io/a/b"], ["3.15", "ghcr.io/a/b"]),
        (["pull", "3.14", "--registry", "ghcr.io/a/b", "3.15"], ["3.14", "3.15"]),
        (["lock", "3.14,3.15", "--check", "3.13"], ["3.14", "3.15", "3.13"]),
        (["install", "3.14", "-q", "./a"], ["3.14", "./a"]),
    ],
)
def test_options_may_stand_between_the_words_of_a_list(words, items):
    assert parsers.parse(words).spec == items


def test_options_may_stand_between_a_request_and_the_file():
    options = parsers.parse(["export", "3.15", "--force", "folder"])
    assert (options.spec, options.file, options.force) == ("3.15", "folder", True)


def test_options_may_stand_between_an_action_and_its_series():
    options = parsers.parse(["recipes", "update", "--refresh", "3.15"])
    assert (options.words, options.refresh) == (["update", "3.15"], True)


@pytest.mark.parametrize(
    "words",
    [
        ["--with", "pytest", "3.15"],
        ["--with", "pytest", "3.15", "--modes", "off,on"],
        ["--modes", "off", "on", "3.15", "--with", "pytest"],
        ["--with", "pytest", "--modes", "off,on", "3.15"],
        ["3.15", "--modes", "off", "on", "--with", "pytest"],
        ["-q", "--with=pytest", "3.15"],
    ],
)
def test_the_request_may_follow_a_list(words):
    options = parsers.parse(["diff", *words, "--", "pytest"])
    assert options.spec == "3.15"
    assert options.with_ == ["pytest"]
    assert options.modes in (None, ["off", "on"])


def test_an_optional_request_may_follow_a_list_of_choices():
    options = parsers.parse(["doctor", "--include", "tests", "3.14"])
    assert (options.spec, options.include) == ("3.14", ["tests"])


def test_a_choice_is_not_taken_for_the_request():
    with pytest.raises(UsageError, match="required: SPEC"):
        parsers.parse(["diff", "--modes", "off", "on", "--", "pytest"])


@pytest.mark.parametrize("words", [["--modes"], ["--modes", "--json"]])
def test_a_list_without_items_is_refused(words):
    with pytest.raises(UsageError, match="argument --modes: expected one argument"):
        parsers.parse(["matrix", *words])


def test_an_option_that_is_not_given_has_its_default():
    options = parsers.parse(["matrix"])
    assert (options.pythons, options.modes, options.os) == (None, None, ["linux"])


@pytest.mark.parametrize("command", ["install", "uninstall"])
@pytest.mark.parametrize(
    ("words", "items"),
    [
        (["3.14,3.15"], ["3.14", "3.15"]),
        (["3.14,", "3.15"], ["3.14", "3.15"]),
        (["3.14, 3.15t", "main"], ["3.14", "3.15t", "main"]),
        ([">=3.14,<3.16,3.13"], [">=3.14,<3.16", "3.13"]),
        ([">= 3.14, < 3.16"], [">= 3.14,< 3.16"]),
        (["./a,b", "3.15"], ["./a,b", "3.15"]),
        (["git+https://host/a,b@main"], ["git+https://host/a,b@main"]),
        (["a,b.tar.xz"], ["a,b.tar.xz"]),
    ],
)
def test_requests_may_be_separated_by_commas_and_paths_stay_whole(command, words, items):
    assert parsers.parse([command, *words]).spec == items


def test_names_to_repair_may_be_separated_by_commas_or_omitted():
    assert parsers.parse(["repair", "a,b", "c"]).spec == ["a", "b", "c"]
    assert parsers.parse(["repair"]).spec == []


@pytest.mark.parametrize("word", [",", ""])
def test_a_positional_list_without_an_item_is_refused(word):
    with pytest.raises(UsageError, match="SPEC: expected at least one item"):
        parsers.parse(["install", word])


def test_names_of_caches_may_be_separated_by_commas():
    assert parsers.parse(["cache", "clear", "llvm,sources", "git"]).cache == [
        "llvm",
        "sources",
        "git",
    ]
    assert parsers.parse(["cache", "clear"]).cache == []


def test_a_list_of_modes_for_run_is_refused_with_the_command_that_takes_one():
    with pytest.raises(UsageError, match="'on,off' is not one mode; `jitbuild diff` runs"):
        parsers.parse(["run", "3.15", "--mode", "on,off"])


def test_matrix_accepts_json_as_a_name_of_its_default_format():
    assert parsers.parse(["matrix", "--json"]).format == "json"
