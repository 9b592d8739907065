"""pyperformance, the official suite: what is in it, what was chosen of it, and how its scripts are run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet

from jitbuild.bench import scripts
from jitbuild.bench.plan import Benchmark
from jitbuild.errors import BuildError, MeasurementError, UsageError
from jitbuild.running import venvs
from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NAME = "pyperformance"
# Its manifest is read through what is no public interface of it; and another version measures other things.
REQUIREMENT = "pyperformance>=1.14,<1.15"
DEFAULT = "default"
_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteBenchmark:
    """A benchmark as the manifest has it: `requirements` is a file of its own packages, `python` the versions that it is for."""

    name: str
    script: str
    options: tuple[str, ...] = ()
    requirements: str = ""
    tags: tuple[str, ...] = ()
    python: str = ""

    def benchmark(self, version: str, python: str = "") -> Benchmark:
        """What is measured; `python` is the interpreter that has its packages, where that is another than for the others."""
        words = (self.script, *self.options)
        return Benchmark(
            kind="suite",
            name=self.name,
            words=words,
            python=python,
            tags=self.tags,
            version=version,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteManifest:
    """All of pyperformance: its benchmarks by name, and the names in each group and under each tag."""

    version: str
    entries: Mapping[str, SuiteBenchmark]
    groups: Mapping[str, tuple[str, ...]]


def listing(
    python: Path, target: Path, *, env: Mapping[str, str], runner: process.Runner = process.run
) -> SuiteManifest:
    """Ask the pyperformance that `python` has; its answer is written to `target`. Raises MeasurementError."""
    target.unlink(missing_ok=True)
    done = runner(
        [str(python), "-B", str(scripts.SUITE_LISTING), str(target)], env=env, timeout=_SECONDS
    )
    try:
        return parse(target.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = "\n".join(f"  {line}" for line in (done.stdout + done.stderr).splitlines()[-3:])
        raise MeasurementError(
            f"pyperformance does not say what it has:\n{said or error}",
            remedy="Clear its environment (`jitbuild cache clear environments`) and try again.",
        ) from error


def parse(text: str) -> SuiteManifest:
    """The answer of bench_listing.py. Raises ValueError, KeyError or TypeError for anything else."""
    found: dict[str, Any] = json.loads(text)
    entries = [
        SuiteBenchmark(
            name=each["name"],
            script=each["script"],
            options=tuple(each["options"]),
            requirements=each["requirements"],
            tags=tuple(each["tags"]),
            python=each["python"],
        )
        for each in found["benchmarks"]
    ]
    groups = {str(name): tuple(names) for name, names in found["groups"].items()}
    return SuiteManifest(
        version=found["version"], entries={each.name: each for each in entries}, groups=groups
    )


def words_of(text: str) -> tuple[str, ...]:
    """`a,group,-b` as words. Raises UsageError for one that says nothing."""
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if "-" in words:
        raise UsageError(
            "'-' leaves nothing out.", remedy="Write it before a name: --benchmarks=default,-NAME"
        )
    return words


def chosen(manifest: SuiteManifest, words: Sequence[str]) -> tuple[SuiteBenchmark, ...]:
    """What the words choose, as pyperformance reads them: names and groups, less those with a hyphen before them.

    Without any of the former it is the group `default`. In the manifest's order. Raises UsageError.
    """
    less = {name for word in words if word.startswith("-") for name in _names(manifest, word[1:])}
    more = [word for word in words if not word.startswith("-")] or [DEFAULT]
    wanted = {name for word in more for name in _names(manifest, word)} - less
    if not wanted:
        raise UsageError(
            f"--benchmarks {','.join(words)} leaves nothing to measure.",
            remedy="Leave less of it out.",
        )
    return tuple(entry for name, entry in manifest.entries.items() if name in wanted)


def placed(
    entries: Sequence[SuiteBenchmark], python: str, version: str, enter: Callable[[Path], Path]
) -> tuple[tuple[Benchmark, ...], dict[str, str]]:
    """Each benchmark with the interpreter that has its packages; and which were left out, each with a line that says why.

    `enter` makes an environment with what a file lists. Benchmarks pin their packages each for itself, so that they cannot share
    one, and some pins are too old for a new Python (its version is `python`).
    """
    places, failures, left_out = {"": ""}, dict[str, str](), dict[str, str]()
    benchmarks = []
    for entry in entries:
        why = unfit(entry, python)
        wants = Path(entry.requirements).read_text(encoding="utf-8") if entry.requirements else ""
        if not why and wants not in {*places, *failures}:
            try:
                places[wants] = str(enter(Path(entry.requirements)))
            except BuildError as error:
                failures[wants] = (
                    f"its requirements cannot be installed ({venvs.failure_line(error)})"
                )
        why = why or failures.get(wants, "")
        if why:
            left_out[entry.name] = why
        else:
            benchmarks.append(entry.benchmark(version, places[wants]))
    return tuple(benchmarks), left_out


def unfit(entry: SuiteBenchmark, version: str) -> str:
    """Why an interpreter of this version does not do, in one line; empty when it does."""
    if SpecifierSet(entry.python).contains(version, prereleases=True):
        return ""
    return f"it needs Python {entry.python}"


def known(environments: Path) -> list[str]:
    """The groups, and the names of the benchmarks that a pyperformance in one of these environments has."""
    files = environments.glob("*/[Ll]ib/**/pyperformance/data-files/benchmarks/MANIFEST")
    lines = next((file.read_text(encoding="utf-8").splitlines() for file in files), [])
    names = [
        line.split("\t")[0]
        for line in lines
        if "\t" in line and not line.startswith(("#", "name\t"))
    ]
    groups = [line[len("[group ") : -1] for line in lines if line.startswith("[group ")]
    return [*(groups or [DEFAULT]), *names]


def _names(manifest: SuiteManifest, word: str) -> Sequence[str]:
    if word in manifest.entries:
        return (word,)
    if word in manifest.groups:
        return manifest.groups[word]
    near = get_close_matches(word, [*manifest.entries, *manifest.groups], n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"{word!r} is no benchmark and no group of pyperformance {manifest.version}.",
        remedy=f"{hint}Groups: {', '.join(manifest.groups)}. Benchmarks: {', '.join(manifest.entries)}.",
    )
