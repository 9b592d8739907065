"""The compiler cache with the real ccache from PyPI and this machine's C compiler: what hits, what must not, what does no harm."""

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

from jitbuild import target
from jitbuild.building import runner as build
from jitbuild.building.caches import ccache as compiler
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
    return compiler.find(
        "managed", environ=os.environ, pins=PINS, store=cache, target=HERE.target, **settings
    )


@pytest.fixture(scope="module")
def ccache(cache_folder) -> Ccache:
    return managed(cache_folder)


class Place(NamedTuple):
    """A scratch folder of a store, with the links that its builds have; `environ` is the person's."""

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
        clean = build.clean_environment(
            {"PATH": str(Path(GCC).parent), "HOME": str(self.store), **self.environ}
        )
        names = ccache_settings.compiler_names(stencils=True)
        links = ccache_settings.link_compilers(
            self.ccache, self.scratch / "links", names, path=clean["PATH"]
        )
        told = ccache_settings.environment(
            self.ccache, store=self.store, scratch=self.scratch, storage=self.storage
        )
        return {**clean, **told, "PATH": f"{links}{os.pathsep}{clean['PATH']}"}

    def run(self, *args: str, plain: bool = False, **env: str) -> process.Completed:
        """Call gcc by its name in the tree, through ccache unless `plain`."""
        full = build.clean_environment(os.environ) if plain else self.env
        return process.run(["gcc", *args], env={**full, **env}, cwd=self.tree)

    def compile(self, *args: str, source: str = "unit.c", **env: str) -> CcacheCounts:
        """Compile a file as CPython's make does, with an absolute -I below scratch; what ccache says of it."""
        ccache_settings.stats_log(self.scratch).unlink(missing_ok=True)
        (self.tree / "unit.o").unlink(missing_ok=True)
        done = self.run(*self.flags(*args), "-c", source, "-o", "unit.o", **env)
        assert done.ok, done.stderr
        return ccache_statistics.count_files(ccache_settings.stats_log(self.scratch))

    def flags(self, *args: str) -> list[str]:
        return ["-O1", "-I.", f"-I{self.scratch}/include", *args]

    def plainly(self, *args: str, source: str = "unit.c") -> bytes:
        """The object that the compiler makes of the file without a cache."""
        done = self.run(*self.flags(*args), "-c", source, "-o", "plain.o", plain=True)
        assert done.ok, done.stderr
        return (self.tree / "plain.o").read_bytes()

    @property
    def made(self) -> bytes:
        return (self.tree / "unit.o").read_bytes()

    @property
    def entries(self) -> list[Path]:
        """The results and manifests in the cache."""
        return [path for path in (self.store / "ccache").glob("?/?/*") if path.name != "stats"]


@pytest.fixture
def make(ccache, tmp_path):
    """Makes a scratch folder with a small tree."""

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


# ---- the wheel -----------------------------------------------------------------------------------------------------------


def test_the_managed_one_is_whole_and_not_fetched_again(ccache, cache_folder):
    (pin,) = [pin for pin in PINS if pin.target == HERE.target.name]
    folder = pinned_wheels.folder_of([pin], cache_folder, CCACHE)
    assert ccache.program == folder / "bin" / "ccache"
    assert (ccache.version, ccache.origin) == (pin.version, "managed")
    assert {"file-storage", "http-storage", "redis-storage"} <= ccache.features
    assert pinned_wheels.is_whole(folder)
    assert list((folder.parent / "wheels").iterdir()) == []
    assert managed(cache_folder) == ccache


def test_a_real_one_on_path_is_found(ccache, tmp_path):
    environ = {"PATH": str(ccache.program.parent)}
    found = compiler.find("auto", environ=environ, pins=(), store=tmp_path, target=HERE.target)
    assert (found.program, found.version, found.origin) == (
        ccache.program,
        ccache.version,
        "system",
    )


# ---- what hits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [(), ("-g",), ("-g", "-O2", "-flto")], ids=" ".join)
def test_another_scratch_folder_hits(make, flags):
    one, two = make("one"), make("another-name")
    assert one.compile(*flags) == MISS
    assert two.compile(*flags) == HIT
    assert two.made == one.made
    if not flags:
        assert two.made == two.plainly()


def test_it_hits_below_a_symbolic_link_as_well(make, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    one, two = make("one", root=tmp_path / "link"), make("two", root=tmp_path / "link")
    # Absolute paths are taken relative to where PWD, which a shell sets, says that we are.
    assert [place.compile("-g", PWD=str(place.tree)) for place in (one, two)] == [MISS, HIT]


def test_a_define_that_does_not_matter_hits_after_preprocessing_and_from_then_on_at_once(make):
    one, two, three = make("one"), make("two"), make("three")
    assert one.compile("-D_Py_JIT=1") == MISS
    assert two.compile("-D_Py_JIT=2") == PREPROCESSED
    assert three.compile("-D_Py_JIT=2") == HIT
    assert two.made == three.made == two.plainly()


def test_what_matters_misses(make):
    place = make()
    seen = [place.compile(), place.compile("-DVALUE=2"), place.compile("-O2")]
    header = place.scratch / "include" / "unit.h"
    header.write_text(header.read_text().replace("a[5]", "a[6]"))  # as long as before
    seen.append(place.compile())
    assert seen == [MISS] * 4
    assert place.made == place.plainly()


def test_calls_are_counted(make):
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
    compiler.clear(place.store)
    assert not place.entries
    assert ccache_statistics.summarize(place.ccache, place.store) == CcacheSummary()
    assert place.compile() == MISS


def test_many_at_once_are_each_counted(make):
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


# ---- only PATH changes ---------------------------------------------------------------------------------------------------


def wrapper(folder: Path, text: str) -> Path:
    """A gcc in `folder` that does something first."""
    folder.mkdir()
    path = folder / "gcc"
    path.write_text(f'#!/bin/sh\n{text}\nexec {GCC} "$@"\n')
    path.chmod(0o755)
    return folder


def test_the_compiler_is_the_first_on_path_behind_every_folder_of_links(make, tmp_path):
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


def test_the_compiler_is_called_with_its_own_arguments_and_environment(make, tmp_path):
    folder = wrapper(
        tmp_path / "bin", f'env | sort > {tmp_path}/env.$CC; echo "$@" > {tmp_path}/argv.$CC'
    )
    path = f"{folder}:/usr/bin:/bin"
    place = make(environ={"PATH": path})
    through = {**place.env, "CC": "ccache"}
    direct = {**build.clean_environment({"PATH": path, "HOME": str(place.store)}), "CC": "gcc"}
    for env in (through, direct):
        assert process.run(["gcc", "-print-prog-name=cc1"], env=env, cwd=place.tree).ok
    assert (tmp_path / "argv.ccache").read_text() == (tmp_path / "argv.gcc").read_text()
    seen = {
        line
        for line in (tmp_path / "env.ccache").read_text().splitlines()
        if not line.startswith(("CCACHE_", "CC=", "PATH=", "_=", "SHLVL=", "PWD=", "OLDPWD="))
    }
    assert seen <= set((tmp_path / "env.gcc").read_text().splitlines())


def test_neither_a_persons_files_nor_their_variables_are_heeded(make, tmp_path):
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
    theirs = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "xdg"), **variables}
    place = make(environ=theirs)
    # Since 4.14 a ccache.conf of the folder that is compiled in, or of one above, counts as well.
    (place.tree / "ccache.conf").write_text("recache = true\n")
    assert [place.compile(), place.compile()] == [MISS, HIT]
    assert not elsewhere.exists()
    # That it would be heeded otherwise:
    env = {name: value for name, value in place.env.items() if name != "CCACHE_CONFIGPATH"}
    ccache_settings.stats_log(place.scratch).unlink()
    assert process.run(
        ["gcc", *place.flags("-c", "unit.c", "-o", "unit.o")], env=env, cwd=place.tree
    ).ok
    assert "recache" in ccache_settings.stats_log(place.scratch).read_text().split()


def test_disabled_is_disabled_for_a_ccache_of_the_persons_path(make):
    place = make()
    assert place.compile(**ccache_settings.DISABLED) == CcacheCounts()
    assert place.made == place.plainly()
    assert place.entries == []


# ---- what does no harm ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage", ["cut", "empty", "rubbish", "older", "newer", "other magic", "flipped"]
)
def test_a_broken_or_foreign_entry_is_compiled_anew(make, damage):
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
        else:  # two bytes of magic number, then the version of the format (ccache, src/ccache/core/cacheentry.hpp)
            text[0 if damage == "other magic" else 2] += -1 if damage == "older" else 1
        path.write_bytes(text)
    assert two.compile() == MISS
    assert two.made == two.plainly()
    assert make("three").compile() == HIT  # what was broken has been replaced


@pytest.mark.parametrize("moment", ["preprocessing", "compiling"])
def test_a_cache_that_goes_in_the_middle_of_a_compile_is_only_a_miss(make, tmp_path, moment):
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
    assert slow.made == place.plainly("-DVALUE=7")


def test_clearing_under_a_build_at_work_is_harmless(make):
    place = make()
    for number in range(40):
        (place.tree / f"{number}.c").write_text(f"int f{number};\n")
    ended = threading.Event()

    def clear() -> None:
        while not ended.is_set():
            compiler.clear(place.store)

    thread = threading.Thread(target=clear)
    thread.start()
    try:
        for number in range(40):
            done = place.run("-c", f"{number}.c")
            assert done.ok, done.stderr
    finally:
        ended.set()
        thread.join()


def test_a_cache_that_is_made_unwritable_is_to_blame_and_can_be_left_out(make):
    place = make()
    assert place.compile() == MISS
    shutil.rmtree(place.store / "ccache")
    (place.store / "ccache").write_text("no folder")
    done = place.run(*place.flags("-c", "unit.c", "-o", "unit.o"))
    assert not done.ok
    assert any(map(compiler.is_ccache_failure, done.stderr.splitlines()))
    place.compile(**ccache_settings.DISABLED)
    assert place.made == place.plainly()


def test_a_cache_on_a_full_disk_costs_time_alone(make, small_disk):
    disk = small_disk(256 << 10)
    place = make()
    (place.store / "ccache").symlink_to(disk)
    assert place.compile() == MISS
    with contextlib.suppress(OSError):
        (disk / "filler").write_bytes(bytes(1 << 20))
    place.compile("-DVALUE=3")
    assert place.made == place.plainly("-DVALUE=3")
    assert place.compile() == HIT


# ---- what must not be stale ----------------------------------------------------------------------------------------------


def test_the_time_is_never_an_old_one(make):
    place = make()
    (place.tree / "unit.c").write_text("const char *when = __DATE__ __TIME__;\n")
    place.compile()
    first = place.made
    begun = int(time.time())
    while int(time.time()) == begun:
        time.sleep(0.05)
    assert place.compile() == MISS
    assert place.made != first


def test_the_date_is_that_of_the_compile(make):
    place = make()
    (place.tree / "unit.c").write_text("const char when[] = __DATE__;\n")
    place.compile(SOURCE_DATE_EPOCH="0")
    assert b"Jan  1 1970" in place.made
    place.compile(SOURCE_DATE_EPOCH=str(400 * 24 * 60 * 60))
    assert b"Feb  5 1971" in place.made
    place.compile()
    assert b"197" not in place.made


def test_a_profile_goes_to_its_own_scratch_folder_and_is_not_mistaken_for_another(make):
    """The training run writes where the object says, and the object must be this scratch folder's own."""
    program = "#include <stdlib.h>\nint main(int n, char **v) { return n > 1 && atoi(v[1]) > 3 ? 0 : 1; }\n"
    places = [make("one"), make("two")]
    for place, word in zip(places, ("9", "1"), strict=True):
        (place.tree / "main.c").write_text(program)
        place.compile("-fprofile-generate", source="main.c")
        assert place.run("-fprofile-generate", "unit.o", "-o", "main").ok
        process.run([str(place.tree / "main"), word])
        assert len(list(place.tree.glob("*.gcda"))) == 1
        ccache_settings.stats_log(place.scratch).unlink()
        place.compile("-fprofile-use", source="main.c")
        assert ccache_statistics.count_files(ccache_settings.stats_log(place.scratch)).hits == 0


# ---- remote storage ------------------------------------------------------------------------------------------------------


class Shelf(ThreadingHTTPServer):
    """A tiny store of values by path, as ccache's HTTP storage wants one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.values: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/objects"


class Handler(BaseHTTPRequestHandler):
    server: Shelf

    def answer(self, code: int, body: bytes = b"") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        value = self.server.values.get(self.path)
        self.answer(404) if value is None else self.answer(200, value)

    do_HEAD = do_GET  # noqa: N815

    def do_PUT(self) -> None:
        self.server.values[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201)

    def do_DELETE(self) -> None:
        self.answer(200 if self.server.values.pop(self.path, None) is not None else 404)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Redis(NamedTuple):
    port: int
    server: subprocess.Popen[bytes]
    url: str

    def ask(self, *words: str) -> bytes:
        """One command after the password, and what is answered."""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=20) as line,
            line.makefile("rwb") as file,
        ):
            for command in (("AUTH", "a-word"), words):
                parts = b"".join(
                    f"${len(word.encode())}\r\n{word}\r\n".encode() for word in command
                )
                file.write(f"*{len(command)}\r\n".encode() + parts)
                file.flush()
                answer = file.readline()
            return answer


@pytest.fixture
def redis(cache_folder, tmp_path) -> Iterator[Redis]:
    """A real Redis with a password: this machine's, else Debian's."""
    own = shutil.which("redis-server")
    program = (
        Path(own)
        if own
        else debian.interpreters(cache_folder, ("redis-server",), ("redis-server",))["redis-server"]
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--requirepass",
        "a-word",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with (tmp_path / "redis.log").open("wb") as log:
        server = subprocess.Popen(
            [program, *settings], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        made = Redis(port, server, f"redis://a-word@127.0.0.1:{port}/1")
        while True:
            assert server.poll() is None, (tmp_path / "redis.log").read_text()
            with contextlib.suppress(OSError):
                if made.ask("PING") == b"+PONG\r\n":
                    break
            time.sleep(0.05)
        yield made
    finally:
        server.terminate()
        server.wait()


def test_redis_serves_another_store(make, redis):
    one, two = make("one", storage=redis.url), make("two", store="other", storage=redis.url)
    assert one.compile("-g") == MISS
    assert two.compile("-g") == HIT
    assert "remote_storage_hit" in ccache_settings.stats_log(two.scratch).read_text()
    assert two.made == one.made
    assert ccache_statistics.summarize(two.ccache, two.store).hits == 1


def test_redis_is_asked_for_nothing_when_it_is_not_set(make, redis):
    one, two = make("one", storage=redis.url), make("two", store="other")
    assert [one.compile(), two.compile()] == [MISS, MISS]


def test_redis_may_be_emptied_go_away_or_refuse_the_password(make, redis):
    one = make("one", storage=redis.url)
    assert one.compile() == MISS
    assert redis.ask("FLUSHALL") == b"+OK\r\n"
    assert make("two", store="second", storage=redis.url).compile() == MISS
    refused = make("three", store="third", storage=redis.url.replace("a-word", "another"))
    assert refused.compile() == MISS
    assert "remote_storage_error" in ccache_settings.stats_log(refused.scratch).read_text()
    redis.server.terminate()
    redis.server.wait()
    gone = make("four", store="fourth", storage=redis.url)
    assert gone.compile() == MISS
    assert gone.made == gone.plainly()


def test_http_serves_another_store(make, shelf):
    one, two = make("one", storage=shelf.url), make("two", store="other", storage=shelf.url)
    assert one.compile() == MISS
    assert len(shelf.values) == 2
    assert two.compile() == HIT
    assert "remote_storage_hit" in ccache_settings.stats_log(two.scratch).read_text()
    assert two.made == two.plainly()


def test_http_that_only_may_be_read_is_not_written(make, shelf):
    assert make("one", storage=f"{shelf.url} read-only").compile() == MISS
    assert shelf.values == {}


@pytest.mark.parametrize("damage", ["cut", "rubbish", "empty"])
def test_broken_values_of_a_storage_are_compiled_anew(make, shelf, damage):
    assert make("one", storage=shelf.url).compile() == MISS
    for path, value in shelf.values.items():
        shelf.values[path] = {
            "cut": value[: len(value) // 2],
            "rubbish": os.urandom(len(value)),
            "empty": b"",
        }[damage]
    two = make("two", store="other", storage=shelf.url)
    assert two.compile() == MISS
    assert two.made == two.plainly()


def test_a_folder_serves_another_store(make, tmp_path):
    storage = f"file:{tmp_path}/shared"
    one, two = make("one", storage=storage), make("two", store="other", storage=storage)
    assert [one.compile(), two.compile()] == [MISS, HIT]
