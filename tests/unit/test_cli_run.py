"""`jitbuild run`."""

import contextlib
import os
from pathlib import Path

import pytest
from cli_fixtures import put

from jitbuild.running import venvs

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


@pytest.fixture
def exec_calls(monkeypatch):
    """Record the programs that this process would have become."""
    calls = []

    def execvpe(file, argv, env):
        calls.append(argv)
        raise OSError(8, "Exec format error")

    monkeypatch.setattr(os, "execvpe", execvpe)
    return calls


@pytest.mark.parametrize("mode", ["on", "off", "stress"])
@pytest.mark.parametrize("words", [["-I", "x.py"], ["-E", "-m", "x"], ["python", "-Ic", "1"]])
def test_an_option_that_ignores_the_mode_is_refused(run, store, exec_calls, mode, words):
    put(store, "x")
    code, _, err = run("run", "3.15", "--mode", mode, "--", *words)
    assert (code, exec_calls) == (2, [])
    assert f"ignores PYTHON_JIT, so --mode {mode} would have no effect." in err
    for free in (["--mode", "default"], []):
        run("run", "3.15", *free, "--", *words)
    assert len(exec_calls) == 2


def test_support_for_perf_is_refused_only_if_the_jit_is_wanted(run, store, exec_calls, monkeypatch):
    put(store, "x")
    code, _, err = run("run", "3.15", "--mode", "on", "--", "-X", "perf", "x.py")
    assert (code, "does not use the JIT" in err) == (2, True)
    monkeypatch.setenv("PYTHON_PERF_JIT_SUPPORT", "1")
    code, _, err = run("run", "3.15", "--mode", "stress", "--", "x.py")
    assert (code, "Unset PYTHON_PERF_JIT_SUPPORT." in err) == (2, True)
    assert exec_calls == []
    run("run", "3.15", "--mode", "off", "--", "-X", "perf", "x.py")
    assert len(exec_calls) == 1


@pytest.mark.skipif(os.name != "posix", reason="Windows has no shebang lines")
def test_another_python_is_refused_with_a_mode_and_noted_without(
    run, store, exec_calls, monkeypatch, tmp_path
):
    put(store, "x")
    for name, text in {
        "python3.11": "binary",
        "pytest": f"#!{tmp_path}/python3.11\n",
        "pypy3": "binary",
        "tool": "#!/usr/bin/env python3.11\n",
        "black": '#!/usr/bin/env bash\nexec "/x/.pyenv/libexec/pyenv" exec "$program" "$@"\n',
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for word, fact, remedy in (
        ("pytest", "a script of another Python", "Use `-m pytest`, or add `--with pytest`."),
        ("./tool", "a script of another Python", "Use `python ./tool`."),
        ("./black", "a shim of pyenv", "Use `-m black`, or add `--with black`."),
        ("python3.11", "another Python", "Use `python`, "),
        ("./python3.11", "another Python", "Use `python`, "),
        ("./pypy3", "another Python", "Use `python`, "),
    ):
        code, _, err = run("run", "3.15", "--mode", "on", "--", word)
        assert (code, exec_calls) == (2, [])
        assert fact in err
        assert remedy in err
        code, _, err = run("run", "3.15", "--", word)
        assert exec_calls.pop() == [word]
        assert err.startswith("note: ")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no shebang lines")
def test_a_script_whose_first_line_ignores_the_mode_is_refused(run, store, exec_calls, tmp_path):
    found = put(store, "x")
    python = found.executable.with_name("python3.15")
    python.symlink_to(found.executable)
    (tmp_path / "tool").write_text(f"#!{python} -Es\n")
    (tmp_path / "tool").chmod(0o755)
    code, _, err = run("run", "3.15", "--mode", "off", "--", "./tool")
    assert (code, exec_calls) == (2, [])
    assert "has the option -Es" in err
    run("run", "3.15", "--", "./tool")
    assert exec_calls == [["./tool"]]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no shebang lines")
@pytest.mark.parametrize(
    ("line", "mode", "option"),
    [
        ("python3 -I", "off", "-I"),
        ("python3 -I", "on", "-I"),
        ("A=1 python3 -X perf", "on", "-X perf"),
        ("A=1 python3 -X perf", "off", None),
        ("python3 -B", "on", None),
    ],
)
def test_env_in_the_first_line_of_a_script_does_not_hide_an_option(
    run, store, exec_calls, tmp_path, line, mode, option
):
    put(store, "x")
    (tmp_path / "tool").write_text(f"#!/usr/bin/env -S {line}\n")
    (tmp_path / "tool").chmod(0o755)
    _, _, err = run("run", "3.15", "--mode", mode, "--", "./tool")
    assert (f"has the option {option}" in err) == (option is not None)
    assert exec_calls == ([["./tool"]] if option is None else [])


def test_the_launchers_of_an_adopted_interpreter_are_checked_once(
    run, store, exec_calls, monkeypatch, elsewhere
):
    elsewhere.chmod(0o755)
    put(store, "x", program=elsewhere)
    read, original = [], Path.read_bytes

    def read_bytes(path):
        read.append(path)
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    run("run", "3.15", "--", "x.py")
    launchers = [path.name for path in read if path.parent.name == "launchers"]
    assert len(launchers) == len(set(launchers)) > 0
    assert len(exec_calls) == 1


def test_packages_come_from_an_environment_that_other_runs_may_share(
    run, store, exec_calls, monkeypatch, tmp_path
):
    put(store, "x")
    python, shared = tmp_path / "environment/bin/python", []
    python.parent.mkdir(parents=True)
    python.touch(0o755)

    @contextlib.contextmanager
    def share(store, interpreter, requirements, *, reporter):
        shared.append((interpreter.version, *requirements[:2]))
        yield python

    monkeypatch.setattr(venvs, "share", share)
    (tmp_path / "more.txt").touch()
    more = ["--requirements", str(tmp_path / "more.txt")]
    run("run", "3.15", "--with", "pytest,attrs", *more, "--mode", "on", "--", "-m", "pytest")
    assert shared == [("3.15.2", ["pytest", "attrs"], [tmp_path / "more.txt"])]
    assert exec_calls == [[str(python), "-m", "pytest"]]
    run("run", "3.15", "--", "x.py")
    assert len(shared) == 1
