"""`jitbuild export` and `jitbuild import`."""

from __future__ import annotations

import errno
import functools
import hashlib
import io
import json
import os
import sys

import pytest
import stores
from cli_fixtures import put as put_by_name
from exports import NAME, put
from provision_fakes import HOST, fake_probe, missing_modules

from jitbuild.cli import import_ as command
from jitbuild.cli.import_ import ask_for_digest
from jitbuild.errors import (
    ArchiveError,
    DiskFullError,
    IntegrityError,
    NotInstalledError,
    OperatingSystemError,
    UsageError,
)
from jitbuild.providers import exporting, importing
from jitbuild.store.store import Store

FILE = f"{NAME}.tar.zst"


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
    """Let `import` probe the programs of the tests, which are text files."""
    fake = functools.partial(
        importing.Importer,
        probe=fake_probe,
        missing_modules=missing_modules,
        this_host=lambda: HOST,
    )
    monkeypatch.setattr(importing, "Importer", fake)


@pytest.fixture
def exported(run, store, home):
    """Export an interpreter and remove it from the store; return the sha256 of the file."""
    put(store)
    digest = run("export", "3.15", "-q")[1].split()[0]
    store.remove(store.get(NAME))
    return digest


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_file_is_named_after_the_interpreter_and_its_digest_printed(run, store, tmp_path):
    put(store)
    code, out, err = run("export", "3.15")
    digest = sha256(tmp_path / FILE)
    assert (code, out) == (0, f"{digest}  {FILE}\n")
    assert err.splitlines()[-1].startswith(f"exported {NAME}: ")
    assert err.endswith(f"To import it: jitbuild import {FILE} --sha256 {digest}\n")


def test_a_quiet_export_prints_only_its_result(run, store):
    put(store)
    code, out, err = run("export", NAME, "-q")
    assert (code, len(out.splitlines()), err) == (0, 1, "")


def test_a_file_and_a_folder_can_be_named(run, store, tmp_path):
    put(store)
    (tmp_path / "folder").mkdir()
    assert run("export", "3.15", "a.tar.zst")[1].endswith("  a.tar.zst\n")
    assert run("export", "3.15", "folder")[1].endswith(f"  folder/{FILE}\n")
    assert sha256(tmp_path / "a.tar.zst") == sha256(tmp_path / "folder" / FILE)


def test_the_json_has_its_documented_shape(run, store, tmp_path):
    put(store)
    facts = json.loads(run("export", "3.15", "--json", "-q")[1])
    assert facts.pop("unpacked") > 0
    assert facts == {
        "name": NAME,
        "target": HOST.target.name,
        "file": str(tmp_path / FILE),
        "size": (tmp_path / FILE).stat().st_size,
        "sha256": sha256(tmp_path / FILE),
    }


def test_an_existing_file_is_overwritten_only_with_force(run, store, tmp_path):
    put(store)
    (tmp_path / FILE).write_text("mine")
    code, _, err = run("export", "3.15")
    assert (code, (tmp_path / FILE).read_text()) == (UsageError.exit_code, "mine")
    assert "Overwrite it with --force" in err
    assert run("export", "3.15", "--force")[0] == 0
    assert (tmp_path / FILE).read_bytes()[:4] == b"\x28\xb5\x2f\xfd"


def test_only_a_file_is_overwritten(run, store, tmp_path):
    put(store)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code, _, err = run("export", "3.15", pipe, "--force")
    assert (code, "is not a regular file" in err) == (UsageError.exit_code, True)
    assert pipe.is_fifo()


def test_a_folder_that_does_not_exist_is_not_taken_for_a_file(run, store, tmp_path):
    put(store)
    code, _, err = run("export", "3.15", f"new{os.sep}")
    assert (code, "does not exist" in err) == (UsageError.exit_code, True)
    assert not (tmp_path / "new").exists()


def test_a_url_is_not_imported(run):
    code, _, err = run("import", "https://me:secret@files.example.com/x.tar.zst")
    assert (code, "Download the file" in err) == (UsageError.exit_code, True)
    assert "secret" not in err


def test_stdout_is_refused_with_the_reason(run, store):
    put(store)
    code, _, err = run("export", "3.15", "-")
    assert (code, "its sha256 is known only at its end" in err) == (UsageError.exit_code, True)


def test_an_adopted_interpreter_is_refused_with_the_reason(run, store, elsewhere, tmp_path):
    put_by_name(store, "cpython-3.15.2-jit-fast-adopted0", program=elsewhere)
    code, _, err = run("export", "cpython-3.15.2")
    assert code == UsageError.exit_code
    assert "was adopted, so it cannot be exported or pushed" in err
    assert not [*tmp_path.glob("*.zst")]


def test_what_is_not_in_the_store_is_not_exported(run, store):
    stores.put(store, "3.15.1", ok=False, key="a" * 64)
    for spec in ("3.14", "cpython-3.15.1"):
        assert run("export", spec)[0] == NotInstalledError.exit_code


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFullError),
        (OSError(errno.EIO, "Input/output error"), OperatingSystemError),
        (KeyboardInterrupt(), None),
    ],
)
def test_an_export_that_fails_leaves_no_file(run, store, tmp_path, monkeypatch, error, expected):
    put(store)
    before = {*tmp_path.iterdir()}

    def write(interpreter, file, **options):
        file.write(b"half")
        raise error

    monkeypatch.setattr(exporting, "write_archive", write)
    code, out, err = run("export", "3.15")
    assert (code, out) == (expected.exit_code if expected else 130, "")
    assert {*tmp_path.iterdir()} == before
    assert expected is None or f"{FILE} " in err
    assert expected is not DiskFullError or "on another disk" in err


def test_a_folder_that_does_not_exist_is_an_error_of_the_system(run, store):
    put(store)
    code, _, err = run("export", "3.15", "missing/x.tar.zst")
    assert code == OperatingSystemError.exit_code
    assert "missing/x.tar.zst cannot be written" in err


def test_an_import_prints_the_executable_and_the_proof(run, store, exported):
    code, out, err = run("import", FILE, "--sha256", exported)
    assert (code, out) == (0, f"{store.get(NAME).executable}\n")
    message = err.splitlines()[-1]
    assert message.startswith(f"imported {NAME} from {FILE}: the JIT is present and runs machine")
    assert "Imported in " in message
    code, out, err = run("import", FILE, "--sha256", f"sha256:{exported.upper()}")
    assert (code, out) == (0, f"{store.get(NAME).executable}\n")
    assert f"{NAME} is already in the store" in err


def test_a_quiet_import_prints_only_its_result(run, store, exported):
    code, out, err = run("import", FILE, "--sha256", exported, "-q")
    assert (code, out, err) == (0, f"{store.get(NAME).executable}\n", "")


def test_the_record_of_the_import_is_listed(run, store, exported):
    (record,) = json.loads(run("import", FILE, "--sha256", exported, "--json", "-q")[1])
    assert record == json.loads(json.dumps(store.get(NAME).to_json()))
    assert record["imported"] == {
        "file": FILE,
        "sha256": exported,
        "built": "2026-11-22T00:00:00+00:00",
        "verified": "",
    }
    assert f"imported    {FILE} (sha256 {exported})" in run("list", "--long")[1]


def test_another_digest_is_refused(run, store, exported):
    assert run("import", FILE, "--sha256", "0" * 64)[0] == IntegrityError.exit_code
    assert run("import", FILE, "--sha256", "0" * 63)[0] == UsageError.exit_code
    assert store.installed() == []


@pytest.mark.parametrize("words", [("missing.tar.zst",), (".",)])
def test_what_cannot_be_read_is_one_message(run, store, words):
    code, _, err = run("import", *words, "--sha256", "0" * 64, "-q")
    assert (code, err.count("error:")) == (ArchiveError.exit_code, 1)
    assert store.installed() == []


def test_without_a_terminal_the_command_to_use_is_printed(run, store, exported, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    code, _, err = run("import", FILE)
    assert (code, store.installed()) == (UsageError.exit_code, [])
    assert f"jitbuild import {FILE} --sha256 {exported}" in err


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("answer", ["y\n", "Yes\n", "n\n", "\n", ""])
def test_on_a_terminal_the_user_is_asked(monkeypatch, tmp_path, answer):
    output = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", output)
    if answer[:1].lower() == "y":
        ask_for_digest("0" * 64, file=tmp_path / "x")
    else:
        with pytest.raises(IntegrityError, match="was not confirmed"):
            ask_for_digest("0" * 64, file=tmp_path / "x")
    assert f"{tmp_path / 'x'} has the sha256 {'0' * 64}." in output.getvalue()
    assert output.getvalue().endswith("[y/N] ")


def test_an_interpreter_travels_to_another_store(run, store, exported, tmp_path, monkeypatch):
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path / "other"))
    assert run("import", FILE, "--sha256", exported, "--reinstall")[0] == 0
    assert [each.name for each in Store(tmp_path / "other").installed()] == [NAME]
    assert (store.installed(), command.__name__) == ([], "jitbuild.cli.import_")
