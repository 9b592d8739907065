"""Detect a coverage that keeps the code it measures out of the JIT."""

import pytest

from jitbuild.sessions.coverage_core import traces_with_settrace
from jitbuild.system.process import Completed


@pytest.mark.parametrize(("output", "traces"), [("True\n", True), ("False\n", False), ("", False)])
def test_the_coverage_of_a_venv_reports_whether_it_traces(tmp_path, output, traces):
    package = tmp_path / "lib/python3.15/site-packages/coverage"
    package.mkdir(parents=True)
    python, commands = tmp_path / "bin/python", []

    def runner(argv, /, *, env, timeout):
        commands.append((argv[0], env))
        return Completed(argv=tuple(argv), returncode=0, stdout=output)

    env = {"COVERAGE_CORE": "sysmon"}
    assert traces_with_settrace(tmp_path, python, env, runner) is traces
    assert commands == [(str(python), env)]


def test_a_venv_without_coverage_is_not_asked(tmp_path):
    assert not traces_with_settrace(tmp_path, tmp_path / "bin/python", {})
