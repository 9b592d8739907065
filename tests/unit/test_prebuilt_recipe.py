"""recipes/prebuilt.toml: the shipped pins, and what is refused."""

import shutil
from urllib.parse import unquote

import pytest

from jitbuild.errors import RecipeError
from jitbuild.recipes.catalog import load_catalog, shipped_folder
from jitbuild.recipes.reader import read_prebuilt
from jitbuild.request import parse
from jitbuild.target import TARGETS

SHIPPED = read_prebuilt(shipped_folder() / "prebuilt.toml")
BUILDERS = {builder.name: builder for builder in SHIPPED.builder}
ENTRY = {
    "builder": "python-build-standalone",
    "version": "3.15.3",
    "target": "x86_64-linux-gnu",
    "build": "20261201",
    "url": "https://example.org/cpython-3.15.3%2B20261201.tar.gz",
    "sha256": "a" * 64,
}


def written(folder, **changes):
    entry = {key: text for key, text in (ENTRY | changes).items() if text is not None}
    lines = ["[[archive]]", *(f'{key} = "{text}"' for key, text in entry.items())]
    (folder / "prebuilt.toml").write_text("\n".join(lines) + "\n")
    return folder


def test_every_shipped_archive_has_the_jit_by_what_its_builder_states():
    for archive in SHIPPED.archive:
        builder = BUILDERS[archive.builder]
        assert builder.has_jit(archive.version, archive.target, archive.build)
        assert archive.target in TARGETS
        assert archive.stated_by


def test_every_shipped_url_names_the_version_the_build_and_an_optimized_build():
    for archive in SHIPPED.archive:
        assert archive.url.startswith(
            "https://github.com/astral-sh/python-build-standalone/releases/download/"
        )
        name = f"cpython-{archive.version}+{archive.build}-"
        assert unquote(archive.url.rpartition("/")[2]) == archive.file_name
        assert archive.file_name.startswith(name)
        assert archive.file_name.endswith("-install_only_stripped.tar.gz")


def test_the_shipped_pins_are_read_only_when_they_are_needed(tmp_path):
    shipped = tmp_path / "shipped"
    shutil.copytree(shipped_folder(), shipped)
    (shipped / "prebuilt.toml").write_text("not TOML")
    catalog = load_catalog(shipped=shipped)
    assert catalog.newest(parse("3.15")).version == "3.15.2"
    with pytest.raises(RecipeError, match=r"prebuilt\.toml"):
        catalog.prebuilt  # noqa: B018


def test_own_archives_and_builders_are_added_to_the_shipped_ones(tmp_path):
    catalog = load_catalog(written(tmp_path))
    versions = {(each.version, each.target) for each in catalog.prebuilt.archive}
    assert ("3.15.3", "x86_64-linux-gnu") in versions
    assert len(catalog.prebuilt.archive) == len(SHIPPED.archive) + 1


def test_an_own_archive_replaces_the_shipped_one(tmp_path):
    catalog = load_catalog(written(tmp_path, version="3.15.2"))
    (archive,) = (
        each
        for each in catalog.prebuilt.archive
        if (each.version, each.target) == ("3.15.2", "x86_64-linux-gnu")
    )
    assert archive.sha256 == "a" * 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": None}, "missing required field `sha256`"),
        ({"sha256": "abc"}, "sha256"),
        ({"url": None}, "missing required field `url`"),
        ({"checksum": "x"}, "unknown field `checksum`"),
        ({"version": "3.15"}, "'3.15' is not a version"),
        ({"target": "sparc-solaris"}, "matches no known target"),
        ({"builder": "somebody"}, "no recipe describes the builder 'somebody'"),
        ({"build": "20250101"}, "the build 20250101 of python-build-standalone, which has no JIT"),
        ({"target": "x86_64-macos"}, "which has no JIT"),
        ({"target": "x86_64-windows"}, "which has no JIT"),
        ({"version": "3.12.1"}, "which has no JIT"),
        ({"builder": "python.org", "version": "3.13.1", "target": "x86_64-windows"}, "no JIT"),
    ],
)
def test_an_archive_without_pin_or_jit_is_refused(tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        load_catalog(written(tmp_path, **changes))


def test_two_archives_of_one_version_and_target_are_refused(tmp_path):
    path = written(tmp_path) / "prebuilt.toml"
    path.write_text(path.read_text() * 2)
    with pytest.raises(RecipeError, match=r"2 entries for the archive 3\.15\.3"):
        load_catalog(tmp_path)
