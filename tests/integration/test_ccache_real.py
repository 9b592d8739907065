"""The compiler cache, with the real ccache from PyPI and this machine's C compiler."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import debian
import pytest
from processes import LONGEST, wait_until
from serving import start_on_free_port

from jitbuild import target
from jitbuild.building.build_environment import clean_environment
from jitbuild.building.caches import ccache as ccaches
from jitbuild.building.caches import ccache_settings, ccache_statistics
from jitbuild.building.caches.ccache import Ccache
from jitbuild.building.caches.ccache_statistics import CcacheCounts, CcacheSummary
from jitbuild.recipes.catalog import load_catalog
from jitbuild.system import process
from jitbuild.toolchain import pinned_wheels
from jitbuild.toolchain.wheel_kinds import CCACHE

if TYPE_CHECKING:
    from collections.abc import Iterator

PINS = load_catalog().ccache.wheel
HERE = target.host()
GCC = shutil.which("gcc", path="/usr/bin:/bin:/usr/local/bin")
HIT, PREPROCESSED, MISS = CcacheCounts(hits=1), CcacheCounts(preprocessed=1), CcacheCounts(misses=1)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        HERE.target.system == "windows" or GCC is None, reason="needs gcc, and links"
    ),
]

UNIT = """
#include "unit.h"
#include <stdio.h>
int value(void) { puts("a unit"); return VALUE + sizeof(struct unit); }
"""


def managed(cache: Path, **settings) -> Ccache | None:
    return ccaches.find(
        "managed", environ=os.environ, pins=PINS, store=cache, target=HERE.target, **settings
    )


@pytest.fixture(scope="module")
def ccache(cache_folder) -> Ccache:
    return managed(cache_folder)


class Place(NamedTuple):
    """A scratch folder of a store, with its folder of links; `environ` is the user's."""

    ccache: Ccache
    store: Path
    scratch: Path
    storage: str | None = None
    environ: dict[str, str] = {}  # noqa: RUF012

    @property
    def tree(self) -> Path:
        return self.scratch / "source"

    @property
    def env(self) -> dict[str, str]:
        assert GCC is not None
        clean = clean_environment(
            {"PATH": str(Path(GCC).parent), "HOME": str(self.store), **self.environ}
        )
        names = ccache_settings.compiler_names(stencils=True)
        links = ccache_settings.link_compilers(
            self.ccache, self.scratch / "links", names, path=clean["PATH"]
        )
        settings = ccache_settings.environment(
            self.ccache, store=self.store, scratch=self.scratch, storage=self.storage
        )
        return {**clean, **settings, "PATH": f"{links}{os.pathsep}{clean['PATH']}"}

    def run(self, *args: str, plain: bool = False, **env: str) -> process.Completed:
        """Call gcc by its name in the tree, through ccache unless `plain`."""
        full = clean_environment(os.environ) if plain else self.env
        return process.run(["gcc", *args], env={**full, **env}, cwd=self.tree)

    def compile(self, *args: str, source: str = "unit.c", **env: str) -> CcacheCounts:
        """Compile a file with an absolute -I, as CPython's make does, and return the counts."""
        ccache_settings.stats_log(self.scratch).unlink(missing_ok=True)
        (self.tree / "unit.o").unlink(missing_ok=True)
        done = self.run(*self.flags(*args), "-c", source, "-o", "unit.o", **env)
        assert done.ok, done.stderr
        return ccache_statistics.count_files(ccache_settings.stats_log(self.scratch))

    def flags(self, *args: str) -> list[str]:
        return ["-O1", "-I.", f"-I{self.scratch}/include", *args]

    def compile_plainly(self, *args: str, source: str = "unit.c") -> bytes:
        """Return the object that the compiler writes without a cache."""
        done = self.run(*self.flags(*args), "-c", source, "-o", "plain.o", plain=True)
        assert done.ok, done.stderr
        return (self.tree / "plain.o").read_bytes()

    @property
    def object(self) -> bytes:
        return (self.tree / "unit.o").read_bytes()

    @property
    def entries(self) -> list[Path]:
        """The results and manifests in the cache."""
        return [path for path in (self.store / "ccache").glob("?/?/*") if path.name != "stats"]


@pytest.fixture
def make(ccache, tmp_path):
    """Return a function that makes a scratch folder with a small tree."""

    def make(name: str = "a", *, store: str = "store", root: Path = tmp_path, **changes) -> Place:
        place = Place(ccache, root / store, root / store / "scratch" / name, **changes)
        place.tree.mkdir(parents=True)
        (place.scratch / "include").mkdir()
        (place.tree / "unit.c").write_text(UNIT)
        (place.scratch / "include" / "unit.h").write_text(
            "#ifndef VALUE\n#define VALUE 1\n#endif\nstruct unit { int a[5]; };\n"
        )
        return place

    return make


# ---- the wheel


def test_the_managed_ccache_is_complete_and_fetched_once(ccache, cache_folder):
    (pin,) = [pin for pin in PINS if pin.target == HERE.target.name]
    folder = pinned_wheels.folder_of([pin], cache_folder, CCACHE)
    assert ccache.program == folder / "bin" / "ccache"
    assert (ccache.version, ccache.origin) == (pin.version, "managed")
    assert {"file-storage", "http-storage", "redis-storage"} <= ccache.features
    assert pinned_wheels.is_whole(folder)
    assert list((folder.parent / "wheels").iterdir()) == []
    assert managed(cache_folder) == ccache


def test_a_real_ccache_on_path_is_found(ccache, tmp_path):
    environ = {"PATH": str(ccache.program.parent)}
    found = ccaches.find("auto", environ=environ, pins=(), store=tmp_path, target=HERE.target)
    assert (found.program, found.version, found.origin) == (
        ccache.program,
        ccache.version,
        "system",
    )


# ---- hits and misses


@pytest.mark.parametrize("flags", [(), ("-g",), ("-g", "-O2", "-flto")], ids=" ".join)
def test_a_build_in_another_scratch_folder_hits(make, flags):
    one, two = make("one"), make("another-name")
    assert one.compile(*flags) == MISS
    assert two.compile(*flags) == HIT
    assert two.object == one.object
    if not flags:
        assert two.object == two.compile_plainly()


def test_a_build_below_a_symbolic_link_hits(make, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    one, two = make("one", root=tmp_path / "link"), make("two", root=tmp_path / "link")
    # ccache takes paths relative to PWD, which a shell sets.
    assert [place.compile("-g", PWD=str(place.tree)) for place in (one, two)] == [MISS, HIT]


def test_an_unused_define_hits_after_preprocessing_and_then_directly(make):
    one, two, three = make("one"), make("two"), make("three")
    assert one.compile("-D_Py_JIT=1") == MISS
    assert two.compile("-D_Py_JIT=2") == PREPROCESSED
    assert three.compile("-D_Py_JIT=2") == HIT
    assert two.object == three.object == two.compile_plainly()


def test_changed_sources_and_flags_miss(make):
    place = make()
    seen = [place.compile(), place.compile("-DVALUE=2"), place.compile("-O2")]
    header = place.scratch / "include" / "unit.h"
    header.write_text(header.read_text().replace("a[5]", "a[6]"))  # of the same size
    seen.append(place.compile())
    assert seen == [MISS] * 4
    assert place.object == place.compile_plainly()


def test_each_kind_of_call_is_counted(make):
    place = make()
    place.compile()
    (place.tree / "broken.c").write_text("int f(")
    assert not place.run("-c", "broken.c").ok
    assert place.run("-shared", "unit.o", "-o", "unit.so").ok
    assert place.run("--version").ok
    assert place.run(*place.flags("-E", "unit.c")).ok
    assert place.run(*place.flags("-c", "unit.c", "-o", "unit.o")).ok
    assert ccache_statistics.count_files(ccache_settings.stats_log(place.scratch)) == CcacheCounts(
        hits=1, misses=1, uncacheable=1
    )
    total = ccache_statistics.summarize(place.ccache, place.store)
    assert (total.hits, total.misses) == (1, 1)
    assert place.entries
    ccaches.clear(place.store)
    assert not place.entries
    assert ccache_statistics.summarize(place.ccache, place.store) == CcacheSummary()
    assert place.compile() == MISS


def test_concurrent_calls_are_all_counted(make):
    place = make()
    for number in range(24):
        (place.tree / f"{number}.c").write_text(f"int f{number % 12};\n")
    rules = "all: $(patsubst %.c,%.o,$(wildcard [0-9]*.c))\n%.o: %.c\n\tgcc -c $< -o $@\n"
    (place.tree / "Makefile").write_text(rules)
    if shutil.which("make") is None:
        pytest.skip("needs make")
    assert process.run(["make", "-j4"], env=place.env, cwd=place.tree).ok
    seen = ccache_statistics.count_files(ccache_settings.stats_log(place.scratch))
    assert seen.hits + seen.preprocessed + seen.misses == 24
    assert seen.misses >= 12
    assert seen.uncacheable == 0


# ---- the links on PATH


def wrapper(folder: Path, text: str) -> Path:
    """Make a gcc in `folder` that runs `text` first."""
    folder.mkdir()
    path = folder / "gcc"
    path.write_text(f'#!/bin/sh\n{text}\nexec {GCC} "$@"\n')
    path.chmod(0o755)
    return folder


def test_ccache_runs_the_first_compiler_on_path_that_is_no_link_to_it(make, tmp_path):
    first = wrapper(tmp_path / "first", f"echo called >> {tmp_path}/calls")
    wrapper(tmp_path / "second", "exit 1")
    debians = tmp_path / "masquerade"
    debians.mkdir()
    place = make()
    (debians / "gcc").symlink_to(place.ccache.program)
    place = place._replace(
        environ={
            "PATH": os.pathsep.join(
                map(str, (debians, first, tmp_path / "second", "/usr/bin", "/bin"))
            )
        }
    )
    assert place.compile() == MISS
    assert set((tmp_path / "calls").read_text().split()) == {"called"}
    assert place.compile() == HIT


def test_the_compiler_gets_its_own_arguments_and_environment(make, tmp_path):
    folder = wrapper(
        tmp_path / "bin", f'env | sort > {tmp_path}/env.$CC; echo "$@" > {tmp_path}/argv.$CC'
    )
    path = f"{folder}:/usr/bin:/bin"
    place = make(environ={"PATH": path})
    through = {**place.env, "CC": "ccache"}
    direct = {**clean_environment({"PATH": path, "HOME": str(place.store)}), "CC": "gcc"}
    for env in (through, direct):
        assert process.run(["gcc", "-print-prog-name=cc1"], env=env, cwd=place.tree).ok
    assert (tmp_path / "argv.ccache").read_text() == (tmp_path / "argv.gcc").read_text()
    seen = {
        line
        for line in (tmp_path / "env.ccache").read_text().splitlines()
        if not line.startswith(("CCACHE_", "CC=", "PATH=", "_=", "SHLVL=", "PWD=", "OLDPWD="))
    }
    assert seen <= set((tmp_path / "env.gcc").read_text().splitlines())


def test_the_users_ccache_settings_are_ignored(make, tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    conf = f"disable = true\ncache_dir = {elsewhere}\n"
    for folder in (".ccache", ".config/ccache", "Library/Preferences/ccache", "xdg/ccache"):
        (home / folder).mkdir(parents=True)
        (home / folder / "ccache.conf").write_text(conf)
    variables = {
        "CCACHE_DISABLE": "1",
        "CCACHE_RECACHE": "1",
        "CCACHE_DIR": str(elsewhere),
        "CCACHE_PREFIX": "false",
    }
    variables |= {
        "CCACHE_CONFIGPATH": str(home / ".ccache" / "ccache.conf"),
        "CCACHE_REMOTE_STORAGE": "redis://nobody.invalid",
    }
    users = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "xdg"), **variables}
    place = make(environ=users)
    # Since 4.14 ccache reads a ccache.conf in the working folder or one above.
    (place.tree / "ccache.conf").write_text("recache = true\n")
    assert [place.compile(), place.compile()] == [MISS, HIT]
    assert not elsewhere.exists()
    # Without CCACHE_CONFIGPATH it is read:
    env = {name: value for name, value in place.env.items() if name != "CCACHE_CONFIGPATH"}
    ccache_settings.stats_log(place.scratch).unlink()
    assert process.run(
        ["gcc", *place.flags("-c", "unit.c", "-o", "unit.o")], env=env, cwd=place.tree
    ).ok
    assert "recache" in ccache_settings.stats_log(place.scratch).read_text().split()


def test_a_disabled_ccache_caches_nothing(make):
    place = make()
    assert place.compile(**ccache_settings.DISABLED) == CcacheCounts()
    assert place.object == place.compile_plainly()
    assert place.entries == []


# ---- damage to the cache


@pytest.mark.parametrize(
    "damage", ["cut", "empty", "rubbish", "older", "newer", "other magic", "flipped"]
)
def test_a_damaged_or_foreign_entry_is_a_miss(make, damage):
    one, two = make("one"), make("two")
    assert one.compile() == MISS
    assert len(one.entries) == 2  # a manifest and a result
    for path in one.entries:
        text = bytearray(path.read_bytes())
        path.chmod(0o644)
        if damage == "cut":
            text = text[: len(text) // 2]
        elif damage == "empty":
            text = bytearray()
        elif damage == "rubbish":
            text = bytearray(os.urandom(len(text)))
        elif damage == "flipped":
            text[-20] ^= 0x40
        # Two bytes of magic number, then the format's version (src/ccache/core/cacheentry.hpp).
        else:
            text[0 if damage == "other magic" else 2] += -1 if damage == "older" else 1
        path.write_bytes(text)
    assert two.compile() == MISS
    assert two.object == two.compile_plainly()
    assert make("three").compile() == HIT  # the damaged entries have been replaced


@pytest.mark.parametrize("moment", ["preprocessing", "compiling"])
def test_a_cache_removed_during_a_compilation_is_a_miss(make, tmp_path, moment):
    place = make()
    assert place.compile() == MISS
    test = '*" -E "*)' if moment == "preprocessing" else '*" -c "*)'
    folder = wrapper(
        tmp_path / "bin",
        f'case " $* " in {test} rm -rf {place.store}/ccache; echo gone >> {tmp_path}/gone;; esac',
    )
    slow = place._replace(environ={"PATH": f"{folder}:/usr/bin:/bin"})
    assert slow.compile("-DVALUE=7") == MISS
    assert (tmp_path / "gone").exists()
    assert slow.object == place.compile_plainly("-DVALUE=7")


def test_clearing_the_cache_during_a_build_fails_no_call(make):
    place = make()
    for number in range(40):
        (place.tree / f"{number}.c").write_text(f"int f{number};\n")
    ended = threading.Event()

    def clear() -> None:
        while not ended.is_set():
            ccaches.clear(place.store)

    thread = threading.Thread(target=clear)
    thread.start()
    try:
        for number in range(40):
            done = place.run("-c", f"{number}.c")
            assert done.ok, done.stderr
    finally:
        ended.set()
        thread.join()


def test_an_unwritable_cache_fails_calls_until_ccache_is_disabled(make):
    place = make()
    assert place.compile() == MISS
    shutil.rmtree(place.store / "ccache")
    (place.store / "ccache").write_text("no folder")
    done = place.run(*place.flags("-c", "unit.c", "-o", "unit.o"))
    assert not done.ok
    assert any(map(ccaches.is_ccache_failure, done.stderr.splitlines()))
    place.compile(**ccache_settings.DISABLED)
    assert place.object == place.compile_plainly()


def test_a_cache_on_a_full_disk_fails_no_call(make, small_disk):
    disk = small_disk(256 << 10)
    place = make()
    (place.store / "ccache").symlink_to(disk)
    assert place.compile() == MISS
    with contextlib.suppress(OSError):
        (disk / "filler").write_bytes(bytes(1 << 20))
    place.compile("-DVALUE=3")
    assert place.object == place.compile_plainly("-DVALUE=3")
    assert place.compile() == HIT


# ---- results that must not be cached


def test_a_file_with_its_compilation_time_misses(make):
    place = make()
    (place.tree / "unit.c").write_text("const char *when = __DATE__ __TIME__;\n")
    place.compile()
    first = place.object
    begun = int(time.time())
    wait_until(lambda: int(time.time()) != begun, "the next second begins")
    assert place.compile() == MISS
    assert place.object != first


def test_a_file_with_its_compilation_date_has_the_current_one(make):
    place = make()
    (place.tree / "unit.c").write_text("const char when[] = __DATE__;\n")
    place.compile(SOURCE_DATE_EPOCH="0")
    assert b"Jan  1 1970" in place.object
    place.compile(SOURCE_DATE_EPOCH=str(400 * 24 * 60 * 60))
    assert b"Feb  5 1971" in place.object
    place.compile()
    assert b"197" not in place.object


def test_profiles_of_two_scratch_folders_are_not_confused(make):
    """A training run writes its profile to the path in the object, so that must not be cached."""
    program = (
        "#include <stdlib.h>\n"
        "int main(int n, char **v) { return n > 1 && atoi(v[1]) > 3 ? 0 : 1; }\n"
    )
    places = [make("one"), make("two")]
    for place, argument in zip(places, ("9", "1"), strict=True):
        (place.tree / "main.c").write_text(program)
        place.compile("-fprofile-generate", source="main.c")
        assert place.run("-fprofile-generate", "unit.o", "-o", "main").ok
        process.run([str(place.tree / "main"), argument])
        assert len(list(place.tree.glob("*.gcda"))) == 1
        ccache_settings.stats_log(place.scratch).unlink()
        place.compile("-fprofile-use", source="main.c")
        assert ccache_statistics.count_files(ccache_settings.stats_log(place.scratch)).hits == 0


# ---- remote storage


class HttpStorage(ThreadingHTTPServer):
    """A server that stores values by path, as ccache's HTTP storage requires."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.values: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/objects"


class Handler(BaseHTTPRequestHandler):
    server: HttpStorage

    def respond(self, code: int, body: bytes = b"") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        value = self.server.values.get(self.path)
        self.respond(404) if value is None else self.respond(200, value)

    do_HEAD = do_GET  # noqa: N815

    def do_PUT(self) -> None:
        self.server.values[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.respond(201)

    def do_DELETE(self) -> None:
        self.respond(200 if self.server.values.pop(self.path, None) is not None else 404)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def http_storage() -> Iterator[HttpStorage]:
    with HttpStorage() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Redis(NamedTuple):
    port: int
    server: subprocess.Popen[bytes]
    url: str

    def send(self, *command: str) -> bytes:
        return send(self.port, *command)


def send(port: int, *command: str) -> bytes:
    """Send a Redis the password and then `command`, and return the answer."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=LONGEST) as line,
        line.makefile("rwb") as file,
    ):
        for parts in (("AUTH", "a-word"), command):
            data = b"".join(f"${len(part.encode())}\r\n{part}\r\n".encode() for part in parts)
            file.write(f"*{len(parts)}\r\n".encode() + data)
            file.flush()
            answer = file.readline()
        return answer


@pytest.fixture
def redis(cache_folder, tmp_path) -> Iterator[Redis]:
    """A real Redis with a password: this machine's or Debian's."""
    own = shutil.which("redis-server")
    program = (
        Path(own)
        if own
        else debian.interpreters(cache_folder, ("redis-server",), ("redis-server",))["redis-server"]
    )
    settings = ["--bind", "127.0.0.1", "--requirepass", "a-word", "--save", "", "--dir", tmp_path]
    server, port = start_on_free_port(
        lambda port: [program, "--port", str(port), *settings],
        tmp_path / "redis.log",
        lambda port: send(port, "PING") == b"+PONG\r\n",
    )
    started = Redis(port, server, f"redis://a-word@127.0.0.1:{port}/1")
    try:
        yield started
    finally:
        server.terminate()
        server.wait()


def test_two_stores_share_entries_through_redis(make, redis):
    one, two = make("one", storage=redis.url), make("two", store="other", storage=redis.url)
    assert one.compile("-g") == MISS
    assert two.compile("-g") == HIT
    assert "remote_storage_hit" in ccache_settings.stats_log(two.scratch).read_text()
    assert two.object == one.object
    assert ccache_statistics.summarize(two.ccache, two.store).hits == 1


def test_a_store_without_remote_storage_does_not_use_redis(make, redis):
    one, two = make("one", storage=redis.url), make("two", store="other")
    assert [one.compile(), two.compile()] == [MISS, MISS]


def test_an_empty_refusing_or_stopped_redis_fails_no_call(make, redis):
    one = make("one", storage=redis.url)
    assert one.compile() == MISS
    assert redis.send("FLUSHALL") == b"+OK\r\n"
    assert make("two", store="second", storage=redis.url).compile() == MISS
    refused = make("three", store="third", storage=redis.url.replace("a-word", "another"))
    assert refused.compile() == MISS
    assert "remote_storage_error" in ccache_settings.stats_log(refused.scratch).read_text()
    redis.server.terminate()
    redis.server.wait()
    gone = make("four", store="fourth", storage=redis.url)
    assert gone.compile() == MISS
    assert gone.object == gone.compile_plainly()


def test_two_stores_share_entries_through_http(make, http_storage):
    one, two = (
        make("one", storage=http_storage.url),
        make("two", store="other", storage=http_storage.url),
    )
    assert one.compile() == MISS
    assert len(http_storage.values) == 2
    assert two.compile() == HIT
    assert "remote_storage_hit" in ccache_settings.stats_log(two.scratch).read_text()
    assert two.object == two.compile_plainly()


def test_a_read_only_http_storage_is_not_written(make, http_storage):
    assert make("one", storage=f"{http_storage.url} read-only").compile() == MISS
    assert http_storage.values == {}


@pytest.mark.parametrize("damage", ["cut", "rubbish", "empty"])
def test_damaged_values_of_a_remote_storage_are_misses(make, http_storage, damage):
    assert make("one", storage=http_storage.url).compile() == MISS
    for path, value in http_storage.values.items():
        http_storage.values[path] = {
            "cut": value[: len(value) // 2],
            "rubbish": os.urandom(len(value)),
            "empty": b"",
        }[damage]
    two = make("two", store="other", storage=http_storage.url)
    assert two.compile() == MISS
    assert two.object == two.compile_plainly()


def test_two_stores_share_entries_through_a_folder(make, tmp_path):
    storage = f"file:{tmp_path}/shared"
    one, two = make("one", storage=storage), make("two", store="other", storage=storage)
    assert [one.compile(), two.compile()] == [MISS, HIT]
