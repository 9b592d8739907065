"""Characters in the path of the store that a build cannot stand."""

from pathlib import Path

import pytest

from jitbuild.errors import PreflightError
from jitbuild.toolchain.store_path import check_path, path_problem


@pytest.mark.parametrize(
    "path",
    ["/home/me/.local/share/jitbuild", "/tmp/Zürich/日本", "/a@b=c+d~e%f^g", "/a{b}!c[d]*?-_."],
)
def test_usual_and_foreign_letters_are_fine(path):
    assert path_problem(Path(path)) == ""
    check_path(Path(path))


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("$", "a dollar sign ($)"),
        ("#", "a number sign (#)"),
        (":", "a colon (:)"),
        (",", "a comma (,)"),
        (";", "a semicolon (;)"),
        ("'", "a single quote (')"),
        ('"', 'a double quote (")'),
        ("`", "a backquote (`)"),
        ("\\", "a backslash (\\)"),
        ("&", "an ampersand (&)"),
        ("|", "a vertical bar (|)"),
        ("<", "a less-than sign (<)"),
        ("(", "an opening parenthesis"),
        (" ", "a space"),
        ("\n", "a newline"),
        ("\r", "the character U+000D"),
        ("\u00a0", "the character U+00A0"),
        ("\x1b", "the character U+001B"),
        ("\udcff", "a byte that is not UTF-8 (0xff)"),
    ],
)
def test_a_path_that_breaks_a_build_is_refused_by_the_name_of_the_character(character, name):
    path = Path(f"/home/a{character}b/store")
    assert path_problem(path) == name
    with pytest.raises(PreflightError, match="cannot build in it") as error:
        check_path(path)
    assert f"has {name}," in error.value.what
    assert "\n" not in error.value.what
    assert "JITBUILD_HOME" in error.value.remedy


def test_letters_that_only_the_locale_lacks_are_fine():
    assert path_problem(Path("/home/Z\udcc3\udcbcrich")) == ""


def test_a_path_that_is_too_long_is_refused_with_the_longest_one():
    path = Path("/" + "x" * 99)
    check_path(path, limit=600)
    with pytest.raises(PreflightError, match="it has 100 bytes, and a build can have at most 99"):
        check_path(path, limit=599)
    assert check_path(Path("/home/me/.local/share/jitbuild")) is None
