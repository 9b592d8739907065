"""Replacing this process by a program; a fake system starts nothing."""

import os
import signal

import pytest
from processes import FakeSystem

from jitbuild.system.process_group import ProcessEffects
from jitbuild.system.replacement import replace_process

ARGV = ["tool", "--flag"]
MISSING = FileNotFoundError(2, "No such file or directory", "tool")


@pytest.mark.skipif(os.name != "posix", reason="POSIX exec")
def test_a_process_is_replaced_with_the_default_action_for_sigpipe(monkeypatch):
    calls = []

    def execvpe(program, argv, env):
        calls.append((program, argv, env, signal.getsignal(signal.SIGPIPE)))
        raise MISSING

    monkeypatch.setattr(os, "execvpe", execvpe)
    before = signal.getsignal(signal.SIGPIPE)
    with pytest.raises(FileNotFoundError):
        replace_process(ARGV, env={"PATH": "/bin"})
    assert calls == [("tool", ARGV, {"PATH": "/bin"}, signal.SIG_DFL)]
    assert signal.getsignal(signal.SIGPIPE) == before


def test_on_windows_the_program_on_the_new_path_runs_as_a_child(tmp_path):
    tool = tmp_path / ("tool.exe" if os.name == "nt" else "tool")
    tool.touch(mode=0o755)
    system = FakeSystem(code=6)
    env = {"PATH": str(tmp_path)}
    assert replace_process(ARGV, env=env, windows=True, effects=system.effects) == 6
    [child] = system.children
    assert child.args == [str(tool), "--flag"]
    assert child.options == {"env": env}


def test_on_windows_a_program_that_is_not_on_the_new_path_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        replace_process(ARGV, env={"PATH": str(tmp_path)}, windows=True)


def test_on_windows_ctrl_c_gives_the_exit_code_of_an_interrupted_program(tmp_path):
    (tmp_path / ("tool.exe" if os.name == "nt" else "tool")).touch(mode=0o755)

    def interrupt(argv, **options):
        raise KeyboardInterrupt

    effects = ProcessEffects(popen=interrupt)
    env = {"PATH": str(tmp_path)}
    assert replace_process(ARGV, env=env, windows=True, effects=effects) == 130
