"""running/command.py: the words after `--`, as commands run, read and change them."""

import pytest
from cli_fixtures import put

from jitbuild.errors import UsageError
from jitbuild.running.command import (
    check_options,
    command_line,
    option_without_jit,
    plain_command,
    pytest_arguments_index,
    split_program,
    with_only_test,
)


@pytest.mark.parametrize(
    ("command", "begin"),
    [
        ("pytest -x", 1),
        ("/e/bin/pytest", 1),
        ("python -m pytest t", 3),
        ("python3 -m pytest", 3),
        ("-m pytest t", 2),
        ("-X dev -W Ignore -m pytest t", 6),
        ("-Bm pytest", 2),
        ("-mpytest t", 1),
        ("-m pytester", None),
        ("-m", None),
        ("-c pytest", None),
        ("test.py -m pytest", None),
        ("python test.py -m pytest", None),
        ("make -m pytest", None),
        ("", None),
    ],
)
def test_the_arguments_of_pytest_begin_after_its_name(command, begin):
    assert pytest_arguments_index(tuple(command.split())) == begin


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("-I x.py", "-I"),
        ("-bE -m pytest", "-bE"),
        ("python -Im pytest", "-I"),
        ("-X perf x.py", "-X perf"),
        ("-Xperf_jit x.py", "-X perf"),
        ("-X dev -W Ignore -m pytest -I", None),
        ("--check-hash-based-pycs Ever x.py", None),
        ("x.py -I", None),
        ("pytest -E", None),
        ("-c I", None),
        ("python3.15 -I x.py", "-I"),
        ("/usr/bin/python3.15t -E x.py", "-E"),
        ("python3-config -I", None),
    ],
)
def test_options_that_switch_off_every_mode_are_recognized(command, option):
    assert option_without_jit(command.split()) == option


def test_one_test_replaces_the_files_and_folders_of_a_command():
    command = ["-m", "pytest", "-q", "-c", "setup.cfg", "t", "u/test_u.py::test_u", "-n", "2"]
    narrowed = with_only_test(
        command, 2, "t/test_x.py::test_f", exists={"t", "u/test_u.py", "setup.cfg"}.__contains__
    )
    assert narrowed == ["-m", "pytest", "-q", "-c", "setup.cfg", "-n", "2", "t/test_x.py::test_f"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ([], ["PYTHON"]),
        (["python"], ["PYTHON"]),
        (["python", "-c", "pass"], ["PYTHON", "-c", "pass"]),
        (["python3", "x"], ["PYTHON", "x"]),
        (["-m", "pytest", "-x"], ["PYTHON", "-m", "pytest", "-x"]),
        (["-"], ["PYTHON", "-"]),
        (["bench.py", "1"], ["PYTHON", "bench.py", "1"]),
        (["pytest", "-x"], ["pytest", "-x"]),
        (["python3.15", "x.py"], ["PYTHON", "x.py"]),
        (["python3.14", "x.py"], ["python3.14", "x.py"]),
        (["./tool"], ["./tool"]),
    ],
)
def test_the_first_word_decides_if_the_interpreter_runs_the_command(store, command, expected):
    found = put(store, "x")
    assert command_line(found, command) == [
        str(found.executable) if word == "PYTHON" else word for word in expected
    ]


@pytest.mark.parametrize(
    ("command", "plain"),
    [
        ("python3.15 -m pytest", "python -m pytest"),
        ("python3.14 -m pytest", "python3.14 -m pytest"),
        ("python3 x.py", "python3 x.py"),
        ("x.py python3.15", "x.py python3.15"),
        ("", ""),
    ],
)
def test_the_series_of_the_interpreter_is_written_as_python(store, command, plain):
    assert plain_command(put(store, "x"), command.split()) == plain.split()


@pytest.mark.parametrize(
    ("command", "split"),
    [
        ("x.py 1", ([], ["x.py", "1"])),
        ("python x.py 1", ([], ["x.py", "1"])),
        ("python -B -X dev x.py", (["-B", "-X", "dev"], ["x.py"])),
        ("-m timeit -n 1", ([], ["-m", "timeit", "-n", "1"])),
        ("-Bm timeit", (["-B"], ["-m", "timeit"])),
        ("-mtimeit", ([], ["-m", "timeit"])),
        ("-c pass", ([], ["-c", "pass"])),
        ("python", None),
        ("python -", None),
        ("pytest -x", None),
        ("", None),
    ],
)
def test_a_python_program_is_split_from_the_options_of_the_interpreter(command, split):
    assert split_program(command.split()) == split


def test_options_that_would_make_all_modes_equal_are_refused():
    with pytest.raises(UsageError, match="With -I, the interpreter ignores PYTHON_JIT") as e:
        check_options(["-I", "x.py"], "x")
    assert e.value.remedy == "Omit -I."
    with pytest.raises(UsageError, match="With -X perf, the interpreter does not use the JIT"):
        check_options(["-X", "perf", "x.py"], "x")
    check_options(["-X", "perf", "x.py"], "x", off=True)
    with pytest.raises(UsageError, match="With -E"):
        check_options(["-E", "x.py"], "x", off=True)
    check_options(["x.py", "-I"], "x")
