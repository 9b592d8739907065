"""Folders with modules named as standard ones: the Pythons that jitbuild starts import none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jitbuild.ci.matrix_sessions import list_sessions
from jitbuild.store.launchers import write_launchers
from jitbuild.system.python_command import code_command, module_command
from jitbuild.toolchain.pip_download import pip_command

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.name != "posix", reason="POSIX"),
]

_MODULES = ("json", "platformdirs", "runpy", "pip", "virtualenv", "nox", "re", "importlib/util")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, in which each module writes the file `ran`."""
    for name in _MODULES:
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of an environment with pip."""
    environment = tmp_path_factory.mktemp("environment")
    succeeds(sys.executable, "-P", "-m", "virtualenv", "--no-download", str(environment))
    return environment / "bin/python"


def succeeds(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def test_modules_and_code_do_not_import_from_the_current_folder(folder, python):
    assert succeeds(*module_command(python, "pip"), "--version").startswith("pip ")
    assert succeeds(*module_command(sys.executable, "virtualenv"), "--version")
    assert succeeds(*pip_command(), "--version").startswith("pip ")
    assert succeeds(*code_command(sys.executable, "import json; print(json.loads('1'))")) == "1\n"
    assert not (folder / "ran").exists()


def test_the_modules_of_the_folder_run_with_a_plain_m(folder):
    succeeds(sys.executable, "-m", "platformdirs")
    assert (folder / "ran").read_text() == "platformdirs"


def test_a_module_gets_its_arguments_and_its_exit_code_is_returned(folder, python):
    argv = [*module_command(python, "pip"), "no-such-command"]
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (result.returncode, "no-such-command" in result.stderr) == (1, True)


def test_nox_is_not_taken_from_the_folder_of_the_noxfile(folder):
    text = "import nox\n\n@nox.session(tags=['jit'])\ndef test(session): pass\n"
    (folder / "noxfile.py").write_text(text)
    assert '"test"' in list_sessions("noxfile.py")
    assert not (folder / "ran").exists()


def test_the_launcher_of_pip_does_not_import_from_the_current_folder(folder, python):
    write_launchers(folder / "bin", python, "3.13.0")
    assert succeeds(str(folder / "bin/pip"), "--version").startswith("pip ")
    assert not (folder / "ran").exists()
