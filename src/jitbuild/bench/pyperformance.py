"""Select benchmarks of pyperformance, the official suite, and create their environments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet

from jitbuild.bench import scripts
from jitbuild.bench.plan import Benchmark
from jitbuild.errors import BuildError, MeasurementError, UsageError
from jitbuild.running import venvs
from jitbuild.system import process
from jitbuild.system.parsing import parse_json
from jitbuild.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NAME = "pyperformance"
# The version is pinned because the manifest is read through a private module of pyperformance, and
# because the benchmarks differ between versions.
REQUIREMENT = "pyperformance>=1.14,<1.15"
_DEFAULT_GROUP = "default"
_LISTING_TIMEOUT = 60.0
_OUTPUT_LINES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteBenchmark:
    """A benchmark in the manifest.

    `requirements` is the path of the requirements file with the packages that the benchmark needs;
    it is empty if the benchmark needs no packages. `python` is a specifier of the supported Python
    versions.
    """

    name: str
    script: str
    options: tuple[str, ...] = ()
    requirements: str = ""
    tags: tuple[str, ...] = ()
    python: str = ""

    def benchmark(self, version: str, python: str = "") -> Benchmark:
        """Return the benchmark for the plan of a measurement.

        `version` is that of pyperformance. `python` is an interpreter with the packages that the
        benchmark needs; it is empty if the benchmark needs no packages.
        """
        return Benchmark(
            kind="suite",
            name=self.name,
            words=(self.script, *self.options),
            python=python,
            tags=self.tags,
            version=version,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteManifest:
    """The benchmarks of one version of pyperformance, and their names in each group and tag."""

    version: str
    benchmarks: Mapping[str, SuiteBenchmark]
    groups: Mapping[str, tuple[str, ...]]


def read_manifest(
    python: Path, target: Path, *, env: Mapping[str, str], runner: process.Runner = process.run
) -> SuiteManifest:
    """Return the manifest of the pyperformance that is installed for `python`.

    A script writes the manifest to the file `target`. Raises MeasurementError if that fails.
    """
    target.unlink(missing_ok=True)
    argv = [str(python), "-B", str(scripts.SUITE_LISTING), str(target)]
    completed = runner(argv, env=env, timeout=_LISTING_TIMEOUT)
    try:
        return parse_manifest(target.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        lines = (completed.stdout + completed.stderr).splitlines()[-_OUTPUT_LINES:]
        output = "\n".join(f"  {line}" for line in lines)
        raise MeasurementError(
            f"pyperformance does not list its benchmarks:\n{output or error}",
            remedy="Delete its environment (`jitbuild cache clear environments`) and try again.",
        ) from error


def parse_manifest(text: str) -> SuiteManifest:
    """Return the manifest that in_target/bench_listing.py wrote as JSON.

    Raises ValueError, KeyError or TypeError if the text has another form.
    """
    data: dict[str, Any] = parse_json(text)
    benchmarks = [
        SuiteBenchmark(
            name=row["name"],
            script=row["script"],
            options=tuple(row["options"]),
            requirements=row["requirements"],
            tags=tuple(row["tags"]),
            python=row["python"],
        )
        for row in data["benchmarks"]
    ]
    return SuiteManifest(
        version=data["version"],
        benchmarks={benchmark.name: benchmark for benchmark in benchmarks},
        groups={str(name): tuple(names) for name, names in data["groups"].items()},
    )


def selection_words(names: Sequence[str]) -> tuple[str, ...]:
    """Return the items of --benchmarks. Raises UsageError if one of them is a hyphen alone."""
    if "-" in names:
        raise UsageError(
            "'-' excludes nothing.", remedy="Put it before a name: --benchmarks=default,-NAME"
        )
    return tuple(names)


def select(manifest: SuiteManifest, selection: Sequence[str]) -> tuple[SuiteBenchmark, ...]:
    """Return the selected benchmarks, in the manifest's order, as pyperformance selects them.

    Each item of `selection` is a name or a group; after a hyphen, it names benchmarks to exclude.
    If all items begin with a hyphen, the other benchmarks of the group `default` are selected.
    Raises UsageError if a name is unknown, or if nothing is selected.
    """
    excluded = {
        name for word in selection if word.startswith("-") for name in _names(manifest, word[1:])
    }
    included = [word for word in selection if not word.startswith("-")] or [_DEFAULT_GROUP]
    wanted = {name for word in included for name in _names(manifest, word)} - excluded
    if not wanted:
        raise UsageError(
            f"--benchmarks {','.join(selection)} selects nothing.",
            remedy="Exclude fewer benchmarks.",
        )
    return tuple(benchmark for name, benchmark in manifest.benchmarks.items() if name in wanted)


def place(
    entries: Sequence[SuiteBenchmark],
    python_version: str,
    suite_version: str,
    enter: Callable[[Path], Path],
) -> tuple[tuple[Benchmark, ...], dict[str, str]]:
    """Return the benchmarks that can run, with their interpreters, and the reasons of the others.

    The second value maps each benchmark that cannot run to the reason. `enter` creates an
    environment with the packages of a requirements file and returns its Python. Benchmarks pin
    versions of packages independently of each other, so one environment cannot have all of them.
    Some pinned versions are too old for a new Python, so their benchmarks cannot run.
    """
    pythons, failures, left_out = {"": ""}, dict[str, str](), dict[str, str]()
    benchmarks = []
    for entry in entries:
        reason = unsupported(entry, python_version)
        text = Path(entry.requirements).read_text(encoding="utf-8") if entry.requirements else ""
        if not reason and text not in {*pythons, *failures}:
            try:
                pythons[text] = str(enter(Path(entry.requirements)))
            except BuildError as error:
                line = venvs.failure_line(error)
                failures[text] = f"its requirements cannot be installed ({line})"
        reason = reason or failures.get(text, "")
        if reason:
            left_out[entry.name] = reason
        else:
            benchmarks.append(entry.benchmark(suite_version, pythons[text]))
    return tuple(benchmarks), left_out


def unsupported(entry: SuiteBenchmark, python_version: str) -> str:
    """Return a reason if a benchmark does not support a Python version; "" if it does."""
    if SpecifierSet(entry.python).contains(python_version, prereleases=True):
        return ""
    return f"it needs Python {entry.python}"


def installed_names(environments: Path) -> list[str]:
    """Return the groups and benchmarks of pyperformance, read from an environment that has it.

    If no environment has pyperformance, return only the group `default`. Used by shell completion.
    """
    files = environments.glob("*/[Ll]ib/**/pyperformance/data-files/benchmarks/MANIFEST")
    lines = next((file.read_text(encoding="utf-8").splitlines() for file in files), [])
    names = [
        line.split("\t")[0]
        for line in lines
        if "\t" in line and not line.startswith(("#", "name\t"))
    ]
    groups = [line[len("[group ") : -1] for line in lines if line.startswith("[group ")]
    return [*(groups or [_DEFAULT_GROUP]), *names]


def _names(manifest: SuiteManifest, word: str) -> Sequence[str]:
    """Return the benchmarks that `word` names.

    Raises UsageError if `word` is neither a benchmark nor a group.
    """
    if word in manifest.benchmarks:
        return (word,)
    if word in manifest.groups:
        return manifest.groups[word]
    groups, names = ", ".join(manifest.groups), ", ".join(manifest.benchmarks)
    hint = did_you_mean(word, [*manifest.benchmarks, *manifest.groups])
    raise UsageError(
        f"pyperformance {manifest.version} has no benchmark or group {word!r}.",
        remedy=f"{hint}Groups: {groups}. Benchmarks: {names}.",
    )
