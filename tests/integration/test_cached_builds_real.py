"""Real builds with caches: cold and warm, with damaged and deleted caches, several at once.

The tests share one home and run in the order of the file; the first build takes the longest.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest
from cli import Cli
from processes import running_below, wait_until, wait_until_nothing_runs_below

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("fast"),
    pytest.mark.skipif(os.name != "posix", reason="the caches are for configure and make"),
]

# Tests that need nothing a fast build leaves out, and take seconds.
SUITE = [
    *("test_json", "test_re", "test_list", "test_dict", "test_set", "test_int", "test_float"),
    *(
        "test_generators",
        "test_heapq",
        "test_bisect",
        "test_struct",
        "test_zlib",
        "test_csv",
        "test_itertools",
    ),
]
LISTED = """
import json, sys
from pathlib import Path
import sysconfig
root = Path(sysconfig.get_path("stdlib"))
names = sorted(
    str(path.relative_to(root)) for path in root.rglob("*")
    if path.is_file() and "__pycache__" not in path.parts and "site-packages" not in path.parts
)
variables = sysconfig.get_config_vars()
print(json.dumps({"files": names, "variables": variables, "builtin": sys.builtin_module_names}))
"""
C = """
#include <Python.h>
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "hello", NULL, 0, NULL};
PyMODINIT_FUNC PyInit_hello(void) { return PyModule_Create(&def); }
"""


@pytest.fixture(scope="module")
def version(cpython_version: str) -> str:
    return cpython_version


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, cpython_archive: Path) -> Cli:
    extra = {
        "JITBUILD_MIRROR": str(cpython_archive.parent),
        "JITBUILD_LLVM": "managed",
        "JITBUILD_CCACHE": "managed",
    }
    return Cli(tmp_path_factory.mktemp("home"), extra)


@pytest.fixture(scope="module")
def cold(cli: Cli, version: str) -> dict:
    """Install with empty caches; return the manifest, `facts` and the stencils."""
    (built,) = cli("install", version, "--json").json()
    assert built["caches"]["stencils"] == "miss"
    assert built["caches"]["configure"] == "miss"
    # Some files are compiled twice with the same flags.
    assert built["caches"]["compiler"]["misses"] > built["caches"]["compiler"]["hits"]
    return {**built, **facts(built["executable"]), "stencils": stencils(cli)}


def facts(python: str) -> dict:
    return json.loads(
        subprocess.run(
            [python, "-I", "-c", LISTED], capture_output=True, text=True, check=True
        ).stdout
    )


def stencils(cli: Cli) -> dict[str, bytes]:
    """Return the entries of the stencil cache, without its index."""
    return {
        path.name: path.read_bytes() for path in (cli.home / "stencils").glob("*") if path.is_file()
    }


def test_a_warm_build_gives_the_same_interpreter(cli, cold):
    """The interpreter is named. Its stencils are read in the tree while make runs."""
    process = cli.start("install", cold["name"], "--reinstall", "--json")
    process.wait_for_line(": make ...")
    (header,) = cli.home.glob("scratch/*/source/tree/*/jit_stencils*.h")
    restored = header.read_bytes()
    out, err = process.communicate()
    assert process.returncode == 0, err
    (warm,) = json.loads(out)
    assert warm["caches"]["stencils"] == "hit"
    assert warm["caches"]["configure"] == "hit"
    assert warm["caches"]["compiler"]["misses"] <= 2, (
        "the file with the time of the build is always compiled"
    )
    assert not re.search("LLVM 18", err), "LLVM is not needed"
    assert facts(warm["executable"]) == {
        name: cold[name] for name in ("files", "variables", "builtin")
    }
    assert any(restored in content for content in stencils(cli).values()), "byte for byte"
    assert warm["verdict"]["jit"] == cold["verdict"]["jit"]
    cli("probe", cold["name"])


def test_a_part_of_cpython_s_test_suite_passes(cli, version, cold, cpython_archive, tmp_path):
    with tarfile.open(cpython_archive) as tar:
        wanted = [member for member in tar if member.name.partition("/")[2].startswith("Lib/test/")]
        tar.extractall(tmp_path, members=wanted, filter="data")
    (tests,) = tmp_path.glob("*/Lib")
    for mode in ("0", "1"):
        env = {**os.environ, "PYTHONPATH": str(tests), "PYTHON_JIT": mode}
        done = subprocess.run(
            [cold["executable"], "-m", "test", "-j2", *SUITE],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]


def test_the_whole_standard_library_is_installed(cold, cpython_archive):
    """All of Lib is installed except tests."""
    with tarfile.open(cpython_archive) as tar:
        names = {member.name.partition("/")[2] for member in tar if member.isfile()}
    shipped = {
        name.removeprefix("Lib/")
        for name in names
        if name.startswith("Lib/") and name.endswith(".py")
    }
    missing = shipped - {*cold["files"]}
    assert not [
        name
        for name in missing
        if not re.search(
            r"(^|/)(test|tests|idle_test|test_\w+)(/|$)|^__phello__/ham|^_android|^_ios|^_apple",
            name,
        )
    ]


def test_no_installed_file_names_a_cache(cli, cold):
    folders = [
        str(cli.home / name)
        for name in ("ccache", "ccache-bin", "scratch", "stencils", "configure", "llvm", "sources")
    ]
    values = json.dumps(cold["variables"])
    assert not [folder for folder in folders if folder in values]
    assert cold["variables"]["CC"] == "gcc" or "ccache" not in cold["variables"]["CC"]
    prefix = Path(cold["executable"]).parents[1]
    texts = [
        *prefix.glob("lib/pkgconfig/*.pc"),
        *prefix.glob("bin/*"),
        *prefix.glob("lib/python*/config-*/*"),
    ]
    assert texts
    for path in texts:
        content = path.read_bytes()
        assert not [folder for folder in folders if folder.encode() in content], path


def test_an_extension_builds_without_any_cache(cli, cold, tmp_path):
    aside = tmp_path / "aside"
    aside.mkdir()
    for name in ("ccache", "ccache-bin", "stencils", "configure", "llvm", "sources"):
        (cli.home / name).rename(aside / name)
    try:
        (tmp_path / "hello.c").write_text(C)
        (tmp_path / "setup.py").write_text(
            "from setuptools import Extension, setup\n"
            "setup(name='hello', version='1', ext_modules=[Extension('hello', ['hello.c'])])\n"
        )
        subprocess.run([cold["executable"], "-m", "venv", tmp_path / "venv"], check=True)
        python = tmp_path / "venv" / "bin" / "python"
        env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "."], check=True, cwd=tmp_path, env=env
        )
        subprocess.run([python, "-c", "import hello"], check=True, cwd="/")
    finally:
        for path in aside.iterdir():
            path.rename(cli.home / path.name)


def test_another_variant_uses_the_caches_of_the_first(cli, version, cold):
    (built,) = cli("install", version, "--reinstall", "--jit", "no", "--json").json()
    assert built["caches"]["configure"] == "hit"
    assert "stencils" not in built["caches"], "there are none"
    counts = built["caches"]["compiler"]
    assert counts["hits"] > 10 * counts["misses"], "few files depend on the JIT"
    assert built["verdict"]["jit"]["built"] == "no"


def test_damaged_caches_give_the_same_interpreter(cli, version, cold):
    """All stencil and configure entries are truncated, and a tenth of ccache's."""
    for number, path in enumerate(
        sorted(path for path in (cli.home / "ccache").rglob("*R") if path.is_file())
    ):
        if number % 10 == 0:
            os.truncate(path, path.stat().st_size // 2)
    for folder in ("stencils", "configure"):
        for path in (cli.home / folder).rglob("*"):
            if path.is_file() and path.stat().st_size > 10:
                os.truncate(path, path.stat().st_size * 2 // 3)
    (built,) = cli("install", version, "--reinstall", "--jit", "yes-off", "--json").json()
    assert (built["caches"]["stencils"], built["caches"]["configure"]) == ("miss", "miss")
    assert facts(built["executable"]) == {
        name: cold[name] for name in ("files", "variables", "builtin")
    }
    assert built["verdict"]["jit"] == cold["verdict"]["jit"]


def test_caches_deleted_during_a_build_give_the_same_interpreter(cli, version, cold):
    process = cli.start("install", version, "--reinstall", "--jit", "yes-off", "--json")
    process.wait_for_line(": make ...")
    for name in ("stencils", "configure", "ccache"):
        shutil.rmtree(cli.home / name, ignore_errors=True)
    out, err = process.communicate()
    assert process.returncode == 0, err
    (built,) = json.loads(out)
    assert built["verdict"]["jit"] == cold["verdict"]["jit"]
    assert facts(built["executable"]) == {
        name: cold[name] for name in ("files", "variables", "builtin")
    }


def test_a_failed_install_does_not_stop_the_others(cli, version):
    result = cli("install", "3.13.99", version, code=3)
    assert str(cli.home) in result.out
    assert "1 of 2 failed: 3.13.99" in result.err
    assert "No recipe has a release for 3.13.99" in result.err


def test_a_failed_install_stops_the_others_without_keep_going(cli, version):
    result = cli("install", "3.13.99", version, "--no-keep-going", code=3)
    assert result.out == ""


def test_ctrl_c_ends_all_builds(cli, version, cpython_archive, tmp_path):
    """A release and a folder of the same sources are two trees, so they are built at once."""
    shutil.unpack_archive(cpython_archive, tmp_path, filter="data")
    (tree,) = (path for path in tmp_path.iterdir() if path.is_dir())
    before = cli.interpreters()
    process = cli.start("install", version, tree, "--jit", "interpreter", "-j", "2")
    process.wait_for_line(": configure ...", count=2)
    scratch = cli.home / "scratch"
    wait_until(
        lambda: sum(bool(running_below(folder)) for folder in scratch.iterdir()) == 2,
        "two builds run at once",
    )
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    wait_until_nothing_runs_below(cli.home)
    assert cli.leftovers() == before
