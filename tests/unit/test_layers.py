"""The layers of the package hold without exception, and each kind of violation is detected."""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import jitbuild

ROOT = Path(jitbuild.__file__).parent

# From the bottom up, as docs/design.md lists them. A module may import from its own room and from
# rooms in lower layers, never from another room of its own layer. Imports inside functions and
# those for the type checker count like any other.
LAYERS: list[set[str]] = [
    {"safe_text"},
    {"errors"},
    {"system"},
    {"spelling", "source_address"},
    {"request", "target", "modes", "settings", "in_target"},
    {"recipe_folders"},
    {"options", "setting_lists"},
    {"recipes"},
    {"planning"},
    {"advice"},
    {"probing"},
    {"store"},
    {"sources"},
    {"pins"},
    {"registry"},
    {"toolchain"},
    {"building"},
    {"providers"},
    {"provision"},
    {"provision_many"},
    {"api"},
    {""},
    {"running"},
    {"diff", "bench", "sessions", "ci"},
    {"nox", "pytest_plugin", "cli"},
    {"__main__"},
]
LEVELS = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}

# The only modules that may start processes or open the network.
STARTS_PROCESSES = {"system.process", "system.process_group", "in_target.bench_worker"}
OPENS_THE_NETWORK = {
    "system.http.client",
    "system.http.transports",
    "system.http.guard",
    "system.http.resumable_transfer",
}
NETWORK_MODULES = {"httpx", "socket", "urllib.request", "http.client"}

# What these scripts need of the interpreter under test besides the standard library of the oldest
# supported host. The witness is copied as `jitbuild_witness`, beside its `sitecustomize`.
PACKAGES_OF_THE_TARGET = {
    "in_target.bench_pytest": {"pytest"},
    "in_target.outcome_recorder": {"pytest"},
    "in_target.bench_suite": {"pyperf"},
    "in_target.bench_worker": {"pyperf", "pyperf._manager"},
    "in_target.witness": {"_interpreters"},
    "in_target.witness_start": {"jitbuild_witness", "sitecustomize"},
}

# The pytest plugin runs inside the interpreter under test, so it may use in_target.
IN_TARGET_USERS = {"pytest_plugin"}


def modules_of(root: Path) -> dict[str, Path]:
    """Return the modules below `root` by their dotted name; the package itself is ""."""
    modules = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[:2] == ("building", "hooks"):  # a folder for PYTHONPATH, not a package
            continue
        modules[".".join(part for part in parts if part != "__init__")] = path
    return modules


def imports_of(path: Path, modules: dict[str, Path]) -> tuple[set[str], set[str]]:
    """Return what `path` imports anywhere in it: modules of the package, and all others."""
    ours, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [
                name if name.removeprefix("jitbuild.") in modules else base
                for name in (f"{base}.{alias.name}" for alias in node.names)
            ]
        else:
            continue
        for name in names:
            if name.partition(".")[0] == "jitbuild":
                ours.add(name.removeprefix("jitbuild").removeprefix("."))
            else:
                others.add(name)
    return ours, others


def room_of(module: str) -> str:
    return module.partition(".")[0]


def violations(root: Path) -> list[str]:
    """Return one line for each import below `root` that breaks a rule."""
    modules = modules_of(root)
    problems = []
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        ours, others = imports_of(path, modules)
        graph[name] = ours - {name}
        problems += _layer_violations(name, ours)
        problems += _foreign_violations(name, others)
    # A package that a module lies in is not a circle: its __init__ imports nothing of the room.
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        problems.append(f"circle: {' -> '.join(error.args[1])}")
    return problems


def _layer_violations(name: str, ours: set[str]) -> list[str]:
    problems = []
    room = room_of(name)
    for other in ours:
        target = room_of(other)
        if target == "cli" and room not in {"cli", "__main__"}:
            problems.append(f"{name} imports {other}: nothing imports the command line")
        elif room == "in_target" and target != "in_target":
            problems.append(f"{name} imports {other}: in_target uses the standard library alone")
        elif target == "in_target" and room != "in_target" and name not in IN_TARGET_USERS:
            problems.append(f"{name} imports {other}: the host never imports in_target")
        elif target != room and LEVELS[target] == LEVELS[room]:
            problems.append(f"{name} imports {other}: rooms of one layer are independent")
        elif LEVELS[target] > LEVELS[room]:
            problems.append(f"{name} imports {other}: imports go downward only")
    return problems


def _foreign_violations(name: str, others: set[str]) -> list[str]:
    problems = []
    if room_of(name) == "in_target":
        known = {*sys.stdlib_module_names, "__main__"}
        foreign = {other for other in others if other.partition(".")[0] not in known}
        foreign -= PACKAGES_OF_THE_TARGET.get(name, set())
        problems += [
            f"{name} imports {other}: in_target uses the standard library alone"
            for other in foreign
        ]
    if "subprocess" in others and name not in STARTS_PROCESSES:
        problems.append(f"{name} imports subprocess: only system.process starts processes")
    if others & NETWORK_MODULES and name not in OPENS_THE_NETWORK:
        problems.append(f"{name} opens the network: only system.http may")
    return problems


def test_every_import_goes_down_and_there_is_no_circle():
    assert violations(ROOT) == []


def test_every_module_has_a_layer():
    assert {room_of(name) for name in modules_of(ROOT)} <= set(LEVELS)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small package with the rooms that the seeded violations need, and no violation."""
    root = tmp_path / "jitbuild"
    for name in (
        "diff",
        "bench",
        "sessions",
        "ci",
        "cli",
        "store",
        "system",
        "in_target",
        "running",
    ):
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").write_text('"""A room."""\n')
        (root / name / "thing.py").write_text("import os\n")
        (root / name / "other.py").write_text("import os\n")
    (root / "__init__.py").write_text('"""The package."""\n')
    (root / "provision.py").write_text("from jitbuild.store import other\n")
    return root


def test_a_tree_that_follows_the_rules_is_accepted(tree: Path):
    assert violations(tree) == []


SEEDS = {
    "upward": ("store/thing.py", "from jitbuild import provision", "imports go downward only"),
    "upward, inside a function": (
        "store/thing.py",
        "def f():\n    from jitbuild.provision import x",
        "imports go downward only",
    ),
    "upward, for the type checker": (
        "store/thing.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from jitbuild.provision import x",
        "imports go downward only",
    ),
    "sideways": (
        "diff/thing.py",
        "from jitbuild.bench.thing import x",
        "rooms of one layer are independent",
    ),
    "sideways to sessions": (
        "ci/thing.py",
        "import jitbuild.sessions.thing",
        "rooms of one layer are independent",
    ),
    "the command line": (
        "sessions/thing.py",
        "from jitbuild.cli import thing",
        "nothing imports the command line",
    ),
    "in_target from the host": (
        "bench/thing.py",
        "from jitbuild.in_target import thing",
        "the host never imports",
    ),
    "in_target beyond the standard library": (
        "in_target/thing.py",
        "import packaging",
        "standard library alone",
    ),
    "the host from in_target": (
        "in_target/thing.py",
        "from jitbuild.system import thing",
        "standard library alone",
    ),
    "a circle": ("store/thing.py", "from jitbuild.store import other", "circle"),
    "a circle, inside a function": (
        "store/thing.py",
        "def f():\n    from jitbuild.store.other import x",
        "circle",
    ),
    "a process": ("running/thing.py", "import subprocess", "only system.process starts processes"),
    "the network": ("running/thing.py", "import httpx", "only system.http may"),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seeded_violation_is_found(tree: Path, seed: str):
    file, code, expected = SEEDS[seed]
    if expected == "circle":
        (tree / "store/other.py").write_text("from jitbuild.store.thing import y\n")
    (tree / file).write_text(f"{code}\n")
    found = violations(tree)
    assert len(found) == 1
    assert expected in found[0]
