"""The packages that a test run is about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jitbuild.in_target import tested_packages


def files(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["src/pkg/__init__.py", "src/mod.py", "other/__init__.py", "noxfile.py"], {"pkg", "mod"}),
        (
            [
                "src/space/name/mod.py",
                "src/pkg.egg-info/x.py",
                "src/__pycache__/x.py",
                "src/data/x.txt",
            ],
            {"space"},
        ),
        (["src/tests/__init__.py"], {"tests"}),
        (
            [
                "pkg/__init__.py",
                "mod.py",
                "test_mod.py",
                "conftest.py",
                "setup.py",
                "tests/__init__.py",
                "docs/conf.py",
            ],
            {"pkg", "mod"},
        ),
        (["folder/mod.py", ".venv/pkg/__init__.py", "two-words.py", "_build.py"], set()),
        (["src/notes.txt", "pkg/__init__.py"], {"pkg"}),
        ([], set()),
    ],
)
def test_the_packages_of_a_project_are_in_src_or_beside_it(
    tmp_path: Path, paths: list[str], found: set[str]
) -> None:
    assert tested_packages.packages_of(files(tmp_path, *paths)) == found


class FakeDistribution:
    def __init__(self, direct_url: str | None) -> None:
        self.direct_url = direct_url

    def read_text(self, filename: str) -> str | None:
        assert filename == "direct_url.json"
        return self.direct_url


def test_projects_installed_in_editable_mode_are_under_test(tmp_path: Path) -> None:
    root, other = (
        files(tmp_path / "root", "src/one/__init__.py"),
        files(tmp_path / "the other", "src/two/__init__.py"),
    )
    plain = files(tmp_path / "plain", "three/__init__.py")
    distributions = [
        FakeDistribution(None),
        FakeDistribution("not json, though editable"),
        FakeDistribution('{"url": 1, "dir_info": {"editable": true}}'),
        FakeDistribution('{"url": "https://host/x.whl", "dir_info": {"editable": true}}'),
        FakeDistribution(json.dumps({"url": plain.as_uri(), "dir_info": {"editable": False}})),
        FakeDistribution(json.dumps({"url": other.as_uri(), "dir_info": {"editable": True}})),
    ]
    packages = tested_packages.packages_under_test(root, distributions)  # type: ignore[arg-type]
    assert packages == ("one", "two")
