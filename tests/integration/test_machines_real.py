"""jitbuild on machines that are not like a developer's: each is set up for real.

What needs root, a mount or a kernel feature is skipped where that is missing. Nothing is built.
"""

from __future__ import annotations

import functools
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli import Cli, Result
from processes import LONGEST, wait_until

from jitbuild import errors
from jitbuild.store.store import Store
from jitbuild.system.http.client import NetworkEffects
from jitbuild.system.http.download import download

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration

JITBUILD = (sys.executable, "-m", "jitbuild")
ROOT = os.geteuid() == 0
NOBODY = "54321"
BYTES = "b\udcffd"  # a name with the byte 0xff, which is not UTF-8
# Denies memory that is written and then executed to itself and to the program that it becomes.
DENY_MEMORY = """
import ctypes, os, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
    sys.exit(99)
os.execv(sys.argv[1], sys.argv[1:])
"""
# A source tree whose `make altinstall` fails before compileall prints thousands of lines.
CONFIGURE = """#!/bin/sh
# --enable-experimental-jit
cat > Makefile <<'END'
all Python/jit.o:
\t@true
altinstall:
\t@echo "FileNotFoundError: [Errno 2] No such file or directory: 'pip.whl'"
\t@i=0; while [ $$i -lt 3000 ]; do echo "Compiling '/lib/m$$i.py'..."; i=$$((i+1)); done
\t@false
END
"""


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "home", {"JITBUILD_MIRROR": str(tmp_path)})


def run(*argv: str, **options: object) -> Result:
    """Run a program to its end, and return its exit code and output."""
    completed = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=LONGEST, **options
    )
    out, err = completed.stdout, completed.stderr
    assert b"Traceback" not in err, err
    return Result(
        completed.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    )


def needs(*programs: str) -> None:
    """Skip the test unless this is root on a machine with `programs`."""
    if not ROOT:
        pytest.skip("needs root")
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")


def refused(result: Result, kind: type[errors.JitbuildError], *messages: str) -> None:
    assert result.code == kind.exit_code, result.err
    for message in messages:
        assert message in result.err


def stub_archive(folder: Path) -> Path:
    """Write an archive of a tree that claims to be CPython 3.13.99 without a JIT to build."""
    path = folder / "Python-3.13.99.tar.xz"
    members = {
        "Include/patchlevel.h": '#define PY_VERSION "3.13.99"\n',
        "Tools/jit/_llvm.py": "_LLVM_VERSION = 18\n",
        "configure": CONFIGURE,
        "Makefile.pre.in": "",
    }
    with tarfile.open(path, "w:xz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(f"Python-3.13.99/{name}")
            info.size, info.mode = len(text), 0o755
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


# ---- users ------------------------------------------------------------------------------------


@pytest.fixture
def as_nobody(tmp_path: Path) -> Callable[..., Result]:
    """Return a function that runs jitbuild as a user without a name, a home and an environment."""
    needs("setpriv")
    # The user may read the files of this test's Python, wherever they are.
    capabilities = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    user = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *capabilities)
    if run(*user, *JITBUILD, "--version", env={"PATH": os.defpath}).code:
        pytest.skip("capabilities cannot be kept")

    def start(*args: str, **environ: str) -> Result:
        argv = (*user, *JITBUILD, *args)
        return run(*argv, env={"PATH": os.defpath, **environ}, cwd=tmp_path)

    return start


def test_a_user_without_a_home_is_told_to_set_one(as_nobody):
    for command in (["list"], ["which", "3.15"], ["doctor"], ["install", "3.13.15"], ["prune"]):
        refused(as_nobody(*command), errors.StoreError, "no home folder", "JITBUILD_HOME")
    assert as_nobody("plan", "3.15").code == 0
    assert "You have no home folder." in as_nobody("config").out


def test_a_user_without_a_home_and_a_name_can_use_a_store(as_nobody, tmp_path, debian_pythons):
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, int(NOBODY), int(NOBODY))
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    environ = {"JITBUILD_HOME": str(home)}
    adopted = as_nobody("adopt", str(debian_pythons["3.15"].resolve()), **environ)
    assert adopted.code == 0, adopted.err
    ran = as_nobody("run", "3.15", "--", "python", "-c", "print(6*7)", **environ)
    assert ran.out == "42\n", ran.err
    assert as_nobody("list", **environ).code == 0


def test_root_is_not_advised_to_use_sudo(tmp_path):
    needs("setpriv")
    (tmp_path / "bin").mkdir()
    environ = {"JITBUILD_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}
    result = run(*JITBUILD, "doctor", "3.13.15", env=environ)
    assert result.code == 1
    assert "MISS  compiler" in result.out
    assert "sudo" not in result.out + result.err


# ---- the store --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "character"),
    [
        ("a$b", "a dollar sign ($)"),
        ("a#b", "a number sign (#)"),
        ("a:b", "a colon (:)"),
        ("a,b", "a comma (,)"),
        ("a'b", "a single quote (')"),
        ('a"b', 'a double quote (")'),
        ("a b", "a space"),
        ("a\nb", "a newline"),
        ("a\\b", "a backslash (\\)"),
        (BYTES, "a byte that is not UTF-8 (0xff)"),
    ],
)
def test_a_store_path_that_make_cannot_build_in_is_refused_before_anything_is_fetched(
    cli, tmp_path, name, character
):
    cli.home = tmp_path / name
    result = cli("install", "3.13.15", code=None)
    refused(result, errors.PreflightError, f"The path of the store has {character}")
    assert "preflight" not in result.err
    assert not cli.home.exists()


@pytest.fixture
def noexec_mount(tmp_path: Path) -> Iterator[Path]:
    needs("mount", "umount")
    folder = tmp_path / "noexec"
    folder.mkdir()
    if run("mount", "-t", "tmpfs", "-o", "noexec,size=2g", "tmpfs", str(folder)).code:
        pytest.skip("cannot mount")
    yield folder
    run("umount", "-l", str(folder))


def test_a_store_on_a_noexec_mount_is_refused_by_the_preflight(cli, noexec_mount):
    cli.home = noexec_mount / "home"
    result = cli("doctor", "3.13.15", code=1)
    assert f"{noexec_mount} is on a mount with the option noexec" in result.out
    assert "option exec." in result.out


def without_root_access() -> tuple[str, ...]:
    """Return a prefix for commands that takes away root's access to files of mode 000."""
    if not ROOT:
        return ()
    needs("setpriv")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@pytest.mark.parametrize("part", ["scratch", "logs", "locks", "interpreters"])
@pytest.mark.parametrize("state", ["unreadable", "a loop", "a file"])
def test_a_folder_of_the_store_that_cannot_be_used_is_an_error_of_the_store_or_the_preflight(
    cli, tmp_path, part, state
):
    folder = Store(cli.home).prepared() / part
    if state == "unreadable":
        folder.mkdir(mode=0)
    elif state == "a loop":
        folder.symlink_to(part)
    else:
        folder.write_text("")
    archive = stub_archive(tmp_path)
    argv = (*without_root_access(), *JITBUILD, "install", str(archive), "--jit", "no")
    result = run(*argv, env=cli.env)
    assert result.code in {errors.StoreError.exit_code, errors.PreflightError.exit_code}, result
    assert str(folder) in result.err
    for command in (["list"], ["prune"], ["cache"], ["which", "3.15"]):
        argv = (*without_root_access(), *JITBUILD, *command)
        assert run(*argv, env=cli.env).code != errors.JitbuildError.exit_code


def test_a_log_that_is_a_link_to_itself_does_not_stop_prune(cli):
    log = cli.home / "logs" / "diff-20261101-101112-4711-on-1.log"
    log.parent.mkdir(parents=True)
    log.symlink_to(log.name)
    cli("prune")
    assert log.is_symlink()  # it is not old enough


# ---- text -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environ",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
    ],
)
def test_a_path_outside_ascii_is_printed_in_any_locale(cli, tmp_path, environ):
    cli.home = tmp_path / "Z\u00fcrich"
    cli.extra |= environ
    for command in ("config", "doctor", "cache"):
        result = run(*JITBUILD, command, env=cli.env)
        assert result.code == 0, result.err
    assert "Z\u00fcrich" in run(*JITBUILD, "config", env=cli.env).out
    assert run(*JITBUILD, "config", "--json", env=cli.env).json()["home"]["value"] == str(cli.home)
    result = run(*JITBUILD, "which", "gr\u00f6\u00dfe", env=cli.env)
    assert result.code == errors.RequestError.exit_code


def test_a_path_that_is_not_utf_8_works_or_is_refused_by_one_message(cli, tmp_path, debian_pythons):
    place = tmp_path / BYTES
    place.mkdir()
    (place / "python3.15").symlink_to(debian_pythons["3.15"])
    start = functools.partial(run, *JITBUILD, cwd=place, env=cli.env)
    assert start("list").code == 0
    assert start("probe", str(place / "python3.15")).code == 0
    assert start("probe", str(place / "python3.15"), "--json").json()["ok"] is True
    refused(start("adopt", str(place / "python3.15")), errors.InterpreterError, "cannot be")
    refused(start("plan", "."), errors.SourceError, "cannot be recorded", "Rename it")
    path = os.pathsep.join([str(place), os.environ["PATH"]])
    assert run(*JITBUILD, "doctor", env={**cli.env, "PATH": path}).code == 0
    assert run(*JITBUILD, "list", env={**cli.env, "JITBUILD_HOME": str(place / "home")}).code == 0
    refused(
        run(*JITBUILD, "list", env={**cli.env, "JITBUILD_HOME": str(place)}),
        errors.StoreError,
        "is not a store of jitbuild",
    )


def test_warnings_as_errors_do_not_concern_jitbuild_and_what_it_starts(cli, debian_pythons):
    cli.extra["PYTHONWARNINGS"] = "error"
    cli("adopt", debian_pythons["3.15"])
    cli("doctor")
    cli("probe", debian_pythons["3.15"])
    cli("matrix", "--pythons", "3.15")
    cli("run", "3.15", "--", "python", "-c", "print(1)")
    result = cli("diff", "3.15", "--", "python", "-c", "print(sum(range(10**6)))", code=None)
    assert result.code in {0, 1, errors.ComparisonError.exit_code}, result.err


def test_output_to_a_full_disk_and_a_closed_pipe(cli):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    for command in (["config"], ["plan", "3.15", "--json"], ["--help"], ["list", "--help"]):
        with Path("/dev/full").open("wb") as full:
            argv = [*JITBUILD, *command]
            done = subprocess.run(
                argv, env=cli.env, stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == errors.DiskFullError.exit_code
        assert b"no space is left" in done.stderr
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(argv, env=cli.env, stdout=write, stderr=subprocess.PIPE, check=False)
        os.close(write)
        assert (done.returncode, done.stderr) == (141, b"")


# ---- limits of the machine --------------------------------------------------------------------


@pytest.fixture
def quota_group() -> Iterator[Path]:
    """A cgroup that may use one processor: of v2, or of the controller `cpu` of v1."""
    needs()
    v1, v2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
    folder = (v1 if v1.is_dir() else v2) / f"jitbuild-test-{os.getpid()}"
    try:
        folder.mkdir()
        if v1.is_dir():
            (folder / "cpu.cfs_quota_us").write_text("100000")
        else:
            (folder / "cpu.max").write_text("100000 100000")
    except OSError:
        if folder.is_dir():
            folder.rmdir()
        pytest.skip("cgroups cannot be changed")
    yield folder
    folder.rmdir()


def test_the_quota_of_a_cgroup_limits_the_number_of_jobs(quota_group):
    code = "from jitbuild.target import host; print(host().cpus)"
    join = f'echo $$ > {quota_group}/cgroup.procs && exec "$@"'
    assert run("sh", "-c", join, "sh", sys.executable, "-c", code).out == "1\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs sched_setaffinity")
def test_the_affinity_limits_the_number_of_jobs():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from jitbuild.target import host; print(host().cpus)"
    )
    assert run(sys.executable, "-c", code).out == "1\n"


@pytest.fixture
def denied() -> tuple[str, ...]:
    """A prefix for commands that may not execute memory that they have written."""
    prefix = (sys.executable, "-c", DENY_MEMORY)
    if sys.platform != "linux" or run(*prefix, "/bin/true").code:
        pytest.skip("this kernel has no PR_SET_MDWE")
    return prefix


@pytest.mark.parametrize("series", ["3.14", "3.15"])
def test_the_probe_names_a_machine_that_denies_executable_memory(denied, debian_pythons, series):
    result = run(*denied, *JITBUILD, "probe", str(debian_pythons[series]))
    assert result.code == 1
    assert "FAIL  memory: This machine does not let programs execute memory" in result.out
    assert "the interpreter itself is not at fault" in result.out
    assert "report it" not in result.out


def test_the_preflight_refuses_a_machine_that_denies_executable_memory(denied, cli, tmp_path):
    result = run(*denied, *JITBUILD, "doctor", "3.13.15", env=cli.env)
    assert result.code == 1
    assert "MISS  memory" in result.out
    archive = stub_archive(tmp_path)
    result = run(*denied, *JITBUILD, "install", str(archive), "--llvm", "managed", env=cli.env)
    refused(result, errors.PreflightError, "memory: ", "deny_execmem", "--jit no")
    assert run(*denied, *JITBUILD, "doctor", "3.13.15", "--jit", "no", env=cli.env).code == 0


# ---- builds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environ",
    [
        {"C_INCLUDE_PATH": "/x", "CPATH": "/x", "CFLAGS": "-nonsense", "CC": "/nonexistent/cc"},
        {"LIBRARY_PATH": "/x", "PKG_CONFIG_PATH": "/x", "LDFLAGS": "-nonsense", "CPP": "false"},
    ],
)
def test_the_preflight_sees_what_the_build_sees(cli, tmp_path, environ):
    """The build does not find a header that only C_INCLUDE_PATH leads to."""

    def checked() -> list[object]:
        report = cli("doctor", "3.13.15", "--json", code=None).json()
        return [row for row in report if row["name"] != "disk"]  # other programs use the disk, too

    plain = checked()
    header = tmp_path / "gdbm.h"
    header.write_text("#error the user's own header was used\n")
    cli.extra |= {name: value.replace("/x", str(tmp_path)) for name, value in environ.items()}
    assert checked() == plain


def test_configure_arguments_reach_the_preflight(cli, tmp_path):
    arguments = ("--configure-arg=CPPFLAGS=-include /nonexistent/header.h",)
    result = cli("doctor", "3.13.15", *arguments, code=1)
    assert "MISS  compiler" in result.out
    assert "/nonexistent/header.h" in result.out


def test_the_failing_line_of_an_install_step_is_shown(cli, tmp_path):
    archive = stub_archive(tmp_path)
    result = cli("install", archive, "--jit", "no", "--no-caches", code=None)
    refused(
        result,
        errors.BuildError,
        "install failed",
        "FileNotFoundError: [Errno 2] No such file or directory: 'pip.whl'",
        "***",
    )
    assert "Compiling" not in result.err


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_an_adopted_interpreter_has_one_set_of_permissions(cli, debian_pythons):
    seen = []
    for umask in (0o077, 0o000):
        before = os.umask(umask)
        try:
            cli("adopt", debian_pythons["3.15"])
        finally:
            os.umask(before)
        (folder,) = (cli.home / "interpreters").iterdir()
        modes = {
            path.name: stat.S_IMODE(path.lstat().st_mode)
            for path in (folder, *folder.rglob("*"))
            if not path.is_symlink()
        }
        seen.append(modes)
    assert seen[0] == seen[1]
    assert seen[0]["jitbuild.toml"] == 0o644


# ---- the network ------------------------------------------------------------------------------


class Drip(BaseHTTPRequestHandler):
    """Sends a byte every 50 ms: of the body or, below /headers, of the headers."""

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        if not self.path.startswith("/headers"):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
        else:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        try:
            while not self.server.closing.wait(0.05):
                self.wfile.write(b"x")
                self.wfile.flush()
        except OSError:
            pass

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def dripping() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Drip)
    server.daemon_threads = True
    server.seen, server.closing = [], threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("part", ["body", "headers"])
def test_a_server_that_drips_is_given_up_with_one_message(dripping, tmp_path, monkeypatch, part):
    monkeypatch.setenv("NO_PROXY", "*")
    url = f"http://127.0.0.1:{dripping.server_port}/{part}/x.tar.xz"
    # The server would need 14 hours.
    with pytest.raises(errors.TruncatedError, match="was given up, because it was too slow"):
        download(url, tmp_path / "x", sha256="0" * 64, effects=NetworkEffects(window=1.0))
    wait_until(lambda: dripping.seen, "the server has read the request")
    assert dripping.seen == [f"/{part}/x.tar.xz"]


def test_no_proxy_may_contain_ranges_of_ipv6_addresses(dripping, cli, tmp_path):
    """The proxy does not exist, so that the server is reached only without it."""
    address = f"http://127.0.0.1:{dripping.server_port}"
    cli.extra = {
        "JITBUILD_MIRROR": f"{address}/missing",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "fd00::/8,[::1],127.0.0.0/8",
        "JITBUILD_MIN_SPEED": "nonsense",
    }
    cli.extra |= {"http_proxy": cli.extra["HTTP_PROXY"], "no_proxy": cli.extra["NO_PROXY"]}
    result = cli("install", "3.13.15", code=None)
    refused(result, errors.SettingsError, "JITBUILD_MIN_SPEED", "'nonsense'")
    code = (
        "from jitbuild.system.http.client import NetworkEffects, create_client\n"
        "with create_client(NetworkEffects()) as client:\n"
        f"    with client.stream('GET', '{address}/body') as response:\n"
        "        print(response.status_code)"
    )
    assert run(sys.executable, "-c", code, env=cli.env).out == "200\n"
