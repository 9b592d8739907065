"""Imports go strictly downward: a module may import from its own layer or a lower one, and never in a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import jitbuild

ROOT = Path(jitbuild.__file__).parent

# The map of docs/design.md, lowest first.
LAYERS = [
    {"errors", "toml", "_probe_target"},
    {"target", "request", "schema", "recipes", "modes", "settings"},
    {"report", "become", "process", "jobs"},
    {"disk"},
    {"net", "archive"},
    {"platforms", "platforms.steps", "platforms.posix", "platforms.windows"},
    {"plans", "verdict"},
    {"git", "tree", "distro", "releases", "wheels", "llvm", "sources", "preflight", "build", "prefix", "probes", "store"},
    {"caches", "caches.shelf", "caches.stencils", "caches.autoconf", "caches.configure", "caches.compiler", "caches.ahead"}
    | {"caches.precompiled"},
    {"caching"},
    {"provision"},
    {"", "api"},
    {"diff", "diff.compare", "diff.environments", "diff.junit", "diff.report", "diff.runner", "diff.runs", "diff.text"}
    | {"diff.timing", "diff.trace", "diff.words"}
    | {
        "bench",
        "bench.chart",
        "bench.files",
        "bench.inspecting",
        "bench.page",
        "bench.plan",
        "bench.pytests",
        "bench.report",
        "bench.session",
    }
    | {
        "bench.scale",
        "bench.stats",
        "bench.steps",
        "bench.suite",
        "bench.surroundings",
        "bench.targets",
        "bench.text",
        "bench.turns",
        "bench.words",
    }
    | {
        "bench._programs",
        "bench._worker",
        "bench._inspect",
        "bench._seen",
        "bench._suite",
        "bench._listing",
        "bench._tests",
        "bench._turns",
    }
    | {"measured", "under_test", "jit_summary", "pytest_plugin", "cli", "__main__", "matrix", "ci", "nox", "sessions"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


MODULES = {name_of(path): path for path in ROOT.rglob("*.py")}


def imported(path: Path) -> set[str]:
    """Every module of ours that `path` imports anywhere, also inside functions and for type checking."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "jitbuild":
            base = node.module.removeprefix("jitbuild").removeprefix(".")
            for alias in node.names:
                longer = f"{base}.{alias.name}".lstrip(".")
                found.add(longer if longer in MODULES else base)
        elif isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("jitbuild.") for alias in node.names if alias.name.startswith("jitbuild.")}
    return found


def level(name: str) -> int:
    return LEVEL["cli"] if name.partition(".")[0] == "cli" else LEVEL[name]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_downward(name):
    for other in imported(MODULES[name]):
        assert level(other) <= level(name), f"{name} imports {other}, which is above it"


def test_there_is_no_circle():
    # For the type checker alone a module may look at one beside it.
    graph = {}
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")]
        stripped = ast.unparse(tree)
        graph[name] = {other for other in imported_text(stripped) if other != name}
    TopologicalSorter(graph).prepare()


def imported_text(text: str) -> set[str]:
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "jitbuild":
            base = node.module.removeprefix("jitbuild").removeprefix(".")
            for alias in node.names:
                longer = f"{base}.{alias.name}".lstrip(".")
                found.add(longer if longer in MODULES else base)
    return found


def test_the_probe_target_imports_nothing_of_ours():
    assert "jitbuild" not in {
        (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else alias.name.split(".")[0]
        for node in ast.walk(ast.parse((ROOT / "_probe_target.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def test_what_runs_in_the_interpreter_under_test_imports_nothing_of_ours():
    for name in ("_programs", "_worker", "_inspect", "_seen", "_suite", "_listing", "_tests"):
        assert imported(ROOT / "bench" / f"{name}.py") == set()


def test_only_process_starts_processes_and_only_net_opens_the_network():
    for name, path in MODULES.items():
        modules = {
            alias.name if isinstance(node, ast.Import) else node.module
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        # The worker runs in the interpreter under test, started by process and ended with its group.
        assert name in {"process", "bench._worker"} or "subprocess" not in modules
        assert name == "net" or not modules & {"httpx", "socket", "urllib.request", "http.client"}
