"""The folder of a hook, and the testimonies that are collected from it."""

import os

import pytest
import witness_samples

from jitbuild.running import witness_hook
from jitbuild.running.testimony import parse_testimony
from jitbuild.running.witness_hook import WitnessHook


@pytest.fixture
def hook(tmp_path):
    return WitnessHook.install(tmp_path / "witness" / "on")


def write(hook, name, *lines):
    (hook.folder / name).write_text("".join(f"{line}\n" for line in lines))


START = (
    "{'implementation': 'cpython', "
    "'version': [3, 15, 0, 'candidate', 2], 'debug': False, 'free_threaded': False, "
    "'executable': '/x/python', 'base_executable': '/y/python', 'base_prefix': '/y', "
    "'arguments': ['python', '\\u00e4'], 'switch': '1', 'stress': '', 'forked': False}"
)
END = (
    "{'enabled': True, 'executors': 3, 'machine_code': 2, 'mappings': 1, "
    "'tracers': ['sys.settrace'], "
    "'unseen': []}"
)


def test_the_folder_has_a_sitecustomize_and_is_first_on_pythonpath(hook):
    assert {path.name for path in hook.folder.iterdir()} == {
        "sitecustomize.py",
        "jitbuild_witness.py",
        "__pycache__",
    }
    assert hook.environment({"A": "1"}) == {"A": "1", "PYTHONPATH": str(hook.folder)}
    assert hook.environment({"PYTHONPATH": "x"})["PYTHONPATH"] == f"{hook.folder}{os.pathsep}x"


def test_a_testimony_is_collected_once(hook):
    write(hook, "7-0.txt", START, END)
    (testimony,) = hook.collect()
    assert (testimony.version, testimony.executable) == ("3.15.0rc2", "/x/python")
    assert testimony.start.arguments == ("python", "ä")
    assert (testimony.end.machine_code, testimony.end.tracers) == (2, ("sys.settrace",))
    assert hook.collect() == ()


def test_a_process_that_was_killed_has_no_end(hook):
    write(hook, "7-0.txt", START)
    write(hook, "8-0.txt", START, "{'enabled': Tr")
    assert [(one.end, one.replaced) for one in hook.collect()] == [(None, False)] * 2


@pytest.mark.parametrize("line", ["", "{'version': ", "[1]", "{'version': 7}", "(" * 5000, "\0"])
def test_what_is_no_testimony_is_ignored(hook, line):
    write(hook, "7-0.txt", line)
    assert hook.collect() == ()
    assert parse_testimony(line) is None


def test_a_program_that_replaces_a_forked_process_counts_once(hook):
    write(hook, "7-0.txt", START.replace("'forked': False", "'forked': True"))
    write(hook, "7-1.txt", START, END)
    (testimony,) = hook.collect()
    assert testimony.end is not None


def test_a_program_that_replaces_another_counts_beside_it(hook):
    write(hook, "7-0.txt", START)
    write(hook, "7-1.txt", START, END)
    first, second = hook.collect()
    assert (first.replaced, second.replaced) == (True, False)


def test_testimonies_beyond_the_limit_are_counted_and_deleted(hook, monkeypatch):
    monkeypatch.setattr(witness_hook, "MAX_TESTIMONIES", 3)
    for number in range(5):
        write(hook, f"{number}-0.txt", START, END)
    assert len(hook.collect()) == 3
    assert hook.left_out == 2
    assert hook.collect() == ()
    assert hook.left_out == 2


def test_an_embedded_python_is_named_by_its_base():
    assert witness_samples.witness(executable="").executable.startswith(witness_samples.PREFIX)
