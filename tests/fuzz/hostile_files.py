"""Files of jitbuild and of other programs, with anything in them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hostile_text
import msgspec
import tomli_w

from jitbuild.bench import pytest_benchmark
from jitbuild.diff import test_record
from jitbuild.recipes.catalog import load_catalog, shipped_folder
from jitbuild.running import testimony
from jitbuild.settings import KNOWN, variable_of
from jitbuild.store.fingerprint import Fingerprint
from jitbuild.store.manifest import FILE

if TYPE_CHECKING:
    from fuzzing import Case, Ending

_SETTINGS = ("auto", "3.15,3.14", "off on", "yes", "no", "0", "8", "-1", "release", "distro", "./m")
_CONFIGURED = (
    *(["config"], ["config", "--json"], ["list"], ["plan", "3.15"], ["matrix"], ["cache"]),
    *(["doctor"], ["install", "3.15"], ["which", "3.15"], ["prune"], ["run", "3.15"]),
)
_READING = (
    *(["list"], ["list", "--json"], ["list", "-l"], ["which", "3.15"], ["which", ">=3"]),
    *(["uninstall", "3.15", "--all"], ["prune"], ["prune", "-n", "--json"], ["repair"], ["config"]),
    *(["plan", "cpython-3.15.2-jit-fast-kkkkkkkk"], ["install", "3.15", "--mirror=."], ["cache"]),
    *(["run", "3.15"], ["probe", "cpython-3.15"], ["doctor"], ["diff", "3.15", "--", "python"]),
    *(["install", "cpython-3.15.2-jit-fast-kkkkkkkk", "--reinstall"], ["bench", "3.15"]),
    *(["uninstall", "cpython-3.15.2-jit-fast-kkkkkkkk"], ["ci", "key", "--pythons", "3.15"]),
)
_NAME = "cpython-3.15.2-jit-fast-kkkkkkkk"


def settings(case: Case) -> Ending:
    """Hostile settings, in a file or in the environment."""
    rng = case.rng
    environ = {}
    command = rng.choice(_CONFIGURED)
    names = rng.sample(sorted(KNOWN), k=2)
    table: dict[str, Any] = {name: rng.choice(_SETTINGS) for name in names}
    kind = rng.randrange(3)
    if kind == 0:
        for name in table:
            environ[variable_of(name)] = hostile_text.argument(rng, _SETTINGS)
    else:
        path = case.folder / "pyproject.toml"
        plain: Any = {"tool": {"jitbuild": hostile_text.changed(rng, table)}}
        if kind == 2:
            path = case.folder / "config" / "jitbuild" / "config.toml"
            plain = plain["tool"]["jitbuild"]
            path.parent.mkdir(parents=True)
        path.write_bytes(_toml(case, plain))
    folders = {"XDG_CONFIG_HOME": str(case.folder / "config"), "HOME": str(case.folder)}
    return case.run(*command, environ=folders | environ)


def manifest(case: Case) -> Ending:
    """A store with an interpreter whose manifest is hostile."""
    folder = case.folder / "home" / "interpreters" / _NAME
    program = folder / "bin" / "python3"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/false\n")
    program.chmod(0o755)
    plain = hostile_text.changed(case.rng, _manifest(program, adopted=case.rng.random() < 0.5))
    (folder / FILE).write_bytes(_toml(case, plain))
    return case.run(*case.rng.choice(_READING))


def recipe(case: Case) -> Ending:
    """A hostile recipe in a folder of the person's own."""
    rng = case.rng
    shipped = rng.choice(sorted(shipped_folder().glob("cpython-*.toml")))
    plain = tomllib.loads(shipped.read_text(encoding="utf-8"))
    plain["tag"] = plain.get("tag", [])[-2:]
    for _ in range(rng.choice([1, 1, 2])):
        plain = hostile_text.changed(rng, plain)
    own = case.folder / "own"
    own.mkdir()
    (own / shipped.name).write_bytes(_toml(case, plain))
    series = shipped.stem.removeprefix("cpython-")
    commands = (
        *(["plan", series], ["plan", series, "--json"], ["doctor", series], ["install", series]),
        *(["matrix", "--pythons", series], ["plan", "3.15.0b2", "--platform", "x86_64-windows"]),
    )
    load_catalog.cache_clear()
    return case.run(*rng.choice(commands), "--recipes", "own", environ={"JITBUILD_MIRROR": "."})


def pyperf_file(case: Case) -> Ending:
    """Two pyperf files with extreme values and hostile metadata."""
    rng = case.rng
    for name in ("a.json", "b.json"):
        plain = _benchmarks(case)
        if rng.random() < 0.5:
            plain = hostile_text.changed(rng, plain)
        data = json.dumps(plain).encode("utf-8", "surrogatepass")
        if rng.random() < 0.1:
            data = hostile_text.damaged(rng, data)
        (case.folder / name).write_bytes(data)
    options = rng.choice([[], ["--json"], ["--margin", hostile_text.argument(rng, ["5", "0.1"])]])
    return case.run("bench", "compare", "a.json", "b.json", *options)


def records(case: Case) -> Ending:
    """What the processes of a measured command leave behind, which may be anybody's."""
    kind = case.rng.randrange(3)
    if kind == 0:
        lines = [_line(case, plain) for plain in _RECORD]
        return case.call(lambda: test_record.parse_records("\n".join(lines)), "\n".join(lines))
    if kind == 1:
        text = "\n".join(repr(hostile_text.changed(case.rng, plain)) for plain in _TESTIMONY)
        return case.call(lambda: testimony.parse_testimony(text), text)
    data = _line(case, _PYTEST_BENCHMARK).encode("utf-8", "surrogatepass")
    return case.call(lambda: pytest_benchmark.parse(data), repr(data))


def _line(case: Case, plain: Any) -> str:
    changed = hostile_text.changed(case.rng, plain) if case.rng.random() < 0.7 else plain
    return json.dumps(changed)


def _toml(case: Case, plain: Any) -> bytes:
    """Return `plain` as TOML, in some cases damaged; anything that is no table as it is."""
    if not isinstance(plain, dict):
        return repr(plain).encode("utf-8", "surrogatepass")
    data = tomli_w.dumps(plain).encode("utf-8", "surrogatepass")
    return hostile_text.damaged(case.rng, data) if case.rng.random() < 0.15 else data


def _manifest(program: Path, *, adopted: bool) -> dict[str, Any]:
    fingerprint = Fingerprint.of(program)
    assert fingerprint is not None
    common = {
        "schema": 1,
        "name": _NAME,
        "instance": "0d0e7d5ad6a54ff1a7e4d1ea2ac1c9d4",
        "key": "k" * 64,
        "version": "3.15.2",
        "adopted": adopted,
        "created": "2026-11-26T08:09:10Z",
        "executable": str(program) if adopted else "bin/python3",
        "request": "3.15",
        "target": "x86_64-linux-gnu",
        "variant": {
            "jit": "yes-off",
            "profile": "fast",
            "tail_call": False,
            "free_threaded": False,
            "configure_args": ["--with-x"],
            "patches": ["d" * 64],
            "includes": [],
        },
        "verdict": {"ok": True, "jit": {"built": "yes-off"}, "executable": str(program)},
    }
    if adopted:
        return {**common, "expect": "jit", "fingerprint": msgspec.to_builtins(fingerprint)}
    return {
        **common,
        "source": {"kind": "release", "digest": "d" * 64, "location": "x", "road": "cache"},
        "patches": [{"path": "x.patch", "sha256": "d" * 64}],
        "toolchain": {"compiler": "gcc 12", "libc": "glibc 2.36"},
        "times": {"configure": 11.4, "total": 78.0},
        "caches": {"configure": "miss", "compiler": {"hits": 3, "misses": 4}},
        "missing_headers": ["gdbm"],
    }


def _benchmarks(case: Case) -> dict[str, Any]:
    rng = case.rng
    numbers = [1.0, 1.1, 0.9, 1e-9, 1e99, 1e-99, 1e308, 0.0, -1.0, 5e-324]
    numbers += [float("inf"), float("nan")]
    shown = rng.choice([numbers, numbers[:3], numbers[:4], numbers[:6]])

    def run() -> dict[str, Any]:
        values = [rng.choice(shown) for _ in range(rng.choice([0, 1, 3]))] or [1.0]
        facts = {"date": "2026-11-26 08:00:00.000000", "duration": 1.0, "unit": "second"}
        return {"values": values, "warmups": [[1, 0.1]], "metadata": {"loops": 1, **facts}}

    benchmarks = [
        {"metadata": {"name": name}, "runs": [run() for _ in range(rng.choice([1, 2, 5]))]}
        for name in rng.sample(["fib", "json", "nbody"], k=rng.randint(1, 3))
    ]
    shared = {"python_version": "3.15.2 (64-bit)", "unit": "second", "hostname": "x"}
    session = {"jitbuild_session": "s", "jitbuild_until_decided": True}
    metadata = {**shared, **session} if rng.random() < 0.5 else shared
    return {"version": "1.0", "metadata": metadata, "benchmarks": benchmarks}


_RECORD = (
    {"collected": ["tests/test_x.py::test_a", "tests/test_x.py::test_b"]},
    {"start": "tests/test_x.py::test_a"},
    {"result": "tests/test_x.py::test_a", "outcome": "passed", "message": ""},
    {"result": "tests/test_x.py::test_a", "outcome": "failed", "message": "E"},
    {"finish": "tests/test_x.py::test_a", "seconds": 1.5},
    {
        "usage": {
            "packages": ["mine"],
            "python": {"built": "yes-off"},
            "tracers": [],
            "code": [["f", "x.py", 1, "mine", 2, 3, 4]],
        }
    },
)
_TESTIMONY = (
    {
        "implementation": "cpython",
        "version": [3, 15, 2, "final", 0],
        "debug": False,
        "free_threaded": False,
        "executable": "/python",
        "base_executable": "/python",
        "base_prefix": "/",
        "arguments": ["x.py"],
        "switch": "1",
        "stress": "",
        "forked": False,
    },
    {
        "enabled": True,
        "executors": 3,
        "machine_code": 4096,
        "mappings": 1,
        "tracers": [],
        "unseen": [],
    },
)
_PYTEST_BENCHMARK = {
    "machine_info": {"cpu": {"brand_raw": "x"}, "node": "n", "system": "Linux"},
    "datetime": "2026-11-26T08:00:00+00:00",
    "benchmarks": [
        {"fullname": "t.py::test_a", "stats": {"mean": 1.0, "iterations": 1, "rounds": 5}}
    ],
}
