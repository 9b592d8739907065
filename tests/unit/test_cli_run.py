"""`jitbuild run`."""

import os

import pytest
from cli_fixtures import put

pytestmark = pytest.mark.usefixtures("home")


def test_the_process_becomes_the_command(run, store, monkeypatch):
    found, became = put(store, "x"), []

    def execvpe(file, argv, env):
        became.append((file, argv, env["PYTHON_JIT"]))
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "execvpe", execvpe)
    code, out, err = run("run", "3.15", "--mode", "on", "--", "bench.py")
    assert became == [(str(found.executable), [str(found.executable), "bench.py"], "1")]
    assert (code, out) == (2, "")
    assert "cannot be run: No such file or directory." in err
