"""The likely reason why a command does not run the interpreter, from what can be read."""

import os
from pathlib import Path

import pytest

from jitbuild.running.escape_reasons import EscapingCommand, escape_reason, hiding_facts

PYTHON = Path("/ours/bin/python3.15")


def command_of(*argv, files=None):
    """Return a command; `files` are texts by path, and every program is in /bin."""
    texts = files or {}
    return EscapingCommand(
        argv,
        PYTHON,
        lambda name: name if name.startswith(("/", "./")) else f"/bin/{name}",
        lambda path: texts.get(path, ""),
    )


def reason_of(*argv, files=None):
    return escape_reason(command_of(*argv, files=files))


@pytest.mark.parametrize(
    ("argv", "fact", "remedy"),
    [
        (["/usr/bin/python3", "x.py"], "another Python than", "Write `python` after --"),
        (["python3.11", "-c", ""], "/bin/python3.11 is another Python", "Write `python`"),
        (["pypy3", "x.py"], "another Python", "Write `python`"),
        (["env", "-i", "python", "x.py"], "The command clears the environment", "Omit -i"),
        (["env", "-", "python", "x.py"], "clears the environment", "Omit -i"),
        (["sh", "-c", "exec env -i python x"], "clears the environment", "Omit -i"),
        (["sudo", "-E", "python", "x.py"], "with sudo", "Run jitbuild itself"),
        (["docker", "run", "image"], "on another machine", "Run jitbuild itself"),
        (["sh", "-c", "python3 -I x.py"], "with -I, -E or -S", "Omit the option"),
        (["python", "-S", "x.py"], "with -I, -E or -S", "Omit the option"),
        (["sh", "-c", "PYTHONPATH=src python x"], "replaces PYTHONPATH", ":$PYTHONPATH"),
        (["env", "-u", "PYTHON_JIT", "python", "x"], "removes PYTHON_JIT", "Keep PYTHON_JIT"),
        (["tox", "run"], "tox passes only some variables", "pass_env = PYTHON_JIT*, PYTHONPATH"),
        (["python", "-m", "tox"], "tox passes", "base_python = /ours/bin/python3.15"),
        (["nox"], "nox chooses", "--force-python /ours/bin/python3.15"),
        (["make", "test"], "The Makefile", "PYTHON=/ours/bin/python3.15"),
        (["uv", "run", "x.py"], "uv chooses", "UV_PYTHON=/ours/bin/python3.15"),
        (["poetry", "run", "x"], "poetry", "--with"),
        (["true"], "It may start no Python at all", "Start Python as `python`"),
    ],
)
def test_the_words_of_a_command_give_the_reason(argv, fact, remedy):
    reason = reason_of(*argv)
    assert fact in reason.fact
    assert remedy in reason.remedy


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("#!/usr/bin/env python3.11\n", "The first line of ./x starts python3.11."),
        ("#!/usr/bin/python3\n", "The first line of ./x starts /usr/bin/python3."),
        ("#!/usr/bin/env -S python3 -I\n", "The first line of ./x starts Python with -I"),
        ("#!/ours/bin/python3.15 -E\n", "The first line of ./x starts Python with -E"),
        ("#!/bin/sh\nexec env -i python3.15 x\n", "./x clears the environment"),
        ('#!/bin/sh\nexec pyenv exec "$0" "$@"\n', "./x is a shim of a version manager"),
        ("#!/bin/bash\nmise x -- python\n", "./x is a shim"),
        ("#!/bin/sh\nexec /usr/bin/tox run\n", "tox passes"),
        ("#!/bin/sh\nsudo python x\n", "./x changes the user"),
        ("#!/ours/bin/python3.15\nimport x\n", "It may start no Python at all"),
        ("#!/bin/sh\n# make sure that sudo x\n  # runs\n:\n", "It may start no Python at all"),
        ("#!/bin/sh\n# first:\nmake test\n", "The Makefile"),
    ],
)
def test_a_script_is_read(text, fact):
    assert fact in reason_of("./x", files={"./x": text}).fact


@pytest.mark.parametrize(
    ("argv", "text", "facts"),
    [
        (["sh", "-c", "python x.py; python -I y.py"], "", ["The command starts Python with -I"]),
        (["sh", "-c", "env -i python y.py"], "", ["The command clears the environment"]),
        (["sh", "-c", "unset PYTHONPATH; python y.py"], "", ["The command removes PYTHON_JIT"]),
        (["./x"], "#!/bin/sh\nPYTHONPATH=src python y.py\n", ["./x replaces PYTHONPATH"]),
        (["sh", "./x"], "#!/bin/sh\npython -E y.py\n", ["./x starts Python with -I"]),
        (["sh", "./x"], "#!/bin/sh\n# python -E y.py\n", []),
        (["python", "./x"], "#!/usr/bin/env python3\nrun('python -I y.py')\n", []),
        (["sudo", "make"], "", []),
        (["sh", "-c", "PYTHONPATH=src:$PYTHONPATH python -B y.py"], "", []),
        (["python", "./x"], "", []),
    ],
)
def test_pythons_that_cannot_be_observed_are_found_in_the_command_and_its_scripts(
    argv, text, facts
):
    found = hiding_facts(command_of(*argv, files={"./x": text}))
    assert [fact[: len(start)] for fact, start in zip(found, facts, strict=True)] == facts


def test_a_file_is_read_up_to_its_binary_part(tmp_path):
    (tmp_path / "x").write_bytes(b"#!/usr/bin/python3\nPK\0sudo x")
    command = EscapingCommand.on_path([str(tmp_path / "x")], PYTHON, str(tmp_path))
    assert command.read(str(tmp_path / "x")) == "#!/usr/bin/python3\nPK"
    assert command.read(str(tmp_path / "none")) == ""
    (tmp_path / "x").write_bytes(b"#!/usr/bin/python3\n\xff")
    assert command.read(str(tmp_path / "x")).startswith("#!/usr/bin/python3\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_pipe_among_the_words_of_a_command_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    command = EscapingCommand.on_path(["x", str(tmp_path / "pipe")], PYTHON, "")
    assert hiding_facts(command) == []


def test_a_link_to_the_interpreter_is_the_interpreter(tmp_path):
    python, link = tmp_path / "python3.15", tmp_path / "python"
    python.write_text("")
    python.chmod(0o755)
    link.symlink_to(python)
    command = EscapingCommand.on_path(["python"], python, str(tmp_path))
    assert command.is_interpreter("python")
    assert not command.is_interpreter("nosuch")
