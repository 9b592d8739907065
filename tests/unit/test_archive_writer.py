"""Archives of interpreters: what is in them, and that the same interpreter gives the same bytes."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile

import pytest
import stores
from exports import KEY, NAME, add_bytecode, put

from jitbuild.errors import StoreError
from jitbuild.store import archive_writer
from jitbuild.store.archive_writer import TIME, write_archive
from jitbuild.store.store import Store
from jitbuild.system.archives.zstd import decompressed


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def interpreter(store):
    return put(store)


def archived(interpreter):
    buffer = io.BytesIO()
    write_archive(interpreter, buffer)
    return buffer.getvalue()


def members(interpreter):
    """Return the members of an archive, and the contents of its files, by name."""
    stream = decompressed(io.BytesIO(archived(interpreter)))
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        infos = {info.name.removeprefix(f"{NAME}/"): info for info in tar}
        files = {name: info for name, info in infos.items() if info.isreg()}
        return infos, {name: tar.extractfile(info).read() for name, info in files.items()}


def test_members_are_sorted_after_the_manifest_and_are_nobodys(interpreter):
    infos, contents = members(interpreter)
    assert [*infos] == [
        "jitbuild.toml",
        "bin",
        "bin/pip",
        "bin/python",
        "bin/python3",
        "include",
        "lib",
        "lib/python3.15",
        "lib/python3.15/_sysconfigdata__linux_.py",
        "lib/python3.15/empty",
        "lib/python3.15/empty/__init__.py",
        "lib/python3.15/os.py",
    ]
    for info in infos.values():
        assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (TIME, 0, 0, "", "")
    modes = {name: infos[name].mode for name in ("bin", "bin/pip", "lib/python3.15/os.py")}
    assert modes == {"bin": 0o755, "bin/pip": 0o755, "lib/python3.15/os.py": 0o644}
    assert infos["bin/python"].linkname == "python3"
    assert contents["bin/python3"] == b"3.15.2 yes-off"
    assert contents["jitbuild.toml"] == (interpreter.path / "jitbuild.toml").read_bytes()


def test_the_same_interpreter_results_in_the_same_bytes(interpreter, monkeypatch):
    first = archived(interpreter)
    for path in interpreter.path.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1, 1))
            path.chmod(path.stat().st_mode | 0o060)
    (interpreter.path / "lib/python3.15/__pycache__").mkdir()
    (interpreter.path / ".0123456789abcdef.part").write_text("of a killed process")
    (interpreter.path / "launchers").mkdir()
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert hashlib.sha256(archived(interpreter)).digest() == hashlib.sha256(first).digest()
    (interpreter.path / "bin/pip").write_text("another")
    assert archived(interpreter) != first


def test_a_copy_of_the_store_that_was_not_repaired_has_the_same_bytes(interpreter, tmp_path):
    first = archived(interpreter)
    (tmp_path / "home").rename(tmp_path / "moved")
    assert archived(Store(tmp_path / "moved").get(NAME)) == first


def test_bytecode_has_the_time_of_its_source_in_the_archive(interpreter):
    created = interpreter.created.timestamp()
    library = interpreter.path / "lib/python3.15"
    timed = add_bytecode(library / "os.py", created)
    hashed = add_bytecode(library / "empty/__init__.py", created, flags=1)
    _, contents = members(interpreter)
    name = timed.relative_to(interpreter.path).as_posix()
    size = (library / "os.py").stat().st_size
    expected = b"magi\0\0\0\0" + TIME.to_bytes(4, "little") + size.to_bytes(4, "little") + b"code"
    assert contents[name] == expected
    assert contents[hashed.relative_to(interpreter.path).as_posix()] == hashed.read_bytes()


@pytest.mark.parametrize("change", ["later", "stale", "sourceless", "short"])
def test_other_bytecode_is_left_out(interpreter, change):
    created = interpreter.created.timestamp()
    source = interpreter.path / "lib/python3.15/os.py"
    first = archived(interpreter)
    bytecode = add_bytecode(source, created + 1 if change == "later" else created)
    if change == "stale":
        bytecode.write_bytes(bytecode.read_bytes().replace(b"\x0f\0\0\0", b"\x0e\0\0\0"))
    elif change == "sourceless":
        bytecode = bytecode.rename(bytecode.with_name("gone.cpython-315.pyc"))
    elif change == "short":
        bytecode.write_bytes(b"magi")
    os.utime(bytecode, (created + (change == "later"),) * 2)
    assert archived(interpreter) == first


def test_a_further_name_of_a_file_is_a_hard_link(interpreter):
    os.link(interpreter.path / "bin/python3", interpreter.path / "bin/python3.15")
    infos, _ = members(interpreter)
    assert infos["bin/python3.15"].islnk()
    assert infos["bin/python3.15"].linkname == f"{NAME}/bin/python3"


def test_an_absolute_link_within_the_interpreter_becomes_relative(interpreter):
    (interpreter.path / "bin/tool").symlink_to(interpreter.path / "lib/python3.15/os.py")
    (interpreter.path / "library").symlink_to(interpreter.path / "lib", target_is_directory=True)
    infos, _ = members(interpreter)
    assert infos["bin/tool"].linkname == "../lib/python3.15/os.py"
    assert infos["library"].linkname == "lib"


@pytest.mark.parametrize("target", ["/usr/bin/env", "../../../x", "../.."])
def test_a_link_that_leads_out_is_refused_with_its_path(interpreter, target):
    link = interpreter.path / "bin/tool"
    link.symlink_to(target)
    with pytest.raises(StoreError, match=r"bin/tool is a link to .*, which is outside") as caught:
        archived(interpreter)
    assert str(link) in caught.value.remedy


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a pipe")
def test_a_pipe_is_refused(interpreter):
    os.mkfifo(interpreter.path / "bin/pipe")
    with pytest.raises(StoreError, match="bin/pipe is neither a file, a folder nor a link"):
        archived(interpreter)


class Interrupting:
    """A stage that does something when the first member is written."""

    def __init__(self, action):
        self.action = action
        self.progress = []

    def advance(self, done, total):
        if not self.progress:
            self.action()
        self.progress.append((done, total))


@pytest.mark.parametrize("action", ["removed", "replaced"])
def test_an_interpreter_that_is_replaced_meanwhile_is_not_archived(store, interpreter, action):
    actions = {
        "removed": lambda: store.remove(interpreter),
        "replaced": lambda: stores.put(store, key=KEY),
    }
    stage = Interrupting(actions[action])
    with pytest.raises(StoreError, match="was replaced or removed while"):
        write_archive(interpreter, io.BytesIO(), stage=stage)


def test_the_progress_is_that_of_all_files(interpreter):
    stage = Interrupting(lambda: None)
    total = write_archive(interpreter, io.BytesIO(), stage=stage)
    assert stage.progress[-1] == (total, total)
    assert len(stage.progress) == len(archive_writer.members_of(interpreter))
