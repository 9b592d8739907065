"""`--group`: dependency groups of the current project (PEP 735)."""

from __future__ import annotations

import pytest

from jitbuild.errors import UsageError
from jitbuild.running.dependency_groups import group_names, read_groups

GROUPS = """\
[dependency-groups]
Test_Core = ["pytest>=8"]
testing = [{include-group = "test-core"}, "hypothesis[cli]>=6; python_version > '3'"]
loop = [{include-group = "loop"}]
odd = [{include-group = "nowhere"}]
bad = ["not a requirement!"]
text = "pytest"
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text(GROUPS)
    return tmp_path


@pytest.mark.parametrize("name", ["test-core", "Test_Core", "TEST.CORE"])
def test_names_of_groups_are_normalised(project, name):
    (group,) = read_groups([name], project)
    assert group == (name, ("pytest>=8",))


def test_a_group_includes_others_and_is_found_from_a_subfolder(project):
    (project / "src").mkdir()
    (group,) = read_groups(["testing"], project / "src")
    assert group.requirements == (
        "pytest>=8",
        'hypothesis[cli]>=6; python_version > "3"',
    )


def test_an_unknown_group_lists_those_there_are(project):
    with pytest.raises(UsageError) as caught:
        read_groups(["testing", "tset-core"], project)
    assert "--group tset-core" in caught.value.what
    assert "Its groups are: test-core, testing, loop, odd, bad, text." in caught.value.what
    assert caught.value.remedy.startswith("Did you mean test-core?")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("loop", "loop includes itself"),
        ("odd", "'nowhere' not found"),
        ("bad", "not a requirement"),
        ("text", "string"),
    ],
)
def test_a_group_that_is_invalid_is_a_usage_error(project, name, reason):
    with pytest.raises(UsageError, match=r"\[dependency-groups\] in .* is invalid") as caught:
        read_groups([name], project)
    assert reason in caught.value.what


def test_a_project_without_groups_says_so(project):
    (project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(UsageError, match="It has no groups"):
        read_groups(["test"], project)
    assert group_names(project) == []


def test_names_for_completion_never_fail(project):
    assert group_names(project)[:2] == ["Test_Core", "testing"]
    (project / "pyproject.toml").write_text("[")
    assert group_names(project) == []
    with pytest.raises(UsageError, match="cannot be read"):
        read_groups(["test"], project)


def test_two_names_that_are_equal_when_normalised_are_an_error(project):
    (project / "pyproject.toml").write_text("[dependency-groups]\na_b = []\na-b = []\n")
    with pytest.raises(UsageError, match="Duplicate dependency group names"):
        read_groups(["a-b"], project)


def test_no_group_needs_no_file(tmp_path):
    assert read_groups([], tmp_path) == ()
