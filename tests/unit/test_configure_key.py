"""Builds share configure's answers only if nothing differs that could change one."""

import os
from pathlib import Path

import pytest

from jitbuild.building.caches.configure_key import ConfigureFacts, folders_digest, search_folders
from jitbuild.system.process import Completed

FACTS = {
    "configure": "c" * 64,
    "arguments": ["--with-lto"],
    "env": {"OPT": "-O3", "CC": "gcc"},
    "compiler": "gcc 12",
    "libc": "glibc 2.36",
    "headers": "h" * 64,
    "kernel": "Linux 6.1",
}


def test_every_fact_changes_the_key():
    keys = {ConfigureFacts(**FACTS).key}
    for name, given in FACTS.items():
        other = (
            given + type(given)("x" if isinstance(given, str) else b"x")
            if isinstance(given, str | bytes)
            else None
        )
        if isinstance(given, list):
            other = [*given, "--disable-gil"]
        elif isinstance(given, dict):
            other = {**given, "OPT": "-O2"}
        keys.add(ConfigureFacts(**{**FACTS, name: other}).key)
    keys.add(ConfigureFacts(**{**FACTS, "arguments": ["--with-lto", ""]}).key)
    assert len(keys) == len(FACTS) + 2
    assert ConfigureFacts(**{**FACTS, "env": {"CC": "gcc", "OPT": "-O3"}}).key in keys


@pytest.fixture
def include(tmp_path):
    folder = tmp_path / "include"
    (folder / "openssl").mkdir(parents=True)
    (folder / "openssl" / "ssl.h").write_text("one")
    return folder


def test_the_digest_changes_when_packages_are_added_upgraded_or_removed(include):
    digests = [folders_digest([include])]
    assert folders_digest([include, include]) == digests[0], "each folder once"

    def upgrade():
        """As dpkg and others replace a file: a new one is renamed over it."""
        (include / "new").write_text("two")
        (include / "new").rename(include / "openssl" / "ssl.h")

    steps = [
        (include / "zlib.h").touch,
        (include / "openssl" / "new.h").touch,
        upgrade,
        (include / "lzma").mkdir,
        (include / "openssl" / "ssl.h").unlink,
    ]
    for number, step in enumerate(steps):
        step()
        for folder in (include, include / "openssl"):  # a clock may be coarser than these few steps
            os.utime(folder, ns=(0, folder.stat().st_mtime_ns + 1000 * (number + 1)))
        digests.append(folders_digest([include]))
    assert len(set(digests)) == len(steps) + 1


def test_a_new_header_changes_the_digest_even_if_the_time_of_its_folder_is_reset(include):
    before, times = folders_digest([include]), include.stat()
    (include / "zlib.h").touch()
    os.utime(include, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert folders_digest([include]) != before


def test_missing_folders_and_circular_links_have_digests(include, tmp_path):
    missing = tmp_path / "not there"
    before = folders_digest([include, missing])
    assert before != folders_digest([include])
    (include / "circle").symlink_to(include)
    assert folders_digest([include, missing]) not in {before, ""}
    missing.mkdir()
    after = folders_digest([include, missing])
    assert after not in {before, folders_digest([include])}


VERBOSE = """\
Using built-in specs.
 /usr/lib/gcc/x86_64-linux-gnu/12/cc1 -E -quiet -v -
ignoring nonexistent directory "/usr/local/include/x86_64-linux-gnu"
#include "..." search starts here:
#include <...> search starts here:
 /usr/lib/gcc/x86_64-linux-gnu/12/include
 /usr/lib/gcc/x86_64-linux-gnu/12/../../include
 /usr/include
 /System/Library/Frameworks (framework directory)
End of search list.
 /not/one
# 0 "/dev/null"
"""


class FakeRunner:
    """Run programs given as name=(stdout, stderr, exit code); others do not exist."""

    def __init__(self, **programs):
        self.programs = programs
        self.calls = []

    def __call__(self, argv, /, *, env=None, cwd=None, timeout=None, stdin=None):
        self.calls.append((tuple(argv), dict(env)))
        if argv[0] not in self.programs:
            raise FileNotFoundError(argv[0])
        out, err, code = self.programs[argv[0]]
        return Completed(argv=tuple(argv), returncode=code, stdout=out, stderr=err)


def test_the_search_folders_come_from_the_compiler_and_pkg_config():
    runner = FakeRunner(
        **{
            "cc": ("", VERBOSE, 0),
            "pkg-config": ("/usr/lib/pkgconfig:/usr/share/pkgconfig\n", "", 0),
        }
    )
    environ = {
        "PATH": "/usr/bin",
        "PKG_CONFIG_PATH": os.pathsep.join(("/opt/pc", "/usr/lib/pkgconfig")),
    }
    assert search_folders(runner, environ) == [
        *map(
            Path,
            ("/usr/lib/gcc/x86_64-linux-gnu/12/include", "/usr/lib/gcc/include", "/usr/include"),
        ),
        *map(
            Path,
            ("/System/Library/Frameworks", "/opt/pc", "/usr/lib/pkgconfig", "/usr/share/pkgconfig"),
        ),
    ]
    assert all(env == environ for _, env in runner.calls)
    assert runner.calls[0][0] == ("cc", "-E", "-v", "-x", "c", os.devnull)


def test_a_missing_compiler_lists_no_folder():
    assert search_folders(FakeRunner(), {"CC": "no-such-cc"}) == []


def test_the_compiler_named_by_cc_is_run():
    runner = FakeRunner(**{"gcc-13": ("", VERBOSE, 0)})
    assert Path("/usr/include") in search_folders(runner, {"CC": "gcc-13 -m64"})
    assert runner.calls[0][0][:2] == ("gcc-13", "-m64")


@pytest.mark.parametrize("programs", [{}, {"cc": ("", VERBOSE, 1)}])
def test_without_a_working_compiler_there_are_no_folders(programs):
    assert search_folders(FakeRunner(**programs), {}) == []
