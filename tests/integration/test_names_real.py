"""Names of interpreters, and -q, in the commands that start processes: on real interpreters."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Cli

pytestmark = pytest.mark.integration

# Each command with the words after SPEC that make it end soon.
COMMANDS: dict[str, list[str]] = {
    "run": ["--mode", "on", "--", "-c", "import sys; print(sys.version_info[:2])"],
    "diff": ["--repeat", "1", "--", "-c", "for i in range(9999): i * i"],
    "bench": ["--stmt", "sum(range(100))", "--rounds", "3", "--values", "2"],
    "probe": [],
    "adopt": [],
    "which": [],
    "install": [],
    "repair": [],
}


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, debian_pythons: dict[str, Path]) -> Cli:
    cli = Cli(tmp_path_factory.mktemp("names") / "home")
    for python in debian_pythons.values():
        cli("adopt", python)
    return cli


@pytest.fixture(scope="module")
def names(cli: Cli) -> dict[str, str]:
    """Return the names in the store by series."""
    names = [line.split()[0] for line in cli("list").out.splitlines()]
    return {name.split("-")[1].rpartition(".")[0]: name for name in names}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_a_name_and_is_quiet(
    cli: Cli, names: dict[str, str], debian_pythons: dict[str, Path], command: str
) -> None:
    name = names["3.15"]
    result = cli(command, name, "-q", *COMMANDS[command])
    assert result.err == ""
    program = str(debian_pythons["3.15"])
    if command == "run":
        assert result.out == "(3, 15)\n"
    elif command in {"which", "install", "adopt"}:
        assert result.out == f"{program}\n"
    elif command == "probe":
        assert program in result.out.splitlines()[0]
    elif command == "repair":
        assert result.out == ""
    else:
        assert result.out


@pytest.mark.parametrize("command", ["run", "probe", "which"])
def test_a_command_takes_the_beginning_of_a_name(
    cli: Cli, names: dict[str, str], command: str
) -> None:
    short = names["3.14"].rpartition("-")[0]
    assert cli(command, short, *COMMANDS[command]).out


def test_a_plan_and_a_rebuild_need_a_build_of_jitbuild(cli: Cli, names: dict[str, str]) -> None:
    for words in (["plan"], ["doctor"], ["install", "--reinstall"]):
        result = cli(words[0], names["3.15"], *words[1:], code=2)
        assert "was adopted, so jitbuild has no plan for it." in result.err


def test_doctor_is_quiet(cli: Cli) -> None:
    result = cli("doctor", "-q", code=None)
    assert (result.code in {0, 1}, result.err) == (True, "")
