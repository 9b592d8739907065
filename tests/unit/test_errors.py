"""Each class of error has its own exit code, and each error a remedy."""

import inspect
import re
from pathlib import Path

import pytest

from jitbuild import errors

BASE = errors.JitbuildError
CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, BASE) and kind is not BASE
]


def test_exit_codes_are_unique():
    codes = [kind.exit_code for kind in CLASSES]
    assert len(set(codes)) == len(codes)
    assert not {0, 1} & set(codes)


def test_the_readme_lists_every_exit_code():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)}
    assert {kind.exit_code for kind in CLASSES} <= listed


def test_an_error_ends_with_its_remedy():
    error = errors.BuildError("make failed.", remedy="Read the log.")
    assert str(error) == "make failed.\nRead the log."


def test_a_remedy_is_required():
    with pytest.raises(TypeError):
        errors.BuildError("make failed.")
