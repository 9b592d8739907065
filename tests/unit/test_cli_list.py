"""`jitbuild list`."""

import json

import pytest
from cli_fixtures import put

pytestmark = pytest.mark.usefixtures("home")


def test_for_an_empty_store_stderr_names_the_command_that_builds(run):
    assert run("list") == (
        0,
        "",
        "The store is empty. Build an interpreter: jitbuild install 3.15\n",
    )
    assert run("list", "--quiet") == (0, "", "")
    assert run("list", "--json") == (0, "[]\n", "")


def test_each_interpreter_is_a_line_with_its_state(run, store, elsewhere):
    one = put(store, "cpython-3.15.2-jit-fast-kkkkkkkk")
    put(store, "x", program=elsewhere)
    put(store, "y", ok=False)
    put(store, "z").executable.unlink()
    code, out, err = run("list")
    assert (code, err) == (0, "")
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    assert [line[0] for line in lines] == [one.name, "x", "y", "z"]
    assert lines[0][1].split() == ["proven", str(one.executable)]
    assert lines[1][1].split() == ["proven,", "adopted", str(elsewhere)]
    assert lines[2][1].startswith("not proven ")
    assert lines[3][1].startswith("gone ")


def test_the_json_has_its_documented_shape(run, store):
    found = put(store, "x")
    (listed,) = json.loads(run("list", "--json")[1])
    assert set(listed) == {
        *(
            "name",
            "version",
            "variant",
            "path",
            "executable",
            "adopted",
            "state",
            "instance",
            "verdict",
            "times",
            "caches",
        ),
    }
    assert (listed["name"], listed["executable"], listed["instance"]) == (
        "x",
        str(found.executable),
        found.instance,
    )
    assert (listed["state"], listed["variant"]["jit"]) == ("proven", "yes-off")
