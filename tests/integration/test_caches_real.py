"""The stencil and configure caches with CPython's own configure, Makefile and Tools/jit, and with processes that meet in a folder.

No LLVM is needed: what build.py would write is stood in for by a header with the digest that build.py itself computes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from cli import Cli

from jitbuild.building import runner as build
from jitbuild.building.caches.configure_answers import AnswerStore, affirmative_answers
from jitbuild.building.caches.configure_key import (
    ConfigureFacts,
    folders_digest,
    search_folders,
)
from jitbuild.building.caches.entries import EntryStore
from jitbuild.building.caches.prefill import ConfigureCompiler, positive_answers, questions_of
from jitbuild.building.caches.stencil_key import stencil_key
from jitbuild.building.caches.stencil_store import (
    StencilStore,
    is_unchanged,
    mark_up_to_date,
)
from jitbuild.planning import planner
from jitbuild.planning.plan import Plan
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Axes, parse
from jitbuild.system import archive, process
from jitbuild.target import host

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("caches"),
    pytest.mark.skipif(os.name != "posix", reason="configure is for POSIX"),
]

CATALOG = load_catalog()
ENVIRON = build.clean_environment(os.environ)


@dataclass
class Tree:
    """A source tree in a scratch folder of its own, configured as jitbuild would for a variant, and what configure printed."""

    place: Path
    plan: Plan
    prefix: str
    env: dict[str, str] = field(default_factory=dict)
    printed: str = ""

    @property
    def root(self) -> Path:
        return self.place / "source"

    def step(self) -> tuple[list[str], dict[str, str]]:
        known = {
            "prefix": self.prefix,
            "python": sys.executable,
            "path": ENVIRON["PATH"],
            "source": str(self.root),
        }
        (step,) = [step for step in self.plan.steps if step.name == "configure"]
        filled = step.filled(lambda name: known.get(name, str(self.place / name)))
        return list(filled.argv), {**dict(filled.env), **self.env}

    def grow(self, source: Path) -> Tree:
        """A copy of the tree by links: nothing that is built here writes into a file of the source."""
        shutil.copytree(source, self.root, copy_function=os.link, symlinks=True)
        (self.place / "bin").mkdir()
        compiler = shutil.which("gcc", path=ENVIRON["PATH"]) or shutil.which(
            "cc", path=ENVIRON["PATH"]
        )
        (self.place / "bin" / "cc").symlink_to(os.path.realpath(compiler))
        return self

    def configure(self, *, without: str = "") -> Tree:
        argv, env = self.step()
        argv = [word for word in argv if word != without]
        done = subprocess.run(
            argv, cwd=self.root, env={**ENVIRON, **env}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        self.printed = done.stdout
        return self

    def key(self) -> str:
        """As a build makes it: without what the recipe calls neutral, and without what names scratch."""
        argv, env = self.step()
        neutral = CATALOG.build
        return ConfigureFacts(
            configure=hashlib.sha256((self.root / "configure").read_bytes()).hexdigest(),
            arguments=[
                arg
                for arg in argv[1:]
                if not any(fnmatchcase(arg, pattern) for pattern in neutral.neutral_args)
            ],
            env={
                name: text
                for name, text in env.items()
                if name not in (*neutral.neutral_env, *self.env)
            },
            compiler="the same",
            libc=host().libc,
            headers=folders_digest(search_folders(process.run, ENVIRON)),
            kernel="the same",
        ).key

    def keep(self, answers: AnswerStore) -> None:
        answers.put(self.key(), self.root / "config.cache", [str(self.place), sys.executable])

    def made(self) -> dict[str, str]:
        """What configure wrote that a build goes by, without where it is."""
        names = (
            "pyconfig.h",
            "Makefile",
            "Modules/Setup.stdlib",
            "Modules/Setup.bootstrap",
            "Misc/python.pc",
        )
        texts = {
            name: (self.root / name).read_text().replace(str(self.place), "/place")
            for name in names
        }
        texts["Makefile"] = texts["Makefile"].replace("'--config-cache' ", "")
        return texts


def planned(version: str, **axes: object) -> Plan:
    request = parse(version)
    return planner.make_plan(
        planner.resolve_version(request, CATALOG),
        Axes(**axes).variant(request),
        host().target,
        CATALOG,
    )


@pytest.fixture(scope="module")
def version(cpython_archive: Path) -> str:
    return re.fullmatch(r"Python-(.*)\.tar\.xz", cpython_archive.name)[1]


@pytest.fixture(scope="module")
def source(cpython_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive.unpack(cpython_archive, tmp_path_factory.mktemp("unpacked") / "source")


@pytest.fixture(scope="module")
def cold(source: Path, version: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tree]:
    """Variants that were configured without any cache; those called `own` with test modules, and a compiler in scratch."""

    def configured(name: str) -> tuple[str, Tree]:
        jit, _, own = name.partition(" ")
        place = tmp_path_factory.mktemp("cold")
        env = {"CC": str(place / "bin" / "cc")} if own else {}
        tree = Tree(
            place,
            planned(version, jit=jit, includes=("tests",) if own else ()),
            f"/opt/{jit}{own}",
            env,
        ).grow(source)
        # Those that give write a config.cache; those that are compared with are configured without one.
        return name, tree.configure(
            without="" if name in {"yes-off", "no own"} else "--config-cache"
        )

    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(configured, ["yes-off", "no", "interpreter", "no own", "yes-off own"]))


@pytest.fixture
def answers(tmp_path: Path) -> AnswerStore:
    return AnswerStore.below(tmp_path / "store")


@pytest.fixture
def stencils(tmp_path: Path) -> StencilStore:
    return StencilStore.below(tmp_path / "store")


# ---- configure ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("giver", "taker"),
    [
        ("yes-off", "no"),
        ("yes-off", "interpreter"),
        ("yes-off", "yes-off"),
        ("no own", "yes-off own"),
    ],
)
def test_another_variant_s_answers_lead_to_the_same_files(
    cold, answers, source, tmp_path, giver, taker
):
    expected = cold[taker]
    cold[giver].keep(answers)
    env = {"CC": str(tmp_path / "bin" / "cc")} if expected.env else {}
    warm = Tree(tmp_path, expected.plan, expected.prefix, env).grow(source)
    assert warm.key() == cold[giver].key()
    assert answers.restore(warm.key(), warm.root / "config.cache")
    warm.configure()
    assert warm.printed.count("(cached)") > 500 > expected.printed.count("(cached)")
    assert warm.made() == expected.made()
    if taker != giver:
        assert (warm.root / "Makefile").read_text() != (cold[giver].root / "Makefile").read_text()
    # What was asked again is in the cache again, so that it can be kept as it was.
    names = [
        set(re.findall(r"^(\w+)=\$\{", (tree.root / "config.cache").read_text(), re.MULTILINE))
        for tree in (cold[giver], warm)
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    "axes",
    [
        {"includes": ("tests",)},
        {"profile": "debug"},
        {"profile": "release"},
        {"configure_args": ("--without-pymalloc",)},
        {"configure_args": ("CFLAGS=-O1",)},
    ],
)
def test_what_is_not_neutral_is_another_key(answers, source, version, tmp_path, axes):
    tree = Tree(tmp_path, planned(version, jit="no"), "/opt/one").grow(source)
    key = tree.key()
    tree.plan, tree.prefix = planned(version, jit="yes-off"), "/opt/two"
    assert tree.key() == key
    tree.plan = planned(version, jit="no", **axes)
    assert tree.key() != key
    tree.plan = planned(version, jit="no")
    (tree.root / "configure").unlink()
    shutil.copy(source / "configure", tree.root / "configure")
    with (tree.root / "configure").open("a") as file:
        file.write("# another version's\n")
    assert tree.key() != key


@pytest.mark.parametrize("taker", ["yes-off", "no", "yes-off own"])
def test_what_is_asked_ahead_leads_to_the_same_files(cold, source, tmp_path, taker):
    expected = cold[taker]
    env = {"CC": str(tmp_path / "bin" / "cc")} if expected.env else {}
    tree = Tree(tmp_path, expected.plan, expected.prefix, env).grow(source)
    asked = questions_of((source / "configure").read_text())
    compiler = ConfigureCompiler(
        argv=["cc"], flags=[], libraries=[], environ=ENVIRON, runner=process.run
    )
    answers = positive_answers(asked, compiler, tmp_path / "ahead", jobs=2)
    assert len(answers) > 200
    (tree.root / "config.cache").write_text(affirmative_answers(answers))
    tree.configure()
    assert tree.printed.count("(cached)") >= len(answers)
    assert tree.made() == expected.made()
    # Each of them is what configure found out by itself, and it would have asked.
    found = dict(
        re.findall(
            r"^(\w+)=\$\{\w+=(.*)\}$",
            (cold["yes-off"].root / "config.cache").read_text(),
            re.MULTILINE,
        )
    )
    assert {name: found.get(name) for name in answers} == dict.fromkeys(answers, "yes")


def test_a_config_cache_as_it_is_would_lead_to_another_makefile(cold, source, tmp_path):
    """The negative control: CPython 3.13 does something else with a config.cache than without (caches/autoconf.py)."""
    taker = cold["no"]
    warm = Tree(tmp_path, taker.plan, taker.prefix).grow(source)
    shutil.copy(cold["yes-off"].root / "config.cache", warm.root / "config.cache")
    made = warm.configure().made()
    assert made["pyconfig.h"] == taker.made()["pyconfig.h"]
    assert "NO_AS_NEEDED=\t\n" in made["Makefile"]
    assert "NO_AS_NEEDED=\t\n" not in taker.made()["Makefile"]


def test_a_person_s_variable_that_changed_would_end_configure_were_it_kept_as_it_was(
    cold, source, tmp_path
):
    """The negative control of `no own`: autoconf refuses a cache whose CC is another one's."""
    taker = cold["yes-off own"]
    warm = Tree(tmp_path, taker.plan, taker.prefix, {"CC": str(tmp_path / "bin" / "cc")}).grow(
        source
    )
    shutil.copy(cold["no own"].root / "config.cache", warm.root / "config.cache")
    with pytest.raises(AssertionError, match="changes in the environment can compromise the build"):
        warm.configure()


def test_the_folders_of_headers_are_found_and_seen_to_change(tmp_path):
    (tmp_path / "include").mkdir()
    environ = {
        **ENVIRON,
        "CPATH": str(tmp_path / "include"),
        "PKG_CONFIG_PATH": str(tmp_path / "pc"),
    }
    folders = search_folders(process.run, environ)
    assert {Path("/usr/include"), tmp_path / "include", tmp_path / "pc"} <= {*folders}
    before = folders_digest(folders)
    assert folders_digest(folders) == before
    (tmp_path / "include" / "openssl").mkdir()
    assert folders_digest(folders) != before
    (tmp_path / "include" / "openssl").rmdir()
    (tmp_path / "pc").mkdir()
    assert folders_digest(folders) != before


# ---- stencils -----------------------------------------------------------------------------------------------------------

DIGEST = """
import pathlib, sys
sys.path.insert(0, "Tools/jit")
import _targets
target = _targets.get_target(sys.argv[1])
target.debug = False
print(target._compute_digest(pathlib.Path.cwd()))
"""


@dataclass
class Judged:
    """A tree in which make may run build.py, but finds no LLVM: nothing but make itself is on PATH."""

    tree: Tree

    @property
    def env(self) -> dict[str, str]:
        tools = self.tree.place / "tools"
        tools.mkdir(exist_ok=True)
        if not (tools / "make").exists():
            (tools / "make").symlink_to(shutil.which("make", path=ENVIRON["PATH"]))
        return {
            "PATH": str(tools),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHON_FOR_REGEN": sys.executable,
            "LC_ALL": "C.UTF-8",
        }

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.tree.place / "tools/make") if self.env else "", *words, "jit_stencils.h"],
            cwd=self.tree.root,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )

    def header(self) -> bytes:
        """A header with the digest that build.py computes here."""
        triple = re.search(r"Tools/jit/build\.py (\S+)", (self.tree.root / "Makefile").read_text())[
            1
        ]
        argv = [sys.executable, "-c", DIGEST, triple]
        done = subprocess.run(
            argv, cwd=self.tree.root, env=self.env, capture_output=True, text=True, check=True
        )
        return f"// {done.stdout.strip()}\n// $ build.py\n\n#error these are no stencils\n".encode()


@pytest.fixture
def judged(cold, source, tmp_path) -> Judged:
    """A second tree of a variant, configured with the answers of the first."""
    answers = AnswerStore.below(tmp_path / "answers")
    cold["yes-off"].keep(answers)
    tree = Tree(tmp_path / "judged", cold["yes-off"].plan, "/opt/second").grow(source)
    assert answers.restore(tree.key(), tree.root / "config.cache")
    return Judged(tree.configure())


def key_of(stencils: StencilStore, tree: Tree) -> str:
    return stencil_key(tree.root, llvm_major=tree.plan.llvm.major, libc=host().libc)


def test_restored_stencils_are_taken_by_build_py_without_any_llvm(cold, stencils, judged):
    tree = judged.tree
    key = key_of(stencils, tree)
    assert key == key_of(stencils, cold["yes-off"]), "another folder and prefix"
    missing = judged.make()
    assert missing.returncode != 0
    assert "Can't find clang" in missing.stderr
    header = judged.header()
    (tree.root / "jit_stencils.h").write_bytes(header)
    stencils.put(tree.root, key, "f" * 64, {"llvm": "18.1.8"})
    (tree.root / "jit_stencils.h").unlink()
    assert stencils.predict("f" * 64) is not None

    entry = stencils.restore(tree.root, key)
    assert entry.facts["llvm"] == "18.1.8"
    assert judged.make("-q").returncode == 1, "build.py is to judge"
    taken = judged.make()
    assert (taken.returncode, "build.py" in taken.stdout) == (0, True), taken.stderr
    assert (tree.root / "jit_stencils.h").read_bytes() == header
    assert is_unchanged(tree.root, entry)
    mark_up_to_date(tree.root)
    assert judged.make("-q").returncode == 0, "make has nothing to do any more"


def test_a_changed_header_of_cpython_s_misses_though_build_py_would_take_the_old_stencils(
    stencils, judged
):
    tree = judged.tree
    key, header = key_of(stencils, tree), judged.header()
    (tree.root / "jit_stencils.h").write_bytes(header)
    stencils.put(tree.root, key, "f" * 64, {})
    frame = tree.root / "Include/internal/pycore_frame.h"
    text = frame.read_text()
    assert text.count("struct _PyInterpreterFrame {") == 1
    frame.unlink()  # it is a link to that of the source
    frame.write_text(
        text.replace(
            "struct _PyInterpreterFrame {", "struct _PyInterpreterFrame {\n    int another_field;"
        )
    )
    assert judged.header() == header, "build.py's digest forgets it"
    assert judged.make().returncode == 0
    assert key_of(stencils, tree) != key
    assert stencils.restore(tree.root, key_of(stencils, tree)) is None
    assert not (tree.root / "jit_stencils.h").exists()
    assert "Can't find clang" in judged.make().stderr, "so they are made anew"


@pytest.mark.parametrize(
    "path",
    ["Python/executor_cases.c.h", "Tools/jit/template.c", "pyconfig.h", "Python/ceval_macros.h"],
)
def test_another_source_of_stencils_misses(cold, stencils, source, tmp_path, path):
    tree = Tree(tmp_path / "changed", cold["yes-off"].plan, "/opt/third").grow(source)
    for name in ("Makefile", "pyconfig.h"):
        shutil.copy(cold["yes-off"].root / name, tree.root / name)
    assert key_of(stencils, tree) == key_of(stencils, cold["yes-off"])
    text = (tree.root / path).read_text()
    (tree.root / path).unlink()
    (tree.root / path).write_text(f"{text}\n/* changed */\n")
    assert key_of(stencils, tree) != key_of(stencils, cold["yes-off"])


@pytest.mark.parametrize("jit", ["no", "interpreter"])
def test_a_variant_without_stencils_has_no_key(cold, stencils, jit):
    assert stencil_key(cold[jit].root, llvm_major=18, libc="") == ""


def test_a_spoilt_entry_is_a_miss_and_build_py_judges_a_foreign_one(stencils, judged):
    tree = judged.tree
    key, header = key_of(stencils, tree), judged.header()
    (tree.root / "jit_stencils.h").write_bytes(header)
    stencils.put(tree.root, key, "f" * 64, {})
    (entry,) = stencils.entries.root.glob("*.entry")
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-10])
    assert stencils.predict("f" * 64) is None
    assert stencils.restore(tree.root, key) is None
    assert not (tree.root / "jit_stencils.h").exists()
    # One that is whole, and was kept under this key by mistake, has another first line: build.py does not take it.
    (tree.root / "jit_stencils.h").write_bytes(b"// " + b"0" * 64 + b"\n")
    stencils.put(tree.root, key, "f" * 64, {})
    assert stencils.restore(tree.root, key) is not None
    assert "Can't find clang" in judged.make().stderr


# ---- several processes --------------------------------------------------------------------------------------------------

PUT = """
import sys
from pathlib import Path
from jitbuild.building.caches.entries import EntryStore
entries = EntryStore(Path(sys.argv[1]), 10_000_000)
content = sys.argv[2].encode() * 100_000
for _ in range(200):
    entries.put("k" * 64, {"a": content, "b": content}, {"by": sys.argv[2]})
    entries.record_lookup(hit=True)
"""
CLEAR = """
import sys
from pathlib import Path
from jitbuild.building.caches.entries import EntryStore
for _ in range(200):
    EntryStore(Path(sys.argv[1]), 10_000_000).clear()
"""


def started(code: str, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], stderr=subprocess.PIPE, text=True
    )


def read_until_all_end(entries: EntryStore, children: list[subprocess.Popen[str]]) -> set[str]:
    """Whose entries were read while they wrote; each of them must be whole and of one hand."""
    seen = set()
    while any(child.poll() is None for child in children):
        entry = entries.get("k" * 64)
        if entry is not None:
            by = entry.facts["by"]
            assert entry.files == {"a": by.encode() * 100_000, "b": by.encode() * 100_000}
            seen.add(by)
    for child in children:
        assert (child.communicate()[1], child.returncode) == ("", 0)
    return seen


def test_processes_that_put_the_same_key_leave_one_whole_entry(tmp_path):
    entries = EntryStore(tmp_path / "kept", 10_000_000)
    seen = read_until_all_end(entries, [started(PUT, entries.root, by) for by in "xy"])
    assert entries.get("k" * 64).facts["by"] in "xy"
    assert seen <= {"x", "y"}
    assert sorted(path.name for path in entries.root.iterdir()) == [f"{'k' * 64}.entry", "uses"]
    assert entries.statistics().hits == 400


def test_deleting_the_folder_while_others_read_and_write_is_never_an_error(tmp_path):
    entries = EntryStore(tmp_path / "kept", 10_000_000)
    read_until_all_end(
        entries,
        [
            started(PUT, entries.root, "x"),
            started(CLEAR, entries.root),
            started(PUT, entries.root, "y"),
        ],
    )
    entries.put("k" * 64, {"a": b"whole"}, {})
    assert entries.get("k" * 64).files == {"a": b"whole"}


def test_the_command_shows_and_clears_them(tmp_path):
    cli = Cli(tmp_path / "home", {"PATH": ""})
    stencils = StencilStore.below(cli.home)
    stencils.entries.put("k" * 64, {"jit_stencils.h": b"x" * 1000}, {})
    stencils.entries.record_lookup(hit=True)
    rows = {row["name"]: row for row in cli("cache", "--json").json()}
    assert (rows["stencils"]["entries"], rows["stencils"]["hits"]) == (1, 1)
    assert rows["stencils"]["bytes"] > 1000
    cli("cache", "clear", "stencils")
    assert not stencils.entries.root.exists()
