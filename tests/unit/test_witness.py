"""The script that testifies, in this process: files, ends, forks and audit events."""

import ast
import os
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from jitbuild.in_target import witness, witness_start
from jitbuild.in_target.witness import Witness
from jitbuild.running.testimony import parse_testimony


@pytest.fixture
def one(tmp_path):
    one = Witness(str(tmp_path))
    assert one.start()
    return one


def texts(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_process_says_at_its_start_which_python_it_is(one, tmp_path):
    ((name, text),) = texts(tmp_path).items()
    start = parse_testimony(text).start
    assert (name, start.executable) == (f"{os.getpid()}-0.txt", sys.executable)
    assert (start.version, start.base_prefix) == (tuple(sys.version_info), sys.base_prefix)
    assert start.forked is False


def test_a_testimony_with_a_key_that_is_no_text_is_none():
    assert parse_testimony("{'\\udcff': 1}\n{}") is None


def test_a_process_ends_once(one, tmp_path):
    one.end()
    one.end()
    (text,) = texts(tmp_path).values()
    assert len(text.splitlines()) == 2
    end = parse_testimony(text).end
    assert (end.executors, end.machine_code) == witness.count_executors(Witness.hear.__code__)


def test_a_copy_of_the_process_does_not_end_it(one, tmp_path):
    one.process += 1
    one.end()
    (text,) = texts(tmp_path).values()
    assert parse_testimony(text).end is None


def test_a_forked_process_writes_a_file_of_its_own(one, tmp_path):
    assert one.start(forked=True)
    assert one.path.endswith("-1.txt")
    assert [parse_testimony(text).start.forked for text in sorted(texts(tmp_path).values())] == [
        False,
        True,
    ]


def test_nothing_is_written_once_the_host_has_removed_the_folder(one, tmp_path):
    Path(one.path).unlink()
    with pytest.raises(FileNotFoundError):
        one.end()
    witness._silent(one.end)()
    assert texts(tmp_path) == {}


def test_the_code_of_modules_is_kept_and_no_other(one):
    module, function = compile("1", "x.py", "exec"), test_a_process_ends_once.__code__
    for event, argument in [("exec", module), ("exec", function), ("exec", 3), ("import", module)]:
        one.hear(event, (argument,))
    one.hear("exec", ())
    assert one.modules == [module]


def test_the_audit_hook_passes_on_some_events_and_counts_the_others(one):
    audit = one.audit_hook()
    module = compile("1", "x.py", "exec")
    for event in ("exec", "builtins.id", "open"):
        audit(event, (module,))
    assert (one.modules, one.ignored()) == ([module], 2)
    assert audit.__code__ in one.own_code


def test_the_time_of_many_audited_events_is_reported(one, tmp_path):
    one.end()
    (text,) = texts(tmp_path).values()
    assert parse_testimony(text).end.audit_seconds == 0
    assert witness._audit_seconds(9_999) == 0
    assert 0 < witness._audit_seconds(10_000) < witness._audit_seconds(10**12)


def test_a_tracer_is_noted_when_it_is_removed(one, monkeypatch):
    monkeypatch.setitem(witness._TRACERS, "sys.settrace", lambda: None)
    one.hear("sys.settrace", ())
    assert one.tracers == set()
    monkeypatch.setitem(witness._TRACERS, "sys.settrace", lambda: print)
    one.hear("sys.settrace", ())
    assert one.tracers == {"sys.settrace"}


@pytest.mark.parametrize(
    ("arguments", "env", "expected"),
    [
        (["/x/python3", "-c", "1"], None, "python3 -c 1"),
        (["/x/python3", "x.py"], {}, "python3 x.py"),
        (["/x/python3", "x.py"], {b"PYTHONPATH": b"/hook"}, ""),
        (["/x/python3", "x.py"], {"PYTHONPATH": "/hook:/y"}, ""),
        (["/x/python3", "-sI", "x.py"], {"PYTHONPATH": "/hook"}, "python3 -sI x.py"),
        (
            ["/x/python3", "-X", "utf8", "-Wi", "-I", "x.py"],
            {"PYTHONPATH": "/hook"},
            "python3 -X utf8",
        ),
        (["/x/python3", "-Ic", "1"], {"PYTHONPATH": "/hook"}, "python3 -Ic 1"),
        (["/x/python3", "-cI", "E"], {"PYTHONPATH": "/hook"}, ""),
        (["/x/python3", "-X", "importtime", "x.py", "-I"], {"PYTHONPATH": "/hook"}, ""),
        ([b"pypy3", "-m", "x", "-I"], {"PYTHONPATH": "/hook"}, ""),
        (["/bin/ls"], {}, ""),
        ("python x.py", {}, ""),
        (["/bin/sh", "-c", "cd x && python -I y.py"], {"PYTHONPATH": "/hook"}, "python -I y.py"),
        (["sh", "-c", "make; python3 -B y.py -I"], {"PYTHONPATH": "/hook"}, ""),
        (["sh", "-c", "python x.py"], {}, "python x.py"),
        (["sh", "-c", "bash -c sh -c python x.py"], {}, "python x.py"),
        (["sh"], {}, ""),
    ],
)
def test_pythons_that_cannot_testify_are_unseen(arguments, env, expected, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert witness.unseen_command(None, arguments, env, "/hook") == expected


def test_the_words_of_a_shell_are_read_once(monkeypatch):
    calls, unseen_command = [], witness.unseen_command

    def counted(*args):
        calls.append(args)
        return unseen_command(*args)

    monkeypatch.setattr(witness, "unseen_command", counted)
    assert counted(None, ["sh", "-c", "sh bash " * 5 + "ls"], {}, "/hook") == ""
    assert len(calls) == 1


def test_unseen_pythons_are_noted_when_they_are_started(one):
    one.hear("subprocess.Popen", ("python", ["python", "x.py"], None, {}))
    one.hear("subprocess.Popen", ("ls", ["ls"], None, None))
    one.hear("os.exec", ("/x/python", ["python", "y.py"], {}))
    one.hear("os.posix_spawn", ("/x/python", None, {}))
    one.hear("os.system", (b"python -E z.py; ls",))
    one.hear("os.system", (b"ls",))
    assert one.unseen == ["python x.py", "python y.py", "python -E z.py;"]


def test_long_texts_are_cut(monkeypatch):
    monkeypatch.setenv("PYTHON_JIT", "1" * 5000)
    monkeypatch.setattr(sys, "orig_argv", ["x" * 5000] * 50)
    facts = witness._facts()
    assert len(facts["switch"]) == 1000
    assert [len(argument) for argument in facts["arguments"]] == [1000] * 8
    assert ast.literal_eval(ascii(facts)) == facts


def test_this_python_has_no_executors_unless_it_has_tier_2(monkeypatch):
    assert not witness._has_tier2() or sys.version_info >= (3, 13)
    monkeypatch.setattr(sys, "version_info", (3, 15, 0))
    monkeypatch.setattr(sys, "_jit", SimpleNamespace(is_available=lambda: True), raising=False)
    assert witness._has_tier2()
    monkeypatch.setattr(sys, "_jit", SimpleNamespace(is_available=lambda: False), raising=False)
    assert not witness._has_tier2()
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name="pypy"))
    assert not witness._has_tier2()


def test_os_exit_ends_the_testimony_first(monkeypatch):
    calls = []

    def leave(status):
        calls.append(status)

    leave.__module__ = os._exit.__module__
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(sys.modules[leave.__module__], "_exit", leave)
    witness._call_before_exit(lambda: calls.append("end"))
    os._exit(3)
    assert calls == ["end", 3]
    assert pickle.loads(pickle.dumps(os._exit)) is os._exit


def test_the_start_does_nothing_under_another_name():
    assert witness_start.__name__ == "jitbuild.in_target.witness_start"
