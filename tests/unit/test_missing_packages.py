"""The message of a jitbuild that was installed without the packages that it needs."""

from importlib.metadata import PackageNotFoundError

import pytest

from jitbuild.cli import missing_packages

REQUIREMENTS = ["msgspec>=0.19", "rich>=13.7", "nox (>=2025.2.9)", 'x>=1; extra == "y"']


def installed(*names):
    def version(name):
        if name not in names:
            raise PackageNotFoundError(name)
        return "1"

    return version


def test_the_requirements_that_are_not_installed_are_named():
    missing = missing_packages.missing_packages(
        requires=lambda name: REQUIREMENTS, version=installed("rich")
    )
    assert missing == ["msgspec>=0.19", "nox (>=2025.2.9)"]


def test_nothing_is_known_of_a_jitbuild_without_metadata():
    def requires(name):
        raise PackageNotFoundError(name)

    assert missing_packages.missing_packages(requires=requires, version=installed()) == []


def test_missing_packages_are_named_with_the_command_that_installs_them(run, monkeypatch, home):
    def parse(argv):
        raise ModuleNotFoundError("No module named 'msgspec'", name="msgspec")

    monkeypatch.setattr(missing_packages, "missing_packages", lambda: ["msgspec>=0.19", "rich"])
    monkeypatch.setattr("jitbuild.cli.parser.parse", parse)
    code, out, err = run("list")
    assert (code, out) == (70, "")
    error, remedy, command = err.splitlines()
    assert error == "error: jitbuild needs msgspec, rich, which are not installed here."
    assert remedy.startswith("Install jitbuild without the option --no-deps.")
    assert command.endswith(" -m pip install 'msgspec>=0.19' rich")


@pytest.mark.parametrize(("name", "missing"), [("jitbuild.gone", ["rich"]), ("rich", [])])
def test_any_other_missing_module_is_a_bug(run, monkeypatch, home, name, missing):
    def parse(argv):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(missing_packages, "missing_packages", lambda: missing)
    monkeypatch.setattr("jitbuild.cli.parser.parse", parse)
    assert "This is a bug in jitbuild" in run("list")[2]
