"""The version that jitbuild reports about itself."""

from importlib import metadata

import pytest

from jitbuild.cli.main import main
from jitbuild.system.own_version import own_version


def test_without_an_installation_the_version_is_unknown(monkeypatch, capsys):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    assert own_version() == metadata.version("jitbuild")
    monkeypatch.setattr(metadata, "version", missing)
    assert own_version() == "unknown"
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == "jitbuild unknown\n"
