"""Rewriting the files of an interpreter that was moved, as far as no process is needed for it."""

from __future__ import annotations

import os

import pytest

from jitbuild.building.relocation import affected, moved_text, relocate, working_shebang

OLD = "/old/interpreters/cpython-3.13.15-jit-fast-93a23b85"
SCRIPT = f"#!{OLD}/bin/python3.13\nimport pip\n"


@pytest.fixture
def prefix(tmp_path):
    """A prefix with the kinds of files that a real one has, which was installed at OLD."""
    prefix = tmp_path / "new" / OLD.rpartition("/")[2]
    files = {
        "bin/pip3.13": SCRIPT,
        "lib/pkgconfig/python-3.13.pc": f"prefix={OLD}\nlibdir=${{exec_prefix}}/lib\n",
        "lib/python3.13/_sysconfigdata__linux.py": f"x = {{'CFLAGS': '-I{OLD}/include'}}\n",
        "lib/python3.13/__pycache__/_sysconfigdata__linux.cpython-313.pyc": f"bytecode {OLD}",
        "lib/python3.13/__pycache__/os.cpython-313.pyc": f"bytecode {OLD}",
        "lib/python3.13/os.py": "name = 'posix'\n",
        "lib/libpython3.13.a": f"binary\0{OLD}",
        "jitbuild.toml": f'executable = "{OLD}/bin/python3.13"\n',
    }
    for name, text in files.items():
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / name).write_text(text)
    (prefix / "bin/pip3.13").chmod(0o755)
    (prefix / "bin/pip").symlink_to("pip3.13")
    (prefix / "bin/tool").symlink_to(f"{OLD}/lib/tool")
    (prefix / "lib/link").symlink_to(f"{OLD}/include", target_is_directory=True)
    return prefix


CHANGED = [
    "bin/pip3.13",
    "bin/tool",
    "lib/link",
    "lib/pkgconfig/python-3.13.pc",
    "lib/python3.13/_sysconfigdata__linux.py",
]


def names(prefix, paths):
    return [path.relative_to(prefix).as_posix() for path in paths]


def contents(prefix):
    return {path: path.read_bytes() for path in prefix.rglob("*") if path.is_file()}


def test_every_text_and_link_names_the_new_place_and_only_those_are_changed(prefix):
    before = contents(prefix)
    assert names(prefix, affected(prefix, OLD)) == CHANGED
    assert contents(prefix) == before
    assert names(prefix, relocate(prefix, OLD)) == CHANGED
    assert f"{prefix}/bin/python3.13" in (prefix / "bin/pip3.13").read_text()
    assert (prefix / "bin/tool").readlink() == prefix / "lib/tool"
    assert (prefix / "lib/link").readlink() == prefix / "include"
    for name in ("lib/libpython3.13.a", "jitbuild.toml", "lib/python3.13/os.py"):
        assert (prefix / name).read_bytes() == before[prefix / name]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_permissions_are_kept(prefix):
    relocate(prefix, OLD)
    assert (prefix / "bin/pip3.13").stat().st_mode & 0o777 == 0o755


def test_the_bytecode_of_a_changed_module_is_removed_and_other_bytecode_kept(prefix):
    relocate(prefix, OLD)
    assert names(prefix, prefix.rglob("*.pyc")) == ["lib/python3.13/__pycache__/os.cpython-313.pyc"]


def test_a_second_call_finds_nothing(prefix):
    relocate(prefix, OLD)
    after = contents(prefix)
    assert (affected(prefix, OLD), relocate(prefix, OLD)) == ([], [])
    assert contents(prefix) == after


def test_an_interrupted_call_is_completed_by_the_next(prefix, monkeypatch):
    class Killed(BaseException):
        pass

    replaced = []
    replace = type(prefix).replace

    def dying(path, target):
        if len(replaced) == 2:
            raise Killed
        replaced.append(target)
        return replace(path, target)

    monkeypatch.setattr(type(prefix), "replace", dying)
    with pytest.raises(Killed):
        relocate(prefix, OLD)
    monkeypatch.undo()
    # A killed process does not remove its temporary file.
    (prefix / "bin/.0123456789abcdef.part").write_text("half a scr")
    assert len(relocate(prefix, OLD)) == len(CHANGED) - 2
    assert affected(prefix, OLD) == []
    assert [*prefix.rglob("*.part")] == []


def test_a_copy_made_of_hard_links_keeps_its_own_content(prefix, tmp_path):
    twin = tmp_path / "twin"
    os.link(prefix / "bin/pip3.13", twin)
    relocate(prefix, OLD)
    assert twin.read_text() == SCRIPT


@pytest.mark.parametrize(
    ("old", "new", "text", "expected"),
    [
        ("/a", "/b", "-I/a/x:/a", "-I/b/x:/b"),
        ("/a", "/data/a", "/a/x /data/a/x", "/data/a/x /data/a/x"),
        ("/a/b", "/a", "/a/b/x /a/y", "/a/x /a/y"),
        ("/a/py", "/b/py", "/a/py-t/x /a/py2 /a/py.", "/a/py-t/x /a/py2 /b/py."),
    ],
)
def test_replacing_twice_has_the_same_result(old, new, text, expected):
    once = moved_text(text.encode(), old.encode(), new.encode())
    assert once.decode() == expected
    assert moved_text(once, old.encode(), new.encode()) == once


@pytest.mark.parametrize("folder", ["/with space/py", f"/{'long' * 30}/py"])
def test_a_python_that_no_shebang_can_name_is_started_by_sh(folder):
    script = f"#!{folder}/bin/python3 -I\nimport pip\n".encode()
    quoted = f"'{folder}/bin/python3'" if " " in folder else f"{folder}/bin/python3"
    expected = f"#!/bin/sh\n'''exec' {quoted} -I \"$0\" \"$@\"\n' '''\nimport pip\n"
    assert working_shebang(script, folder.encode()).decode() == expected


@pytest.mark.parametrize("script", ["#!/bin/sh\necho /py\n", "#!/py/bin/python3\nimport pip\n", ""])
def test_other_scripts_and_short_shebangs_stay_as_they_are(script):
    assert working_shebang(script.encode(), b"/py").decode() == script
