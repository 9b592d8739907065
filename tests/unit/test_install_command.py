"""The package manager's command: how it is run, and the errors when it cannot be."""

from __future__ import annotations

import shlex

import pytest

from jitbuild.errors import PreflightError
from jitbuild.system.process import Completed
from jitbuild.toolchain.install_command import as_typed, run_install_command

COMMAND = "sudo apt-get update && sudo apt-get install -y zlib1g-dev"


class Installer:
    """A streamer that records the commands, prints an error and returns the next of `codes`."""

    def __init__(self, *codes: int):
        self.codes = list(codes)
        self.commands = []

    def __call__(self, argv, /, *, env, cwd, log, on_line):
        self.commands.append(shlex.join(argv))
        self.env = env
        log.write(b"E: Unable to locate package\n")
        on_line("E: Unable to locate package")
        return self.codes.pop(0) if self.codes else 0


def exiting(code: int):
    """Return a runner whose programs exit with `code`."""
    return lambda argv, **_: Completed(argv=tuple(argv), returncode=code)


@pytest.fixture
def environ(tmp_path):
    """An environment with sudo on its PATH."""
    (tmp_path / "sudo").touch()
    (tmp_path / "sudo").chmod(0o755)
    return {"PATH": str(tmp_path)}


def test_root_installs_without_sudo():
    installer = Installer()
    command = as_typed(COMMAND, root=True)
    run_install_command(command, runner=exiting(1), streamer=installer, environ={})
    assert installer.commands == ["apt-get update", "apt-get install -y zlib1g-dev"]
    assert installer.env["DEBIAN_FRONTEND"] == "noninteractive"


def test_others_install_with_a_sudo_that_needs_no_password(environ):
    installer = Installer()
    run_install_command(COMMAND, runner=exiting(0), streamer=installer, environ=environ)
    assert installer.commands == ["sudo apt-get update", "sudo apt-get install -y zlib1g-dev"]


def test_a_sudo_that_needs_a_password_is_not_run(environ):
    installer = Installer()
    with pytest.raises(PreflightError, match="sudo needs a password") as error:
        run_install_command(COMMAND, runner=exiting(1), streamer=installer, environ=environ)
    assert error.value.remedy == f"Run the command yourself: {COMMAND}"
    assert installer.commands == []


def test_without_sudo_the_error_has_the_command():
    with pytest.raises(PreflightError, match="sudo is not on PATH") as error:
        run_install_command(COMMAND, runner=exiting(0), streamer=Installer(), environ={"PATH": ""})
    assert COMMAND in error.value.remedy


def test_a_command_without_sudo_runs_as_it_is():
    installer = Installer()
    run_install_command("brew install xz", streamer=installer, environ={})
    assert installer.commands == ["brew install xz"]


def test_a_failed_command_is_reported_with_its_output():
    with pytest.raises(PreflightError, match="failed with exit code 100") as error:
        run_install_command(as_typed(COMMAND, root=True), streamer=Installer(0, 100), environ={})
    assert "Unable to locate package" in error.value.what


def test_a_package_manager_that_is_absent_is_reported():
    def absent(argv, /, **_):
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(PreflightError, match="apt-get could not be started"):
        run_install_command(as_typed(COMMAND, root=True), streamer=absent, environ={})


def test_an_empty_command_runs_nothing():
    installer = Installer()
    run_install_command("", streamer=installer, environ={})
    assert installer.commands == []
