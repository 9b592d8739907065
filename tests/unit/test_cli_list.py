"""`jitbuild list`."""

import json
import re

import pytest
import stores
from cli_fixtures import put

from jitbuild.request import Patch

PATCH = Patch(path="", sha256="a" * 64)

pytestmark = pytest.mark.usefixtures("home")


def test_for_an_empty_store_stderr_names_the_command_that_builds(run):
    assert run("list") == (
        0,
        "",
        (
            "The store is empty. Build an interpreter: jitbuild install 3.15. Or register one that "
            "this machine has: jitbuild adopt PATH\n"
        ),
    )
    assert run("list", "--quiet") == (0, "", "")
    assert run("list", "--json") == (0, "[]\n", "")


def test_each_interpreter_is_a_line_with_state_date_and_origin(run, store, elsewhere):
    one = put(store, "cpython-3.15.2-jit-fast-kkkkkkkk")
    put(store, "w", kind="git")
    put(store, "x", program=elsewhere)
    put(store, "y", ok=False)
    put(store, "z", kind="folder").executable.unlink()
    code, out, err = run("list")
    assert (code, err) == (0, "")
    assert [re.split(r" {2,}", line) for line in out.splitlines()] == [
        [one.name, "proven", "2026-11-22", "a release"],
        ["w", "proven", "2026-11-22", "git dddddddddd"],
        ["x", "proven", "2026-11-22", "adopted"],
        ["y", "not proven", "2026-11-22", "a release"],
        ["z", "gone", "2026-11-22", "a folder"],
    ]


def test_a_line_fits_into_80_columns(run, store):
    name, version = "cpython-3.15.0b2t-nojit-release-custom-kkkkkkkk", "3.15.0b2"
    put(store, name, version, kind="git", patches=(PATCH,))
    (line,) = run("list")[1].splitlines()
    assert line.endswith("proven  2026-11-22  git dddddddddd + aaaaaaaaaaaa")
    put(store, name, version)
    (line,) = run("list")[1].splitlines()
    assert len(line) <= 80


@pytest.mark.parametrize("option", ["--long", "-l", "-v"])
def test_the_long_form_has_the_origin_and_the_path(run, store, elsewhere, option):
    url = "https://github.com/python/cpython"
    source = {
        "kind": "git",
        "digest": "d" * 40,
        "location": url,
        "ref": "main",
        "road": url,
        "verified": "git",
    }
    patches = [{"path": "/patches/fix.patch", "sha256": PATCH.sha256}]
    built = stores.put(
        store,
        "3.16.0a2",
        name="a",
        source=source,
        patches=(PATCH,),
        patch_files=patches,
        request=f"git+{url}@main",
        configure_args=("--with-trace-refs",),
        includes=("tests",),
        toolchain={"compiler": "gcc 12", "libc": "glibc 2.36"},
    )
    put(store, "b", program=elsewhere)
    code, out, err = run("list", option)
    assert (code, err) == (0, "")
    assert (
        out
        == f"""\
a
  state       proven
  created     2026-11-22 00:00 UTC
  provider    source (compiled by jitbuild)
  request     git+{url}@main
  source      git {url}
  obtained    {url} (git)
  reference   main
  commit      {"d" * 40}
  patches     fix.patch
  arguments   --with-trace-refs
  parts       tests
  compiler    gcc 12
  executable  {built.executable}

b
  state       proven
  created     2026-11-22 00:00 UTC
  provider    adopt (was on this machine)
  executable  {elsewhere}
"""
    )


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
            "provider",
            "created",
            "request",
            "target",
            "source",
            "patches",
            "prebuilt",
            "imported",
            "toolchain",
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
    assert (listed["provider"], listed["created"]) == ("source", "2026-11-22T00:00:00+00:00")
    assert set(listed["source"]) == {
        *("kind", "location", "ref", "digest", "commit", "origin", "verified")
    }


def test_the_json_of_an_adopted_interpreter_has_no_source(run, store, elsewhere):
    put(store, "x", program=elsewhere)
    (listed,) = json.loads(run("list", "--json")[1])
    assert (listed["provider"], listed["source"], listed["toolchain"]) == ("adopt", None, None)
