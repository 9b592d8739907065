"""Failures give a message with a remedy and an exit code of their own, and leave nothing behind."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cli import Cli

from jitbuild import errors

pytestmark = pytest.mark.integration

PATCHLEVEL = '#define PY_VERSION "3.13.99"\n'
LLVM_PY = "_LLVM_VERSION = 18\n"
# A source tree whose make fails like a compiler.
CONFIGURE = """#!/bin/sh
# --enable-experimental-jit
printf 'all:\\n\\techo "x.c:1:2: error: no such thing"; false\\n' > Makefile
"""


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    (tmp_path / "mirror").mkdir()
    return Cli(tmp_path / "home", {"JITBUILD_MIRROR": str(tmp_path / "mirror")})


def archive(path: Path, *extra: tuple[str, bytes]) -> str:
    """Write a tar.xz that claims to be CPython 3.13.99; return its sha256."""
    members = [
        ("Include/patchlevel.h", PATCHLEVEL.encode()),
        ("Tools/jit/_llvm.py", LLVM_PY.encode()),
        ("configure", CONFIGURE.encode()),
        ("Makefile.pre.in", b""),
    ]
    with tarfile.open(path, "w:xz") as tar:
        for name, data in [*((f"Python-3.13.99/{name}", data) for name, data in members), *extra]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o755
            tar.addfile(info, io.BytesIO(data))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(result, kind: type[errors.JitbuildError], *messages: str) -> None:
    assert result.code == kind.exit_code, result.err
    for text in messages:
        assert text in result.err
    assert result.out == ""


def refused(
    cli: Cli, kind: type[errors.JitbuildError], *args: object, messages: tuple[str, ...] = ()
) -> None:
    check(cli("install", *args, code=None), kind, *messages)
    assert cli.leftovers() == []


def test_a_corrupted_archive(cli, tmp_path):
    bad = tmp_path / "Python-3.13.99.tar.xz"
    archive(bad)
    data = bytearray(bad.read_bytes())
    data[len(data) // 2] ^= 0xFF
    bad.write_bytes(data)
    refused(cli, errors.ArchiveError, bad, messages=("damaged",))


def test_a_truncated_archive(cli, tmp_path):
    bad = tmp_path / "Python-3.13.99.tar.xz"
    archive(bad)
    bad.write_bytes(bad.read_bytes()[:-40])
    refused(cli, errors.ArchiveError, bad)


def test_a_wrong_pin(cli, tmp_path):
    archive(tmp_path / "mirror" / "Python-3.13.99.tar.xz")
    refused(
        cli,
        errors.IntegrityError,
        "3.13.99",
        "--sha256",
        "0" * 64,
        messages=("0" * 64, "Do not use this file"),
    )


class Serving(ThreadingHTTPServer):
    """A mirror on loopback that records requests.

    It serves `files` by path, each cut off after `bytes_sent` bytes.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], bytes_sent: int | None = None) -> None:
        self.files, self.bytes_sent, self.asked = files, bytes_sent, []
        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        data = self.server.files.get(self.path)
        self.send_response(404 if data is None else 200)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write((data or b"")[: self.server.bytes_sent])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve(cli):
    servers = []

    def start(files: dict[str, bytes], bytes_sent: int | None = None) -> Serving:
        servers.append(Serving(files, bytes_sent))
        cli.extra["JITBUILD_MIRROR"] = servers[-1].url
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_after_wrong_bytes_no_other_source_is_tried(cli, tmp_path, serve):
    sha256 = archive(tmp_path / "right.tar.xz")
    right = (tmp_path / "right.tar.xz").read_bytes()
    server = serve(
        {"/3.13.99/Python-3.13.99.tar.xz": b"other bytes", "/Python-3.13.99.tar.xz": right}
    )
    refused(
        cli,
        errors.IntegrityError,
        "3.13.99",
        "--sha256",
        sha256,
        messages=(sha256, "Do not use this file"),
    )
    assert set(server.asked) == {"/3.13.99/Python-3.13.99.tar.xz"}
    assert not list((cli.home / "sources").rglob("*.tar.xz"))


def test_a_download_that_ends_too_early(cli, tmp_path, serve):
    sha256 = archive(tmp_path / "whole.tar.xz")
    serve(
        {"/3.13.99/Python-3.13.99.tar.xz": (tmp_path / "whole.tar.xz").read_bytes()}, bytes_sent=50
    )
    refused(cli, errors.TruncatedError, "3.13.99", "--sha256", sha256)
    assert not list((cli.home / "sources").rglob("*.tar.xz"))


def test_an_archive_that_writes_outside(cli, tmp_path):
    sha256 = archive(
        tmp_path / "mirror" / "Python-3.13.99.tar.xz", ("Python-3.13.99/../../../escaped", b"!")
    )
    refused(cli, errors.UnsafeArchiveError, "3.13.99", "--sha256", sha256)
    assert not list(tmp_path.rglob("escaped"))


ONLY_DEBIAN = (
    "Only Debian states this pin, so the pin itself may be wrong: `jitbuild recipes update` "
    "settles it. Until then, do not use this file, which may also be a proxy's login page or come "
    "from a bad mirror.\n"
)


@pytest.mark.parametrize("size", [12, 27960396])
def test_other_bytes_for_a_release_that_only_debian_pins(cli, serve, size):
    path = "/3.15.2/Python-3.15.2.tar.xz"
    data = bytes(size)
    difference = {
        12: "expected 27960396 bytes, got 12.",
        27960396: "expected sha256 "
        "8b5536d280142ecf6cdfe15d12a21ba1c65e300bbf7b28a8d0cdb849575797de, got "
        f"{hashlib.sha256(data).hexdigest()}.",
    }[size]
    server = serve({path: data})
    result = cli("install", "3.15.2", "--jit", "no", code=None)
    assert result.code == errors.IntegrityError.exit_code
    assert result.err.endswith(
        f"error: {server.url}{path} is not the expected file: {difference}\n{ONLY_DEBIAN}"
    )
    assert server.asked == [path]
    assert cli.leftovers() == []


def test_a_release_without_a_pin_needs_its_sha256(cli, tmp_path):
    refused(
        cli,
        errors.RequestError,
        "3.15.1",
        messages=("jitbuild recipes update", "Python-3.15.1.tar.xz with --sha256"),
    )
    # With the sha256, the archive is fetched and verified; here it is another release.
    folder = tmp_path / "mirror/3.15.1"
    folder.mkdir()
    sha256 = archive(folder / "Python-3.15.1.tar.xz")
    result = cli("install", "3.15.1", "--jit", "no", "--sha256", sha256, code=None)
    assert result.code == errors.BuildError.exit_code, result.err


def test_an_unknown_version(cli):
    refused(cli, errors.RequestError, "3.15.0b9", messages=("3.15.0b4", "--sha256"))


def test_a_free_threaded_jit(cli):
    refused(cli, errors.VariantError, "3.15t", "--jit", "yes", messages=("free-threaded",))


def test_a_mirror_that_lacks_the_file(cli):
    refused(cli, errors.MissingError, "3.13.15", messages=("--mirror",))


def test_a_misspelt_jit(cli):
    refused(cli, errors.UsageError, "3.13.15", "--jit", "on")


def test_a_store_that_cannot_be_written(tmp_path):
    # Not even root can create folders in /proc.
    cli = Cli(Path("/proc/jitbuild"), {"JITBUILD_MIRROR": str(tmp_path)})
    check(cli("install", "3.13.15", code=None), errors.StoreError, "JITBUILD_HOME")


def fake_llvm(folder: Path, version: str) -> Path:
    """Write programs that state the version of an LLVM; return the folder above their own."""
    (folder / "bin").mkdir(parents=True)
    for tool in ("clang", "llvm-readobj"):
        fake = folder / "bin" / tool
        fake.write_text(
            f"#!/bin/sh\necho 'clang version {version} '\necho 'LLVM version {version} '\n"
        )
        fake.chmod(0o755)
    return folder


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands for clang")
def test_an_llvm_of_the_wrong_major(cli, tmp_path):
    llvm = fake_llvm(tmp_path / "llvm", "14.0.6")
    refused(cli, errors.LLVMError, "3.13.15", "--llvm", llvm, messages=("14.0.6", "18"))


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands for clang")
def test_a_release_that_needs_another_llvm_than_its_recipe_says(cli, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "LLVM_PY", "_LLVM_VERSION = 17\n")
    sha256 = archive(tmp_path / "mirror" / "Python-3.13.99.tar.xz")
    llvm = fake_llvm(tmp_path / "llvm", "18.1.8")
    result = cli("install", "3.13.99", "--llvm", llvm, "--sha256", sha256, code=None)
    check(result, errors.LLVMError, "CPython 3.13.99 needs LLVM 17, as its Tools/jit/_llvm.py")
    # The command that the message names reads the LLVM from the source.
    _, _, command = result.err.partition("read from its source: jitbuild install ")
    path = command.partition(". Or state")[0]
    assert cli("plan", path, "--json").json()["llvm"]["major"] == 17


def test_a_disk_that_is_too_small(cli, small_disk):
    disk = small_disk(50_000_000)
    small = Cli(disk / "home", cli.extra)
    refused(small, errors.PreflightError, "3.13.15", messages=("free", "JITBUILD_HOME"))


def test_a_build_that_fails_shows_why_and_keeps_its_log(cli, tmp_path):
    source = tmp_path / "Python-3.13.99.tar.xz"
    archive(source)
    result = cli("install", source, "--jit", "no", code=None)
    check(result, errors.BuildError, "make", "no such thing", "The whole log:")
    assert cli.leftovers() == []
    assert list((cli.home / "logs").iterdir())


def test_a_home_with_a_space(tmp_path):
    refused(
        Cli(tmp_path / "my home"), errors.PreflightError, "3.13.15", messages=("JITBUILD_HOME",)
    )


def test_a_recipe_with_a_typo(cli, tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/cpython-3.15.toml").write_text(
        'series = "3.15"\n[[tag]]\nversion = "3.15.3"\ntar-xzz = "00"\n'
    )
    refused(
        cli,
        errors.RecipeError,
        "3.15.3",
        "--recipes",
        tmp_path / "recipes",
        messages=("cpython-3.15.toml", "tag[0]", "Did you mean tar-xz?"),
    )


def test_a_program_that_is_not_python(cli, tmp_path):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho rubbish\n")
    script.chmod(0o755)
    for command in ("adopt", "probe"):
        check(cli(command, script, code=None), errors.InterpreterError)
    assert cli.leftovers() == []
